//! The sync server and its command line.
