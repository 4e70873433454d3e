//! Offers mutants of honest changes to records and prints what became of them: `mutants 1000000`.

use std::process::ExitCode;

use fieldmerge_tests::fuzz::mutants::{Nursery, Tally};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one change, taken or refused, may cost at most.
const MAX_US: u128 = 50_000;
const MAX_BYTES: usize = 64 << 20;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what became of them")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (count, seed) = match (arguments.next(), arguments.next()) {
        (Some(Ok(count)), None) => (count, 0),
        (Some(Ok(count)), Some(Ok(seed))) => (count, seed),
        _ => {
            eprintln!("usage: mutants COUNT [SEED]");
            return ExitCode::from(2);
        }
    };
    let nursery = Nursery::new(64);
    let mut most = 0;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let tally = nursery.raise(seed, count, |_| {
        most = most.max(MEMORY.peak_usage().saturating_sub(before));
        MEMORY.reset_peak_usage();
    });
    let Tally { made, decoded, verdicts, slowest_us } = tally;
    let line = serde_json::json!({ "made": made, "changes": decoded, "verdicts": verdicts,
        "slowest_us": u64::try_from(slowest_us).unwrap_or(u64::MAX), "most_bytes": most });
    println!("{line}");
    if slowest_us > MAX_US || most > MAX_BYTES { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
