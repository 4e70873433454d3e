//! Bundle files: own frames to be carried by others, frames of others to be carried to the server, receipts back.
//!
//! A file is a bundle of frame parts and receipt parts. Frames are carried verbatim, because their author signed them.

mod expire;
mod file;
mod import;
mod keep;

pub(crate) use expire::drop_strangers;
pub(crate) use file::Export;
pub(crate) use keep::keep_receipts;
