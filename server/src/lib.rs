//! The sync server and its command line.
//!
//! `http` is the API, `sync` what a device's request does, `dataset` what headquarters pulls, `admin` what an
//! administrator does, `cli` the commands. [`App`] is what all of them share.

pub mod admin;
pub mod attachments;
pub mod auth;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod compact;
pub mod config;
pub mod dataset;
pub mod demo;
pub mod dictionary;
pub mod directory;
pub mod entries;
pub mod failpoint;
pub mod findings;
pub mod forms;
pub mod http;
pub mod ids;
pub mod keys;
mod listing;
pub mod metrics;
mod recent;
mod state;
pub mod stored;
pub mod sync;
pub mod telemetry;
pub mod verify;

use std::fmt::Write as _;

pub use clock::Clock;
pub use config::Config;
pub use ids::Ids;
pub use metrics::Metrics;
pub use state::App;

/// Bytes as hexadecimal text.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
