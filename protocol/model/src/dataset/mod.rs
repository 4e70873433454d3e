//! The merged records as rows: columns of a record type, and the cells of a record.
//!
//! What a reader may rely on:
//! * A field whose conflict is open shows the *agreed* value, or nothing where none was agreed, never the
//!   winner of the merge. `_conflicts` names such fields; `<field>__candidates`, at the end of the row, holds
//!   the values that were written, so that an analyst sees them beside the row and the columns of the table
//!   stay those of the form.
//! * A field that is written once shows what the record was made with.
//! * A set is one cell with its members, sorted, with spaces between, as `XLSForm` writes `select_multiple`.
//! * `_pending` names the record types that are expected about this person and have not been received. Their
//!   answers are pending, which is not the same as unknown.
//! * `_findings` names what is odd, as `field:code`.
//! * Photos and values that the server computes are in no row; of a sealed value a row says only that there
//!   is one.
//!
//! Writing files is the server's part. These functions are pure and see a record through [`View`].

mod cell;
mod codebook;
mod entries;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fieldmerge_protocol::{AreaId, DeviceId, RecordClass, RecordId, Value};
use smol_str::SmolStr;

pub use cell::Cell;
pub use codebook::{Meaning, codebook};
pub use entries::{EntryFacts, entry_columns, entry_row};

use crate::access::Role;
use crate::typed::{FindingCode, odd, parse_point, same};
use crate::types::{Field, Kind, Labels, Policy, RecordType, Sensitivity};

/// A merged record, as rows need it.
pub trait View {
    /// The live values of a path in Automerge's order, the winner last; empty where there is none.
    fn live(&self, path: &str) -> Vec<&Value>;

    /// The value that the record's first change gave a path.
    fn first(&self, path: &str) -> Option<&Value>;

    /// The paths with a live value whose first segment is `head` and that have more segments.
    fn below(&self, head: &str) -> Vec<&str>;
}

/// What is known about a record beside its values.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The record.
    pub id: RecordId,
    /// Its area.
    pub area: AreaId,
    /// The person that it is about.
    pub subject: Option<RecordId>,
    /// The device that made it.
    pub device: DeviceId,
    /// When it was made, by the clock of that device.
    pub created_ms: i64,
    /// When its newest change was received.
    pub received_ms: i64,
    /// Its open conflicts.
    pub conflicts: &'a [Conflict<'a>],
    /// The record types that are expected about this person and have not been received.
    pub pending: &'a [&'a str],
}

/// An open conflict about one path.
#[derive(Debug, Clone)]
pub struct Conflict<'a> {
    /// The path.
    pub path: &'a str,
    /// The last value that everybody agreed on.
    pub agreed: Option<&'a Value>,
    /// The values to choose from.
    pub candidates: Vec<&'a Value>,
}

/// One column of a dataset.
#[derive(Debug, Clone)]
pub struct Column {
    /// The name, unique in its dataset.
    pub name: String,
    /// What a reader sees.
    pub labels: Labels,
    /// What its cells are.
    pub kind: ColumnKind,
    /// The unit of a number, or nothing.
    pub unit: SmolStr,
    /// Whether its cells name a person: a role that sees persons by pseudonym must get another id here.
    pub names_person: bool,
    pub(crate) source: Source,
}

/// What the cells of a column are; each cell may also be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Tokens and texts.
    Text,
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Decimal numbers.
    Decimal,
    /// Dates, `2026-03-01`.
    Date,
    /// Moments, RFC 3339.
    DateTime,
    /// Ids.
    Id,
    /// Sets of codes.
    Set,
    /// Lists of values.
    List,
}

/// Where the cells of a column come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Id,
    Area,
    Subject,
    Device,
    Created,
    Received,
    /// The value of a field that has one path.
    Value(Arc<Field>),
    /// The text of a field in one language.
    Language(Arc<Field>, &'static str),
    /// One number of a point: latitude, longitude, accuracy.
    Point(Arc<Field>, usize),
    Candidates(Arc<Field>),
    Conflicts,
    Pending,
    Findings,
    /// The number of an entry in its log.
    Number,
    /// A field of an entry.
    Entry(Arc<Field>),
}

impl Column {
    pub(crate) fn meta(name: &str, labels: [&str; 2], kind: ColumnKind, source: Source) -> Self {
        let labels = Labels::new(["en", "fr"].into_iter().zip(labels));
        Self { name: name.to_owned(), labels, kind, unit: SmolStr::default(), names_person: false, source }
    }

    pub(crate) fn of(field: &Field, source: Source) -> Self {
        let (suffix, label, kind) = match source {
            Source::Language(_, language) => {
                (format!("_{language}"), format!(" ({language})"), ColumnKind::Text)
            }
            Source::Point(_, part) => {
                let part = POINT[part];
                (format!("_{part}"), format!(" ({part})"), ColumnKind::Decimal)
            }
            Source::Candidates(_) => ("__candidates".to_owned(), " (?)".to_owned(), ColumnKind::List),
            _ => (String::new(), String::new(), column_kind(field)),
        };
        Self {
            name: format!("{}{suffix}", field.name),
            labels: field.labels.with_suffix(&label),
            kind,
            unit: field.unit.clone(),
            names_person: field.name == "same_as",
            source,
        }
    }

