//! What fuzzing found stays found: the kept inputs, honest ones, and some mutants of these. The search itself is
//! `tests/fuzz`.

use std::path::Path;

use fieldmerge_tests::fuzz::mutants::Nursery;
use fieldmerge_tests::fuzz::{TARGETS, seeds};
use fieldmerge_tests::synthetic::People;

/// How many mutants of each honest input are tried.
const MUTANTS: u32 = 400;

#[test]
fn every_kept_input_is_harmless() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    for (name, check) in TARGETS {
        for entry in std::fs::read_dir(folder.join(name)).into_iter().flatten() {
            let file = entry.expect("the folder reads").path();
            check(&std::fs::read(&file).expect("the file reads"));
        }
    }
}

#[test]
fn honest_inputs_and_their_mutants_are_harmless() {
    let mut people = People::new(1);
    for (name, check) in TARGETS {
        for honest in seeds::of(name) {
            check(&honest);
            for _ in 0..MUTANTS {
                let mut mutant = honest.clone();
                for _ in 0..=people.below(3) {
                    let at = people.below(u32::try_from(mutant.len()).expect("short")) as usize;
                    match people.below(4) {
                        0 => mutant[at] ^= 1 << people.below(8),
                        1 => mutant[at] = people.below(256).to_le_bytes()[0],
                        2 => mutant.insert(at, people.below(256).to_le_bytes()[0]),
                        _ if mutant.len() > 1 => mutant.truncate(at.max(1)),
                        _ => {}
                    }
                }
                check(&mutant);
            }
        }
    }
}

/// `mutants 1000000` tries more, and prints what one costs at most.
#[test]
fn records_accept_no_mutant_that_automerge_would_not() {
    let tally = Nursery::new(16).raise(7, 20_000, |_| {});
    assert_eq!(tally.made, 20_000);
    for verdict in ["applied", "duplicate", "forked", "held", "bad-pred", "bad-seq", "bad-start-op"] {
        assert!(tally.verdicts.contains_key(verdict), "no mutant was {verdict}: {tally:?}");
    }
}
