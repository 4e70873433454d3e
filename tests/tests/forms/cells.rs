//! What stands in the cells of a workbook of Excel is what a person reads there.

use fieldmerge_model::form::import::import;
use fieldmerge_model::form::{Row, Workbook};
use fieldmerge_server::forms;
use fieldmerge_tests::workbook::Parts;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook as Excel};

fn read(excel: &mut Excel) -> Workbook {
    forms::read(&excel.save_to_buffer().expect("memory takes it"), "form.xlsx").expect("it reads")
}

#[test]
fn cells_are_the_text_that_is_shown() {
    let mut excel = Excel::new();
    let sheet = excel.add_worksheet().set_name("survey").expect("a name");
    let shown = |format: &str| Format::new().set_num_format(format);
    let moment =
        ExcelDateTime::from_ymd(2026, 3, 1).and_then(|day| day.and_hms(8, 30, 15)).expect("a moment");
    let day = ExcelDateTime::from_ymd(1999, 12, 31).expect("a day");
    let time = ExcelDateTime::from_hms(7, 5, 0).expect("a time");
    let mut write = || -> Result<(), rust_xlsxwriter::XlsxError> {
        sheet.write_number(2, 2, 3.0)?.write_number(2, 3, 0.1 + 0.2)?.write_boolean(2, 4, true)?;
        sheet.write_boolean(2, 5, false)?.write_datetime_with_format(
            2,
            6,
            &moment,
            &shown("d mmm yyyy hh:mm"),
        )?;
        sheet.write_datetime_with_format(2, 7, &day, &shown("[$-40C]dddd d mmmm yyyy"))?;
        sheet.write_datetime_with_format(2, 8, &time, &shown("h\"h\"mm"))?;
        sheet.write_number_with_format(2, 9, 1.25, &shown("[h]:mm"))?;
        sheet.write_number_with_format(2, 10, 1500, &shown("#,##0.00 \"days\""))?;
        sheet.write_rich_string(2, 11, &[(&Format::new().set_bold(), "Né"), (&Format::new(), "e le")])?;
        sheet.write_formula(2, 12, Formula::new("=1+1").set_result("2"))?;
        sheet.write_string(2, 13, "two\nlines & <more> _x0041_")?;
        sheet.write_blank(2, 14, &Format::new().set_bold())?;
        sheet.merge_range(3, 2, 4, 4, "merged", &Format::new())?;
        sheet.write_string(1_048_575, 2, "the last row")?;
        Ok(())
    };
    write().expect("it fits");
    let rows = &read(&mut excel).sheets[0].rows;
    let texts = |row: &Row| row.cells.iter().map(String::as_str).collect::<Vec<_>>().join("|");
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4, 1_048_576]);
    assert_eq!(
        texts(&rows[0]),
        "||3|0.3|TRUE|FALSE|2026-03-01T08:30:15|1999-12-31|07:05:00|30:00:00|1500|Née le|2|two\nlines & <more> _x0041_"
    );
    assert_eq!((texts(&rows[1]), texts(&rows[2])), ("||merged".to_owned(), "||the last row".to_owned()));
}

#[test]
fn what_is_hidden_is_read_and_other_sheets_are_only_named() {
    let mut excel = Excel::new();
    excel.add_worksheet().set_name("Notes").expect("a name").write_string(0, 0, "x").expect("it fits");
    let sheet = excel.add_worksheet().set_name("Survey").expect("a name").set_hidden(true);
    for (column, text) in [(0, "type"), (1, "name")] {
        sheet
            .write_string(0, column, text)
            .and_then(|sheet| sheet.write_string(1, column, "text"))
            .expect("it fits");
    }
    sheet.set_row_hidden(1).and_then(|sheet| sheet.set_column_hidden(1)).expect("there are such");
    let workbook = read(&mut excel);
    let rows: Vec<(&str, usize)> =
        workbook.sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.rows.len())).collect();
    assert_eq!(rows, [("Notes", 0), ("Survey", 2)]);
    assert_eq!(workbook.sheets[1].rows[1].cells, ["text", "text"]);
}

#[test]
fn an_error_of_the_spreadsheet_is_found_where_it_stands() {
    let mut excel = Excel::new();
    let sheet = excel.add_worksheet().set_name("survey").expect("a name");
    for (column, heading) in [(1, "type"), (2, "name"), (3, "label"), (4, "relevant"), (5, "remarks")] {
        sheet.write_string(4, column, heading).expect("it fits");
    }
    for (column, text) in [(1, "text"), (2, "a"), (3, "A")] {
        sheet.write_string(6, column, text).expect("it fits");
    }
    for column in [4, 5] {
        sheet.write_formula(6, column, Formula::new("=gone!A1").set_result("#REF!")).expect("it fits");
    }
    let import = import(&read(&mut excel), "form", None);
    let errors: Vec<String> = import
        .findings
        .iter()
        .filter(|finding| finding.mistake.code() == "cell-error")
        .map(ToString::to_string)
        .collect();
    let said = "survey, row 7, relevant: The cell shows #REF!, an error of the spreadsheet. Mend its formula, or write the value itself.";
    assert_eq!(errors, [said], "a column that is not read may hold what it likes");
}

#[test]
fn an_error_without_a_name_in_the_format_is_told_with_its_sheet() {
    let sheet = String::from_utf8(Parts::default().sheet).expect("text").replace("#N/A", "#SPILL!");
    let error = forms::read(&Parts { sheet: sheet.into_bytes(), ..Parts::default() }.file(), "form.xlsx")
        .expect_err("no value");
    assert_eq!(error.code(), "workbook-error-cell");
    assert!(error.to_string().starts_with("survey: a cell shows #SPILL!"), "{error}");
}

#[test]
fn parts_as_no_spreadsheet_writes_them_are_read_too() {
    let workbook = forms::read(&Parts::default().file(), "form.xlsx").expect("it reads");
    let cells: Vec<Vec<String>> = workbook.sheets[0].rows.iter().map(|row| row.cells.clone()).collect();
    assert_eq!(
        cells,
        [vec!["type", "name", "label"], vec!["text", "a", "2026-03-01"], vec!["note", "TRUE", "#N/A", "1.5"]]
    );
}