    /// The field whose values the column shows; none for the columns that begin with `_`.
    pub fn field(&self) -> Option<&Field> {
        match &self.source {
            Source::Value(field)
            | Source::Language(field, _)
            | Source::Point(field, _)
            | Source::Candidates(field)
            | Source::Entry(field) => Some(field),
            _ => None,
        }
    }

    /// How sensitive the cells are.
    pub fn sensitivity(&self) -> Sensitivity {
        self.field().map_or(Sensitivity::Internal, |field| field.sensitivity)
    }

    /// Whether this role may see the column. Those that begin with `_` hold no answers and are seen by
    /// whoever may list the rows.
    pub fn seen_by(&self, role: Role) -> bool {
        self.field().is_none_or(|field| field.seen_by(role))
    }
}

const POINT: [&str; 3] = ["latitude", "longitude", "accuracy_m"];

fn column_kind(field: &Field) -> ColumnKind {
    match field.kind {
        Kind::Bool | Kind::Sealed => ColumnKind::Bool,
        Kind::Int => ColumnKind::Int,
        Kind::Decimal => ColumnKind::Decimal,
        Kind::Date => ColumnKind::Date,
        Kind::DateTime => ColumnKind::DateTime,
        Kind::Uuid => ColumnKind::Id,
        Kind::Set(_) => ColumnKind::Set,
        _ => ColumnKind::Text,
    }
}

/// The columns of a record type whose records are not logs, in the order of the file. Whoever may not see all
/// of them gives [`row`] those that [`Column::seen_by`] leaves.
pub fn columns(of: &RecordType) -> Vec<Column> {
    use ColumnKind::{DateTime, Id, Set};
    let mut columns = vec![
        Column::meta("_id", ["Record", "Enregistrement"], Id, Source::Id),
        Column::meta("_area", ["Area", "Zone"], Id, Source::Area),
    ];
    // A record of this class may be a person, whether or not its form says what tells persons apart.
    columns[0].names_person = of.class == RecordClass::Core;
    if of.about_person {
        let subject = Column::meta("_subject", ["Person", "Personne"], Id, Source::Subject);
        columns.push(Column { names_person: true, ..subject });
    }
    let shown = |field: &&Arc<Field>| field.policy != Policy::Derived && field.kind != Kind::Blob;
    for field in of.fields.iter().filter(shown) {
        match field.kind {
            Kind::Languages => {
                columns.extend(
                    ["fr", "en"].map(|lang| Column::of(field, Source::Language(field.clone(), lang))),
                );
            }
            Kind::Geo => {
                columns.extend([0, 1, 2].map(|part| Column::of(field, Source::Point(field.clone(), part))));
            }
            _ => columns.push(Column::of(field, Source::Value(field.clone()))),
        }
    }
    columns.extend([
        Column::meta("_device", ["Device", "Appareil"], Id, Source::Device),
        Column::meta(
            "_created_at",
            ["Made at (device clock)", "Créé le (horloge de l'appareil)"],
            DateTime,
            Source::Created,
        ),
        Column::meta(
            "_received_at",
            ["Last received at", "Dernière réception le"],
            DateTime,
            Source::Received,
        ),
        Column::meta("_conflicts", ["Fields in conflict", "Champs en conflit"], Set, Source::Conflicts),
        Column::meta(
            "_pending",
            ["Expected, not yet received", "Attendu, non encore reçu"],
            Set,
            Source::Pending,
        ),
        Column::meta("_findings", ["Findings", "Constats"], Set, Source::Findings),
    ]);
    let human = |field: &&Arc<Field>| matches!(field.policy, Policy::Human { .. });
    let judged =
        of.fields.iter().filter(human).map(|field| Column::of(field, Source::Candidates(field.clone())));
    columns.extend(judged);
    columns
}

/// The cells of a record under these columns.
pub fn row(of: &RecordType, columns: &[Column], facts: &Facts<'_>, view: &dyn View) -> Vec<Cell> {
    columns.iter().map(|column| cell(of, &column.source, facts, view)).collect()
}

