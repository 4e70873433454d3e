//! What the device prints: text for people, or JSON.

use std::io::Write;

use fieldmerge_sdk::Value;
use serde_json::Value as Json;

use super::Failure;

/// Where the result of a command goes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON was asked for.
    pub json: bool,
}

impl Output {
    /// Prints a result. A pipe that was closed wants no more of it.
    pub fn show(self, json: &Json, text: impl FnOnce() -> String) {
        let line = if self.json { json.to_string() } else { text() };
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// Says on standard error why the command failed.
    pub fn fail(self, failure: &Failure) {
        let line = if self.json {
            serde_json::json!({ "error": failure.code(), "message": failure.to_string() }).to_string()
        } else {
            format!("error: {failure}")
        };
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
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
        Json::String(text) => text,
        Json::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

/// Lines of aligned columns, or a note where there are none.
pub fn table(rows: &[Vec<String>], none: &str) -> String {
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
