//! The shared vectors, answered natively. `tests/wasm/check.mjs` compares the same file with the answers of the
//! WebAssembly module, so a browser and a server cannot come to differ in one byte.
//!
//! `BLESS=1 cargo test -p fieldmerge-wasm-vectors` writes the answers of today's code into the file.

use std::path::Path;

use serde_json::Value;

#[test]
fn the_native_answers_are_the_expected_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors.json");
    let text = std::fs::read_to_string(&path).expect("the vectors are a file of the repository");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("the vectors are a JSON list");
    let answers = fieldmerge_wasm_vectors::answers(&text);
    for (index, vector) in vectors.iter().enumerate() {
        assert!(answers[index]["error"].is_null(), "{}: {}", vector["name"], answers[index]);
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, written(&vectors, &answers)).expect("the vectors can be written");
        return;
    }
    for (index, vector) in vectors.iter().enumerate() {
        let hint = "if this is meant: BLESS=1 cargo test -p fieldmerge-wasm-vectors, then read the diff";
        assert_eq!(answers[index], vector["expected"], "{}; {hint}", vector["name"]);
    }
}

/// The file: three lines for each vector, so that a change of what is expected shows as one line.
fn written(vectors: &[Value], answers: &Value) -> String {
    let vector = |(index, vector): (usize, &Value)| {
        let (name, given, expected) = (&vector["name"], &vector["given"], &answers[index]);
        format!("{{ \"name\": {name},\n  \"given\": {given},\n  \"expected\": {expected} }}")
    };
    format!("[\n{}\n]\n", vectors.iter().enumerate().map(vector).collect::<Vec<_>>().join(",\n"))
}
