//! A world in which nothing happens by itself.

use fieldmerge_model::form::filling::World;

/// The first of March 2026, half past seven in Antananarivo; chance and ids count up.
#[derive(Debug, Clone, Default)]
pub struct Fixed {
    drawn: u32,
    ids: u32,
}

impl World for Fixed {
    fn now(&mut self) -> i64 {
        1_772_339_400_000
    }

    fn offset_minutes(&mut self) -> i32 {
        180
    }

    fn random(&mut self) -> f64 {
        self.drawn += 1;
        f64::from(self.drawn % 97) / 97.0
    }

    fn uuid(&mut self) -> String {
        self.ids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.ids)
    }

    fn key(&mut self) -> String {
        self.uuid()
    }

    fn property(&mut self, name: &str) -> Option<String> {
        (name == "deviceid" || name == "username").then(|| format!("{name}-1"))
    }
}
