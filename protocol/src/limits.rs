//! The limits that a server publishes by its capabilities and enforces on every input.

use serde::{Deserialize, Serialize};

/// The most bytes of one request body. A larger outbox is sent by several requests.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// The most bytes of one part of a bundle.
pub const MAX_PART_BYTES: usize = 1 << 20;
/// The most changes in a pushed frame.
pub const MAX_FRAME_CHANGES: usize = 1_000;
/// The most frames in one request.
pub const MAX_REQUEST_FRAMES: usize = 1_000;
/// The most bytes of a pushed frame before compression.
pub const MAX_FRAME_RAW_BYTES: usize = 1 << 20;
/// The most changes of one device that may be held at a time.
pub const MAX_HELD_CHANGES: usize = 2_000;
/// The most feeds that one hello may name.
pub const MAX_CURSORS: usize = 4_096;
/// The most frames that one hello may ask about again.
pub const MAX_UNSETTLED: usize = 64;
/// The most stretches of frame numbers that a request says to be unused.
pub const MAX_UNUSED: usize = 64;
/// The most dictionaries that one hello may name.
pub const MAX_DICTIONARIES: usize = 16;
/// For how many days a device carries a frame of another one.
pub const MAX_CARRIED_DAYS: i64 = 180;
/// How long the body of a sync may bring less than a KiB, in seconds.
pub const MAX_BODY_SILENCE_SECONDS: u64 = 30;
/// How long the answer of a sync may be silent, in seconds.
pub const MAX_ANSWER_SILENCE_SECONDS: u64 = 10;
/// The most bytes of an attachment.
pub const MAX_ATTACHMENT_BYTES: u64 = 16 << 20;
/// The most bytes of an attachment that one request brings.
pub const MAX_ATTACHMENT_CHUNK_BYTES: usize = MAX_REQUEST_BYTES;
/// The most bytes, as stated, of the attachments of one device that are not whole yet, and the most of these attachments.
pub const MAX_UNFINISHED_ATTACHMENT_BYTES: u64 = 64 << 20;
/// See [`MAX_UNFINISHED_ATTACHMENT_BYTES`].
pub const MAX_UNFINISHED_ATTACHMENTS: u64 = 64;
/// The most bytes of attachments that one device brings in a day.
pub const MAX_ATTACHMENT_BYTES_A_DAY: u64 = 1 << 30;
/// How long an attachment that is not whole waits for its next bytes, in seconds.
pub const UNFINISHED_ATTACHMENT_SECONDS: i64 = 14 * 86_400;
/// The most bytes of a version of a form with its tables.
pub const MAX_FORM_BYTES: usize = 4 << 20;
/// The most findings that a device is told of: some 12 KB. More than a person can see to before the next sync.
pub const MAX_FINDINGS: usize = 200;
/// How long a device's token may live, from `iat` to `exp`, in seconds.
pub const MAX_TOKEN_SECONDS: i64 = 300;
/// How far a device's clock may differ after it has learned the offset, in seconds.
pub const MAX_CLOCK_SKEW_SECONDS: i64 = 300;
/// The feed bytes of an answer when the device states no budget.
pub const DEFAULT_ANSWER_BYTES: u64 = 64 << 20;
/// How long a signed roster is good for, in seconds: so long two devices that meet without a network may merge what they
/// pass each other.
pub const MAX_ROSTER_SECONDS: i64 = 30 * 24 * 3_600;
/// The most bytes of an exchange file.
pub const MAX_EXCHANGE_BYTES: usize = 16 << 20;
/// The most frames in an exchange file.
pub const MAX_EXCHANGE_FRAMES: usize = 4_096;

