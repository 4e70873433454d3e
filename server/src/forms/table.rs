//! Workbooks as text: one table with the name of the sheet in its first column, or the tables of a Markdown text.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::import::is_read;
use fieldmerge_model::form::{Row, Sheet, Workbook};

use super::{MAX_CELLS, WorkbookError};

/// What separates cells: a comma, a semicolon where the comma is that of numbers, a tab.
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// In how many lines they are looked for.
const FIRST_LINES: usize = 20;
/// The most lines: what a sheet of a spreadsheet has.
const MAX_LINES: usize = 1 << 20;

/// Reads a text as the sheets of a form.
pub(super) fn read(bytes: &[u8], name: &str) -> Result<Workbook, WorkbookError> {
    let text = table_text(bytes)?;
    if let Some(workbook) = markdown(&text, name)? {
        return Ok(workbook);
    }
    let workbook = Workbook::from_rows(separated(&text)?);
    let is_table = workbook.sheets.iter().any(|sheet| is_read(&sheet.name));
    if !is_table && workbook.sheets.first().is_some_and(|sheet| sheet.name.eq_ignore_ascii_case("type")) {
        return Err(WorkbookError::OneSheet);
    }
    Ok(workbook)
}

/// Reads a text as one sheet without a name; the tables of a Markdown text as those that it names.
pub(super) fn read_one(bytes: &[u8], name: &str) -> Result<Workbook, WorkbookError> {
    let text = table_text(bytes)?;
    if let Some(workbook) = markdown(&text, name)? {
        return Ok(workbook);
    }
    let rows = separated(&text)?.into_iter().zip(1..).filter(|(cells, _)| !cells.is_empty());
    let rows = rows.map(|(cells, number)| Row { number, cells }).collect();
    Ok(Workbook { sheets: vec![Sheet { name: String::new(), rows }] })
}

/// What a file says that may hold a table.
fn table_text(bytes: &[u8]) -> Result<Cow<'_, str>, WorkbookError> {
    let text = decode(bytes)?;
    let begin = text.trim_start();
    if begin.is_empty() {
        return Err(WorkbookError::Empty);
    }
    if begin.starts_with("<?xml") {
        return Err(WorkbookError::Xml);
    }
    if begin.starts_with('<') {
        return Err(WorkbookError::Html);
    }
    // So does UTF-16 without its mark read as UTF-8.
    if text.contains('\0') {
        return Err(WorkbookError::Encoding);
    }
    Ok(text)
}

/// The tables of a Markdown text; nothing of another text.
fn markdown(text: &str, name: &str) -> Result<Option<Workbook>, WorkbookError> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_named = ["md", "markdown"].iter().any(|known| known.eq_ignore_ascii_case(ending));
    if !is_named && !text.trim_start().starts_with('|') {
        return Ok(None);
    }
    check_size(text, '|')?;
    Ok(Some(Workbook::from_markdown(text)))
}

/// The rows of a text whose cells are separated.
fn separated(text: &str) -> Result<Vec<Vec<String>>, WorkbookError> {
    let separator = separator(text).ok_or(WorkbookError::NoTable)?;
    check_size(text, separator)?;
    rows(text, separator)
}

/// Reads a table that a form looks things up in: the first line names its columns.
pub(super) fn read_table(bytes: &[u8]) -> Result<Table, WorkbookError> {
    let text = decode(bytes)?;
    // A list may have one column only.
    let separator = separator(&text).unwrap_or(',');
    check_size(&text, separator)?;
    let mut rows = rows(&text, separator)?.into_iter().filter(|row| !row.is_empty());
    let columns: Vec<String> = rows.next().ok_or(WorkbookError::Empty)?;
    let columns: Vec<String> = columns.iter().map(|name| name.trim().to_owned()).collect();
    let rows = rows.map(|mut row| {
        row.resize(columns.len(), String::new());
        row
    });
    Ok(Table { rows: rows.collect(), columns })
}

/// The text: UTF-8, or UTF-16 that begins with its mark.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, WorkbookError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
        text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        _ => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    };
    // What is no text in any encoding holds zeros; UTF-16 has one beside its first letter, or a mark.
    let is_text =
        !bytes.contains(&0) || matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]);
    text.ok_or(if is_text { WorkbookError::Encoding } else { WorkbookError::NoTable })
}

fn check_size(text: &str, separator: char) -> Result<(), WorkbookError> {
    let lines = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    if lines > MAX_LINES || text.matches(separator).count() > MAX_CELLS {
        return Err(WorkbookError::TooManyCells);
    }
    Ok(())
}

/// What separates the cells: what the first line with an empty first cell begins with, as all do that begin no sheet;
/// else what is most frequent.
fn separator(text: &str) -> Option<char> {
    let lines = || text.split(['\r', '\n']).filter(|line| !line.is_empty()).take(FIRST_LINES);
    let begins = lines().find_map(|line| {
        let line = line.strip_prefix("\"\"").unwrap_or(line);
        SEPARATORS.into_iter().find(|separator| line.starts_with(*separator))
    });
    let count = |separator: &char| lines().map(|line| line.matches(*separator).count()).sum::<usize>();
    begins.or_else(|| SEPARATORS.into_iter().rev().max_by_key(count).filter(|most| count(most) > 0))
}

/// The rows with their cells. Blank lines, which the reader leaves out, are rows without any, as a spreadsheet counts them.
fn rows(text: &str, separator: char) -> Result<Vec<Vec<String>>, WorkbookError> {
    let separator = u8::try_from(separator).map_err(|_| WorkbookError::NoTable)?;
    let mut builder = ReaderBuilder::new();
    let mut reader =
        builder.has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    let mut from = 0;
    while reader.read_record(&mut record).map_err(|_| WorkbookError::NoTable)? {
        let to = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        rows.extend(std::iter::repeat_n(Vec::new(), blank_lines(text, from, to)));
        let used = record
            .iter()
            .zip(1..)
            .filter(|(cell, _)| !cell.trim().is_empty())
            .last()
            .map_or(0, |(_, used)| used);
        rows.push(record.iter().take(used).map(str::to_owned).collect());
        from = to;
    }
    Ok(rows)
}

/// How many blank lines stand before the record between two places of a text.
fn blank_lines(text: &str, from: usize, to: usize) -> usize {
    let part = text.get(from..to).unwrap_or_default();
    let mut ends = &part[..part.len() - part.trim_start_matches(['\r', '\n']).len()];
    // The end of the record before may be two letters, of which the reader has taken one.
    if text.get(..from).is_some_and(|before| before.ends_with('\r')) {
        ends = ends.strip_prefix('\n').unwrap_or(ends);
    }
    ends.replace("\r\n", "\n").len()
}
