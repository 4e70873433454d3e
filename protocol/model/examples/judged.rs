//! What outside judges compare (tests/judges), as lines of JSON.
//!
//! `cases` prints forms, what is done to them and what then holds: those of the tables, those of chance, and those of the
//! files that it is given. `workbooks` prints workbooks, many with mistakes, and what became of them. `expressions` reads
//! texts, one JSON string a line, and prints each expression as this crate writes it.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use fieldmerge_model::form::compiled::{CompiledForm, Table};
use fieldmerge_model::form::filling::{Filling, Place};
use fieldmerge_model::form::import::{Severity, import};
use fieldmerge_model::form::{Question, Workbook};
use fieldmerge_model::xpath::Expr;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

#[path = "../tests/form/act.rs"]
mod act;
#[path = "../tests/form/chance.rs"]
mod chance;
#[path = "judged/files.rs"]
mod files;
#[path = "../tests/form/mistaken.rs"]
mod mistaken;
#[path = "../tests/form/told.rs"]
mod told;
#[path = "../tests/form/workbooks.rs"]
mod workbooks;
#[path = "../tests/form/world.rs"]
mod world;

use act::Act;
use chance::{Maker, Tape};
use world::Fixed;

/// The files of tables.
const TABLES: [(&str, &str); 7] = [
    ("answers", include_str!("../tests/form/tables/answers.md")),
    ("calculation", include_str!("../tests/form/tables/calculation.md")),
    ("choices", include_str!("../tests/form/tables/choices.md")),
    ("functions", include_str!("../tests/form/tables/functions.md")),
    ("messages", include_str!("../tests/form/tables/messages.md")),
    ("relevance", include_str!("../tests/form/tables/relevance.md")),
    ("repeats", include_str!("../tests/form/tables/repeats.md")),
];
const GENERATED_FORMS: usize = 320;
const ACTS_IN_A_FILE: usize = 40;
const GENERATED_WORKBOOKS: usize = 600;
/// Of each form of the tables.
const ALTERED_WORKBOOKS: usize = 10;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("cases") => cases(std::env::args().skip(2)),
        Some("workbooks") => all_workbooks(),
        Some("expressions") => expressions(),
        _ => println!("one of: cases, workbooks, expressions"),
    }
}

/// Writes expressions; what is none is null.
fn expressions() {
    for line in io::stdin().lines() {
        let text: String = serde_json::from_str(&line.expect("a line")).expect("a JSON string");
        let written = Expr::parse(&text).map(|expr| expr.to_string());
        println!("{}", json!(written.ok()));
    }
}

/// The forms of the tables with their steps; then those of chance, and those that stand in files, with what chance does.
fn cases(files: impl Iterator<Item = String>) {
    let towns = told::towns();
    for (file, text) in TABLES {
        for case in told::cases(text) {
            let steps = case.steps.into_iter().filter(|step| !step.starts_with('?')).map(str::to_owned);
            let mut steps = steps.collect::<Vec<_>>().into_iter();
            let next = |filling: &Filling| Some(told::act(filling, &steps.next()?).expect("it is a step").0);
            println!(
                "{}",
                run(&format!("{file}: {}", case.title), case.form, &told::compiled(case.form), &towns, next)
            );
        }
    }
    let mut runner = TestRunner::deterministic();
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    let all = (bytes(200), prop::collection::vec(prop::collection::vec(any::<u8>(), 4), 1..25));
    for at in 0..GENERATED_FORMS {
        let (form, acts) = all.new_tree(&mut runner).expect("nothing is rejected").current();
        let form = Maker::form(&mut Tape::new(form));
        let mut acts = acts.into_iter();
        let next = |filling: &Filling| chance::act(filling, &mut Tape::new(acts.next()?));
        println!("{}", run(&format!("generated: {at}"), &form, &told::compiled(&form), &towns, next));
    }
    for file in files {
        let form = std::fs::read_to_string(&file).expect("the file can be read");
        let tables = files::tables(Path::new(&file), &form);
        let acts = prop::collection::vec(prop::collection::vec(any::<u8>(), 4), ACTS_IN_A_FILE);
        let mut acts = acts.new_tree(&mut runner).expect("nothing is rejected").current().into_iter();
        let next = |filling: &Filling| {
            let numbers = acts.next()?;
            let number = usize::from(*numbers.last()?);
            Some(sensible(filling, chance::act(filling, &mut Tape::new(numbers))?, number))
        };
        let title = file.rsplit('/').next().unwrap_or(&file);
        println!(
            "{}",
            run(&format!("pack: {title}"), &form, &told::compiled_with(&form, tables.clone()), &tables, next)
        );
    }
}

