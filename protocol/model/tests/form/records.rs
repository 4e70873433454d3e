//! A filled form as changes of records, and records as a form to fill.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::form::RecordTarget;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Filling, Place, RecordChange, StoredRecord};
use fieldmerge_protocol::{Path, RecordClass, Value};

use super::generated::store;
use super::told::compiled;
use super::world::Fixed;

const WORKER: &str = "
| survey |
| | type | name | label | relevant | calculation | fm::record | fm::kind | fm::merge |
| | text | family_name | Family name | | | | | |
| | integer | size | Size | | | | | |
| | decimal | rate | Rate | | | | | |
| | select_multiple lang | languages | Languages | | | | | |
| | select_one yn | shared | Shared | | | | bool | |
| | select_one yn | has | Has | | | | | |
| | text | what | What | ${has} = 'yes' | | | | |
| | acknowledge | ok | Ok | | | | | |
| | calculate | double | | | ${size} * 2 | | integer | |
| | calculate | derived | | | ${size} + 1 | | | D |
| | begin_repeat | child | Child | | | | | |
| | text | called | Name | | | | | |
| | begin_repeat | toy | Toy | | | | | |
| | text | kind | Kind | | | | | |
| | end_repeat | | | | | | | |
| | end_repeat | | | | | | | |
| | begin_group | seen | Seen | | | household | | |
| | integer | wg | Seeing | | | | | |
| | end_group | | | | | | | |
| | begin_repeat | visit | Visit | | | incident/visit | | |
| | date | day | Day | | | | | |
| | end_repeat | | | | | | | |
| choices |
| | list_name | name | label |
| | lang | fra | French |
| | lang | mlg | Malagasy |
| | yn | yes | Yes |
| | yn | no | No |
| settings |
| | form_id | fm::record |
| | worker | worker |
";

struct Desk {
    form: Arc<CompiledForm>,
    world: Fixed,
    records: Vec<StoredRecord>,
}

impl Desk {
    fn new(form: &str) -> Self {
        Self { form: compiled(form), world: Fixed::default(), records: Vec::new() }
    }

    fn begin(&mut self) -> Filling {
        Filling::begin(self.form.clone(), 0, BTreeMap::new(), &mut self.world)
    }

    fn open(&mut self) -> Filling {
        Filling::open(self.form.clone(), 0, &self.records, BTreeMap::new(), &mut self.world)
    }

    fn set(&mut self, filling: &mut Filling, name: &str, at: usize, text: &str) {
        let place = filling.named(name)[at];
        filling.answer(place, text, &mut self.world).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    }

    /// Stores what the form changes, as a server would.
    fn save(&mut self, filling: &Filling) -> Vec<RecordChange> {
        let changes = filling.changes(&self.records);
        store(&mut self.records, changes.clone());
        changes
    }

    fn record(&self, record_type: &str) -> BTreeMap<String, Value> {
        let found = self.records.iter().find(|record| record.target.record_type == record_type);
        let values = found.map(|record| record.values.clone()).unwrap_or_default();
        values.into_iter().map(|(path, value)| (path.to_string(), value)).collect()
    }
}

fn texts(change: &RecordChange) -> Vec<String> {
    let values = change.values.iter().map(|(path, value)| format!("{path} = {value:?}"));
    values.chain(change.removes.iter().map(|path| format!("{path} -"))).collect()
}

#[test]
fn answers_go_to_the_records_of_their_groups() {
    let mut desk = Desk::new(WORKER);
    let mut filling = desk.begin();
    for (name, text) in [
        ("family_name", "Rabe"),
        ("size", "4"),
        ("rate", "2.5"),
        ("languages", "mlg fra"),
        ("shared", "no"),
        ("has", "yes"),
        ("what", "a phone"),
        ("ok", "OK"),
        ("called", "Soa"),
        ("kind", "ball"),
        ("wg", "3"),
        ("day", "2026-03-02"),
    ] {
        desk.set(&mut filling, name, 0, text);
    }
    let changes = desk.save(&filling);
    let targets: Vec<(String, RecordClass, bool)> = changes
        .iter()
        .map(|change| (change.target.record_type.clone(), change.target.class, change.key.is_some()))
        .collect();
    assert_eq!(
        targets,
        [
            ("worker".to_owned(), RecordClass::Core, false),
            ("household".to_owned(), RecordClass::Household, false),
            ("visit".to_owned(), RecordClass::Incident, true),
        ]
    );
    let key =
        |name: &str| desk.record("worker").keys().find(|path| path.ends_with(name)).cloned().expect("there");
    let (child, toy) = (key("/called"), key("/kind"));
    let (parent, outer) =
        (toy.replace("/kind", "/_parent"), child.split('/').nth(1).expect("an id").to_owned());
    let expected = BTreeMap::from([
        ("family_name".to_owned(), Value::str("Rabe")),
        ("size".to_owned(), Value::Int(4)),
        ("rate".to_owned(), Value::F64(2.5)),
        ("languages/fra".to_owned(), Value::Bool(true)),
        ("languages/mlg".to_owned(), Value::Bool(true)),
        ("shared".to_owned(), Value::Bool(false)),
        ("has".to_owned(), Value::str("yes")),
        ("what".to_owned(), Value::str("a phone")),
        ("ok".to_owned(), Value::Bool(true)),
        ("double".to_owned(), Value::Int(8)),
        (child, Value::str("Soa")),
        (toy, Value::str("ball")),
        (parent, Value::str(outer)),
    ]);
    assert_eq!(desk.record("worker"), expected);
    assert_eq!(desk.record("household"), BTreeMap::from([("wg".to_owned(), Value::Int(3))]));
    assert_eq!(desk.record("visit"), BTreeMap::from([("day".to_owned(), Value::str("2026-03-02"))]));

    assert_opens_as(&mut desk, &filling);
}

