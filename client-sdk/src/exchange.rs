//! What passes between two devices without a server.

/// A file for another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Frames in it, own and carried.
    pub frames: usize,
    /// Receipts in it.
    pub receipts: usize,
    /// Frames that there was no room for: they go with a second file, once these have arrived.
    pub left_out: usize,
}

/// What was taken of another device's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Frames that are carried from now on and were not before.
    pub frames: usize,
    /// Changes that are shown from now on, provisionally.
    pub changes: u64,
    /// Frames of which something waits for what it builds on.
    pub waiting: usize,
    /// Frames that are carried and not shown.
    pub unmerged: usize,
    /// What this device knows of others is too old to show anything: it has to sync.
    pub roster_expired: bool,
    /// Receipts for this device.
    pub receipts: usize,
    /// Parts that were left out: unreadable, of other projects, or too much to carry.
    pub skipped: usize,
}