/// The limits as the capabilities endpoint publishes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// The most bytes of one request body.
    pub max_request_bytes: usize,
    /// The most bytes of one part of a body.
    pub max_part_bytes: usize,
    /// The most changes in a pushed frame.
    pub max_frame_changes: usize,
    /// The most bytes of a pushed frame before compression.
    pub max_frame_raw_bytes: usize,
    /// The most frames in one request.
    pub max_request_frames: usize,
    /// The most frames that a device may ask about at a time.
    pub max_asked_frames: usize,
    /// The most feeds that a device may name in one request.
    pub max_cursors: usize,
    /// The most stretches of frame numbers that a request may give up.
    pub max_unused: usize,
    /// The most dictionaries that a device may name in one request.
    pub max_dictionaries: usize,
    /// For how many days a device carries a frame of another one.
    pub max_carried_days: i64,
    /// How long the body of a sync may bring less than a KiB, in seconds.
    pub max_body_silence_seconds: u64,
    /// How long the answer of a sync may be silent, in seconds.
    pub max_answer_silence_seconds: u64,
    /// The most changes of one device that may be held at a time.
    pub max_held_changes: usize,
    /// The most bytes of an attachment.
    pub max_attachment_bytes: u64,
    /// The most bytes of an attachment that one request brings.
    pub max_attachment_chunk_bytes: usize,
    /// The most bytes, as stated, of the attachments of one device that are not whole yet.
    pub max_unfinished_attachment_bytes: u64,
    /// The most attachments of one device that are not whole yet.
    pub max_unfinished_attachments: u64,
    /// The most bytes of attachments that one device brings in a day.
    pub max_attachment_bytes_a_day: u64,
    /// How long an attachment that is not whole waits for its next bytes, in seconds.
    pub unfinished_attachment_seconds: i64,
    /// The most bytes of a version of a form with its tables.
    pub max_form_bytes: usize,
    /// The most findings that a device is told of.
    pub max_findings: usize,
    /// How long a device's token may live, in seconds.
    pub max_token_seconds: i64,
    /// How far a device's clock may differ after it has learned the offset, in seconds.
    pub max_clock_skew_seconds: i64,
    /// The most operations in a change.
    pub max_change_operations: usize,
    /// The most bytes of a path.
    pub max_path_bytes: usize,
}

impl Limits {
    /// The limits of this build.
    pub const CURRENT: Self = Self {
        max_request_bytes: MAX_REQUEST_BYTES,
        max_part_bytes: MAX_PART_BYTES,
        max_frame_changes: MAX_FRAME_CHANGES,
        max_frame_raw_bytes: MAX_FRAME_RAW_BYTES,
        max_request_frames: MAX_REQUEST_FRAMES,
        max_asked_frames: MAX_UNSETTLED,
        max_cursors: MAX_CURSORS,
        max_unused: MAX_UNUSED,
        max_dictionaries: MAX_DICTIONARIES,
        max_carried_days: MAX_CARRIED_DAYS,
        max_body_silence_seconds: MAX_BODY_SILENCE_SECONDS,
        max_answer_silence_seconds: MAX_ANSWER_SILENCE_SECONDS,
        max_held_changes: MAX_HELD_CHANGES,
        max_attachment_bytes: MAX_ATTACHMENT_BYTES,
        max_attachment_chunk_bytes: MAX_ATTACHMENT_CHUNK_BYTES,
        max_unfinished_attachment_bytes: MAX_UNFINISHED_ATTACHMENT_BYTES,
        max_unfinished_attachments: MAX_UNFINISHED_ATTACHMENTS,
        max_attachment_bytes_a_day: MAX_ATTACHMENT_BYTES_A_DAY,
        unfinished_attachment_seconds: UNFINISHED_ATTACHMENT_SECONDS,
        max_form_bytes: MAX_FORM_BYTES,
        max_findings: MAX_FINDINGS,
        max_token_seconds: MAX_TOKEN_SECONDS,
        max_clock_skew_seconds: MAX_CLOCK_SKEW_SECONDS,
        max_change_operations: crate::change::MAX_OPS,
        max_path_bytes: crate::Path::MAX_BYTES,
    };
}
