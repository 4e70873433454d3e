//! What each column of a dataset means.

use serde::Serialize;
use smol_str::SmolStr;

use super::{Column, ColumnKind, columns, entry_columns};
use crate::access::Role;
use crate::types::{Code, Kind, Labels, RecordType, Sensitivity};

/// What a column of a dataset means, in each language of the forms that write it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Meaning {
    /// The name of the column.
    pub column: String,
    /// What is asked, by the code of the language.
    pub labels: Labels,
    /// What its cells are: `text`, `bool`, `int`, `decimal`, `date`, `datetime`, `id`, `set`, `list`.
    pub kind: &'static str,
    /// The unit of a number, or nothing.
    pub unit: SmolStr,
    /// The codes that stand in it.
    pub codes: Vec<Code>,
    /// What a reader should know.
    pub note: SmolStr,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
    /// How two values that were written at a time merge; nothing where nobody writes it.
    pub merge: &'static str,
    /// The roles that see it.
    pub seen_by: Vec<Role>,
}

/// What the columns of a record type mean, in the order of its dataset.
pub fn codebook(of: &RecordType) -> Vec<Meaning> {
    let columns = if of.class.is_log() { entry_columns(of) } else { columns(of) };
    columns.iter().map(meaning).collect()
}

fn meaning(column: &Column) -> Meaning {
    let field = column.field();
    let codes = match field.map(|field| &field.kind) {
        Some(Kind::Code(list) | Kind::Set(Some(list))) => list.codes.clone(),
        _ => Vec::new(),
    };
    Meaning {
        column: column.name.clone(),
        labels: column.labels.clone(),
        kind: column.kind.name(),
        unit: column.unit.clone(),
        codes,
        note: field.map(|field| field.note.clone()).unwrap_or_default(),
        sensitivity: column.sensitivity(),
        merge: field.map_or("", |field| field.policy.name()),
        seen_by: Role::ALL.into_iter().filter(|role| column.seen_by(*role)).collect(),
    }
}

impl ColumnKind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Id => "id",
            Self::Set => "set",
            Self::List => "list",
        }
    }
}
