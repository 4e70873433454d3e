//! The one place that reads the machine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// What time the device believes it is.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's own clock.
    #[default]
    System,
    /// The machine's clock, moved by so many milliseconds: a phone whose clock is wrong.
    Shifted(i64),
    /// A clock that stands still until it is moved: milliseconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at this time, milliseconds since the epoch.
    pub fn fixed(now_ms: i64) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => system_now_ms(),
            Self::Shifted(by_ms) => system_now_ms().saturating_add(*by_ms),
            Self::Fixed(now_ms) => now_ms.load(Ordering::SeqCst),
        }
    }

    /// Sets a fixed clock; the others go their own way.
    pub fn set_ms(&self, to_ms: i64) {
        if let Self::Fixed(now_ms) = self {
            now_ms.store(to_ms, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that the others take")]
fn system_now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
