//! Where things stand, how they are named and how long they are.

use std::collections::BTreeSet;

use crate::source::{code_only, ending, entries, files, none, root};

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;

/// The folders of the top level; architecture.md fixes them. Folders with a leading dot are settings.
const FOLDERS: [&str; 5] = ["client-sdk", "migrations", "protocol", "server", "tests"];
/// Settings that their tools look for at the top level and nowhere else.
const SETTINGS: [&str; 5] = ["Cargo.toml", "Cargo.lock", "clippy.toml", "deny.toml", "rustfmt.toml"];

#[test]
fn files_are_at_most_400_lines() {
    let long = files()
        .iter()
        .filter(|file| matches!(file.ending(), "rs" | "ts" | "mjs" | "svelte" | "kt" | "swift" | "py"))
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_FILE_LINES)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect::<Vec<_>>();
    none("Split these files: one holds one concept, in at most 400 lines.", &long);
}

#[test]
fn functions_are_at_most_70_lines() {
    let mut long = Vec::new();
    for file in files().iter().filter(|file| file.ending() == "rs") {
        for (name, line, length) in functions(&code_only(&file.text)) {
            if length > MAX_FUNCTION_LINES {
                long.push(format!("{}:{line}: {name} has {length} lines", file.path));
            }
        }
    }
    none("Split these functions: a reader sees at most 70 lines at once.", &long);
}

/// Name, first line and number of lines of every function that has a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        if code[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let name: String =
            code[start + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(body) = body(&code[start..]).filter(|_| !name.is_empty()) {
            let lines = code[start..start + body].lines().count();
            found.push((name, code[..start].matches('\n').count() + 1, lines));
        }
    }
    found
}

/// How many bytes a function takes that starts here; nothing if it has no body.
fn body(code: &str) -> Option<usize> {
    let mut round = 0_i32;
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b';' if round == 0 && depth == 0 => return None,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth <= 0 {
                    return (depth == 0).then_some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn the_scan_measures_functions() {
    let code = "trait T {\n fn none(&self) -> [u8; 2];\n fn two(x: [u8; 2]) {\n }\n}\nfn three()\n{\n if a { b }\n}\n";
    let found = functions(code);
    assert_eq!(found, [("two".to_owned(), 3, 2), ("three".to_owned(), 5 + 1, 4)]);
}

#[test]
fn the_top_level_holds_only_the_fixed_folders() {
    let mut strangers = Vec::new();
    for path in entries(root()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = name.starts_with('.')
            || if path.is_dir() {
                name == "target" || FOLDERS.contains(&name.as_str())
            } else {
                name == "LICENSE" || SETTINGS.contains(&name.as_str()) || ending(&name) == "md"
            };
        if !known {
            strangers.push(name);
        }
    }
    none("These do not belong at the top level; each has a place in one of its folders.", &strangers);
}

#[test]
fn no_file_is_named_after_nothing() {
    let vague = files()
        .iter()
        .filter(|file| {
            file.path.to_lowercase().split(['/', '.', '_', '-']).any(|word| {
                ["manager", "managers", "util", "utils", "helper", "helpers", "misc"].contains(&word)
            })
        })
        .map(|file| file.path.clone())
        .collect::<Vec<_>>();
    none("Name these after what they hold.", &vague);
}

#[test]
fn migrations_stand_in_both_databases() {
    let names = |database: &str| -> BTreeSet<String> {
        entries(&root().join("migrations").join(database))
            .iter()
            .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect()
    };
    let odd: Vec<String> = names("sqlite").symmetric_difference(&names("postgres")).cloned().collect();
    none("Each migration has one file for SQLite and one of the same name for PostgreSQL.", &odd);
}

#[test]
fn links_in_prose_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.ending() == "md") {
        let folder = root().join(&file.path).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for link in links(&file.text) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !folder.join(target).exists() {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    none("These links lead nowhere.", &broken);
}

/// The relative link targets of a Markdown text, code left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second part stands between backticks.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (start, _) in prose.match_indices("](") {
            let target = prose[start + 2..].split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}
