//! Runs a world for each of many seeds, a few at a time, and names the seeds that failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// After so many failures there is enough to look at.
const ENOUGH: usize = 3;

/// Runs `world` for `count` seeds from `first` on. `SEED` in the environment picks one, `SEEDS` another count, `SKIP`
/// begins so many later, `THREADS` says how many run at a time. `again` is the command that runs the tests once more.
pub fn run(first: u64, count: u64, again: &str, world: impl Fn(u64) + Sync) {
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (first + number("SKIP").unwrap_or(0), number("SEEDS").unwrap_or(count)),
    };
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let cores = || std::thread::available_parallelism().map_or(2, |cores| cores.get().min(4) as u64);
    let threads = number("THREADS").unwrap_or_else(cores);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().expect("nobody panics with it").len() >= ENOUGH
                    {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| world(seed))).is_err() {
                        eprintln!("SEED={seed} {again}");
                        failed.lock().expect("nobody panics with it").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    assert!(failed.is_empty(), "these seeds failed, each printed what it found: {failed:?}");
}

/// A number that the environment gives.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A runtime for one world: everything in one thread, so that a seed draws the same each time.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}
