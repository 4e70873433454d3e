//! Files that are no workbook: each is told what it is and what to do with it, in both languages.

use fieldmerge_server::forms::{self, MAX_FILE_BYTES};
use fieldmerge_tests::workbook::{Parts, packed};

use crate::files::{FORM, excel, separated, utf16};

/// A file of the container that old Office files and encrypted ones share, by the names in its directory.
fn compound(name: &str) -> Vec<u8> {
    let magic = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    magic
        .into_iter()
        .chain([0; 504])
        .chain(name.encode_utf16().flat_map(u16::to_le_bytes))
        .chain([0; 512])
        .collect()
}

/// Every wrong file, by the code of what is said of it.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    let workbook = excel(FORM);
    let mut damaged = workbook.clone();
    let middle = damaged.len() / 3;
    damaged[middle..middle + 40].fill(0x55);
    let ods = [
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet".as_slice()),
        ("content.xml", b"<a/>".as_slice()),
    ];
    let latin: Vec<u8> =
        separated(FORM, ";", "\r\n").chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect();
    let unmarked = utf16(&separated(FORM, ",", "\n"))[2..].to_vec();
    vec![
        ("workbook-empty", Vec::new()),
        ("workbook-empty", b"\xef\xbb\xbf \r\n\r\n".to_vec()),
        ("workbook-too-large", vec![b'x'; usize::try_from(MAX_FILE_BYTES + 1).expect("it fits")]),
        ("workbook-old-excel", compound("Workbook")),
        ("workbook-encrypted", compound("EncryptedPackage")),
        ("workbook-opendocument", packed(&ods)),
        ("workbook-binary-excel", packed(&[("xl/workbook.bin", b"x")])),
        ("workbook-pdf", b"%PDF-1.7\n%\xe2\xe3".to_vec()),
        ("workbook-html", b"\r\n<!DOCTYPE html><html><body>Sign in</body></html>".to_vec()),
        (
            "workbook-xml",
            b"<?xml version=\"1.0\"?><h:html xmlns:h=\"http://www.w3.org/1999/xhtml\"/>".to_vec(),
        ),
        ("workbook-other-zip", packed(&[("word/document.xml", b"<a/>")])),
        ("workbook-incomplete", workbook[..workbook.len() * 2 / 3].to_vec()),
        ("workbook-incomplete", b"PK\x03\x04".to_vec()),
        ("workbook-damaged", damaged),
        ("workbook-damaged", Parts { sheet: b"<worksheet><sheetData>".to_vec(), ..Parts::default() }.file()),
        ("workbook-encoding", latin),
        ("workbook-encoding", unmarked),
        ("workbook-encoding", utf16("survey,,\n,type,name\n")[..31].to_vec()),
        ("workbook-no-table", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d".to_vec()),
        (
            "workbook-no-table",
            b"Dear all, see below.".iter().map(|byte| if *byte == b',' { b'.' } else { *byte }).collect(),
        ),
        ("workbook-one-sheet", b"type,name,label\ntext,a,A\n".to_vec()),
        ("workbook-one-sheet", b"Type;name;label\ntext;a;A\n".to_vec()),
        (
            "workbook-too-many-sheets",
            (0..300).map(|at| format!("sheet{at},x\n")).collect::<Vec<_>>().concat().into_bytes(),
        ),
        ("workbook-too-wide", format!("survey,type{}name\n", ",".repeat(1_000)).into_bytes()),
        ("workbook-too-many-cells", ",".repeat(4_000_001).into_bytes()),
    ]
}

#[test]
fn each_wrong_file_is_told_what_it_is() {
    for (code, bytes) in files() {
        let error = forms::read(&bytes, "form.xlsx").expect_err(code);
        assert_eq!(error.code(), code);
        let (english, french) = (error.message("en"), error.message("fr"));
        assert_eq!(error.to_string(), english);
        for message in [&english, &french] {
            assert!(message.ends_with('.') && !message.contains('{'), "{message}");
        }
        assert_ne!(english, french);
    }
}

#[test]
fn a_workbook_that_is_cut_anywhere_is_no_workbook() {
    let whole = excel(FORM);
    for cut in (4..whole.len()).step_by(97) {
        let error = forms::read(&whole[..cut], "form.xlsx").expect_err("a part is missing");
        assert_eq!(error.code(), "workbook-incomplete", "{cut}");
    }
}