fn cell(of: &RecordType, source: &Source, facts: &Facts<'_>, view: &dyn View) -> Cell {
    match source {
        Source::Id => Cell::id(facts.id),
        Source::Area => Cell::id(facts.area),
        Source::Subject => facts.subject.map_or(Cell::Null, Cell::id),
        Source::Device => Cell::id(facts.device),
        Source::Created => Cell::at(facts.created_ms),
        Source::Received => Cell::at(facts.received_ms),
        Source::Value(field) => field_cell(field, facts, view),
        Source::Language(field, language) => view
            .live(&format!("{}/{language}", field.name))
            .last()
            .map_or(Cell::Null, |text| Cell::of(field, text)),
        Source::Point(field, part) => {
            let point = shown(field, &field.name, facts, view).and_then(Value::as_str).and_then(parse_point);
            let number = point.and_then(|(latitude, longitude, accuracy)| {
                [Some(latitude), Some(longitude), accuracy].get(*part).copied().flatten()
            });
            number.map_or(Cell::Null, Cell::Decimal)
        }
        Source::Candidates(field) => candidates_cell(field, facts, view),
        Source::Conflicts => conflicts_cell(of, facts, view),
        Source::Pending => set(facts.pending.iter().map(|name| (*name).to_owned()).collect()),
        Source::Findings => findings_cell(of, view),
        Source::Number | Source::Entry(_) => Cell::Null,
    }
}

fn set(mut members: Vec<String>) -> Cell {
    members.sort_unstable();
    members.dedup();
    if members.is_empty() { Cell::Null } else { Cell::Set(members) }
}

/// The path at which the values of a field compete: of a sealed one its tag, for equal answers have equal
/// tags.
fn judged_path(field: &Field) -> String {
    if field.kind == Kind::Sealed { format!("{}/tag", field.name) } else { field.name.to_string() }
}

fn field_cell(field: &Field, facts: &Facts<'_>, view: &dyn View) -> Cell {
    match field.kind {
        Kind::Set(_) => {
            let paths = view.below(&field.name).into_iter();
            let member = |path: &&str| view.live(path).last() == Some(&&Value::Bool(true));
            set(paths.filter(member).filter_map(|path| path.split('/').nth(1)).map(str::to_owned).collect())
        }
        Kind::Sealed => match view.live(&format!("{}/sealed", field.name)).last() {
            Some(Value::Bytes(_)) => Cell::Bool(true),
            _ => Cell::Null,
        },
        _ => shown(field, &field.name, facts, view).map_or(Cell::Null, |value| Cell::of(field, value)),
    }
}

/// The value of a path that a row may show as true.
fn shown<'a>(field: &Field, path: &str, facts: &Facts<'a>, view: &'a dyn View) -> Option<&'a Value> {
    match field.policy {
        Policy::Fixed => view.first(path).or_else(|| view.live(path).last().copied()),
        Policy::Human { .. } => match open(field, path, facts, view) {
            Some(conflict) => conflict.agreed,
            None => view.live(path).last().copied(),
        },
        _ => view.live(path).last().copied(),
    }
}

/// The open conflict about a path. Different live values count as one even if the caller did not name it: the
/// winner of a merge is arbitrary, and no row may show it as the truth.
fn open<'a>(field: &Field, path: &str, facts: &Facts<'a>, view: &'a dyn View) -> Option<Conflict<'a>> {
    if let Some(known) = facts.conflicts.iter().find(|conflict| conflict.path == path) {
        return Some(known.clone());
    }
    let live = view.live(path);
    let differ = live.iter().any(|value| !same(field, value, live[0]));
    differ.then_some(Conflict { path: "", agreed: None, candidates: live })
}

fn candidates_cell(field: &Field, facts: &Facts<'_>, view: &dyn View) -> Cell {
    let Some(conflict) = open(field, &judged_path(field), facts, view) else {
        return Cell::Null;
    };
    if field.kind == Kind::Sealed {
        return Cell::List(vec![Cell::Bool(true); conflict.candidates.len()]);
    }
    let mut distinct: Vec<&Value> = Vec::new();
    for value in conflict.candidates {
        if !distinct.iter().any(|known| same(field, known, value)) {
            distinct.push(value);
        }
    }
    Cell::List(distinct.into_iter().map(|value| Cell::of(field, value)).collect())
}

fn conflicts_cell(of: &RecordType, facts: &Facts<'_>, view: &dyn View) -> Cell {
    let human = of.fields.iter().filter(|field| matches!(field.policy, Policy::Human { .. }));
    let in_conflict = human.filter(|field| open(field, &judged_path(field), facts, view).is_some());
    set(in_conflict.map(|field| field.name.to_string()).collect())
}

fn findings_cell(of: &RecordType, view: &dyn View) -> Cell {
    let mut findings = Vec::new();
    for field in &of.fields {
        let paths = if field.kind.takes(None) { vec![field.name.as_str()] } else { view.below(&field.name) };
        for path in paths {
            let Some(value) = view.live(path).last().copied() else { continue };
            let mut found = odd(field, path.split_once('/').map(|(_, below)| below), value);
            let first = view.first(path);
            if field.policy == Policy::Fixed && first.is_some_and(|first| !same(field, first, value)) {
                found = Some(FindingCode::Rewritten);
            }
            findings.extend(found.map(|code| format!("{}:{}", field.name, code.code())));
        }
    }
    set(findings)
}
