//! SQLite and PostgreSQL behind one set of statements.
