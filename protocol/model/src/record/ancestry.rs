//! Causal pasts as sets of bits, one bit a change.

use super::{Few, RecordState};

/// A set of changes that holds all dependencies of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past(Vec<u64>);

impl Past {
    pub(crate) fn empty(changes: usize) -> Self {
        Self(vec![0; changes.div_ceil(64)])
    }

    pub(crate) fn has(&self, change: u32) -> bool {
        let change = change as usize;
        self.0.get(change / 64).is_some_and(|word| word >> (change % 64) & 1 == 1)
    }

    /// Adds a change; says whether it was new.
    pub(crate) fn add(&mut self, change: u32) -> bool {
        let change = change as usize;
        if self.0.len() <= change / 64 {
            self.0.resize(change / 64 + 1, 0);
        }
        let word = &mut self.0[change / 64];
        let bit = 1 << (change % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        for (index, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(index).copied().unwrap_or(0);
        }
    }
}

impl RecordState {
    /// Everything that the given changes depend on. They themselves are members only where another one of them
    /// depends on them.
    pub(crate) fn strict_past(&self, changes: &[u32]) -> Past {
        let mut past = Past::empty(self.changes.len());
        let mut open: Vec<u32> = Vec::new();
        for change in changes {
            open.extend(self.change_row(*change).deps.as_slice());
        }
        while let Some(change) = open.pop() {
            if past.add(change) {
                open.extend(self.change_row(change).deps.as_slice().iter().filter(|dep| !past.has(**dep)));
            }
        }
        past
    }
}

/// The causal past of every change of a record. At most `MAX_CHANGES` squared bits, which is 12.5 MB.
pub(crate) struct Ancestry(Vec<Past>);

impl Ancestry {
    pub(crate) fn of(state: &RecordState) -> Self {
        let count = state.changes.len();
        let mut pasts: Vec<Past> = Vec::with_capacity(count);
        for change in &state.changes {
            let mut past = Past::empty(count);
            for dep in Few::as_slice(&change.deps) {
                if past.add(*dep) {
                    past.join(&pasts[*dep as usize]);
                }
            }
            pasts.push(past);
        }
        Self(pasts)
    }

    /// The past of a change, itself not included.
    pub(crate) fn past(&self, change: u32) -> &Past {
        &self.0[change as usize]
    }
}
