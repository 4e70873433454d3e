//! Which crate may depend on which, read from cargo itself.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::source::{code_only, files, none, root};

/// What each crate of the workspace may depend on, the tests' own crates left out: they may depend on all.
const MAY: [(&str, &[&str]); 9] = [
    ("fieldmerge-protocol", &[]),
    ("fieldmerge-model", &["fieldmerge-protocol"]),
    ("fieldmerge-store", &["fieldmerge-protocol", "fieldmerge-model"]),
    ("fieldmerge-indicators", &["fieldmerge-protocol", "fieldmerge-model"]),
    ("fieldmerge-export", &["fieldmerge-protocol", "fieldmerge-model"]),
    ("fieldmerge-engine", &["fieldmerge-protocol", "fieldmerge-model"]),
    ("fieldmerge-sdk", &["fieldmerge-protocol", "fieldmerge-model", "fieldmerge-engine"]),
    ("fieldmerge-ffi", &["fieldmerge-sdk"]),
    (
        "fieldmerge-server",
        &[
            "fieldmerge-protocol",
            "fieldmerge-model",
            "fieldmerge-store",
            "fieldmerge-indicators",
            "fieldmerge-export",
            // For the demo alone, see `the_server_uses_the_sdk_only_in_the_demo`.
            "fieldmerge-sdk",
        ],
    ),
];

/// Crates of the outside world that only these crates of ours may name in their own dependencies.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("sqlx", &["fieldmerge-store", "fieldmerge-sdk"]),
    ("axum", &["fieldmerge-server"]),
    ("tower-http", &["fieldmerge-server"]),
    ("utoipa-axum", &["fieldmerge-server"]),
    ("clap", &["fieldmerge-server", "fieldmerge-sdk"]),
    ("reqwest", &["fieldmerge-sdk"]),
];

/// What the crates that phones run must not reach, however far down, on any target.
const NOT_ON_PHONES: [&str; 5] = ["tokio", "sqlx", "reqwest", "hyper", "automerge"];
/// What they must not reach in a browser besides: C, and randomness that nobody injected.
const NOT_IN_BROWSERS: [&str; 4] = ["getrandom", "zstd-sys", "aws-lc-sys", "ring"];

struct Crate {
    name: String,
    /// (name, whether it is a normal or build dependency)
    dependencies: Vec<(String, bool)>,
}

impl Crate {
    fn is_for_tests(&self) -> bool {
        matches!(self.name.as_str(), "fieldmerge-tests" | "fieldmerge-wasm-vectors")
    }

    /// What stands in the shipped code.
    fn shipped(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|(_, shipped)| *shipped).map(|(name, _)| name.as_str())
    }
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output();
    let output = output.expect("cargo runs this test, so it can be started");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn crates() -> Vec<Crate> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--no-deps"]))
        .expect("cargo metadata writes JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| Crate {
            name: text(&package["name"]),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|dependency| (text(&dependency["name"]), dependency["kind"] != "dev"))
                .collect(),
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let may: BTreeMap<&str, &[&str]> = MAY.into_iter().collect();
    let mut wrong = Vec::new();
    for one in crates().iter().filter(|one| !one.is_for_tests()) {
        let Some(allowed) = may.get(one.name.as_str()) else {
            wrong.push(format!("{}: say in this test what it may depend on", one.name));
            continue;
        };
        for name in one.shipped().filter(|name| name.starts_with("fieldmerge-")) {
            if !allowed.contains(&name) {
                wrong.push(format!("{} → {name}", one.name));
            }
        }
    }
    none(
        "protocol ← model ← {store, indicators, export, engine}; engine ← sdk ← ffi; server above store.",
        &wrong,
    );
}

#[test]
fn nothing_depends_on_the_tests() {
    let mut wrong = Vec::new();
    for one in crates().iter().filter(|one| !one.is_for_tests()) {
        for (name, _) in &one.dependencies {
            if matches!(name.as_str(), "fieldmerge-tests" | "fieldmerge-wasm-vectors") {
                wrong.push(format!("{} → {name}", one.name));
            }
        }
    }
    none("Tests know everything; nothing knows the tests.", &wrong);
}

#[test]
fn the_server_uses_the_sdk_only_in_the_demo() {
    let outside = |path: &str| path.starts_with("server/src/") && !path.contains("/demo");
    let wrong: Vec<String> = files()
        .iter()
        .filter(|file| outside(&file.path) && code_only(&file.text).contains("fieldmerge_sdk"))
        .map(|file| file.path.clone())
        .collect();
    none("A server that serves knows no device from the inside; only the demo plays some.", &wrong);
}

#[test]
fn heavy_crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for one in crates().iter().filter(|one| !one.is_for_tests()) {
        for name in one.shipped() {
            if ONLY_IN.iter().any(|(heavy, owners)| *heavy == name && !owners.contains(&one.name.as_str())) {
                wrong.push(format!("{} → {name}", one.name));
            }
        }
    }
    none("Go through the crate that owns this dependency.", &wrong);
}

#[test]
fn what_phones_run_is_pure() {
    let mut wrong = Vec::new();
    for name in ["fieldmerge-protocol", "fieldmerge-model", "fieldmerge-engine"] {
        wrong.extend(reached(name, &[], &NOT_ON_PHONES));
        let browser = ["--target", "wasm32-unknown-unknown", "--no-default-features"];
        wrong.extend(reached(name, &browser, &[NOT_ON_PHONES.as_slice(), &NOT_IN_BROWSERS].concat()));
    }
    none("protocol, model and engine run in a browser: no IO, no C, no randomness of their own.", &wrong);
}

/// Which of the banned crates the shipped code of a crate reaches, and the command that shows how.
fn reached(name: &str, chosen: &[&str], banned: &[&str]) -> Vec<String> {
    let command = [&["tree", "-e", "normal", "-p", name], chosen].concat();
    let tree = cargo(&[command.as_slice(), &["--prefix", "none", "--format", "{p}"]].concat());
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found = banned.iter().filter(|one| crates.contains(*one));
    found.map(|one| format!("{name} reaches {one}: cargo {} -i {one}", command.join(" "))).collect()
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let wrong = files()
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml") && file.path != "tests/wasm/Cargo.toml")
        // What another compiler builds is no part of the workspace.
        .filter(|file| !file.text.contains("\n[workspace]"))
        .filter(|file| !file.text.replace(' ', "").contains("[lints]\nworkspace=true"))
        .map(|file| file.path.clone())
        .collect::<Vec<_>>();
    none("Add `[lints] workspace = true`.", &wrong);
}
