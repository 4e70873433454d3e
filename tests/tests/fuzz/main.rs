//! What fuzzing found stays found: the kept inputs, honest ones, and some mutants of these. The search itself is
//! `tests/fuzz`.

use std::path::{Path, PathBuf};

use fieldmerge_tests::fuzz::mutants::Nursery;
use fieldmerge_tests::fuzz::{TARGETS, seeds};
use fieldmerge_tests::synthetic::People;
use minicbor::bytes::ByteVec;

/// How many mutants of each honest input are tried.
const MUTANTS: u32 = 400;

/// For each target the least of what fuzzing has found that takes every way which it has found: a list of byte strings in
/// CBOR, packed with zstd, for they are much alike. `KEEP=FOLDER` writes them anew, from a folder of inputs for each target
/// as `-set_cover_merge=1 -use_counters=0` of libFuzzer leaves them.
#[test]
fn every_kept_input_is_harmless() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    let anew = std::env::var_os("KEEP").map(PathBuf::from);
    for (name, check) in TARGETS {
        let file = kept.join(format!("{name}.cbor.zst"));
        if let Some(folder) = &anew {
            let list = minicbor::to_vec(inputs(&folder.join(name))).expect("bytes are CBOR");
            std::fs::write(&file, zstd::encode_all(&*list, 19).expect("it packs")).expect("it is kept");
        }
        let list = zstd::decode_all(std::fs::File::open(&file).expect(name)).expect("it unpacks");
        let inputs: Vec<ByteVec> = minicbor::decode(&list).expect("a list of byte strings");
        assert!(inputs.len() > 50, "{name}: {}", inputs.len());
        for input in &inputs {
            check(input);
        }
    }
}

/// The inputs of a folder, in the order of their names.
fn inputs(folder: &Path) -> Vec<ByteVec> {
    let entries = std::fs::read_dir(folder).expect("the folder reads");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry reads").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("the file reads").into()).collect()
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
