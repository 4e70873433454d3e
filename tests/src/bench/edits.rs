//! Edits of records that are stored already, some by two devices at a time.

use std::collections::BTreeMap;

use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Op, OpId, RecordClass, RecordId, Value};
use fieldmerge_tests::synthetic::path;

use super::author::{Author, Made};
use super::load::{PHONE_LEVEL, Work};
use super::million::ROUND_REQUESTS;
use super::rates::BATCH;

/// What is edited: two of five are decided by people when they are in conflict.
const FIELDS: [&str; 5] = ["phone", "residence_village", "isced_level", "family_name", "birth_year"];

/// A registration as far as it has to be known to edit it.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    record: RecordId,
    author: Actor,
    hash: ChangeHash,
    last_op: u64,
    fields: [u64; FIELDS.len()],
}

impl Kept {
    /// What there is to know of a registration.
    pub fn new(made: &Made) -> Self {
        let place = |name: &str| made.change.ops.iter().position(|op| op.path.as_str() == name);
        let counter = |name: &str| place(name).map_or(0, |place| made.change.op_id(place).counter);
        Self {
            record: made.record,
            author: made.change.actor,
            hash: made.hash,
            last_op: made.change.max_op(),
            fields: FIELDS.map(counter),
        }
    }
}

/// Prepares rounds of edits: of the devices, each in its own records, and of the `others`, one for each of them.
pub async fn prepare(authors: Vec<Author>, others: Vec<Author>, rounds: usize) -> Vec<(Author, Work)> {
    let tasks: Vec<_> = authors
        .into_iter()
        .zip(others)
        .map(|(author, other)| tokio::task::spawn_blocking(move || pair(author, other, rounds)))
        .collect();
    let (mut work, mut concurrent) = (Vec::new(), Vec::new());
    for task in tasks {
        let (first, second) = task.await.expect("packing does not fail");
        work.push(first);
        concurrent.push(second);
    }
    work.extend(concurrent);
    work
}

/// Rounds of edits of one device, and of another one that does not know of them.
fn pair(mut author: Author, mut other: Author, rounds: usize) -> ((Author, Work), (Author, Work)) {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let picked: Vec<(Kept, usize)> = (0..ROUND_REQUESTS * BATCH).map(|_| pick(&mut author)).collect();
        for batch in picked.chunks(BATCH) {
            own.push(vec![frame(&mut author, batch)]);
        }
        let some: Vec<(Kept, usize)> = picked.iter().step_by(ROUND_REQUESTS).copied().collect();
        others.push(vec![frame(&mut other, &some)]);
    }
    ((author, Work::Ready(own)), (other, Work::Ready(others)))
}

/// A record that was not edited yet, from anywhere in the database, and a field.
fn pick(author: &mut Author) -> (Kept, usize) {
    let left = u32::try_from(author.kept.len()).expect("some ten thousand");
    let place = author.people.below(left) as usize;
    let field = author.people.below(5) as usize;
    let kept = author.kept.swap_remove(place);
    // Not everybody has a telephone; everybody lives somewhere.
    (kept, if kept.fields[field] > 0 { field } else { 1 })
}

fn frame(author: &mut Author, edits: &[(Kept, usize)]) -> Vec<u8> {
    let made: Vec<Made> = edits.iter().map(|(kept, field)| edit(author, kept, *field)).collect();
    let known: BTreeMap<ChangeHash, (Actor, u64)> =
        edits.iter().map(|(kept, _)| (kept.hash, (kept.author, 1))).collect();
    author.frame(RecordClass::Core, &made, &known, PHONE_LEVEL)
}

fn edit(author: &mut Author, kept: &Kept, field: usize) -> Made {
    let number = author.people.below(10_000_000);
    let value = match field {
        0 => Value::str(format!("+26133{number:07}")),
        1 => Value::str(format!("Ampasika-{}", number % 40)),
        2 => Value::str((number % 9).to_string()),
        3 => Value::str(format!("Randria{}", number % 500)),
        _ => Value::Int(1930 + i64::from(number % 30)),
    };
    let actor = author.actor();
    let pred = vec![OpId { counter: kept.fields[field], actor: kept.author }];
    let change = Change {
        actor,
        seq: if actor == kept.author { 2 } else { 1 },
        start_op: kept.last_op + 1,
        time: author.tick(),
        deps: vec![kept.hash],
        ops: vec![Op { path: path(FIELDS[field]), action: Action::Put(value), pred }],
    };
    Made::new(kept.record, change)
}

/// A frame with an edit of each of so many records that the device remembers.
pub fn some(author: &mut Author, count: usize) -> Vec<u8> {
    let picked: Vec<(Kept, usize)> = (0..count.min(author.kept.len())).map(|_| pick(author)).collect();
    frame(author, &picked)
}
