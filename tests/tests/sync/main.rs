//! The sync over real HTTP: links that break at any byte, and everything that a server or phone must not fall for.

mod bad_links;
mod carried;
mod changes;
mod compacted;
mod convergence;
mod cuts;
mod deaths;
mod dictionaries;
mod exchange;
mod filled;
mod findings;
mod forms;
mod frames;
mod grouped;
mod hostile;
mod lives;
mod lost;
mod nginx;
mod place;
mod replayed;
mod requests;
mod restored;
mod sealed;
mod streaming;
mod taken_back;
mod withdrawn;
