//! What two devices pass each other where there is no server.
//!
//! A device gives another one the frames that it has for the server, as their authors signed them, as far as the signed
//! roster lets the other read them. Who takes them carries them to the server like any carried frame, and merges them at
//! once as *provisional* changes: they stand in the records like all others, beside each stands a mark that the server
//! has not confirmed it yet. The feed that brings a change takes its mark away. Once a frame's receipt has come and the
//! feeds were read to their end, what they did not bring is taken out again, and own changes that stood on it are
//! written anew.
//!
//! What a restored server may have lost of others' work has such marks too, without a frame (`doubt.rs`).
//!
//! What holds: a mark names a change that stands in its record. A provisional change moves no cursor, enters no frame of
//! this device, and is named by its whole hash where an own change builds on it.

mod doubt;
mod give;
mod marks;
mod merge;
mod rights;
mod rows;
mod settle;
mod take;

pub(crate) use doubt::{doubt_all, doubted, reread};
pub(crate) use marks::{Mark, Overlay, read_mark};
pub(crate) use merge::retry;
pub(crate) use rows::{MarkRow, PassedRow};
pub(crate) use settle::{settle, sweep, undo, with_dependents, without_provisional};
