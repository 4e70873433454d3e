//! How large a record may grow. Every count has a limit, so that no change and no refusal costs more than 50 ms or
//! 64 MB (sync.md section 1). A change beyond a limit is refused as `too-large`.

pub use fieldmerge_protocol::change::{MAX_DEPS, MAX_OPS as MAX_CHANGE_OPS, MAX_PREDS_PER_OP};

/// The most changes of one record.
pub const MAX_CHANGES: usize = 10_000;
/// The most operations of one record.
pub const MAX_OPS: usize = 100_000;
/// The most dependencies and preds of one record together.
pub const MAX_LINKS: usize = 400_000;
/// The most bytes of paths and values of one record.
pub const MAX_WEIGHT: usize = 8 << 20;