/// The same act with an answer that its question may have: a choice that is offered, or a date.
fn sensible(filling: &Filling, act: Act, number: usize) -> Act {
    let Act::Answer(place, text) = act else { return act };
    let choices = filling.choices(place, &mut Fixed::default());
    let question = filling.element(place).and_then(|element| element.question());
    Act::Answer(
        place,
        match question {
            Some(Question::Date) => format!("20{:02}-0{}-15", number % 30, number % 9 + 1),
            _ => choices.get(number % choices.len().max(1)).map_or(text, |choice| choice.name.clone()),
        },
    )
}

/// A form, what is done to it, whether that is refused, and what then holds.
fn run(
    title: &str,
    form: &str,
    compiled: &Arc<CompiledForm>,
    tables: &BTreeMap<String, Table>,
    mut next: impl FnMut(&Filling) -> Option<Act>,
) -> Value {
    let mut world = Fixed::default();
    let files = tables.iter().map(|(name, table)| (format!("{name}.csv"), files::written(table)));
    let files: BTreeMap<String, String> = files.collect();
    let mut filling =
        Filling::begin(Arc::clone(compiled), compiled.form().default_language, BTreeMap::new(), &mut world);
    let mut steps = vec![json!({ "state": state(&filling, &mut world) })];
    while let Some(act) = next(&filling) {
        let mut step = match &act {
            Act::Answer(place, text) => json!({ "answer": path(&filling, *place), "text": text }),
            Act::Add(parent, name) => json!({ "add": path(&filling, *parent), "repeat": name }),
            Act::Remove(place) => json!({ "remove": path(&filling, *place) }),
        };
        let refused = act.apply(&mut filling, &mut world).err().map(|refusal| refusal.to_string());
        step["refused"] = json!(refused);
        step["state"] = json!(state(&filling, &mut world));
        steps.push(step);
    }
    json!({
        "title": title,
        "markdown": form,
        "form": compiled.form(),
        "expressions": compiled.expressions().collect::<Vec<_>>(),
        "files": files,
        "steps": steps,
    })
}

/// What holds at each place, in the order of the form.
fn state(filling: &Filling, world: &mut Fixed) -> Vec<Value> {
    let mut all = Vec::new();
    let mut open: Vec<Place> = filling.children(filling.root()).into_iter().rev().collect();
    while let Some(place) = open.pop() {
        open.extend(filling.children(place).into_iter().rev());
        let choices = filling.choices(place, world).into_iter().map(|choice| [choice.name, choice.label]);
        all.push(json!({
            "path": path(filling, place),
            "relevant": filling.is_relevant(place),
            "required": filling.is_required(place, world),
            "read_only": filling.is_read_only(place, world),
            "value": filling.value(place),
            "wrong": filling.complaint(place, world).map(|found| [found.fault.code().to_owned(), found.message]),
            "label": filling.label(place),
            "hint": filling.hint(place),
            "choices": choices.collect::<Vec<_>>(),
        }));
    }
    for place in
        filling.named("instanceName").into_iter().filter(|_| filling.form().form().instance_name.is_some())
    {
        all.push(json!({ "path": "/data/meta/instanceName", "value": filling.value(place) }));
    }
    all
}

