//! What happened in all worlds of a run, for the line that is printed at its end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often what happened.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts one.
    pub fn count(&mut self, what: &str) {
        self.add(what, 1);
    }

    /// Counts several.
    pub fn add(&mut self, what: &str, times: u64) {
        if times > 0 {
            *self.0.entry(what.to_owned()).or_default() += times;
        }
    }

    /// Counts what another one counted.
    pub fn join(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }
}

/// The tally of a run of many worlds.
#[derive(Debug, Default)]
pub struct Total(Mutex<(u64, Tally)>);

impl Total {
    /// Adds a world.
    pub fn add(&self, tally: &Tally) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        total.0 += 1;
        total.1.join(tally);
    }

    /// Prints all of it in one line.
    pub fn print(&self, name: &str, took: Duration) {
        let total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts: Vec<String> = total.1.0.iter().map(|(what, times)| format!("{what} {times}")).collect();
        eprintln!("{name}: {} worlds in {} s: {}", total.0, took.as_secs(), counts.join(", "));
    }
}
