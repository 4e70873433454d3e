//! The README of the crate says what of XLSForm is read, in tables that are made of the code.
//!
//! `BLESS=1 cargo test -p fieldmerge-model --test form readme` writes them.

use std::fmt::Write as _;

use fieldmerge_model::form::import::{
    Feature, Said, appearances, columns, parameters, question_types, settings,
};
use fieldmerge_model::xpath::functions;

const BEGIN: &str = "<!-- made by tests/form/readme.rs -->\n";

fn code(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn features(of: &[Feature], head: &str) -> String {
    let mut text = format!("| {head} | also written | |\n|---|---|---|\n");
    for feature in of {
        let instead = match &feature.instead {
            None => String::new(),
            Some(Said::Told(english, _)) => format!("not read. {english}"),
            Some(other) => format!("not read. {other:?}"),
        };
        let _ = writeln!(text, "| `{}` | {} | {instead} |", feature.name, code(&feature.also));
    }
    text
}

fn tables() -> String {
    let mut text = BEGIN.to_owned();
    let _ = write!(text, "\n### Question types\n\n{}", features(&question_types(), "type"));
    let _ = write!(text, "\n### Columns\n\n{}", features(&columns(), "column"));
    let _ = write!(text, "\n### Settings\n\n{}", features(&settings(), "setting"));
    let _ = write!(text, "\n### Appearances\n\n{}", features(&appearances(), "appearance"));
    text.push_str("\n### Parameters\n\n| type | read | without effect |\n|---|---|---|\n");
    for (of, read, ignored) in parameters() {
        let _ = writeln!(text, "| {of} | {} | {} |", code(read), code(ignored));
    }
    text.push_str("\n### Functions\n\nWith the numbers of arguments that each takes.\n\n");
    let functions = functions().map(|(name, least, most)| match most {
        Some(most) if most == least => format!("`{name}` {least}"),
        Some(most) => format!("`{name}` {least}–{most}"),
        None => format!("`{name}` {least} or more"),
    });
    text.push_str(&functions.collect::<Vec<_>>().join(" · "));
    text.push('\n');
    text
}

#[test]
fn the_readme_says_what_the_code_reads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("the README is there");
    let (before, _) = readme.split_once(BEGIN).expect("the tables have their place");
    let expected = format!("{before}{}", tables());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &expected).expect("the README can be written");
    }
    assert!(readme == expected, "write it: BLESS=1 cargo test -p fieldmerge-model --test form readme");
}
