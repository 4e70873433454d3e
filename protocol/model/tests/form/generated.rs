//! Forms made by chance: what was calculated step by step is what a calculation from nothing gives, whatever the order of
//! the answers, and nothing that is done to a form makes it panic.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::{Filling, Place, RecordChange, Refusal, StoredRecord};
use proptest::prelude::*;

use super::chance::{Maker, Tape, act, questions};
use super::told::compiled;
use super::world::Fixed;

/// All places in order, with what holds there; of what does not apply only that. Instances that are too many may stay
/// from what was answered before, so the `whole` state tells of them and the other does not.
fn state(filling: &Filling, whole: bool) -> Vec<(String, bool, String)> {
    let mut all = Vec::new();
    let mut open = vec![filling.root()];
    while let Some(place) = open.pop() {
        let name = filling.element(place).map(|element| element.name.clone()).unwrap_or_default();
        let relevant = filling.is_relevant(place);
        let value = if relevant { filling.value(place).to_owned() } else { String::new() };
        if whole || relevant {
            all.push((name, relevant, value));
        }
        open.extend(filling.children(place).into_iter().rev());
    }
    all
}

/// What was answered, of what applies.
fn answers(filling: &Filling) -> Vec<(String, bool, String)> {
    state(filling, false).into_iter().filter(|(.., value)| !value.is_empty()).collect()
}

/// Stores changes, as a server would.
pub fn store(records: &mut Vec<StoredRecord>, changes: Vec<RecordChange>) {
    for RecordChange { target, key, values, removes } in changes {
        let known = |record: &StoredRecord| record.target == target && record.key == key;
        let at = records.iter().position(known).unwrap_or_else(|| {
            records.push(StoredRecord {
                target: target.clone(),
                key: key.clone(),
                ..StoredRecord::default()
            });
            records.len() - 1
        });
        records[at].values.extend(values);
        for path in removes {
            records[at].values.remove(&path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_is_as_from_nothing(
        form in prop::collection::vec(any::<u8>(), 0..200),
        acts in prop::collection::vec(prop::collection::vec(any::<u8>(), 4), 1..25),
    ) {
        let text = Maker::form(&mut Tape::new(form));
        let mut world = Fixed::default();
        let mut filling = Filling::begin(compiled(&text), 0, BTreeMap::new(), &mut world);
        for act_of in acts {
            let Some(act) = act(&filling, &mut Tape::new(act_of)) else { return Ok(()) };
            let _: Result<(), Refusal> = act.apply(&mut filling, &mut world);
            let complaints = filling.complaints(&mut world);
            prop_assert!(complaints.iter().all(|found| filling.is_relevant(found.place)));
            let mut fresh = filling.clone();
            fresh.recalculate(&mut world);
            prop_assert_eq!(state(&filling, true), state(&fresh, true), "{}\nafter {:?}", text, act);
            prop_assert!(filling.failures().is_empty(), "{:?}", filling.failures());
        }
    }

    /// What a form writes is what it opens with, and then there is nothing to write.
    #[test]
    fn records_keep_what_was_answered(
        form in prop::collection::vec(any::<u8>(), 0..200),
        acts in prop::collection::vec(prop::collection::vec(any::<u8>(), 4), 1..25),
        more in prop::collection::vec(prop::collection::vec(any::<u8>(), 4), 1..10),
    ) {
        let text = Maker::form(&mut Tape::new(form));
        let form = compiled(&text);
        let mut world = Fixed::default();
        let mut filling = Filling::begin(form.clone(), 0, BTreeMap::new(), &mut world);
        let mut records: Vec<StoredRecord> = Vec::new();
        for acts in [acts, more] {
            for act_of in acts {
                let Some(act) = act(&filling, &mut Tape::new(act_of)) else { return Ok(()) };
                let _: Result<(), Refusal> = act.apply(&mut filling, &mut world);
            }
            let changes = filling.changes(&records);
            store(&mut records, changes);
            prop_assert_eq!(filling.changes(&records), vec![], "{}", text);
            let opened = Filling::open(form.clone(), 0, &records, BTreeMap::new(), &mut world);
            prop_assert_eq!(opened.changes(&records), vec![], "{}", text);
            prop_assert_eq!(answers(&filling), answers(&opened), "{}", text);
            filling = opened;
        }
    }

    #[test]
    fn the_order_of_answers_does_not_matter(
        form in prop::collection::vec(any::<u8>(), 0..200),
        answers in prop::collection::vec(0_u8..6, 40),
        order in prop::collection::vec(any::<u8>(), 40),
    ) {
        let text = Maker::form(&mut Tape::new(form));
        let form = compiled(&text);
        let mut world = Fixed::default();
        let fill = |order: &[u8]| {
            let mut world = Fixed::default();
            let mut filling = Filling::begin(form.clone(), 0, BTreeMap::new(), &mut world);
            let mut places: Vec<(u8, Place, u8)> = questions(&filling)
                .into_iter()
                .zip(answers.iter().cycle().zip(order.iter().cycle()))
                .map(|(place, (answer, order))| (*order, place, *answer))
                .collect();
            places.sort();
            for (_, place, answer) in places {
                let _: Result<(), Refusal> = filling.answer(place, &answer.to_string(), &mut world);
            }
            filling
        };
        let counted = fill(&[0]);
        let other = fill(&order);
        prop_assert_eq!(state(&counted, false), state(&other, false), "{}", text);
        let mut fresh = other.clone();
        fresh.recalculate(&mut world);
        prop_assert_eq!(state(&other, true), state(&fresh, true), "{}", text);
    }
}
