//! Statements: one text for both databases, or one text for each.

/// A statement, with the table that its rows come from, for errors.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// The name of its constant.
    pub name: &'static str,
    /// The table that it is about.
    pub table: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

/// A statement that takes many rows: PostgreSQL unnests one array for each column, SQLite takes so many rows at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowsSql {
    /// SQLite's texts, for as many rows as [`RowsSql::SIZES`] says, largest first.
    pub sqlite: [Sql; 4],
}

impl RowsSql {
    /// How many rows each of SQLite's texts takes. Powers of four: any batch is a few statements, and all are prepared
    /// once for each connection.
    pub const SIZES: [usize; 4] = [64, 16, 4, 1];
}

/// Repeats a literal, with commas between: `repeat!(64, "(?, ?)")`.
macro_rules! repeat {
    (1, $text:expr) => {
        $text
    };
    (4, $text:expr) => {
        concat!($text, ", ", $text, ", ", $text, ", ", $text)
    };
    (16, $text:expr) => {
        $crate::sql::repeat!(4, $crate::sql::repeat!(4, $text))
    };
    (64, $text:expr) => {
        $crate::sql::repeat!(4, $crate::sql::repeat!(16, $text))
    };
}
pub(crate) use repeat;

/// Declares the statements of a file and `ALL`, the list that a test prepares on both databases.
///
/// `NAME = "text"` has one text, `NAME = { sqlite: "…", postgres: "…" }` one for each, and
/// `NAME = rows { sqlite: "before", "(?, ?)", "after"; postgres: "…" }` takes many rows.
macro_rules! declare {
    (table $table:literal; $($name:ident = $body:tt $({ $($rows:tt)* })?;)+) => {
        $($crate::sql::statement!($table, $name, $body $({ $($rows)* })?);)+

        /// The statements of this file.
        pub(crate) const ALL: &[&[$crate::Sql]] = &[
            $($crate::sql::listed!($name, $body)),+
        ];
    };
}

macro_rules! statement {
    ($table:literal, $name:ident, rows { sqlite: $before:literal, $row:literal, $after:literal; postgres: $postgres:literal }) => {
        const $name: $crate::sql::RowsSql = $crate::sql::RowsSql {
            sqlite: [
        $crate::sql::statement!(@sized 64, $table, $name, $before, $row, $after, $postgres),
        $crate::sql::statement!(@sized 16, $table, $name, $before, $row, $after, $postgres),
        $crate::sql::statement!(@sized 4, $table, $name, $before, $row, $after, $postgres),
        $crate::sql::statement!(@sized 1, $table, $name, $before, $row, $after, $postgres),
            ],
        };
    };
    (@sized $size:tt, $table:literal, $name:ident, $before:literal, $row:literal, $after:literal, $postgres:literal) => {
        $crate::Sql {
            name: concat!(stringify!($name), "/", $size),
            table: $table,
            sqlite: concat!($before, $crate::sql::repeat!($size, $row), $after),
            postgres: $postgres,
        }
    };
    ($table:literal, $name:ident, { sqlite: $sqlite:expr, postgres: $postgres:expr $(,)? }) => {
        const $name: $crate::Sql =
            $crate::Sql { name: stringify!($name), table: $table, sqlite: $sqlite, postgres: $postgres };
    };
    ($table:literal, $name:ident, $text:literal) => {
        const $name: $crate::Sql =
            $crate::Sql { name: stringify!($name), table: $table, sqlite: $text, postgres: $text };
    };
}

macro_rules! listed {
    ($name:ident, rows) => {
        &$name.sqlite
    };
    ($name:ident, $body:tt) => {
        &[$name]
    };
}

pub(crate) use {declare, listed, statement};

/// Every statement of this crate, for the test that prepares them all.
pub fn statements() -> Vec<Sql> {
    [
        crate::api_keys::ALL,
        crate::attachments::ALL,
        crate::projects::ALL,
        crate::people::ALL,
        crate::keys::ALL,
        crate::codes::ALL,
        crate::devices::ALL,
        crate::dictionaries::ALL,
        crate::forms::ALL,
        crate::grants::ALL,
        crate::feeds::ALL,
        crate::findings::ALL,
        crate::lives::ALL,
        crate::gate::ALL,
        crate::segments::ALL,
        crate::proofs::ALL,
        crate::records::ALL,
        crate::entries::ALL,
        crate::held::ALL,
        crate::quarantine::ALL,
        crate::cases::ALL,
        crate::subjects::ALL,
    ]
    .into_iter()
    .flatten()
    .flat_map(|statements| statements.iter().copied())
    .collect()
}
