//! The HTTP API, through a real server on SQLite.

mod attachment_costs;
mod attachments;
mod auth;
mod cases;
mod command;
mod dataset;
mod discovery;
mod enrol;
mod logs;
mod photos;
mod problems;
mod sync;
mod verify;
mod workers;
