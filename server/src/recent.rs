//! What was needed lately and is dear to read again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded map in memory. Where it is full, what was not asked for longest makes room.
#[derive(Debug)]
pub struct Recent<K, V> {
    most: usize,
    kept: Mutex<Kept<K, V>>,
}

/// Values with the moment of their last use, counted in uses.
#[derive(Debug)]
struct Kept<K, V> {
    uses: u64,
    values: BTreeMap<K, (u64, V)>,
}

impl<K: Ord + Copy, V: Clone> Recent<K, V> {
    /// Keeps at most so many values.
    pub fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(Kept { uses: 0, values: BTreeMap::new() }) }
    }

    /// The value of a key, if it is still here.
    pub fn get(&self, key: K) -> Option<V> {
        let mut kept = self.lock();
        kept.uses += 1;
        let now = kept.uses;
        let (used, value) = kept.values.get_mut(&key)?;
        *used = now;
        Some(value.clone())
    }

    /// Keeps a value.
    pub fn put(&self, key: K, value: V) {
        let mut kept = self.lock();
        if kept.values.len() >= self.most && !kept.values.contains_key(&key) {
            let oldest = kept.values.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.and_then(|oldest| kept.values.remove(&oldest));
        }
        kept.uses += 1;
        let now = kept.uses;
        kept.values.insert(key, (now, value));
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let recent = Recent::new(3);
        for key in [1, 2, 3] {
            recent.put(key, key * 10);
        }
        assert_eq!(recent.get(1), Some(10));
        recent.put(4, 40);
        assert_eq!([1, 2, 3, 4].map(|key| recent.get(key)), [Some(10), None, Some(30), Some(40)]);
        recent.put(3, 31);
        recent.put(5, 50);
        assert_eq!([1, 3, 4, 5].map(|key| recent.get(key)), [None, Some(31), Some(40), Some(50)]);
    }
}
