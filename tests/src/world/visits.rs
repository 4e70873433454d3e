//! A form that changes while people work with it, and visits that they note with it.

use std::collections::BTreeMap;

use fieldmerge_engine::{Edit, FillRequest, ListQuery};
use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::filling::World;
use fieldmerge_protocol::{AreaId, Path, RecordId};
use fieldmerge_server::forms::publish::Draft;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::phone::Phone;
use super::site::START_MS;
use crate::synthetic::path;

/// Its id.
pub const FORM: &str = "visits";

/// A form that writes records of a type of its own.
pub fn form(version: &str, more: &str) -> String {
    format!(
        "
| survey |
| | type | name | label::English (en) | label::Français (fr) | fm::merge |
| | integer | rooms | How many rooms? | Combien de pièces ? | |
| | select_one wall | wall | What are the walls made of? | De quoi sont faits les murs ? | H |
{more}
| choices |
| | list_name | name | label::English (en) | label::Français (fr) |
| | wall | brick | Bricks | Briques |
| | wall | earth | Earth | Terre |
| | wall | straw | Straw | Paille |
| settings |
| | form_id | form_title | version | default_language | fm::record |
| | visits | Visits | {version} | English (en) | core/visit |
"
    )
}

/// A draft of it.
pub fn draft(text: &str) -> Draft {
    Draft {
        workbook: Workbook::from_markdown(text),
        file_name: "visits.md".to_owned(),
        source: text.as_bytes().to_vec(),
        tables: BTreeMap::new(),
    }
}

/// The version of a number, from 1: each asks one thing more than the one before, and offers another choice in the place of
/// one.
pub fn version(number: u32) -> String {
    let row = |n| format!("| | text | {} | More of {n} | Plus de {n} | |", question(n));
    let rows: Vec<String> = (1..=number).map(row).collect();
    let choice = |name: &str| format!("| | wall | {name} | Straw | Paille |");
    form(&number.to_string(), &rows.join("\n")).replace(&choice("straw"), &choice(&format!("straw{number}")))
}

/// The question that a version is the first to ask.
fn question(version: u32) -> String {
    format!("more{version}")
}

/// Whether a version of it asks for what stands at a path.
pub fn asks(path: &Path) -> bool {
    path.as_str().starts_with("more")
}

/// A visit that is noted, or another thing about one: its edits, and what must be found later.
#[derive(Debug)]
pub struct Visit {
    /// The edits of one save.
    pub edits: Vec<Edit>,
    /// The record.
    pub record: RecordId,
    /// Where the mark stands.
    pub path: Path,
}

/// Fills one of the versions that a phone has, with a mark in one of its questions. Nothing where it has none.
pub fn fill(phone: &Phone, area: AreaId, mark: &str, seed: u64) -> Option<Visit> {
    let mut chance = Chance::of(seed);
    let versions: Vec<_> = phone.engine().forms().into_iter().filter(|form| form.id == FORM).collect();
    let held = chance.pick(&versions)?;
    let query = ListQuery { record_type: Some("visit".to_owned()), limit: 20, ..ListQuery::default() };
    let visits: Vec<RecordId> = phone.engine().list(&query).iter().map(|visit| visit.record).collect();
    let known = chance.pick(&visits).copied().filter(|_| !chance.0.next_u32().is_multiple_of(3));
    let request = FillRequest { form: held.number, record: known, ..FillRequest::default() };
    let mut fill = phone.engine().fill(&request, &mut chance).expect("the phone has the form");
    let asked: Vec<u32> = (1..=held.version.parse().expect("versions are numbers")).collect();
    let name = question(*chance.pick(&asked).expect("there is one"));
    let walls = ["brick".to_owned(), "earth".to_owned(), format!("straw{}", held.version)];
    let wall = chance.pick(&walls).expect("there are some").clone();
    for (question, answer) in [(name.as_str(), mark), ("wall", &wall)] {
        let place = fill.filling.named(question)[0];
        fill.filling.answer(place, answer, &mut chance).expect("the form takes it");
    }
    let edits = fill.edits(area, 0, &mut chance).expect("what was answered can be saved");
    Some(Visit { edits, record: fill.record(), path: path(&name) })
}

/// Chance and ids of somebody who fills forms.
#[derive(Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// That of a seed.
    pub fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.0.next_u32() as usize % from.len().max(1);
        from.get(index)
    }
}

impl World for Chance {
    fn now(&mut self) -> i64 {
        START_MS
    }

    fn offset_minutes(&mut self) -> i32 {
        0
    }

    fn random(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    fn uuid(&mut self) -> String {
        self.key()
    }

    fn key(&mut self) -> String {
        let mut random = [0; 10];
        self.0.fill_bytes(&mut random);
        let millis = u64::try_from(START_MS).expect("after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}
