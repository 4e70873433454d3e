use fieldmerge_protocol::{Path, RecordClass};
use proptest::prelude::*;

use super::*;
use crate::access::Role;

fn field(of: &str, name: &str) -> &'static Field {
    record_type(of).expect("a record type").field(name).expect("a field")
}

#[test]
fn every_line_of_both_tables_reads() {
    assert_eq!(
        table::parse_codes(include_str!("codelists.psv")).map(|lists| lists.len()),
        Ok(code_lists().len())
    );
    assert_eq!(
        table::parse_fields(include_str!("fields.psv")).map(|types| types.len()),
        Ok(RECORD_TYPES.len())
    );
    let lines =
        include_str!("fields.psv").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert_eq!(record_types().iter().map(|of| of.fields.len()).sum::<usize>(), lines);
    for of in record_types() {
        assert!(!of.fields.is_empty(), "{} has no field", of.name);
    }
}

#[test]
fn a_malformed_line_names_itself() {
    for (text, problem) in [
        ("worker|sex", "too few columns"),
        ("worker|x|X|X|text|||||personal|A|ALL||more", "too many columns"),
        ("nobody|x|X|X|text|||||personal|A|ALL|", "an unknown record type"),
        ("worker|x|X|X|code||NOWHERE|||personal|A|ALL|", "an unknown code list"),
        ("worker|x|X|X|int||SEX|||personal|A|ALL|", "this kind takes no code list"),
        ("worker|x|X|X|code|||||personal|A|ALL|", "an unknown kind, or a code without its list"),
        ("worker|x|X|X|text|||||personal|Z|ALL|", "an unknown policy"),
        ("worker|x|X|X|text|||||secret|A|ALL|", "an unknown sensitivity"),
        ("worker|x|X|X|text|||||personal|A|KING|", "an unknown role"),
        ("worker|x|X|X|int|||a||personal|A|ALL|", "a bound is no number"),
        ("worker|X|X|X|text|||||personal|A|ALL|", "the name is no path"),
        ("worker|_x|X|X|text|||||personal|A|ALL|", "the name is no path"),
        ("worker|x||X|text|||||personal|A|ALL|", "a label is missing"),
        ("worker|hiv_status|X|X|text|||||personal|A|ALL|", "a refused name"),
    ] {
        assert_eq!(table::parse_fields(text), Err(TableError { line: 1, problem }), "{text}");
    }
    let twice = "worker|x|X|X|text|||||personal|A|ALL|\nworker|x|X|X|text|||||personal|A|ALL|";
    assert_eq!(table::parse_fields(twice), Err(TableError { line: 2, problem: "a field stands twice" }));
    assert!(table::parse_codes("L|a|A|A|\nM|a|A|A|\nL|b|B|B|").is_err());
    assert!(table::parse_codes("L|a b|A|A|").is_err());
    assert!(table::parse_codes("L|=nothing|A|A|").is_err());
}

#[test]
fn records_hold_what_the_class_table_says() {
    let of = |name: &str| record_type(name).map(|of| (of.class, of.about_person));
    assert_eq!(of("worker"), Some((RecordClass::Core, false)));
    assert_eq!(of("observation"), Some((RecordClass::Observation, true)));
    assert_eq!(of("assignment"), Some((RecordClass::Assignment, true)));
    assert_eq!(of("nobody"), None);

    let worker = record_type("worker").expect("the worker");
    for elsewhere in
        ["citizenship", "displacement_status", "wg_seeing", "national_id", "photo", "accommodation_needed"]
    {
        assert!(worker.field(elsewhere).is_none(), "{elsewhere} is in the worker core");
    }
    let observation = record_type("observation").expect("the observation");
    for stored in observation.fields.iter().filter(|field| field.policy != Policy::Derived) {
        assert_eq!(
            (stored.policy, stored.sensitivity),
            (Policy::Observation, Sensitivity::Special),
            "{}",
            stored.name
        );
    }
    let classes: Vec<RecordClass> =
        record_types().iter().map(|of| of.class).filter(|class| class.is_log()).collect();
    assert_eq!(classes.len(), 4);
    for of in record_types().iter().filter(|of| of.class.is_log()) {
        let stored = of.fields.iter().filter(|field| field.policy != Policy::Derived);
        assert!(stored.clone().all(|field| field.policy == Policy::Log), "{}", of.name);
    }
}

#[test]
fn pay_needs_two_persons_and_other_judgements_one() {
    for of in record_types() {
        for field in &of.fields {
            if let Policy::Human { approvals } = field.policy {
                let pay = matches!(field.name.as_str(), "wage_rate" | "pay_basis");
                assert_eq!(approvals, if pay { 2 } else { 1 }, "{}", field.name);
            }
        }
    }
    let human: Vec<&str> = record_type("worker")
        .expect("the worker")
        .fields
        .iter()
        .filter(|field| matches!(field.policy, Policy::Human { .. }))
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(
        human,
        [
            "same_as",
            "family_name",
            "given_names",
            "sex",
            "birth_date",
            "birth_year",
            "national_id_type",
            "birth_country"
        ]
    );
}

