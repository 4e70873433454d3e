//! Words that must not stand in a file.

use crate::source::{File, code_only, files, none};

/// Reports each line of the chosen files that holds one of the words as a whole word.
fn findings(files: &[File], chosen: impl Fn(&File) -> bool, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| chosen(file)) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| holds(line, word)) {
                found.push(format!("{}:{}: {word}", file.path, index + 1));
            }
        }
    }
    found
}

/// Whether the line holds the word, not as a part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let longer_before = word.starts_with(part) && line[..start].ends_with(part);
        let longer_after = word.ends_with(part) && line[start + word.len()..].starts_with(part);
        !longer_before && !longer_after
    })
}

/// Joins the halves of words, so that this file does not hold what it forbids.
fn words(halves: &[(&str, &str)]) -> Vec<String> {
    halves.iter().map(|(left, right)| format!("{left}{right}")).collect()
}

fn is_locked(file: &File) -> bool {
    file.path.ends_with("Cargo.lock") || file.path.ends_with("package-lock.json")
}

#[test]
fn nothing_is_left_for_later() {
    let words = words(&[("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("todo", "!("), ("unimpl", "emented!(")]);
    let source = |file: &File| !is_locked(file) && file.ending() != "psv";
    none("Do it, or file an issue.", &findings(&files(), source, &words));
}

#[test]
fn no_test_is_switched_off() {
    let words = words(&[("#[ig", "nore"), ("test.sk", "ip("), ("it.sk", "ip("), ("describe.sk", "ip(")]);
    none("Mend the test or delete it.", &findings(&files(), |file| !is_locked(file), &words));
}

#[test]
fn no_registry_is_named() {
    let words = words(&[
        ("crates", ".io"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("deb.deb", "ian.org"),
        ("security.deb", "ian.org"),
        ("static.rust-", "lang.org"),
    ]);
    // Cargo writes the name of its registry into its lock files; nobody can leave it out there.
    let chosen = |file: &File| !file.path.ends_with("Cargo.lock");
    let rule = "Registries are a matter of each machine's own settings: package names are enough.";
    none(rule, &findings(&files(), chosen, &words));
}

#[test]
fn no_path_of_one_machine_is_named() {
    let mut found = Vec::new();
    for file in files() {
        for (index, line) in file.text.lines().enumerate() {
            for folder in
                words(&[("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("/tm", "p/fm")])
            {
                // A path of one machine starts there; one inside the tree, an address and XPath's `instance('a')/…` do not.
                let absolute = line.match_indices(&folder).any(|(start, _)| {
                    !line[..start].ends_with(|c: char| c.is_alphanumeric() || "_-.~}/*:)".contains(c))
                });
                if absolute {
                    found.push(format!("{}:{}: {folder}", file.path, index + 1));
                }
            }
        }
    }
    none("Name folders from the root of the repository, or take them from the environment.", &found);
}

#[test]
fn ids_come_from_the_injected_generator() {
    let words = words(&[("Uuid::new_", "v4"), ("Uuid::now_", "v7")]);
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.ending() == "rs") {
        for (index, line) in code_only(&file.text).lines().enumerate() {
            if let Some(word) = words.iter().find(|word| holds(line, word)) {
                found.push(format!("{}:{}: {word}", file.path, index + 1));
            }
        }
    }
    none("Make ids from the injected random source: tests and replays depend on it.", &found);
}
