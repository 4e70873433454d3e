//! The rules of the repository, as tests: what a reviewer would otherwise have to remember.

mod files;
mod graph;
mod source;
mod words;
