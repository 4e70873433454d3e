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

/// The points of judging what was accepted, in the order in which it passes them.
pub const JUDGING: [&str; 2] = ["findings-written", "findings-kept"];

/// The points of enrolling a device, in the order in which it passes them.
pub const ENROLMENT: [&str; 2] = ["enrolment-written", "enrolled"];

/// The points of publishing a form, in the order in which it passes them.
pub const PUBLISHING: [&str; 2] = ["form-written", "form-published"];

/// The points of setting aside what was held too long, in the order in which it passes them.
pub const EXPIRY: [&str; 2] = ["held-set-aside", "held-expired"];

/// The points of taking back what a device withdraws, in the order in which it passes them.
pub const WITHDRAWAL: [&str; 2] = ["withdrawal-written", "withdrawn"];

/// Two single points: a new life of the log is begun, and what devices told of themselves is noted.
pub const NOTES: [&str; 2] = ["life-begun", "seen-noted"];

/// Every point.
#[cfg(feature = "failpoints")]
pub fn all() -> impl Iterator<Item = &'static str> {
    let lists =
        [&SYNC[..], &UPLOAD, &COMPACTION, &JUDGING, &ENROLMENT, &PUBLISHING, &EXPIRY, &WITHDRAWAL, &NOTES];
    lists.into_iter().flatten().copied()
}

/// Dies here if a test asked for it. Without the feature it is nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn failpoint(_name: &'static str) {}

#[cfg(feature = "failpoints")]
pub use armed::{Dies, die_here, failpoint, has_died};

#[cfg(feature = "failpoints")]
mod armed {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A point, and at which time of coming to it one dies, counted from 1.
    pub type Dies = (&'static str, u32);

    thread_local! {
        static HERE: Cell<Option<Dies>> = const { Cell::new(None) };
        static DIED: Cell<bool> = const { Cell::new(false) };
    }

    /// Has the task of this thread that comes to a point end there, for servers that live inside a test: it unwinds,
    /// so its transaction is never committed. Whoever asks has to stop the rest of the server. `None` takes it back.
    pub fn die_here(dies: Option<Dies>) {
        HERE.set(dies);
        DIED.set(false);
    }

    /// Whether a task of this thread has come to its point since it was last asked for.
    pub fn has_died() -> bool {
        DIED.get()
    }

    /// Dies here if a test asked for it.
    pub fn failpoint(name: &'static str) {
        static WANTED: OnceLock<Option<(String, AtomicU32)>> = OnceLock::new();
        debug_assert!(super::all().any(|point| point == name), "every point stands in a list");
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
        if let Some((point, left)) = HERE.get().filter(|(point, _)| *point == name) {
            let dies = left <= 1;
            HERE.set((!dies).then(|| (point, left - 1)));
            if dies {
                DIED.set(true);
                // Not a panic: nobody is to be told of it.
                std::panic::resume_unwind(Box::new("died at a failpoint"));
            }
        }
    }
}
