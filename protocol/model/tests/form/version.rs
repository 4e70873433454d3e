//! A version of a form as it is published and sent.

use std::collections::BTreeMap;

use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::version::{FormVersion, chain};
use fieldmerge_model::form::{Workbook, import};
use proptest::prelude::*;

use super::chance::{Maker, Tape};

fn version(text: &str) -> FormVersion {
    let found = import::import(&Workbook::from_markdown(text), "form", None);
    let form = found.form.unwrap_or_else(|| panic!("{:?}\n{text}", found.findings));
    let table = |name: &String| {
        let columns = ["name", "label"].map(str::to_owned).to_vec();
        (name.clone(), Table { columns, rows: vec![vec!["a".to_owned(), "A".to_owned()]] })
    };
    FormVersion { tables: form.files.iter().map(table).collect(), form }
}

proptest! {
    #[test]
    fn a_version_is_read_as_it_was_written(numbers in prop::collection::vec(any::<u8>(), 0..400)) {
        let version = version(&Maker::form(&mut Tape::new(numbers)));
        let bytes = version.to_bytes();
        let read = FormVersion::from_bytes(&bytes).expect("what was written reads");
        prop_assert_eq!(&read, &version);
        prop_assert_eq!(read.to_bytes(), bytes, "the same each time");
        prop_assert!(read.compile().is_ok());
    }

    #[test]
    fn bytes_that_are_no_version_are_refused(
        numbers in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = version(&Maker::form(&mut Tape::new(numbers))).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        // Whatever they are now, they are read or refused, and what is read can be made ready or not.
        if let Ok(read) = FormVersion::from_bytes(&bytes) {
            let _ = read.compile();
        }
        prop_assert!(FormVersion::from_bytes(&bytes[..at]).is_err());
    }
}

#[test]
fn a_chain_stands_for_all_versions_in_their_order() {
    let none = [0; 32];
    let [one, other] = [b"one".as_slice(), b"other"];
    assert_ne!(chain(&chain(&none, one), other), chain(&chain(&none, other), one));
    assert_ne!(chain(&none, one), none);
    // The bytes that PROTOCOL.md names, from an independent SHA-256.
    assert_eq!(chain(&none, b"").map(|byte| format!("{byte:02x}")).concat(), CHAIN_OF_NOTHING);
}

const CHAIN_OF_NOTHING: &str = "1c9ecec90e28d2461650418635878a5c91e49f47586ecf75f2b0cbb94e897112";

#[test]
fn a_version_that_names_what_is_not_there_is_refused() {
    let mut bent = version("\n| survey |\n| | type | name | label |\n| | text | a | A |\n");
    bent.form.default_language = 7;
    assert!(FormVersion::from_bytes(&bent.to_bytes()).is_err());
    bent.form.default_language = 0;
    bent.form.elements[0].parent = Some(0);
    assert!(FormVersion::from_bytes(&bent.to_bytes()).is_err());
    bent.form.elements[0].parent = None;
    let read = FormVersion::from_bytes(&bent.to_bytes()).expect("it is whole again");
    assert_eq!(read.tables, BTreeMap::new());
}
