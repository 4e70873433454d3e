//! Files that would take a machine down: they are refused in a moment, with little memory.

use std::io::{Cursor, Write};

use fieldmerge_model::form::import::{MAX_ROWS, import};
use fieldmerge_server::forms;
use fieldmerge_tests::workbook::{Parts, packed};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn code(bytes: &[u8]) -> &'static str {
    let error = forms::read(bytes, "form.xlsx").expect_err("it is too much");
    #[cfg(target_os = "linux")]
    assert!(peak_mib() < 400, "{}: {} MiB", error.code(), peak_mib());
    error.code()
}

/// The most memory that this process had, its tests among it.
#[cfg(target_os = "linux")]
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

fn sheet(rows: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>").into_bytes();
    Parts { sheet, ..Parts::default() }.file()
}

/// What is written for each number.
fn each(numbers: impl Iterator<Item = usize>, write: impl Fn(usize) -> String) -> String {
    numbers.map(write).collect::<Vec<_>>().concat()
}

fn texts(texts: &str) -> Vec<u8> {
    Parts { texts: texts.as_bytes().to_vec(), ..Parts::default() }.file()
}

/// A workbook with a part of so many zeros more.
fn inflated(mib: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new_append(Cursor::new(Parts::default().file())).expect("a zip");
    zip.start_file("xl/media/image1.png", SimpleFileOptions::default()).expect("a name");
    let zeros = vec![0; 1 << 20];
    for _ in 0..mib {
        zip.write_all(&zeros).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

/// The file with another size of what stands last in it.
fn lying(mut file: Vec<u8>, said: u32) -> Vec<u8> {
    for (signature, at) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
        let found = file.windows(4).rposition(|window| window == signature).expect("there is a header");
        file[found + at..found + at + 4].copy_from_slice(&said.to_le_bytes());
    }
    file
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    assert_eq!(code(&inflated(65)), "workbook-overgrown");
    assert_eq!(code(&lying(inflated(65), 10)), "workbook-damaged");
    assert_eq!(code(&lying(inflated(65), 60 << 20)), "workbook-damaged");
    assert_eq!(code(&lying(inflated(1), 2 << 20)), "workbook-damaged");
    let parts: Vec<String> = (0..5).map(|at| format!("{at}.bin")).collect();
    let zeros = vec![0; 60 << 20];
    let mut parts: Vec<(&str, &[u8])> = parts.iter().map(|name| (name.as_str(), zeros.as_slice())).collect();
    parts.push(("xl/workbook.xml", b"<workbook/>"));
    assert_eq!(code(&packed(&parts)), "workbook-overgrown");
}

#[test]
fn what_is_kept_in_memory_is_bounded() {
    for count in ["1000000000000", "99999999999999999999999", "4000001"] {
        assert_eq!(code(&texts(&format!("<sst uniqueCount=\"{count}\"></sst>"))), "workbook-overgrown");
        assert_eq!(code(&texts(&format!("<x:sst uniqueCount = '{count}' a='1'/>"))), "workbook-overgrown");
    }
    assert_eq!(code(&texts(&format!("<sst>{}</sst>", "<si/>".repeat(4_000_001)))), "workbook-overgrown");
    let styles = |xf: &str| Parts {
        styles: format!("<styleSheet><cellXfs>{xf}</cellXfs></styleSheet>").into_bytes(),
        ..Parts::default()
    };
    assert_eq!(code(&styles(&"<xf/>".repeat(50_001)).file()), "workbook-overgrown");
    assert_eq!(code(&styles(&format!("<xf a=\"{}\"/>", "x".repeat(4_000))).file()), "workbook-overgrown");
    // The list of sheets may be no part that was not looked through as one.
    for target in ["xl/worksheets/sheet1.xml", "xl/workbook&#47;sheet1.xml"] {
        let package =
            String::from_utf8(Parts::default().package).expect("text").replace("xl/workbook.xml", target);
        assert_eq!(
            code(&Parts { package: package.into_bytes(), ..Parts::default() }.file()),
            "workbook-damaged"
        );
    }
    let many = each(0..256, |at| format!("<sheet name=\"s{at}\" r:id=\"rId1\"/>"));
    let workbook = format!("<workbook><sheets>{many}</sheets></workbook>").into_bytes();
    assert_eq!(code(&Parts { workbook, ..Parts::default() }.file()), "workbook-too-many-sheets");
}

#[test]
fn a_cell_far_away_takes_no_room() {
    assert_eq!(code(&sheet("<row><c r=\"XFD1048576\"><v>1</v></c></row>")), "workbook-too-wide");
    // Beyond what a spreadsheet has a place may mean another one, or nothing.
    for place in ["A99999999999", "AAAAAAAAAA1", "ZZZZZZZ4294967296", "A4294967295"] {
        _ = forms::read(&sheet(&format!("<row><c r=\"{place}\"><v>1</v></c></row>")), "form.xlsx");
    }
    let wide = each(1..=5_000, |row| format!("<row r=\"{row}\"><c r=\"ALL{row}\"><v>1</v></c></row>"));
    assert_eq!(code(&sheet(&wide)), "workbook-too-many-cells");
}

#[test]
fn a_text_that_is_shared_counts_in_every_cell() {
    let rows = each(1..=4_000, |row| format!("<row r=\"{row}\"><c r=\"A{row}\" t=\"s\"><v>0</v></c></row>"));
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>").into_bytes();
    let texts = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(32_767)).into_bytes();
    assert_eq!(code(&Parts { sheet, texts, ..Parts::default() }.file()), "workbook-too-many-cells");
}

#[test]
fn too_many_rows_are_a_mistake_of_the_form() {
    let rows = each(1..=MAX_ROWS + 10, |row| format!("<row r=\"{row}\"><c><v>1</v></c></row>"));
    let workbook = forms::read(&sheet(&rows), "form.xlsx").expect("it reads");
    assert_eq!(workbook.sheets[0].rows.len(), MAX_ROWS + 1);
    assert_eq!(import(&workbook, "form", None).findings[0].mistake.code(), "too-large");
}