/// Where a place is: `/data/house[2]/head`.
fn path(filling: &Filling, place: Place) -> String {
    let (Some(parent), Some(element)) = (filling.parent(place), filling.element(place)) else {
        return "/data".to_owned();
    };
    let above = path(filling, parent);
    let is_alike = |other: &Place| filling.element(*other).is_some_and(|other| other.name == element.name);
    let alike: Vec<Place> = filling.children(parent).into_iter().filter(is_alike).collect();
    let at = alike.iter().position(|other| *other == place).map_or(0, |at| at + 1);
    match element.question() {
        None if matches!(element.kind, fieldmerge_model::form::Kind::Repeat { .. }) => {
            format!("{above}/{}[{at}]", element.name)
        }
        _ => format!("{above}/{}", element.name),
    }
}

/// The workbooks that have mistakes, some made by chance, and those of the tables with one cell altered by chance.
fn all_workbooks() {
    for (code, place, text) in mistaken::WORKBOOKS {
        println!("{}", imported(&format!("mistakes: {code} at {place}"), text));
    }
    let mut runner = TestRunner::deterministic();
    let all = workbooks::workbooks();
    for at in 0..GENERATED_WORKBOOKS {
        let rows = all.new_tree(&mut runner).expect("nothing is rejected").current();
        // A spreadsheet has no two sheets of one name.
        let mut sheets = BTreeSet::new();
        let names = rows.iter().filter_map(|row| row.first()).map(|name| name.trim().to_lowercase());
        if names.filter(|name| !name.is_empty()).all(|name| sheets.insert(name)) {
            println!("{}", imported(&format!("workbook: {at}"), &markdown(&rows)));
        }
    }
    for (file, text) in TABLES {
        for case in told::cases(text) {
            altered(&format!("{file}: {}", case.title), case.form);
        }
    }
}

/// Workbooks that differ from a form in one cell. What chance gives comes from the title alone, so that a new form changes
/// those of no other one.
fn altered(title: &str, form: &str) {
    let mut seed = [0_u8; 32];
    for (at, byte) in title.bytes().enumerate() {
        seed[at % 32] = seed[at % 32].wrapping_mul(31).wrapping_add(byte);
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let indices = || any::<prop::sample::Index>();
    let cell = prop_oneof![2 => workbooks::cell(), 1 => workbooks::heading()];
    let all = (indices(), indices(), cell);
    let rows: Vec<&str> = form.lines().filter(|line| line.starts_with('|')).collect();
    for at in 0..ALTERED_WORKBOOKS {
        let (row, column, cell) = all.new_tree(&mut runner).expect("nothing is rejected").current();
        let row = *row.get(&rows);
        let cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
        let mut cells: Vec<String> = cells.collect();
        *column.get_mut(&mut cells) = cell;
        let form = form.replacen(row, markdown(&[cells]).trim(), 1);
        println!("{}", imported(&format!("altered: {title}: {at}"), &form));
    }
}

/// Rows as a table in Markdown; what Markdown cannot hold becomes a space.
fn markdown(rows: &[Vec<String>]) -> String {
    let cell = |text: &String| text.replace(|letter: char| letter.is_control(), " ").replace('|', "\\|");
    let line = |row: &Vec<String>| format!("| {} |\n", row.iter().map(cell).collect::<Vec<_>>().join(" | "));
    rows.iter().map(line).collect()
}

/// What becomes of a workbook.
fn imported(title: &str, markdown: &str) -> Value {
    let found = import(&Workbook::from_markdown(markdown), "data", None);
    let errors = found.findings.iter().filter(|found| found.mistake.severity() == Severity::Error);
    let compiled = found.form.map(|form| CompiledForm::new(form, BTreeMap::new()).expect("it was imported"));
    json!({
        "title": title,
        "markdown": markdown,
        "errors": errors.map(|found| found.mistake.code()).collect::<Vec<_>>(),
        "form": compiled.as_ref().map(CompiledForm::form),
        "expressions": compiled.iter().flat_map(CompiledForm::expressions).collect::<Vec<_>>(),
    })
}
