//! Whatever the bytes of a file are, its reading ends, and so does the import of what was read.

use fieldmerge_model::form::import::import;
use fieldmerge_server::forms;
use fieldmerge_tests::workbook::Parts;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::files::{FORM, excel, separated, utf16};

/// What may stand in a part of a workbook, and should not.
const SCRAPS: &[&str] = &[
    "",
    "<",
    ">",
    "</",
    "/>",
    "<c>",
    "</c>",
    "<row>",
    "</row>",
    "<v>",
    "<v>-1</v>",
    "<v>1e999</v>",
    "<v>NaN</v>",
    "<f>",
    "<is>",
    "<t>",
    "<si>",
    "</si>",
    "<xf/>",
    "<r>",
    "<rPh>",
    "<!--",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [",
    "&#0;",
    "&#xD800;",
    "&amp",
    "_xD800_",
    " r=\"A0\"",
    " r=\"XFD1048577\"",
    " r=\"A99999999999\"",
    " r=\"AAAAAAAA1\"",
    " r=\"1\"",
    " r=\"\"",
    " s=\"999\"",
    " t=\"s\"",
    " t=\"e\"",
    " t=\"d\"",
    " t=\"n\"",
    " t=\"zzz\"",
    " date1904=\"1\"",
    " uniqueCount=\"99\"",
    "[[[[",
    "\"",
    "'",
    "\u{0}",
    "\u{feff}",
    "é",
    "99999999999999999999",
    "<sheet name=\"settings\" r:id=\"rId1\"/>",
    "<dimension ref=\"B2:A1\"/>",
    "<numFmt numFmtId=\"14\" formatCode=\"0\"/>",
];

/// Bytes with some of them changed, taken out or repeated.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0_u8..5, any::<u8>(), select(SCRAPS), 1_usize..40);
    proptest::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, kind, byte, scrap, length) in changes {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => drop(bytes.splice(at..at, scrap.bytes())),
                2 => drop(bytes.splice(at..end, scrap.bytes())),
                3 => bytes.extend_from_within(at..end),
                _ => drop(bytes.drain(at..end)),
            }
        }
        bytes
    })
}

fn tables() -> impl Strategy<Value = Vec<u8>> {
    let tables = [
        FORM.to_owned().into_bytes(),
        separated(FORM, ",", "\n").into_bytes(),
        separated(FORM, ";", "\r\n").into_bytes(),
        utf16(&separated(FORM, "\t", "\r")),
    ];
    select(tables.to_vec()).prop_flat_map(mutated)
}

fn ends(bytes: &[u8], name: &str) {
    match forms::read(bytes, name) {
        Ok(workbook) => drop(import(&workbook, "form", None)),
        Err(error) => assert!(!error.message("fr").is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_to_an_end(bytes in any::<Vec<u8>>(), name in select(vec!["a.xlsx", "a.md", "a"])) {
        ends(&bytes, name);
    }

    #[test]
    fn any_table_is_read_to_an_end(bytes in tables(), name in select(vec!["a.csv", "a.md"])) {
        ends(&bytes, name);
    }

    #[test]
    fn any_workbook_is_read_to_an_end(bytes in mutated(excel(FORM))) {
        ends(&bytes, "a.xlsx");
    }

    #[test]
    fn any_parts_of_a_workbook_are_read_to_an_end(bytes in mutated(Parts::default().joined())) {
        ends(&Parts::of(&bytes).file(), "a.xlsx");
    }
}
