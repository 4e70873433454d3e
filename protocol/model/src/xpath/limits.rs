//! What one expression and one evaluation may cost. Each limit has an error of its own.

/// The longest text of an expression, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// How deep brackets, function calls and minus signs may be nested.
pub const MAX_DEPTH: usize = 100;
/// The most nodes, characters of patterns and other units of work that one evaluation may look at.
pub const MAX_STEPS: u64 = 5_000_000;
/// The longest text that an evaluation may build, in bytes.
pub const MAX_RESULT_BYTES: usize = 1024 * 1024;
/// The most memory that one compiled pattern of `regex()` may take, in bytes.
pub const MAX_PATTERN_BYTES: usize = 2 * 1024 * 1024;
