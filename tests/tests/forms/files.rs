//! The same form in files of every kind.

use fieldmerge_model::form::import::{Import, import};
use fieldmerge_model::form::{Form, Workbook};
use fieldmerge_server::forms;
use rust_xlsxwriter as xlsx;

/// A form of a bit of everything. Rows are those of one table, so every kind of file can have it at the same rows.
pub const FORM: &str = "\
| settings |
| | form_id | version | form_title | default_language | fm::record |
| | workers | 3 | Ouvriers | Français (fr) | worker |
| choices |
| | list_name | name | label::Français (fr) | label::English (en) | region |
| | sex | female | Féminin | Female | |
| | sex | male | Masculin | Male | |
| | town | 101 | Ambositra, centre | Ambositra, centre | south |
| | town | 102 | Antsirabe; nord | Antsirabe; north | north |
| survey |
| | type | name | label::Français (fr) | label::English (en) | required | relevant | choice_filter | calculation | default | fm::merge |
| | begin_group | who | Qui | Who | | | | | | |
| | text | family_name | Nom \"de famille\" | Family name | yes | | | | | H |
| | select_one sex | sex | Sexe | Sex | yes | | | | | H |
| | select_one town | town | Ville | Town | | | region = 'south' or region = 'north' | | 101 | |
| | date | born | Née le | Born on | | | | | 2001-03-04 | |
| | end_group | | | | | | | | | |
| | begin_repeat | children | Enfants | Children | | ${sex} = 'female' | | | | |
| | integer | age | Âge de l'enfant n° 1 \\| 2 | Age | | | | | | |
| | end_repeat | | | | | | | | | |
| | calculate | ages | | | | | | sum(${age}) | | |
";

/// A table as its cells: the name of a sheet, or nothing, and the rest.
fn table(markdown: &str) -> Vec<Vec<String>> {
    let lines = markdown.lines().map(|line| {
        let cells = line.trim_start_matches('|').trim_end_matches('|').replace("\\|", "\0");
        cells.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
    });
    let mut rows: Vec<Vec<String>> = lines.collect();
    // Spreadsheets write rows of one length.
    for row in &mut rows {
        row.resize(12, String::new());
    }
    rows
}

/// A table with cells separated by something, those in quotes that need them.
pub fn separated(markdown: &str, separator: &str, line_end: &str) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', ';', '\t', '"', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    let lines = table(markdown)
        .iter()
        .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(separator))
        .collect::<Vec<_>>();
    lines.join(line_end) + line_end
}

/// A workbook of Excel with a sheet for each of the tables, its rows where they stand in the text. Numbers and dates are
/// numbers and dates.
pub fn excel(markdown: &str) -> Vec<u8> {
    let mut workbook = xlsx::Workbook::new();
    let day = xlsx::Format::new().set_num_format("dd/mm/yyyy");
    for sheet in Workbook::from_markdown(markdown).sheets {
        let worksheet = workbook.add_worksheet().set_name(&sheet.name).expect("a plain name");
        for row in sheet.rows {
            for (text, column) in row.cells.iter().zip(0..) {
                let (at, date) = (row.number - 1, xlsx::ExcelDateTime::parse_from_str(text));
                match (text.parse::<f64>(), date) {
                    _ if text.is_empty() => Ok(&mut *worksheet),
                    (Ok(number), _) => worksheet.write_number(at, column, number),
                    (_, Ok(date)) if text.starts_with("20") => {
                        worksheet.write_datetime_with_format(at, column, date, &day)
                    }
                    _ => worksheet.write_string(at, column, text),
                }
                .expect("it fits");
            }
        }
    }
    workbook.save_to_buffer().expect("memory takes it")
}

pub fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn form(bytes: &[u8], name: &str) -> Form {
    let workbook = forms::read(bytes, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let Import { form, findings } = import(&workbook, "form", None);
    form.unwrap_or_else(|| panic!("{name}: {findings:#?}"))
}

#[test]
fn a_form_is_the_same_in_every_kind_of_file() {
    let mut with_mark = vec![0xef, 0xbb, 0xbf];
    with_mark.extend(separated(FORM, ",", "\n").bytes());
    let big_endian: Vec<u8> =
        utf16(&separated(FORM, "\t", "\n")).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let files = [
        ("form.md", FORM.as_bytes().to_vec()),
        ("form.xlsx", excel(FORM)),
        ("form.csv", separated(FORM, ",", "\n").into_bytes()),
        ("with-mark.csv", with_mark),
        ("lines-of-windows.csv", separated(FORM, ",", "\r\n").into_bytes()),
        ("lines-of-old.csv", separated(FORM, ",", "\r").into_bytes()),
        ("semicolons.csv", separated(FORM, ";", "\r\n").into_bytes()),
        ("form.tsv", separated(FORM, "\t", "\n").into_bytes()),
        ("utf-16.csv", utf16(&separated(FORM, ",", "\r\n"))),
        ("utf-16.txt", big_endian),
        ("excel-by-content.csv", excel(FORM)),
        ("markdown-by-content.txt", FORM.as_bytes().to_vec()),
    ];
    let json = |form: &Form| serde_json::to_string_pretty(form).expect("a form is JSON");
    let first = json(&form(FORM.as_bytes(), "form.md"));
    for (name, bytes) in files {
        assert_eq!(json(&form(&bytes, name)), first, "{name}");
    }
}

#[test]
fn markdown_may_stand_in_prose() {
    let text = format!("# Workers\n\nWhat we ask.\n\n{FORM}\nThat is all.\n");
    assert_eq!(
        form(text.as_bytes(), "README.md").elements.len(),
        form(FORM.as_bytes(), "form.md").elements.len()
    );
}

#[test]
fn rows_are_counted_as_a_spreadsheet_counts_them() {
    for (line_end, in_cell) in [("\n", "\n"), ("\r\n", "\r\n"), ("\r\n", "\n"), ("\r", "\r")] {
        let lines = [
            "",
            "survey,,,",
            "",
            ",type,name,label",
            &format!(",text,a,\"One{in_cell}{in_cell}of three lines\""),
            ",,,",
            "",
            "",
            ",text,b,B",
            "\"\",text,c,C",
        ];
        let workbook = forms::read(lines.join(line_end).as_bytes(), "form.csv").expect("it reads");
        let rows: Vec<u32> = workbook.sheets[0].rows.iter().map(|row| row.number).collect();
        assert_eq!(rows, [4, 5, 9, 10], "{line_end:?} {in_cell:?}");
    }
}

#[test]
fn the_separator_is_found_wherever_the_others_stand() {
    for (text, cells) in [
        ("survey;;\n;type;name,label\n", ["", "type", "name,label"].as_slice()),
        ("\"survey\",\"\"\n\"\",\"type\",\"a;b;c;d\"\n", &["", "type", "a;b;c;d"]),
        ("survey\n\ttype\tname, label; hint\n", &["", "type", "name, label; hint"]),
        ("survey,type,name\nx;y,z\n", &["x;y", "z"]),
    ] {
        let workbook = forms::read(text.as_bytes(), "form.csv").expect("it reads");
        let last = workbook.sheets.last().and_then(|sheet| sheet.rows.last()).expect("there is a row");
        let first =
            (!cells[0].is_empty()).then(|| workbook.sheets.last().map(|sheet| sheet.name.clone())).flatten();
        assert_eq!(last.cells, cells[1..], "{text}");
        assert_eq!(first.as_deref().unwrap_or_default(), cells[0], "{text}");
    }
}
