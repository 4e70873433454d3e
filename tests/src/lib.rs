//! Everything that needs two crates or a process: what the tests and benches share.

pub mod cost;
pub mod database;
pub mod fuzz;
pub mod persona;
pub mod postgres;
pub mod server;
pub mod synthetic;
pub mod workbook;
pub mod world;
