//! Bundle files: own frames to be carried by others, frames of others to be carried to the server, receipts back.
//!
//! A file is a bundle of sealed frames and of receipts. Carried frames are relayed verbatim, because their author signed
//! them; a carrier checks that, and cannot read them.

mod expire;
mod file;
mod import;
mod keep;
mod view;

pub(crate) use expire::{drop_strangers, expire};
pub(crate) use file::Export;
pub(crate) use import::Import;
pub(crate) use keep::{carried_key, keep_receipts, to_send};

/// The most bytes of frames that a device carries for others, and for one of them.
const MAX_CARRIED_BYTES: usize = 64 << 20;
const MAX_CARRIED_OF_AUTHOR_BYTES: usize = 16 << 20;
/// The most frames that it carries.
const MAX_CARRIED_FRAMES: usize = 10_000;
/// The most receipt parts that it carries back; the oldest give way.
const MAX_CARRIED_RECEIPTS: u64 = 1_000;
