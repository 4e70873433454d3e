//! What a workbook may hold.

/// The most rows of a sheet.
pub const MAX_ROWS: usize = 100_000;
/// The most characters of a cell: what a spreadsheet can hold.
pub const MAX_CELL_CHARACTERS: usize = 32_767;
/// The deepest nesting of groups and repeats.
pub const MAX_DEPTH: usize = 32;
/// The longest name of a question, a list or a form.
pub(super) const MAX_NAME: usize = 64;
