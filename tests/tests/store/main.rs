//! The contract of the store: every case runs on SQLite and on PostgreSQL.

mod aggregates;
mod held;
mod lives;
mod order;
mod place;
mod records;
mod schema;
mod segments;
mod writers;
