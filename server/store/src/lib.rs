//! SQLite and PostgreSQL behind one set of statements.
//!
//! A [`Store`] opens either database by its URL. All work happens in a transaction, [`Tx`]: [`Store::write`] runs a
//! function in one and tries again when the database was busy, [`Store::read`] gives a snapshot that cannot write. The
//! functions that speak to the database stand in one module for each aggregate and take the transaction first and the
//! project second; every key begins with the project.
//!
//! Rules that hold in all modules: an absent row is `None`, never an error; a row that does not decode is
//! [`StoreError::Corrupt`] and names itself; many rows go in one call, which sorts them by key so that two writers lock
//! in one order. The order between aggregates is: devices, then records by id, then feeds, then everything that carries
//! a position. Times are milliseconds since the epoch and come from the caller.

pub mod api_keys;
pub mod attachments;
mod batch;
pub mod cases;
pub mod codes;
pub mod devices;
pub mod dictionaries;
pub mod entries;
mod error;
pub mod feeds;
mod file_error;
pub mod findings;
pub mod forms;
mod gate;
pub mod grants;
pub mod held;
pub mod keys;
pub mod lives;
mod migrations;
pub mod people;
pub mod projects;
pub mod proofs;
pub mod quarantine;
pub mod records;
mod row;
pub mod segments;
mod sql;
mod store;
pub mod subjects;
mod tx;

pub use error::StoreError;
pub use sql::{Sql, statements};
pub use store::{Dialect, Store, StoreOptions};
pub use tx::{Lent, Tx};

/// What the functions of this crate return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
