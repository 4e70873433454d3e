//! The answer to "may this change join?".

use fieldmerge_protocol::{ChangeHash, Incarnation};

/// How a change came to be stored. It depends on the road that the change took, so two states with the same
/// changes may differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance {
    /// The incarnation of the device that signed the frame; with the number it leads to the proof.
    pub incarnation: Incarnation,
    /// The number of the signed frame among those of that incarnation.
    pub frame: u64,
    /// Where the change stands in its feed.
    pub position: u64,
    /// When the server received it, in milliseconds since the epoch. A device leaves 0.
    pub received_ms: i64,
}

impl Default for Provenance {
    /// What a device knows of its own unsent changes: nothing.
    fn default() -> Self {
        Self { incarnation: Incarnation([0; 4]), frame: 0, position: 0, received_ms: 0 }
    }
}

/// What became of a change that was offered to a record or log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is part of the state now.
    Applied,
    /// The same change was part of it before.
    Duplicate,
    /// The same actor and seq were known with other content: a restored backup or a cloned phone.
    Forked,
    /// It is built on changes that are not known here. It may be offered again when they are.
    Held {
        /// The unknown dependencies, ascending.
        missing: Vec<ChangeHash>,
    },
    /// It can never be part of this record.
    Refused(Refusal),
}

/// Why a change can never be part of a record. Only structure is refused, never content (sync.md section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// Its `_id` names another record.
    #[error("the change names another record")]
    WrongRecord,
    /// The record has a first change already.
    #[error("the record has another first change")]
    SecondRoot,
    /// It has no dependencies, yet does not begin with `_id`, `_type` and `_area`.
    #[error("a change without dependencies does not say which record it begins")]
    NoIdentity,
    /// Its seq does not follow the last one of its actor.
    #[error("the sequence number does not follow the actor's last one")]
    BadSeq,
    /// It does not depend on its actor's previous change, or names a dependency that another one implies.
    #[error("the dependencies are not those of a view of the record")]
    BadDeps,
    /// Its first operation is not numbered one above the greatest of its causal past.
    #[error("the first operation is not numbered after its causal past")]
    BadStartOp,
    /// An operation does not name exactly the live puts of its path.
    #[error("an operation does not name exactly the values that it replaces")]
    BadPred,
    /// It holds no operation.
    #[error("the change holds no operation")]
    Empty,
    /// The record would grow beyond its limits.
    #[error("the record would grow beyond its limits")]
    TooLarge,
    /// Somebody else than the log's one writer made it.
    #[error("only the writer of a log may extend it")]
    ForeignActor,
    /// A log's change does not put the next entries, and only those.
    #[error("the change does not hold the log's next entries")]
    BadEntry,
}

impl Refusal {
    /// Every reason, for documents and tests.
    pub const ALL: [Self; 11] = [
        Self::WrongRecord,
        Self::SecondRoot,
        Self::NoIdentity,
        Self::BadSeq,
        Self::BadDeps,
        Self::BadStartOp,
        Self::BadPred,
        Self::Empty,
        Self::TooLarge,
        Self::ForeignActor,
        Self::BadEntry,
    ];

    /// The stable code that receipts and quarantine rows carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongRecord => "wrong-record",
            Self::SecondRoot => "second-root",
            Self::NoIdentity => "no-identity",
            Self::BadSeq => "bad-seq",
            Self::BadDeps => "bad-deps",
            Self::BadStartOp => "bad-start-op",
            Self::BadPred => "bad-pred",
            Self::Empty => "empty-change",
            Self::TooLarge => "too-large",
            Self::ForeignActor => "foreign-actor",
            Self::BadEntry => "bad-entry",
        }
    }

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}
