//! What a form looks things up in.

use serde::{Deserialize, Serialize};

use crate::form::record_file::RecordFile;

/// A table that is looked things up in: `instance('name')/root/item/column`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Its rows; an empty cell is none.
    pub rows: Vec<Vec<String>>,
}

/// Where the rows of a table come from.
#[derive(Debug, Clone)]
pub enum File {
    /// A table that comes with the form.
    Table(Table),
    /// Records.
    Records(RecordFile),
}

impl File {
    /// The names of its columns.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Self::Table(table) => &table.columns,
            Self::Records(file) => file.columns(),
        }
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.rows.len(),
            Self::Records(file) => file.len(),
        }
    }

    /// A cell; empty where there is none.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        match self {
            Self::Table(table) => {
                table.rows.get(row).and_then(|row| row.get(column)).map_or("", String::as_str)
            }
            Self::Records(file) => file.cell(row, column),
        }
    }
}

impl Default for File {
    fn default() -> Self {
        Self::Table(Table::default())
    }
}

impl From<Table> for File {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<RecordFile> for File {
    fn from(file: RecordFile) -> Self {
        Self::Records(file)
    }
}
