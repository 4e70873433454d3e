//! F1 to F3: forms are imported, filled and checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fieldmerge_model::access::Roles;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Filling, Lacking, Past, Place, StoredRecord, World, judge};
use fieldmerge_model::form::import::import;
use fieldmerge_model::form::{Form, Question, Workbook};
use fieldmerge_server::clock::Stopwatch;
use fieldmerge_server::forms;

use super::Plan;
use super::output::{Limit, Report, count, median, progress};

/// When the records were saved.
const SAVED_MS: i64 = 1_772_323_200_000;
/// Questions of the form, and how many of its calculations.
const QUESTIONS: usize = 250;
const CALCULATIONS: usize = 60;

/// Measures what is wanted of F1 to F3.
pub fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants_any_form() {
        return;
    }
    progress("F1 to F3: forms");
    let workbook = Workbook::from_markdown(&table());
    let form = form(&workbook);
    if plan.wants_form(1) {
        let imports = (0..plan.size(50, 5)).map(|_| micros(|| drop(self::form(&workbook)))).collect();
        report.form_figure(1, "import of 250 questions", median(imports) / 1e3, "ms", Limit::None);
        let files = pack();
        let packs = (0..plan.size(20, 3)).map(|_| micros(|| files.iter().for_each(|file| import_file(file))));
        let what = format!("import of the HIMO pack, {} workbooks of Excel", files.len());
        report.form_figure(1, &what, median(packs.collect()) / 1e3, "ms", Limit::None);
    }
    let compiled = Arc::new(CompiledForm::new(form, BTreeMap::new()).expect("the form is ready to fill"));
    if plan.wants_form(2) {
        let limit = Limit::AtMost(1_000.0);
        report.form_figure(2, "any answer", median(answers(plan, &compiled, QUESTIONS)), "us", limit);
        let all = median(answers(plan, &compiled, 1));
        report.form_figure(2, "one that all calculations follow", all, "us", limit);
    }
    if plan.wants_form(3) {
        let records = plan.size(100_000, 5_000);
        report.form_figure(3, "records checked", checked(&compiled, records), "/s", Limit::None);
    }
}

/// The workbooks of the pack.
fn pack() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/model/pack/himo");
    let files =
        std::fs::read_dir(folder).expect("the pack is there").map(|entry| entry.expect("it reads").path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "xlsx"));
    files.map(|path| std::fs::read(path).expect("a workbook reads")).collect()
}

fn import_file(bytes: &[u8]) {
    let workbook = forms::read(bytes, "form.xlsx").expect("a workbook of the pack");
    form(&workbook);
}

fn form(workbook: &Workbook) -> Form {
    import(workbook, "bench", None).form.expect("the table is a form without mistakes")
}

/// A form of the size that the largest questionnaires have: groups that apply or not, sums over what stands before, a
/// repeat with its own calculation, choices that a filter lets through.
fn table() -> String {
    let mut rows = String::from(
        "| survey |\n| | type | name | label | relevant | calculation | constraint | required | choice_filter |\n",
    );
    let asked = QUESTIONS - CALCULATIONS - 2;
    for at in 0..asked {
        if at % 20 == 0 {
            let relevant = if at == 0 { String::new() } else { format!("${{q{}}} != 9", at - 1) };
            let _ = writeln!(rows, "| | begin_group | g{at} | G | {relevant} | | | | |");
        }
        let relevant = if at % 5 == 4 { format!("${{q{}}} > 0", at - 1) } else { String::new() };
        let _ = match at % 10 {
            3 => writeln!(
                rows,
                "| | select_one l | q{at} | Q {at} | {relevant} | | | yes | n <= ${{q{}}} |",
                at - 1
            ),
            7 => writeln!(rows, "| | text | q{at} | Q {at} | {relevant} | | string-length(.) < 20 | | |"),
            _ => writeln!(rows, "| | integer | q{at} | Q {at} | {relevant} | | . >= 0 and . <= 9 | | |"),
        };
        if at % 20 == 19 || at + 1 == asked {
            rows.push_str("| | end_group | | | | | | | |\n");
        }
    }
    for at in 0..CALCULATIONS {
        let (one, other) = (at * 3, at * 3 + 2);
        let before = if at == 0 { String::new() } else { format!(" + ${{c{}}}", at - 1) };
        let sum = format!("coalesce(${{q{one}}}, 0) + if(${{q{other}}} = '', 0, 1){before}");
        let _ = writeln!(rows, "| | calculate | c{at} | | | {sum} | | | |");
    }
    rows.push_str("| | begin_repeat | r | R | | | | | |\n| | integer | a | A | | | | | |\n");
    rows.push_str("| | calculate | b | | | ${a} * position(..) | | | |\n| | end_repeat | | | | | | | |\n");
    rows.push_str("| choices |\n| | list_name | name | label | n |\n");
    for at in 0..10 {
        let _ = writeln!(rows, "| | l | x{at} | X {at} | {at} |");
    }
    rows
}

/// Answers those of the first questions that take a number again and again, each with another one; in microseconds.
fn answers(plan: &Plan, form: &Arc<CompiledForm>, first: usize) -> Vec<f64> {
    let mut world = Quiet;
    let mut filling = Filling::begin(form.clone(), 0, BTreeMap::new(), &mut world);
    let places: Vec<Place> = (0..first).flat_map(|at| filling.named(&format!("q{at}"))).collect();
    let is_number = |place: &Place| {
        filling.element(*place).and_then(|element| element.question()) == Some(&Question::Integer)
    };
    let places: Vec<Place> = places.into_iter().filter(is_number).collect();
    let mut times = Vec::new();
    for round in 0..plan.size(40, 4) {
        for place in &places {
            let text = ((round + 1) % 9).to_string();
            times.push(micros(|| {
                filling.answer(*place, &text, &mut world).expect("a number is an answer");
            }));
        }
    }
    times
}

/// How many records a second are opened with their form and checked against all of its rules.
fn checked(form: &Arc<CompiledForm>, records: usize) -> f64 {
    let mut world = Quiet;
    let mut filling = Filling::begin(form.clone(), 0, BTreeMap::new(), &mut world);
    for at in 0..QUESTIONS {
        for place in filling.named(&format!("q{at}")) {
            let _ = filling.answer(place, "3", &mut world);
        }
    }
    let stored: Vec<StoredRecord> = filling
        .changes(&[])
        .into_iter()
        .map(|change| StoredRecord {
            target: change.target,
            key: change.key,
            values: change.values.into_iter().collect(),
        })
        .collect();
    let lacking = Lacking::default();
    let past = Past {
        form: 1,
        saved_ms: SAVED_MS,
        written_ms: &|_, _| SAVED_MS,
        written_by: &|_, _| Roles::ALL,
        lacking: &lacking,
    };
    let stopwatch = Stopwatch::start();
    let mut found = 0;
    for _ in 0..records {
        found += judge(form, 0, &stored, &past).len();
    }
    assert!(found > 0, "the answers break rules");
    count(records) / stopwatch.elapsed().as_secs_f64()
}

fn micros(what: impl FnOnce()) -> f64 {
    let stopwatch = Stopwatch::start();
    what();
    stopwatch.elapsed().as_secs_f64() * 1e6
}

/// A world in which nothing happens.
struct Quiet;

impl World for Quiet {
    fn now(&mut self) -> i64 {
        1_772_339_400_000
    }

    fn offset_minutes(&mut self) -> i32 {
        180
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn uuid(&mut self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    fn key(&mut self) -> String {
        "00000000-0000-7000-8000-000000000000".to_owned()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}
