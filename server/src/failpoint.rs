//! Places at which a test may kill the server, to prove that it loses nothing there.
//!
//! With the feature `failpoints`, and only then, a process whose environment says `FIELDMERGE_DIE_AT=name:count` kills
//! itself, as a loss of power would, when it comes to the point `name` for the `count`th time.

/// The points of a sync, in the order in which it passes them.
pub const SYNC: [&str; 16] = [
    "request-parsed",
    "body-read",
    "frames-checked",
    "authors-locked",
    "records-loaded",
    "merged",
    "positions-given",
    "segment-appended",
    "records-written",
    "entries-written",
    "cases-written",
    "held-written",
    "proofs-written",
    "committed",
    "answer-begun",
    "answer-finished",
];

/// The points of an upload, in the order in which its last piece passes them.
pub const UPLOAD: [&str; 3] = ["chunk-stored", "object-stored", "attachment-stored"];

/// The points of a compaction, in the order in which it passes them.
pub const COMPACTION: [&str; 4] = ["segments-read", "segments-removed", "segments-replaced", "compacted"];

/// Dies here if a test asked for it. Without the feature it is nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn failpoint(_name: &'static str) {}

/// Dies here if a test asked for it.
#[cfg(feature = "failpoints")]
pub fn failpoint(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: OnceLock<Option<(String, AtomicU32)>> = OnceLock::new();
    let listed = [&SYNC[..], &UPLOAD, &COMPACTION].iter().any(|points| points.contains(&name));
    debug_assert!(listed, "every point stands in a list");
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("FIELDMERGE_DIE_AT").ok()?;
        let (name, count) = text.split_once(':')?;
        Some((name.to_owned(), AtomicU32::new(count.parse().ok()?)))
    });
    if let Some((point, left)) = wanted
        && point == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        // SIGKILL cannot be caught: nothing is flushed, no destructor runs, nobody says goodbye.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
