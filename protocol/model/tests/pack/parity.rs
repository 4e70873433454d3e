//! What the records of the pack hold is what the record types hold that the program knew before any form: the same
//! fields, and of each the same meaning. Where they differ the reason stands here.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::types::record_types;
use fieldmerge_model::types::{self, CodeList, Field, Kind, RecordType};

use super::read::{forms, tables};

/// Why something differs.
type Why = &'static str;

const SHORT_SET: Why = "the words of the Washington Group, which are not changed";
const SOCIAL_PROTECTION: Why = "of a worker's social protection the program knew nothing";
const PARTNERS: Why = "partners are chosen from a file of the programme";

/// What differs, as `record.field aspect`, with the reason.
const DIFFERENCES: &[(&str, Why)] = &[
    ("firm.firm_name is in one of them", "nobody can choose a firm that has no name"),
    ("grievance is in one of them", "the program knew no such record type"),
    ("migration.costs repeat", "the table left the costs to repeats"),
    ("observation.wg_communicating labels", SHORT_SET),
    ("observation.wg_hearing labels", SHORT_SET),
    ("observation.wg_remembering labels", SHORT_SET),
    ("observation.wg_seeing labels", SHORT_SET),
    ("observation.wg_selfcare labels", SHORT_SET),
    ("observation.wg_walking labels", SHORT_SET),
    ("payment.arrears is in one of them", "what is owed is derived from many records, and no form can"),
    (
        "payment.net_amount policy",
        "an entry holds the gross amount and the deductions, and the net amount follows",
    ),
    ("project.donors codes", PARTNERS),
    ("project.implementing_partners codes", PARTNERS),
    ("worker.benefit_received is in one of them", SOCIAL_PROTECTION),
    ("worker.scheme_enrolled is in one of them", SOCIAL_PROTECTION),
];

fn compare(
    built_in: &[RecordType],
    ours: &[RecordType],
    files: &BTreeMap<String, Table>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let names: BTreeSet<&str> = built_in.iter().chain(ours).map(|of| of.name.as_str()).collect();
    for name in names {
        let one = built_in.iter().find(|of| of.name == name);
        let (Some(one), Some(other)) = (one, ours.iter().find(|of| of.name == name)) else {
            found.insert(format!("{name} is in one of them"));
            continue;
        };
        if (one.class, one.about_person) != (other.class, other.about_person) {
            found.insert(format!("{name} class"));
        }
        found.extend(other.repeats.iter().map(|repeat| format!("{name}.{} repeat", repeat.name)));
        let fields: BTreeSet<&str> =
            one.fields.iter().chain(&other.fields).map(|field| field.name.as_str()).collect();
        for field in fields {
            let (Some(one), Some(other)) = (one.field(field), other.field(field)) else {
                found.insert(format!("{name}.{field} is in one of them"));
                continue;
            };
            found.extend(
                aspects(one, other, files).into_iter().map(|aspect| format!("{name}.{field} {aspect}")),
            );
        }
    }
    found
}

fn aspects(one: &Field, other: &Field, files: &BTreeMap<String, Table>) -> Vec<&'static str> {
    let labels = |field: &Field| ["en", "fr"].map(|language| field.labels.get(language).to_owned());
    let aspects = [
        ("kind", one.kind.name() == other.kind.name() || is_tri(&one.kind, &other.kind)),
        ("policy", one.policy == other.policy),
        ("sensitivity", one.sensitivity == other.sensitivity),
        ("sees", one.sees == other.sees),
        ("unit", one.unit == other.unit),
        ("range", one.range == other.range),
        ("labels", labels(one) == labels(other)),
        ("codes", same_codes(&one.kind, &other.kind, files)),
    ];
    aspects.into_iter().filter(|(_, same)| !same).map(|(aspect, _)| aspect).collect()
}

fn list(kind: &Kind) -> Option<&CodeList> {
    match kind {
        Kind::Code(list) | Kind::Set(Some(list)) => Some(list),
        _ => None,
    }
}

/// Whether a form asks for yes, no or not known, which the program has a kind for: the same three codes are stored.
fn is_tri(one: &Kind, other: &Kind) -> bool {
    let known = types::code_list("YNU").expect("it is built in");
    *one == Kind::Tri && list(other).is_some_and(|list| codes(list) == codes(known))
}

/// Each code with its labels.
fn codes(list: &CodeList) -> Vec<[String; 3]> {
    let code = |code: &types::Code| {
        [code.code.to_string(), code.labels.get("en").to_owned(), code.labels.get("fr").to_owned()]
    };
    list.codes.iter().map(code).collect()
}

/// Whether two lists have the same codes with the same labels. A file holds more, and each code that the program lists;
/// a list that is only known by its shape has any codes of that.
fn same_codes(one: &Kind, other: &Kind, files: &BTreeMap<String, Table>) -> bool {
    if is_tri(one, other) {
        return true;
    }
    let (Some(one), Some(other)) = (list(one), list(other)) else {
        return list(one).is_none() && list(other).is_none();
    };
    if let Some(file) = other.name.strip_suffix(".csv") {
        let Some(table) = files.get(file) else { return false };
        let is_in_file = |code: &str| table.rows.iter().any(|row| row.iter().any(|cell| cell == code));
        return one.codes.iter().all(|code| is_in_file(&code.code));
    }
    if one.codes.is_empty() {
        return one.shape.is_some_and(|shape| other.codes.iter().all(|code| shape.fits(&code.code)));
    }
    codes(one) == codes(other)
}

#[test]
fn the_pack_holds_what_the_program_held() {
    let forms = forms();
    let ours = record_types(&forms.iter().collect::<Vec<_>>()).expect("the forms agree");
    let found = compare(types::record_types(), &ours, &tables());
    let listed: BTreeSet<String> = DIFFERENCES.iter().map(|(what, _)| (*what).to_owned()).collect();
    let unlisted: Vec<&String> = found.difference(&listed).collect();
    assert!(unlisted.is_empty(), "these differ, and no reason is given: {unlisted:#?}");
    let gone: Vec<&String> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "these do not differ any more: {gone:#?}");
}

/// Each record type is written by one form, so that nobody has to look in two for what a record holds.
#[test]
fn each_record_type_has_one_form() {
    let mut writers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for form in forms() {
        for of in record_types(&[&form]).expect("it agrees with itself") {
            writers.entry(of.name.to_string()).or_default().push(form.id.clone());
        }
    }
    for known in types::record_types() {
        assert_eq!(writers.get(known.name.as_str()).map(Vec::len), Some(1), "{}: {writers:?}", known.name);
    }
    assert!(writers.values().all(|forms| forms.len() == 1), "{writers:?}");
}
