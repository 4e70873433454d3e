//! Standard output: text for people, or JSON.

use std::io::{self, Write};

use fieldmerge_model::types::date::format_moment;
use serde::Serialize;

use super::Failure;

/// Where the result of a command goes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text for people, or JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: itself as JSON, or the text that `text` makes of it.
    pub fn show<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let line = if self.json { serde_json::to_string(value)? } else { text(value) };
        print(&line)
    }

    /// Says on standard error why the command failed. A pipe that was closed cannot be told anything.
    pub fn fail(self, code: &str, message: &str) {
        let line = if self.json {
            serde_json::json!({ "error": code, "message": message }).to_string()
        } else {
            format!("error: {message}")
        };
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// Prints a line. A pipe that was closed wants no more of it.
pub fn print(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::about("cannot print the result".to_owned(), error))
        }
        _ => Ok(()),
    }
}

/// A word for a shell, in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Rows as text with aligned columns; a note where there are none.
pub fn table(heads: &[&str], rows: &[Vec<String>], none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut heads.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// A time for people.
pub fn moment(ms: i64) -> String {
    format_moment(ms).unwrap_or_else(|| ms.to_string())
}

/// A length of time such as `90d`, `12h` or `30m`, in milliseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a length of time such as 90d, 12h or 30m");
    let unit_ms = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if !(1..=100_000).contains(&count) {
        return Err(wrong());
    }
    Ok(count * unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(parse_duration("90d"), Ok(7_776_000_000));
        assert_eq!(parse_duration("30m"), Ok(1_800_000));
        for wrong in ["", "d", "90", "-1d", "0h", "1é", "999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["S1".to_owned(), "é".to_owned()], vec!["long".to_owned(), "b".to_owned()]];
        assert_eq!(table(&["CODE", "N"], &rows, "none"), "CODE  N\nS1    é\nlong  b");
        assert_eq!(table(&["CODE"], &[], "none"), "none");
    }
}
