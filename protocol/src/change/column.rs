//! The columns of a change chunk and their run-length encoding.
//!
//! A column is a sequence of groups: a positive count and one value that repeats so often, or a negative count and
//! that many values that each differ from the one before. Groups of nulls, which automerge also knows, do not occur
//! in a flat record.

use super::ChangeError;
use super::leb::{Reader, write_signed};

/// The columns that a flat record has, by automerge's numbers (column id × 16 + column type), in file order.
pub(super) mod spec {
    /// The path.
    pub const KEY: u64 = 0x15;
    /// Whether the operation inserts into a list: never.
    pub const INSERT: u64 = 0x34;
    /// What the operation does.
    pub const ACTION: u64 = 0x42;
    /// Length × 16 + type of each value.
    pub const VALUE_META: u64 = 0x56;
    /// The bytes of the values, one after the other.
    pub const VALUE: u64 = 0x57;
    /// How many predecessors each operation has.
    pub const PRED_COUNT: u64 = 0x70;
    /// The actor of each predecessor, as index into the actor table.
    pub const PRED_ACTOR: u64 = 0x71;
    /// The counter of each predecessor, as difference to the one before.
    pub const PRED_COUNTER: u64 = 0x73;
    /// Set in a number whose column is deflated, which automerge does in documents only.
    pub const DEFLATED: u64 = 0x08;

    /// All of them.
    pub const ALL: [u64; 8] = [KEY, INSERT, ACTION, VALUE_META, VALUE, PRED_COUNT, PRED_ACTOR, PRED_COUNTER];
}

/// The numbers of the two actions in the action column.
pub(super) mod action {
    pub const PUT: u64 = 1;
    pub const DELETE: u64 = 3;
    /// The greatest action that automerge knows.
    pub const LAST: u64 = 7;
}

/// The types of values in the low four bits of the value metadata.
pub(super) mod kind {
    pub const NULL: u64 = 0;
    pub const FALSE: u64 = 1;
    pub const TRUE: u64 = 2;
    pub const UINT: u64 = 3;
    pub const INT: u64 = 4;
    pub const F64: u64 = 5;
    pub const STR: u64 = 6;
    pub const BYTES: u64 = 7;
    pub const TIMESTAMP: u64 = 9;
}

/// Appends the column of `count` values that `at` gives by index.
pub(super) fn write_runs<T: PartialEq>(
    out: &mut Vec<u8>,
    count: usize,
    at: impl Fn(usize) -> T,
    write: impl Fn(&mut Vec<u8>, T),
) {
    let repeats = |index: usize| index + 1 < count && at(index) == at(index + 1);
    let mut start = 0;
    while start < count {
        let mut end = start + 1;
        if repeats(start) {
            while repeats(end) {
                end += 1;
            }
            end += 1;
            write_signed(out, length(start, end));
            write(out, at(start));
        } else {
            while end < count && !repeats(end) {
                end += 1;
            }
            write_signed(out, -length(start, end));
            (start..end).for_each(|index| write(out, at(index)));
        }
        start = end;
    }
}

fn length(start: usize, end: usize) -> i64 {
    i64::try_from(end - start).expect("no slice is longer than isize::MAX")
}

/// Reads a column value by value, so that a count is never believed before something asks for the values.
pub(super) struct Runs<'a, T> {
    input: Reader<'a>,
    read: fn(&mut Reader<'a>) -> Result<T, ChangeError>,
    left: u64,
    repeated: Option<T>,
}

impl<'a, T: Copy> Runs<'a, T> {
    pub(super) fn new(bytes: &'a [u8], read: fn(&mut Reader<'a>) -> Result<T, ChangeError>) -> Self {
        Self { input: Reader::new(bytes), read, left: 0, repeated: None }
    }

    /// The next value; a column that ends early is malformed.
    pub(super) fn next(&mut self) -> Result<T, ChangeError> {
        if self.left == 0 {
            let count = self.input.signed()?;
            if count == 0 {
                return Err(ChangeError::Malformed);
            }
            self.left = count.unsigned_abs();
            self.repeated = if count > 0 { Some((self.read)(&mut self.input)?) } else { None };
        }
        self.left -= 1;
        self.repeated.map_or_else(|| (self.read)(&mut self.input), Ok)
    }

    /// Checks that no value is left.
    pub(super) fn finish(&self) -> Result<(), ChangeError> {
        if self.left == 0 && self.input.is_empty() { Ok(()) } else { Err(ChangeError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::leb::write_unsigned;
    use super::*;

    fn encoded(values: &[u64]) -> Vec<u8> {
        let mut out = Vec::new();
        write_runs(&mut out, values.len(), |index| values[index], write_unsigned);
        out
    }

    #[test]
    fn values_are_grouped_as_automerge_groups_them() {
        assert_eq!(encoded(&[]), [0_u8; 0]);
        assert_eq!(encoded(&[5]), [0x7f, 5]);
        assert_eq!(encoded(&[5, 5]), [2, 5]);
        assert_eq!(encoded(&[5, 6]), [0x7e, 5, 6]);
        assert_eq!(encoded(&[5, 6, 6]), [0x7f, 5, 2, 6]);
        assert_eq!(encoded(&[5, 5, 6]), [2, 5, 0x7f, 6]);
        assert_eq!(encoded(&[5, 5, 6, 6, 7, 8]), [2, 5, 2, 6, 0x7e, 7, 8]);
    }

    #[test]
    fn a_column_is_read_to_its_end_and_no_further() {
        let bytes = encoded(&[5, 5, 6, 7]);
        let mut runs = Runs::new(&bytes, Reader::unsigned);
        for value in [5, 5, 6] {
            assert_eq!(runs.next(), Ok(value));
        }
        assert_eq!(runs.finish(), Err(ChangeError::Malformed));
        assert_eq!(runs.next(), Ok(7));
        assert_eq!(runs.finish(), Ok(()));
        assert_eq!(runs.next(), Err(ChangeError::Malformed));
    }
}
