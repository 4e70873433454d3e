//! What merging costs: `cargo run --release -p fieldmerge-model --example timing`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a stopwatch that prints what it measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fieldmerge_model::cases::{Person, Rules, cases};
use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Save, Verdict};
use fieldmerge_protocol::{Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, Path, RecordId, Value};

struct AllHuman;

impl Rules for AllHuman {
    fn approvals(&self, _: &Path) -> Option<u8> {
        Some(1)
    }

    fn judge(&self, _: &Path, actor: Actor) -> Option<Person> {
        Some(Person::on_device(actor))
    }
}

fn actor(number: u32) -> Actor {
    let mut device = [7; 10];
    device[..4].copy_from_slice(&number.to_be_bytes());
    Actor::new(DeviceId(device), 0, Incarnation([1; 4]))
}

fn path(text: &str) -> Path {
    Path::new(text).expect("a valid path")
}

/// A registration of 45 operations.
fn registration(number: u32) -> Change {
    let names = [
        "worker_number",
        "family_name",
        "given_names",
        "known_as",
        "name_script",
        "sex",
        "birth_date",
        "birth_year",
        "birth_precision",
        "age_evidence",
        "phone",
        "phone_shared",
        "national_id_type",
        "residence_pcode",
        "residence_village",
        "preferred_language",
        "birth_country",
        "isced_level",
        "in_education_training",
        "labour_status_before",
        "languages/mlg",
        "languages/fra",
        "languages/eng",
        "site_id",
        "assignment_status",
        "employer_id",
        "isco08",
        "skill_class",
        "icse18",
        "written_contract",
        "contract_start",
        "contract_end",
        "pay_basis",
        "wage_rate",
        "hours_per_day",
        "social_insurance_employer",
        "paid_annual_leave",
        "paid_sick_leave",
        "employment_injury_cover",
        "informal_job",
        "supervisor_role",
        "consent_given",
    ];
    let value = |place: usize| match place % 4 {
        0 => Value::str(format!("Rasoanirina {number}")),
        1 => Value::Int(i64::from(number) + 1990),
        2 => Value::str("code_a"),
        _ => Value::Bool(true),
    };
    let mut id = [3; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let puts = names.iter().enumerate().map(|(place, name)| (path(name), value(place))).collect();
    let record = NewRecord {
        actor: actor(number % 50),
        time: 1_772_000_000_000 + i64::from(number) * 60_000,
        id: RecordId(id),
        record_type: "worker".into(),
        area: AreaId([4; 16]),
        subject: None,
        puts,
    };
    record.build().expect("a first change")
}

fn id_of(change: &Change) -> RecordId {
    let Some(Value::Bytes(bytes)) = change.ops.first().and_then(|op| match &op.action {
        fieldmerge_protocol::Action::Put(value) => Some(value.clone()),
        fieldmerge_protocol::Action::Delete => None,
    }) else {
        panic!("a record begins with its id")
    };
    RecordId(bytes.try_into().expect("sixteen bytes"))
}

fn provenance(number: u32) -> Provenance {
    let number = u64::from(number);
    Provenance {
        incarnation: Incarnation([1; 4]),
        frame: number / 500,
        position: number,
        received_ms: 1_772_000_000_000,
    }
}

fn print(what: &str, total: Duration, count: usize) {
    let count = u32::try_from(count).expect("a few thousand");
    let each = total.as_secs_f64() * 1e6 / f64::from(count);
    println!("{what:<60} {each:>10.2} µs");
}

/// A thing done to every item, the fastest of many short rounds: other work on the machine does not count.
fn each<T, R>(what: &str, items: &[T], mut act: impl FnMut(&T) -> R) {
    let mut best = Duration::MAX;
    let mut size = 1;
    for _ in 0..4 {
        for chunk in items.chunks(50) {
            let start = Instant::now();
            for item in chunk {
                black_box(act(item));
            }
            let elapsed = start.elapsed();
            if elapsed < best {
                (best, size) = (elapsed, chunk.len());
            }
        }
    }
    print(what, best, size);
}

fn save(number: u32, path_: &str, value: i64) -> Save {
    Save {
        actor: actor(number),
        time: 1_772_100_000_000,
        puts: vec![(path(path_), Value::Int(value))],
        deletes: vec![],
    }
}

fn join(state: &mut RecordState, change: &Change) {
    let hash = change.encode().1;
    assert_eq!(state.accept(change, hash, provenance(1)), Verdict::Applied);
}

fn main() {
    let changes: Vec<(Change, ChangeHash)> = (0..2_000)
        .map(registration)
        .map(|change| {
            let hash = change.encode().1;
            (change, hash)
        })
        .collect();
    let begin = |(change, hash): &(Change, ChangeHash)| {
        let mut state = RecordState::new(id_of(change));
        assert_eq!(state.accept(change, *hash, provenance(7)), Verdict::Applied);
        state
    };
    println!("operations of a registration: {}", changes[0].0.ops.len());
    each("accept a registration (the state dropped)", &changes, begin);
    let states: Vec<RecordState> = changes.iter().map(begin).collect();
    each("copy its state", &states, RecordState::clone);
    each("write its state", &states, RecordState::to_bytes);
    let stored: Vec<Vec<u8>> = states.iter().map(RecordState::to_bytes).collect();
    println!("bytes of its state: {}", stored[0].len());
    each("read its state", &stored, |bytes| RecordState::from_bytes(bytes).expect("ours"));
    each("its digest", &states, RecordState::digest);
    each("its cases (none)", &states, |state| cases(state, &AllHuman).len());
    each("rebuild its change", &states, |state| state.changes().count());

    let edits: Vec<(RecordState, Change, Change)> = states
        .iter()
        .map(|state| {
            let build =
                |number, value| state.build(&save(number, "birth_year", value)).expect("something to write");
            (state.clone(), build(60, 1), build(61, 2))
        })
        .collect();
    let hash = ChangeHash([1; 32]);
    let other = ChangeHash([2; 32]);
    each("build an edit", &states, |state| state.build(&save(60, "birth_year", 1)));
    each("copy a state, accept an edit at the heads", &edits, |(state, one, _)| {
        let mut state = state.clone();
        assert_eq!(state.accept(one, hash, provenance(8)), Verdict::Applied);
        state
    });
    each("copy a state, accept two concurrent edits", &edits, |(state, one, two)| {
        let mut state = state.clone();
        assert_eq!(state.accept(one, hash, provenance(8)), Verdict::Applied);
        assert_eq!(state.accept(two, other, provenance(9)), Verdict::Applied);
        state
    });
    let contested: Vec<RecordState> = edits
        .iter()
        .map(|(state, one, two)| {
            let mut state = state.clone();
            join(&mut state, one);
            join(&mut state, two);
            state
        })
        .collect();
    each("the case of a contested record", &contested, |state| cases(state, &AllHuman).len());
    let stored: Vec<Vec<u8>> = contested.iter().map(RecordState::to_bytes).collect();
    println!("bytes of a contested record's state: {}", stored[0].len());
    each("read a state, accept an edit, write it", &stored, |bytes| {
        let mut state = RecordState::from_bytes(bytes).expect("ours");
        let change = state.build(&save(62, "birth_year", 3)).expect("something to write");
        assert_eq!(state.accept(&change, ChangeHash([9; 32]), provenance(8)), Verdict::Applied);
        state.to_bytes()
    });
    large();
}

/// The largest records that the limits allow: what one change and one refusal can cost.
fn large() {
    let (change, hash) = (registration(1), registration(1).encode().1);
    let mut chain = RecordState::new(id_of(&change));
    chain.accept(&change, hash, provenance(1));
    for number in 0..9_000 {
        let change =
            chain.build(&save(number % 9, "birth_year", i64::from(number))).expect("something to write");
        join(&mut chain, &change);
    }
    let mut broad = RecordState::new(id_of(&change));
    broad.accept(&change, hash, provenance(1));
    let base = broad.clone();
    for number in 0..9_000 {
        let change =
            base.build(&save(number + 100, "birth_year", i64::from(number))).expect("something to write");
        join(&mut broad, &change);
    }
    for (what, state) in [("9,000 edits in a row", &chain), ("9,000 edits at once", &broad)] {
        let states = [state.clone()];
        println!("-- {what}");
        let bytes = [state.to_bytes()];
        println!("bytes of its state: {}", bytes[0].len());
        each("write its state", &states, RecordState::to_bytes);
        each("read its state", &bytes, |bytes| RecordState::from_bytes(bytes).expect("ours"));
        each("its cases", &states, |state| cases(state, &AllHuman).len());
        let late = base.build(&save(50_000, "birth_year", 5)).expect("something to write");
        let wrong = Change { ops: [late.ops.clone(), late.ops.clone()].concat(), ..late.clone() };
        each("copy it", &states, RecordState::clone);
        each("copy it, accept an edit of the first view", &states, |state| {
            assert_eq!(state.clone().accept(&late, ChangeHash([1; 32]), provenance(1)), Verdict::Applied);
        });
        each("copy it, refuse an edit of the first view", &states, |state| {
            state.clone().accept(&wrong, ChangeHash([1; 32]), provenance(1))
        });
    }
    let views = base.build(&save(50_001, "birth_year", 5)).expect("something to write");
    let repeated = (0..4_000u32).map(|place| {
        let pred = match place.checked_sub(1) {
            None => views.ops[0].pred.clone(),
            Some(before) => vec![views.op_id(before as usize)],
        };
        fieldmerge_protocol::Op { pred, ..views.ops[0].clone() }
    });
    let repeated = Change { ops: repeated.collect(), ..views.clone() };
    let mut wrong = repeated.clone();
    wrong.ops[3_999].pred.clear();
    let states = [broad];
    each("copy it, accept 4,000 writes of one path of the first view", &states, |state| {
        assert_eq!(state.clone().accept(&repeated, ChangeHash([1; 32]), provenance(1)), Verdict::Applied);
    });
    each("copy it, refuse 4,000 writes of one path of the first view", &states, |state| {
        state.clone().accept(&wrong, ChangeHash([1; 32]), provenance(1))
    });
}
