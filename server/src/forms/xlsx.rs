//! Workbooks of Excel 2007 and later, as every spreadsheet program writes them.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};
use fieldmerge_model::form::import::MAX_ROWS;
use fieldmerge_model::form::{Row, Sheet, Workbook};

use super::{MAX_CELLS, WorkbookError, check_sheets, check_width, package};

/// The most bytes of texts: those of a shared one count in every cell.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// The most characters of an error that are repeated.
const MAX_ERROR_CHARACTERS: usize = 32;

/// Reads a workbook. Calamine trusts its files and may panic on what no spreadsheet writes.
pub(super) fn read(bytes: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Workbook, WorkbookError> {
    package::check(bytes)?;
    catch_unwind(AssertUnwindSafe(|| sheets(bytes, is_wanted))).unwrap_or(Err(WorkbookError::Damaged))
}

/// The sheets; those that are not wanted without their rows.
fn sheets(bytes: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Workbook, WorkbookError> {
    let mut file = Xlsx::new(Cursor::new(bytes)).map_err(|_| WorkbookError::Damaged)?;
    let mut workbook = Workbook::default();
    let mut taken = Taken::default();
    let names = file.sheet_names();
    check_sheets(names.len())?;
    for name in names {
        // Of sheets that differ in spaces and case only the first is read.
        let is_used = is_wanted(&name) && workbook.sheet(name.trim()).is_none();
        let rows = if is_used { rows(&mut file, &name, &mut taken)? } else { Vec::new() };
        workbook.sheets.push(Sheet { name, rows });
    }
    Ok(workbook)
}

/// What was taken of the limits.
#[derive(Default)]
struct Taken {
    cells: usize,
    text_bytes: usize,
}

/// The rows of a sheet in which anything stands; one more than an import takes if there are too many.
fn rows(file: &mut Xlsx<Cursor<&[u8]>>, sheet: &str, taken: &mut Taken) -> Result<Vec<Row>, WorkbookError> {
    let failed = |error| match error {
        XlsxError::CellError(text) => {
            let text = text.chars().take(MAX_ERROR_CHARACTERS).collect();
            WorkbookError::ErrorCell { sheet: sheet.to_owned(), text }
        }
        _ => WorkbookError::Damaged,
    };
    let mut reader = file.worksheet_cells_reader(sheet).map_err(failed)?;
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while let Some(cell) = reader.next_cell().map_err(failed)? {
        let text = text(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        let (row, column) = cell.get_position();
        let (number, columns) = (row.saturating_add(1), (column as usize).saturating_add(1));
        check_width(sheet, number, columns)?;
        let cells = rows.entry(number).or_default();
        taken.cells += columns.saturating_sub(cells.len());
        taken.text_bytes += text.len();
        if taken.cells > MAX_CELLS || taken.text_bytes > MAX_TEXT_BYTES {
            return Err(WorkbookError::TooManyCells);
        }
        cells.resize(columns.max(cells.len()), String::new());
        cells[columns - 1] = text;
        if rows.len() > MAX_ROWS {
            break;
        }
    }
    Ok(rows.into_iter().map(|(number, cells)| Row { number, cells }).collect())
}

/// A cell as a person reads it: whole numbers without a point, TRUE and FALSE, dates and times as in ISO 8601.
fn text(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(moment) => moment_text(moment),
        DataRef::Error(error) => error.to_string(),
    }
}

/// A number in the fifteen digits that spreadsheets show; whole ones in all of theirs.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 {
        return (number + 0.0).to_string();
    }
    let shown: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    shown.to_string()
}

/// A date, a time, or both: a number of days and parts of one.
fn moment_text(moment: &ExcelDateTime) -> String {
    let days = moment.as_f64();
    if !(0.0..3_000_000.0).contains(&days) {
        return number_text(days);
    }
    if moment.is_duration() {
        let seconds = (days * 86_400.0).round();
        let hours = (seconds / 3600.0).floor();
        return format!("{hours:02}:{:02}:{:02}", (seconds / 60.0).floor() % 60.0, seconds % 60.0);
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let time = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if days < 1.0 {
        time
    } else if time == "00:00:00" {
        date
    } else {
        format!("{date}T{time}")
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn numbers_are_shown_as_spreadsheets_show_them() {
        for (number, shown) in [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (-1.5, "-1.5"),
            (1_234_567_890_123_456.0, "1234567890123456"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
        ] {
            assert_eq!(number_text(number), shown);
        }
    }

    #[test]
    fn dates_and_times_are_those_of_the_calendar() {
        for (days, kind, is_1904, shown) in [
            (46_082.0, ExcelDateTimeType::DateTime, false, "2026-03-01"),
            (46_082.354_166_666_666, ExcelDateTimeType::DateTime, false, "2026-03-01T08:30:00"),
            (44_620.0, ExcelDateTimeType::DateTime, true, "2026-03-01"),
            (0.354_166_666_666_666_7, ExcelDateTimeType::DateTime, false, "08:30:00"),
            (0.0, ExcelDateTimeType::DateTime, false, "00:00:00"),
            (46_082.000_002_893_5, ExcelDateTimeType::DateTime, false, "2026-03-01T00:00:00.250"),
            (1.25, ExcelDateTimeType::TimeDelta, false, "30:00:00"),
            (-1.0, ExcelDateTimeType::DateTime, false, "-1"),
            (1e300, ExcelDateTimeType::TimeDelta, false, &number_text(1e300)),
        ] {
            assert_eq!(moment_text(&ExcelDateTime::new(days, kind, is_1904)), shown);
        }
    }
}
