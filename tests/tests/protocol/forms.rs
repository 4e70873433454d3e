//! The examples of a version of a form, and of what was found wrong by one.

use std::collections::BTreeMap;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::import::import;
use fieldmerge_model::form::version::{FormVersion, chain};
use fieldmerge_protocol::RecordId;
use fieldmerge_protocol::sync::{self, Finding, Findings, FormPiece, FormsHeld, form_check};
use serde_json::json;

use crate::{assert_example, bytes, example, hex};

const WORKBOOK: &str = "
| survey |
| | type | name | label::English (en) | label::Français (fr) | constraint | fm::merge |
| | integer | rooms | How many rooms? | Combien de pièces ? | . > 0 | |
| | select_one wall | wall | What are the walls made of? | De quoi sont faits les murs ? | | H |
| | select_one_from_file owners.csv | owner | Whose is it? | À qui est-ce ? | | |
| choices |
| | list_name | name | label::English (en) | label::Français (fr) |
| | wall | brick | Bricks | Briques |
| settings |
| | form_id | form_title | version | default_language | fm::record |
| | visits | Visits | 1 | English (en) | core/visit |
";

#[test]
fn a_version_of_a_form_and_its_piece() {
    let form = import(&Workbook::from_markdown(WORKBOOK), "visits", None).form.expect("it has no mistakes");
    let owners = Table {
        columns: vec!["name".to_owned(), "label".to_owned()],
        rows: vec![vec!["village".to_owned(), "The village".to_owned()]],
    };
    let version = FormVersion { form, tables: BTreeMap::from([("owners.csv".to_owned(), owners)]) };
    let text = version.to_bytes();
    let chain = chain(&[0; 32], &text);
    let length = u32::try_from(text.len()).expect("it is short");
    let piece = FormPiece {
        number: 1,
        chain,
        base: None,
        raw_bytes: length,
        packed_bytes: length,
        offset: 0,
        bytes: text.clone(),
    };
    let check = form_check(&chain);
    let held = FormsHeld { check, begun: None, begun_bytes: None };
    let begun = FormsHeld { check: 0, begun: Some(check), begun_bytes: Some(4_096) };
    assert_example(
        "form",
        &json!({
            "version": String::from_utf8_lossy(&text),
            "chain": hex(&chain),
            "piece": hex(&sync::encode(&piece)),
            "held": hex(&sync::encode(&held)),
            "begun": hex(&sync::encode(&begun)),
        }),
    );
    let written = example("form");
    let kept = written["version"].as_str().expect("the version is a text");
    assert_eq!(FormVersion::from_bytes(kept.as_bytes()), Ok(version));
    assert_eq!(sync::decode(&bytes(&written["piece"])), Ok(piece));
    assert_eq!(sync::decode(&bytes(&written["held"])), Ok(held));
    assert_eq!(sync::decode(&bytes(&written["begun"])), Ok(begun));
}

#[test]
fn what_was_found_wrong_and_what_stands_for_it() {
    let finding = |path: &str, code: &str| Finding {
        record: RecordId([7; 16]),
        path: path.to_owned(),
        code: code.to_owned(),
        form: 3,
    };
    let findings = Findings { findings: vec![finding("rooms", "required"), finding("wall", "not-offered")] };
    let part = sync::encode(&findings);
    let check = findings.check(&part).expect("there are some");
    assert_example("findings", &json!({ "findings": hex(&part), "check": check }));
    assert_eq!(sync::decode(&bytes(&example("findings")["findings"])), Ok(findings));
    assert_eq!(Findings::default().check(&sync::encode(&Findings::default())), None);
}
