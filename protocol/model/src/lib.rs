//! What the data mean: records, register merge, validity, conflicts, cases, record types.
//!
//! Pure: no clock, no randomness, no IO. The phone and the server run the same code, so what a phone shows is what
//! the server will say.

pub mod access;
pub mod attachments;
pub mod cases;
pub mod dataset;
pub mod form;
pub mod form_rules;
pub mod log;
mod nearest;
pub mod pack;
pub mod quarantine;
pub mod record;
#[cfg(feature = "replay")]
pub mod replay;
pub mod typed;
pub mod types;
pub mod xpath;

pub use log::LogState;
pub use record::{Provenance, RecordState, Refusal, Verdict};
