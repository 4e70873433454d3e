//! The engine against a server in memory, with stores that fail, links that are cut, and copies of phones.

mod attachments;
mod carry;
mod copies;
mod crash;
mod cuts;
mod dictionaries;
mod exchange;
mod exchange_hostile;
mod exchange_random;
mod files;
mod forms;
mod kept;
mod partial;
mod passing;
mod phone;
mod restores;
mod saves;
mod sealed;
mod server;
mod spending;
mod syncing;
mod trust;
