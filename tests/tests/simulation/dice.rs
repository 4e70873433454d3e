//! The dice of a world: each event has its own, so what one draws does not depend on those that were left out.

use std::pin::pin;
use std::task::Poll;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A source of draws.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of an event of a world.
    pub fn of(seed: u64, event: u32) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&event.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound.max(1)
    }

    /// One of a list.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(u32::try_from(from.len()).expect("lists are short")) as usize]
    }

    /// A seed for somebody else's dice.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// Milliseconds by which a clock is wrong: mostly a little, sometimes by years.
    pub fn skew_ms(&mut self) -> i64 {
        const YEAR_MS: u64 = 365 * 86_400_000;
        let most = *self.pick(&[0, 60_000, 3_600_000, YEAR_MS, 40 * YEAR_MS]);
        if most == 0 { 0 } else { (self.seed() % (2 * most)).cast_signed() - most.cast_signed() }
    }
}

/// The output of a future that is dropped when everybody has had so many turns.
pub async fn until_turn<T>(future: impl Future<Output = T>, turns: u32) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..turns {
        let ready = std::future::poll_fn(|context| {
            Poll::Ready(match future.as_mut().poll(context) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        });
        if let Some(output) = ready.await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
