//! What the device prints: text for people, or JSON.

use std::io::{self, Write};
use std::path::Path;

use fieldmerge_sdk::Value;
use serde_json::Value as Json;

use super::Failure;

/// Where the result of a command goes.
#[derive(Debug, Clone)]
pub struct Output {
    /// JSON was asked for.
    pub json: bool,
    /// The program with its folder, as commands to be copied begin.
    pub program: String,
}

impl Output {
    /// The output of a command on this folder.
    pub fn new(json: bool, folder: &Path) -> Self {
        Self { json, program: format!("fieldmerge-device --folder {}", quoted(&folder.to_string_lossy())) }
    }

    /// Prints a result. A pipe that was closed wants no more of it.
    pub fn show(&self, json: &Json, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let line = if self.json { json.to_string() } else { text() };
        let mut out = io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(()),
        }
    }

    /// Says on standard error why the command failed.
    pub fn fail(&self, failure: &Failure) {
        fail(self.json, failure.code(), &failure.to_string());
    }
}

/// Says on standard error why something failed. Nobody can be told if that fails too.
pub fn fail(json: bool, code: &str, message: &str) {
    let line = if json {
        serde_json::json!({ "error": code, "message": message }).to_string()
    } else {
        format!("error: {}", escaped(message))
    };
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A value as JSON; bytes in hexadecimal.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(answer) => (*answer).into(),
        Value::Int(number) | Value::Timestamp(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::F64(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Bytes(bytes) => hexadecimal(bytes).into(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A value for people.
pub fn plain(value: &Value) -> String {
    match json(value) {
        Json::String(text) => escaped(&text),
        Json::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

/// A text without characters that steer a terminal or turn the direction of writing: those are spelt out.
pub fn escaped(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// A word for a shell, in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// So many of a thing: `1 change`, `2 changes`.
pub fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Lines of aligned columns, or a note where there are none.
pub fn table(rows: &[Vec<String>], none: &str) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    if rows.is_empty() { none.to_owned() } else { rows.iter().map(line).collect::<Vec<_>>().join("\n") }
}
