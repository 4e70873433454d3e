//! The stored form of a record's state, version 1.
//!
//! Changes stand in canonical order, so equal sets of changes give equal bytes whatever their order of arrival,
//! provenance excepted. What follows from the rest is not stored: seq, `start_op`, successors, live puts, heads.
//!
//! ```text
//! state    := 1 id[16] actors changes ops                      numbers are LEB128, signed ones zigzag
//! actors   := count actor[16]*                                 in order of their first change
//! changes  := count change*
//! change   := actor-number op-count time-delta dep-count (own index - dep)* hash[32] [provenance]
//! ops      := op*
//! op       := path tag value pred-count? (own index - pred)*   tag: kind, and 0, 1 or more preds in bits 4 and 5
//! path     := name-number << 1 | local-number << 1 | 1         the next local number is followed by its text
//! ```

mod read;
pub(crate) mod wire;
mod write;

pub use wire::StateError;

const VERSION: u8 = 1;

/// How many preds an operation has, in its tag.
mod preds {
    pub(super) const NONE: u8 = 0;
    pub(super) const ONE: u8 = 1 << 4;
    pub(super) const MANY: u8 = 2 << 4;
    pub(super) const MASK: u8 = 3 << 4;
}
