//! What can happen to a request, and how often.

use std::pin::pin;
use std::task::Poll;

use fieldmerge_tests::world::phone::StoreFault;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What happens to a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Both arrive.
    Whole,
    /// The request is lost.
    RequestLost,
    /// The request arrives, is worked on, and its answer is lost.
    AnswerLost,
    /// This share of the answer arrives, in thousandths.
    AnswerCut(u32),
    /// The request arrives, and arrives again later.
    Doubled,
    /// The server dies at this of its awaits.
    ServerDies(u32),
}

/// The dice of a world.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound.max(1)
    }

    /// An index of a list.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).unwrap_or(u32::MAX)) as usize
    }

    /// A seed for somebody else's dice.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// What becomes of a request.
    pub fn fate(&mut self) -> Fate {
        match self.below(100) {
            0..5 => Fate::RequestLost,
            5..12 => Fate::AnswerLost,
            12..20 => Fate::AnswerCut(self.below(1_000)),
            20..26 => Fate::Doubled,
            26..36 => Fate::ServerDies(self.below(60)),
            _ => Fate::Whole,
        }
    }

    /// What becomes of a phone's disk, and after how many more batches.
    pub fn store_fault(&mut self) -> (u32, StoreFault) {
        let fault = [StoreFault::Full, StoreFault::DiesBefore, StoreFault::DiesAfter][self.index(3)];
        (self.below(4), fault)
    }

    /// A wrong clock, in milliseconds: mostly a little, sometimes by a year.
    pub fn skew_ms(&mut self) -> i64 {
        let most = [0, 60_000, 3_600_000, 31_536_000_000][self.index(4)];
        if most == 0 { 0 } else { i64::try_from(self.seed() % (2 * most)).unwrap_or(0) - most.cast_signed() }
    }
}

/// The output of a future that is dropped when it has waited so often.
pub async fn until_await<T>(future: impl Future<Output = T>, awaits: u32) -> Option<T> {
    let mut future = pin!(future);
    let mut left = awaits;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
