//! What fuzzing found stays found: the kept inputs, honest ones, and some mutants of these. The search itself is
//! `tests/fuzz`.

use std::path::{Path, PathBuf};
use std::process::Command;

use fieldmerge_tests::fuzz::{TARGETS, seeds};
use fieldmerge_tests::synthetic::People;
use minicbor::bytes::ByteVec;
use serde_json::Value;

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

/// `mutants 1000000` tries more, and fails where one takes long, which a machine that tests may be.
#[test]
fn no_mutant_is_accepted_that_automerge_would_not_and_none_costs_much_memory() {
    let told = Command::new(env!("CARGO_BIN_EXE_mutants")).args(["30000", "7"]).output().expect("it runs");
    let told: Value = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&told.stderr)));
    assert_eq!(told["made"], 30_000);
    for verdict in
        ["applied", "duplicate", "forked", "held", "bad-pred", "bad-seq", "bad-start-op", "bad-entry"]
    {
        assert!(told["verdicts"][verdict].is_u64(), "no mutant was {verdict}: {told}");
    }
    assert!(told["most_bytes"].as_u64().is_some_and(|bytes| bytes <= 64 << 20), "{told}");
}