/// What was stored is what a form opens with, and nothing is different then.
fn assert_opens_as(desk: &mut Desk, filling: &Filling) {
    let opened = desk.open();
    assert_eq!(opened.changes(&desk.records), []);
    for name in
        ["family_name", "languages", "shared", "ok", "called", "kind", "wg", "day", "double", "derived"]
    {
        let value = |filling: &Filling| {
            let mut members: Vec<String> =
                filling.value(filling.named(name)[0]).split(' ').map(str::to_owned).collect();
            members.sort();
            members
        };
        assert_eq!(value(&opened), value(filling), "{name}");
    }
}

#[test]
fn only_what_is_different_is_written() {
    let mut desk = Desk::new(WORKER);
    let mut filling = desk.begin();
    desk.set(&mut filling, "size", 0, "4");
    desk.set(&mut filling, "languages", 0, "mlg fra");
    desk.set(&mut filling, "has", 0, "yes");
    desk.set(&mut filling, "what", 0, "a phone");
    desk.save(&filling);

    let mut filling = desk.open();
    desk.set(&mut filling, "size", 0, "");
    desk.set(&mut filling, "languages", 0, "fra");
    desk.set(&mut filling, "has", 0, "no");
    assert_eq!(filling.dropped().iter().map(|dropped| dropped.label.as_str()).collect::<Vec<_>>(), ["What"]);
    let changes = desk.save(&filling);
    assert_eq!(
        changes.iter().flat_map(texts).collect::<Vec<_>>(),
        ["has = Str(\"no\")", "double = Null", "size = Null", "what = Null", "languages/mlg -"]
    );
    assert_eq!(desk.open().changes(&desk.records), []);
}

#[test]
fn an_instance_that_is_taken_out_says_so_and_others_stay() {
    let mut desk = Desk::new(WORKER);
    let mut filling = desk.begin();
    desk.set(&mut filling, "called", 0, "Soa");
    desk.set(&mut filling, "kind", 0, "ball");
    let root = filling.root();
    filling.add(root, "child", &mut desk.world).expect("there is room");
    desk.set(&mut filling, "called", 1, "Koto");
    desk.save(&filling);

    let mut filling = desk.open();
    // Somebody else adds one, and a question of another form, while the form is open.
    let other = "child/ffffffff-0000-7000-8000-000000000000/called";
    let worker = desk.records.iter_mut().find(|record| record.target.record_type == "worker").expect("there");
    for (path, value) in [(other, "Lita"), ("of_another_form", "x")] {
        worker.values.insert(Path::new(path).expect("a path"), Value::str(value));
    }
    let children: Vec<Place> = filling.named("child");
    assert_eq!(children.len(), 2);
    filling.remove(children[0], &mut desk.world).expect("it is taken out");
    let changes = desk.save(&filling);
    let written: Vec<String> = changes.iter().flat_map(texts).collect();
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(written.iter().all(|text| text.ends_with("/_removed = Bool(true)")), "{written:?}");

    let filling = desk.open();
    let names: Vec<&str> = filling.named("called").into_iter().map(|place| filling.value(place)).collect();
    assert_eq!(names, ["Koto", "Lita"]);
    assert!(filling.named("kind").iter().all(|place| filling.value(*place).is_empty()));
    assert_eq!(filling.changes(&desk.records), []);
}

#[test]
fn what_is_odd_is_shown_as_it_is_and_not_written_again() {
    let mut desk = Desk::new(WORKER);
    let values = [("size", Value::str("many")), ("family_name", Value::Int(7)), ("rate", Value::Null)];
    let values = values.map(|(path, value)| (Path::new(path).expect("a path"), value));
    let target = RecordTarget { record_type: "worker".to_owned(), class: RecordClass::Core };
    desk.records = vec![StoredRecord { target, key: None, values: values.into_iter().collect() }];
    let filling = desk.open();
    assert_eq!(filling.value(filling.named("size")[0]), "many");
    assert_eq!(filling.value(filling.named("family_name")[0]), "7");
    assert_eq!(filling.value(filling.named("rate")[0]), "");
    assert_eq!(filling.changes(&desk.records), []);
}
