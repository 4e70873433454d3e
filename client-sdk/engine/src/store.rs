//! What the engine asks a store to keep: rows of bytes in a few tables, written in batches that are atomic and durable.

use std::sync::Arc;

/// A table of the store. A row is a key and a value, both opaque to the store; keys are unique in their table.
///
/// The numbers stand in stores: they are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Enrolment, counters, roster: a handful of rows.
    Meta = 0,
    /// One row a record or log: what it is, its search key, its merged state.
    Records = 1,
    /// The entries of logs, one row a change.
    LogEntries = 2,
    /// Own changes without a final receipt, one row a change, in order.
    Outbox = 3,
    /// Own frames as they were sent.
    Frames = 4,
    /// How far each feed was read.
    Cursors = 5,
    /// Frames of other devices that this one carries.
    Carried = 6,
    /// Receipts for other devices that this one carries back.
    Receipts = 7,
    /// What the engine did that a person should know.
    Notices = 8,
    /// What bodies are compressed against, by its number.
    Dictionaries = 9,
    /// Attachments that the device has or knows of, by their hash.
    Attachments = 10,
    /// Which records name which attachments: record, hash, path.
    References = 11,
    /// Own frames that the device may not read back, sealed, until a backup of the server holds them.
    Kept = 12,
    /// Frames of carried ones that another device passed and that were merged before the server confirmed them.
    Passed = 13,
    /// Which changes of records the server has not confirmed, of those frames.
    Provisional = 14,
    /// The versions of forms that the project has published, by their numbers.
    Forms = 15,
}

impl Table {
    /// Every table, in number order.
    pub const ALL: [Self; 16] = [
        Self::Meta,
        Self::Records,
        Self::LogEntries,
        Self::Outbox,
        Self::Frames,
        Self::Cursors,
        Self::Carried,
        Self::Receipts,
        Self::Notices,
        Self::Dictionaries,
        Self::Attachments,
        Self::References,
        Self::Kept,
        Self::Passed,
        Self::Provisional,
        Self::Forms,
    ];

    /// The name of the table in a database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Records => "records",
            Self::LogEntries => "log_entries",
            Self::Outbox => "outbox",
            Self::Frames => "frames",
            Self::Cursors => "cursors",
            Self::Carried => "carried",
            Self::Receipts => "receipts",
            Self::Notices => "notices",
            Self::Dictionaries => "dictionaries",
            Self::Attachments => "attachments",
            Self::References => "attachment_references",
            Self::Kept => "kept",
            Self::Passed => "passed",
            Self::Provisional => "provisional",
            Self::Forms => "forms",
        }
    }
}

/// One row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub table: Table,
    /// The row.
    pub key: Vec<u8>,
    /// Its new value; `None` deletes the row.
    pub value: Option<Arc<[u8]>>,
}

/// Writes that take effect together or not at all. The store answers with [`crate::Input::Stored`] only when all of
/// them would survive a loss of power, else with [`crate::Input::StoreFailed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Names the batch in the answer. At most one is under way at a time.
    pub id: u64,
    /// The writes; no row occurs twice.
    pub writes: Vec<Write>,
}

/// Everything that a store holds, as it was read when the device was opened, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The rows.
    pub rows: Vec<(Table, Vec<u8>, Arc<[u8]>)>,
}
