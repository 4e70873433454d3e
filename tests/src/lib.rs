//! Everything that needs two crates or a process.
