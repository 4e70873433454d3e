//! Counts wrong guesses by address, so that nobody searches for enrolment codes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

const WINDOW_MS: i64 = 60_000;

/// Addresses remembered at a time. When there are more, all are forgiven: codes are too long to be found in the
/// few guesses that this gives.
const MAX_ADDRESSES: usize = 4_096;

/// Wrong guesses in the current minute.
#[derive(Debug)]
pub struct Attempts {
    allowed: u32,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    started_ms: i64,
    wrong: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// Allows so many wrong guesses in a minute.
    pub fn new(allowed: u32) -> Self {
        Self { allowed, window: Mutex::default() }
    }

    /// How many seconds an address must wait, if it guessed wrong too often.
    pub fn wait_seconds(&self, address: IpAddr, now_ms: i64) -> Option<u32> {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let left_ms = WINDOW_MS.saturating_sub(now_ms.saturating_sub(window.started_ms));
        let over = window.wrong.get(&address).is_some_and(|wrong| *wrong >= self.allowed);
        (over && left_ms > 0).then(|| u32::try_from((left_ms + 999) / 1_000).unwrap_or(60).min(60))
    }

    /// Notes a wrong guess.
    pub fn note_wrong(&self, address: IpAddr, now_ms: i64) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = now_ms.saturating_sub(window.started_ms) >= WINDOW_MS;
        if is_over || window.wrong.len() >= MAX_ADDRESSES {
            *window = Window { started_ms: now_ms, wrong: HashMap::new() };
        }
        *window.wrong.entry(address).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn too_many_wrong_guesses_wait_for_the_next_minute() {
        let attempts = Attempts::new(2);
        let (one, other) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        attempts.note_wrong(one, 1_000_000);
        assert_eq!(attempts.wait_seconds(one, 1_000_000), None);
        attempts.note_wrong(one, 1_001_000);
        assert_eq!(attempts.wait_seconds(one, 1_001_000), Some(59));
        assert_eq!(attempts.wait_seconds(other, 1_001_000), None);
        assert_eq!(attempts.wait_seconds(one, 1_060_000), None);
    }
}
