//! Versions of a form come while people work with those before.

use fieldmerge_server::forms::publish;
use fieldmerge_store::forms as stored;
use fieldmerge_tests::world::site::{PROJECT, Site};
use fieldmerge_tests::world::visits;

use crate::dice::Dice;
use crate::event::Death;
use crate::world::World;

impl World<'_> {
    /// The next version is published; the server may die over it.
    pub fn publish(&mut self, death: Option<Death>, dice: &mut Dice) {
        let number = self.versions.iter().max().map_or(1, |last| last + 1);
        let work = async |site: &Site| publish(site, number).await;
        match death {
            Some(death) => _ = self.die_over(death, dice, |life| life.run_until(death, work)),
            None => self.life().run(work),
        }
        self.note_versions();
    }

    /// The versions that a restored server lacks and its operator publishes again: all, or only the last one, which then
    /// has another number than before.
    pub fn missing_versions(&mut self, dice: &mut Dice) -> Vec<u32> {
        let last = self.versions.last().copied();
        let known = self.backup.as_ref().map(|backup| backup.versions.clone()).unwrap_or_default();
        let mut missing = self.versions.clone();
        missing.retain(|number| !known.contains(number));
        if !missing.is_empty() && dice.percent(50) {
            missing.retain(|number| Some(*number) == last);
        }
        missing
    }

    /// Reads from the server what it has.
    pub fn note_versions(&mut self) {
        let rows = self.life().run(async |site: &Site| {
            let mut tx = site.app.store().read().await.expect("a snapshot can be read");
            let rows = stored::list(&mut tx, site.project).await.expect("forms can be read");
            tx.rollback().await.expect("a snapshot ends");
            rows
        });
        let visits = rows.iter().filter(|row| row.form_id == visits::FORM);
        self.versions = visits.map(|row| row.version.parse().expect("versions are numbers")).collect();
        self.published = rows.iter().map(|row| named(row.number, &row.form_id, &row.version)).collect();
    }
}

/// A version of a form as the checks name it.
pub fn named(number: u64, id: &str, version: &str) -> String {
    format!("{number}: {id} {version}")
}

/// Publishes a version.
pub async fn publish(site: &Site, number: u32) {
    let draft = visits::draft(&visits::version(number));
    publish::publish(&site.app, PROJECT, &draft)
        .await
        .expect("a version that adds to the others is published");
}
