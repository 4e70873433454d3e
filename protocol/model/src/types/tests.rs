use fieldmerge_protocol::{Path, RecordClass};
use proptest::prelude::*;

use super::*;
use crate::access::Role;
use crate::pack::himo_types;

fn field(of: &str, name: &str) -> &'static Field {
    himo_types().find(of).expect("a record type").field(name).expect("a field")
}

#[test]
fn records_hold_what_the_class_table_says() {
    let of = |name: &str| himo_types().find(name).map(|of| (of.class, of.about_person));
    assert_eq!(of("worker"), Some((RecordClass::Core, false)));
    assert_eq!(of("observation"), Some((RecordClass::Observation, true)));
    assert_eq!(of("assignment"), Some((RecordClass::Assignment, true)));
    assert_eq!(of("nobody"), None);

    let worker = himo_types().find("worker").expect("the worker");
    for elsewhere in
        ["citizenship", "displacement_status", "wg_seeing", "national_id", "photo", "accommodation_needed"]
    {
        assert!(worker.field(elsewhere).is_none(), "{elsewhere} is in the worker core");
    }
    let observation = himo_types().find("observation").expect("the observation");
    for stored in observation.fields.iter().filter(|field| field.policy != Policy::Derived) {
        assert_eq!(
            (stored.policy, stored.sensitivity),
            (Policy::Observation, Sensitivity::Special),
            "{}",
            stored.name
        );
    }
    let classes: Vec<RecordClass> =
        himo_types().iter().map(|of| of.class).filter(|class| class.is_log()).collect();
    assert_eq!(classes.len(), 4);
    for of in himo_types().iter().filter(|of| of.class.is_log()) {
        let stored = of.fields.iter().filter(|field| field.policy != Policy::Derived);
        assert!(stored.clone().all(|field| field.policy == Policy::Log), "{}", of.name);
    }
}

#[test]
fn pay_needs_two_persons_and_other_judgements_one() {
    for of in himo_types() {
        for field in &of.fields {
            if let Policy::Human { approvals } = field.policy {
                let pay = matches!(field.name.as_str(), "wage_rate" | "pay_basis");
                assert_eq!(approvals, if pay { 2 } else { 1 }, "{}", field.name);
            }
        }
    }
    let human: Vec<&str> = himo_types()
        .find("worker")
        .expect("the worker")
        .fields
        .iter()
        .filter(|field| matches!(field.policy, Policy::Human { .. }))
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(
        human,
        [
            "family_name",
            "given_names",
            "sex",
            "birth_date",
            "birth_year",
            "birth_country",
            "national_id_type",
            "same_as",
            "age_decision"
        ]
    );
}

#[test]
fn a_path_belongs_to_the_field_whose_kind_asks_for_it() {
    let worker = himo_types().find("worker").expect("the worker");
    assert_eq!(worker.policy("sex"), Some(Policy::Human { approvals: 1 }));
    assert_eq!(worker.policy("phone"), Some(Policy::Automatic));
    assert_eq!(worker.policy("languages/mlg"), Some(Policy::Set));
    for none in ["languages", "sex/a", "languages/mlg/x", "_id", "e/0", "p/0", "hiv_status", ""] {
        assert_eq!(worker.policy(none), None, "{none}");
    }
    let identity = himo_types().find("identity").expect("the identity");
    assert_eq!(identity.policy("national_id/tag"), Some(Policy::Human { approvals: 1 }));
    assert_eq!(identity.policy("national_id/sealed"), Some(Policy::Automatic));
    assert_eq!(identity.policy("national_id"), None);
    let project = himo_types().find("project").expect("the project");
    assert_eq!(project.policy("title/fr"), Some(Policy::Automatic));
    let attendance = himo_types().find("attendance").expect("attendance");
    assert_eq!(attendance.policy("e/0"), None);
}

#[test]
fn names_are_unique_and_are_paths() {
    for of in himo_types() {
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

fn list(of: &str, name: &str) -> &'static CodeList {
    match &field(of, name).kind {
        Kind::Code(list) | Kind::Set(Some(list)) => list,
        other => panic!("{name} is of {other:?}"),
    }
}

#[test]
fn codes_are_known_by_list_or_by_what_codes_are_made_of() {
    let knows = |of: &str, name: &str, code: &str| list(of, name).knows(code);
    let sex = |code| knows("worker", "sex", code);
    assert!(sex("not_stated") && !sex("f") && !sex(""));
    let seeing = |code| knows("observation", "wg_seeing", code);
    assert!(seeing("7") && !seeing("5"));
    let occupation = |code| knows("assignment", "isco08", code);
    assert!(occupation("9312") && occupation("1111") && !occupation("93 12") && !occupation("-1"));
    assert!(knows("assignment", "assignment_status", "withdrawn"));
    for (code, is_one) in
        [("MG21205050", true), ("HT0111-01", true), ("MG", true), ("mg21", false), ("M", false)]
    {
        assert_eq!(is_pcode(code), is_one, "{code}");
    }
    assert!(!is_pcode("MGé") && !is_token("é") && is_token("brgd-2_a") && !is_token(""));
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
    for of in himo_types() {
        for field in &of.fields {
            assert!(!refused_name(&field.name), "{}", field.name);
        }
    }
}

proptest! {
    #[test]
    fn any_name_gets_an_answer(name in "\\PC{0,40}") {
        let _ = refused_name(&name);
        let _ = himo_types().iter().filter(|of| of.policy(&name).is_some()).count();
        let _ = (list("worker", "sex").knows(&name), list("assignment", "isco08").knows(&name));
    }
}