#[test]
fn a_path_belongs_to_the_field_whose_kind_asks_for_it() {
    let worker = record_type("worker").expect("the worker");
    assert_eq!(worker.policy("sex"), Some(Policy::Human { approvals: 1 }));
    assert_eq!(worker.policy("phone"), Some(Policy::Automatic));
    assert_eq!(worker.policy("languages/mlg"), Some(Policy::Set));
    for none in ["languages", "sex/a", "languages/mlg/x", "_id", "e/0", "p/0", "hiv_status", ""] {
        assert_eq!(worker.policy(none), None, "{none}");
    }
    let identity = record_type("identity").expect("the identity");
    assert_eq!(identity.policy("national_id/tag"), Some(Policy::Human { approvals: 1 }));
    assert_eq!(identity.policy("national_id/sealed"), Some(Policy::Automatic));
    assert_eq!(identity.policy("national_id"), None);
    let project = record_type("project").expect("the project");
    assert_eq!(project.policy("title/fr"), Some(Policy::Automatic));
    let attendance = record_type("attendance").expect("attendance");
    assert_eq!(attendance.policy("e/0"), None);
}

#[test]
fn names_are_unique_and_are_paths() {
    for of in record_types() {
        let mut names: Vec<&str> = of.fields.iter().map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), of.fields.len(), "{}", of.name);
        for field in &of.fields {
            assert!(Path::new(&field.name).is_ok_and(|path| !path.is_reserved()), "{}", field.name);
        }
    }
}

#[test]
fn fields_are_seen_by_whom_the_table_names() {
    let phone = field("worker", "phone");
    assert!(
        phone.seen_by(Role::Enumerator) && phone.seen_by(Role::Payroll) && phone.seen_by(Role::Adjudicator)
    );
    assert!(
        !phone.seen_by(Role::Analyst)
            && !phone.seen_by(Role::Inspector)
            && !phone.seen_by(Role::Administrator)
    );
    let hidden = [
        "worker_number",
        "family_name",
        "given_names",
        "known_as",
        "birth_date",
        "birth_year",
        "phone",
        "residence_village",
        "national_id_type",
    ];
    for name in hidden {
        assert!(!field("worker", name).seen_by(Role::Analyst), "{name}");
    }
    let seeing = field("observation", "wg_seeing");
    assert!(
        seeing.seen_by(Role::Analyst) && seeing.seen_by(Role::Auditor) && !seeing.seen_by(Role::Inspector)
    );
    assert!(field("assignment", "isco08").seen_by(Role::Inspector));
    assert!(field("site", "site_name").seen_by(Role::Partner));
}

#[test]
fn codes_are_known_by_list_or_by_shape() {
    let knows = |list: &str, code: &str| code_list(list).expect("a list").knows(code);
    assert!(knows("SEX", "not_stated") && !knows("SEX", "f") && !knows("SEX", ""));
    assert!(knows("WG4", "7") && !knows("WG4", "5"));
    assert!(knows("ISCO08", "9312") && knows("ISCO08", "1111") && !knows("ISCO08", "931"));
    assert!(knows("ISIC4_LEVEL", "F") && knows("ISIC4_LEVEL", "42") && !knows("ISIC4_LEVEL", "f"));
    assert!(knows("PCODE", "MG21205050") && knows("PCODE", "HT0111-01") && knows("PCODE", "MG11101001A"));
    assert!(!knows("PCODE", "mg21") && !knows("PCODE", "M") && !knows("PCODE", "MGé"));
    assert!(knows("ISO639_3", "mlg") && !knows("ISO639_3", "fr") && knows("ISO15924", "Nkoo"));
    assert!(knows("ISO3166_3", "MDG") && !knows("ISO3166_2", "MDG"));
    assert!(knows("ASSIGNMENT_STATUS", "withdrawn"));
    assert!(knows("ID_TYPE", "cin") && !knows("ID_TYPE", "=cin") && !knows("ID_TYPE", "-1"));
}

#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "hiv", "HIV_status", "statut_vih", "sida", "aids", "has_aids", "sogi", "sogiesc",
    "orientation_sexuelle", "sexual_orientation", "gender_identity", "genderIdentity2", "identité_de_genre",
    "identite-genre", "religion", "Religious", "ethnie", "ethnicity", "groupe_ethnique", "syndicat",
    "syndiqué", "union_member", "tradeUnion", "trade_union_membership", "casier", "casier_judiciaire",
    "condamnations", "religion_belief_conviction", "union_membership", "hiv_status", "hivstatus",
    "serology", "sérologie", "lgbt", "race", "tribu", "opinion_politique", "criminal_record",
    "languages/hiv", "croyance", "ORIENTATION_SEXUELLE", "orientation sexuelle",
];

#[rustfmt::skip]
const FREE: &[&str] = &[
    "", "_", "sex", "résidant", "president", "hearing_aids", "first_aid", "union_libre", "transport",
    "policy", "traceability", "policies", "archive", "vehicle", "gender", "genre", "site_name", "penalty",
    "ceremony", "wg_hearing", "terrace", "contract", "community", "unknown", "fois", "cultivation",
    "grace_period",
];

#[test]
fn refused_names_are_refused_in_every_spelling() {
    for name in REFUSED {
        assert!(refused_name(name), "{name}");
    }
    for name in FREE {
        assert!(!refused_name(name), "{name}");
    }
    for of in record_types() {
        for field in &of.fields {
            assert!(!refused_name(&field.name), "{}", field.name);
        }
    }
}

proptest! {
    #[test]
    fn any_name_gets_an_answer(name in "\\PC{0,40}") {
        let _ = refused_name(&name);
        let _ = record_types().iter().filter(|of| of.policy(&name).is_some()).count();
        let _ = code_lists().iter().filter(|list| list.knows(&name)).count();
    }
}
