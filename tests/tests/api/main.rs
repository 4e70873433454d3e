//! The HTTP API, through a real server on SQLite.

mod attachment_costs;
mod attachments;
mod auth;
mod cases;
mod command;
mod dataset;
mod devices;
mod discovery;
mod enrol;
mod filled;
mod findings;
mod logs;
mod office;
mod photos;
mod problems;
mod sync;
mod verify;
mod workers;
