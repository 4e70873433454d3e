//! The record types that forms write.

use fieldmerge_model::access::Role;
use fieldmerge_model::form::types::{known_types, record_types};
use fieldmerge_model::form::{Form, Workbook, import};
use fieldmerge_model::types::{Field, Kind, Policy, Range, RecordType, Sensitivity};
use fieldmerge_protocol::RecordClass;

fn form(text: &str) -> Form {
    let found = import::import(&Workbook::from_markdown(text), "form", None);
    let findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
    found.form.unwrap_or_else(|| panic!("{findings:#?}"))
}

const WORKER: &str = "
| survey |
| | type | name | label::Français (fr) | label::English (en) | hint::English (en) | constraint | fm::merge | fm::class | fm::see | fm::match | fm::record | fm::kind | fm::unit | calculation |
| | text | family_name | Nom | Family name | As on a paper | string-length(.) <= 80 | | | | family_name | | | |
| | select_one sex | sex | Sexe | Sex | | | H | personal | enumerator, analyst | sex | | | |
| | integer | birth_year | Année | Year | | . >= 1900 and . <= 2100 | H | | | birth_year | | | year |
| | text | phone | Téléphone | Phone | | | | | | phone | | phone | |
| | select_multiple lang | languages | Langues | Languages | | | | | | | | | |
| | image | photo | Photo | Photo | | | A | special | | | | | |
| | range | stars | Étoiles | Stars | | | | | | | | | |
| | begin_group | seen | Vu | Seen | | | | | | | observation/observation | | |
| | integer | wg | Voir | Seeing | | | | | | | | | |
| | calculate | derived | Dérivé | Derived | | | D | | | | | integer | | 1 + 1 |
| | end_group | | | | | | | | | | | | |
| | begin_repeat | children | Enfants | Children | | | | | | | | | |
| | integer | age | Âge | Age | | . >= 0 and . <= 17 | | | | | | | year |
| | select_multiple lang | speaks | Parle | Speaks | | | | | | | | | |
| | end_repeat | | | | | | | | | | | | |
| choices |
| | list_name | name | label::Français (fr) | label::English (en) |
| | sex | female | Féminin | Female |
| | sex | male | Masculin | Male |
| | lang | fra | Français | French |
| settings |
| | form_id | fm::record | default_language |
| | worker | worker | Français (fr) |
";

fn field<'t>(of: &'t RecordType, path: &str) -> &'t Field {
    of.field_at(path).unwrap_or_else(|| panic!("{path} is there"))
}

#[test]
fn a_form_says_what_records_hold_and_how_it_merges() {
    let form = form(WORKER);
    let types = record_types(&[&form]).expect("nothing clashes");
    let names: Vec<(&str, RecordClass, bool)> =
        types.iter().map(|of| (of.name.as_str(), of.class, of.about_person)).collect();
    assert_eq!(
        names,
        [("observation", RecordClass::Observation, true), ("worker", RecordClass::Core, false)]
    );
    let (observation, worker) = (&types[0], &types[1]);

    assert_eq!(worker.title_fields, ["family_name"], "no form says more: the first text");
    assert_eq!(worker.searched_fields, ["family_name", "phone"]);
    assert!(observation.title_fields.is_empty(), "what is told of a person names nothing");

    let name = field(worker, "family_name");
    assert_eq!(name.kind, Kind::Text);
    assert_eq!(
        (name.labels.get("en"), name.labels.get("fr"), name.labels.get("mg")),
        ("Family name", "Nom", "Nom")
    );
    assert_eq!(name.range, Range { min: None, max: Some(80) });
    assert_eq!(name.policy, Policy::Human { approvals: 1 });
    assert_eq!(name.sensitivity, Sensitivity::Personal);
    assert!(name.sees.contains(Role::Enumerator) && !name.sees.contains(Role::Analyst));

    let sex = field(worker, "sex");
    let Kind::Code(list) = &sex.kind else { panic!("{:?}", sex.kind) };
    assert!(list.knows("female") && !list.knows("other"));
    assert_eq!(list.find("female").map(|code| code.labels.get("en")), Some("Female"));
    assert_eq!(sex.sees.iter().collect::<Vec<_>>(), [Role::Enumerator, Role::Analyst]);

    let year = field(worker, "birth_year");
    assert_eq!((&year.kind, year.unit.as_str()), (&Kind::Int, "year"));
    assert_eq!(year.range, Range { min: Some(1900), max: Some(2100) });
    assert!(year.sees.contains(Role::Analyst), "a year is not a date");

    assert_eq!(field(worker, "phone").kind, Kind::Phone);
    assert_eq!(field(worker, "languages/fra").policy, Policy::Set);
    assert!(worker.field_at("languages").is_none());
    assert_eq!(worker.attachment_fields, ["photo"]);
    assert_eq!(field(worker, "photo/thumb").sensitivity, Sensitivity::Special);
    assert_eq!(field(worker, "stars").range, Range { min: Some(1), max: Some(10) });

    let age = field(worker, "children/0190/age");
    assert_eq!((age.range, age.policy), (Range { min: Some(0), max: Some(17) }, Policy::Automatic));
    assert_eq!(field(worker, "children/0190/speaks/fra").policy, Policy::Set);
    for none in ["children", "children/0190", "children/0190/size", "children/0190/age/x", "age", "wg"] {
        assert!(worker.field_at(none).is_none(), "{none}");
    }

    let wg = field(observation, "wg");
    assert_eq!((wg.policy, wg.sensitivity), (Policy::Observation, Sensitivity::Special));
    assert_eq!(field(observation, "derived").policy, Policy::Derived);
}

#[test]
fn forms_add_up_and_must_agree() {
    let one = form(
        "
| survey |
| | type | name | label |
| | integer | size | Size |
| | text | called | Name |
| settings |
| | form_id | fm::record |
| | one | worker |
",
    );
    let other = form(
        "
| survey |
| | type | name | label |
| | integer | size | How many |
| | date | born | Born |
| settings |
| | form_id | fm::record |
| | other | worker |
",
    );
    let types = record_types(&[&one, &other]).expect("nothing clashes");
    let fields: Vec<(&str, &str)> =
        types[0].fields.iter().map(|field| (field.name.as_str(), field.labels.get(""))).collect();
    assert_eq!(fields, [("size", "How many"), ("called", "Name"), ("born", "Born")]);

    let third = form(
        "
| survey |
| | type | name | label |
| | text | size | Size |
| settings |
| | form_id | fm::record |
| | third | worker |
",
    );
    let clashes = record_types(&[&one, &other, &third]).expect_err("a number is no text");
    assert_eq!(
        clashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["size of worker is int in one place and text in another"]
    );
}

#[test]
fn a_later_version_may_take_more_and_what_was_chosen_before_stays_known() {
    let of = |number: &str, sex: &str, choices: &str| {
        form(&format!(
            "
| survey |
| | type | name | label | fm::kind |
| | {number} | size | Size | |
| | {sex} | sex | Sex | |
| | select_multiple tools | tools | Tools | |
| choices |
| | list_name | name | label |
{choices}
| settings |
| | form_id | fm::record |
| | one | worker |
"
        ))
    };
    let first = of(
        "integer",
        "select_one sex",
        "| | sex | female | Female |\n| | sex | male | Male |\n| | tools | hoe | Hoe |",
    );
    let second = of(
        "decimal",
        "select_one sex",
        "| | sex | male | Man |\n| | sex | female | Woman |\n| | tools | pick | Pick |",
    );
    let types = record_types(&[&first, &second]).expect("decimals take whole numbers");
    assert_eq!(field(&types[0], "size").kind, Kind::Decimal);
    let codes = |kind: &Kind| match kind {
        Kind::Code(list) | Kind::Set(Some(list)) => {
            list.codes.iter().map(|code| format!("{} {}", code.code, code.labels.get(""))).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(codes(&field(&types[0], "sex").kind), ["male Man", "female Woman"]);
    assert_eq!(codes(&field(&types[0], "tools/hoe").kind), ["pick Pick", "hoe Hoe"]);

    let third = of("decimal", "text", "| | tools | hoe | Hoe |");
    let types = record_types(&[&first, &second, &third]).expect("a text takes codes");
    assert_eq!(field(&types[0], "sex").kind, Kind::Text);
    let clashes = record_types(&[&third, &first]).expect_err("whole numbers do not take decimals");
    let said: Vec<String> = clashes.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "size of worker is decimal in one place and int in another",
            "sex of worker is text in one place and code in another"
        ]
    );
}

#[test]
fn a_record_type_has_one_class() {
    let of = |class: &str| {
        form(&format!(
            "
| survey |
| | type | name | label |
| | text | a | A |
| settings |
| | form_id | fm::record |
| | one | {class}/visit |
"
        ))
    };
    let clashes = record_types(&[&of("core"), &of("reference")]).expect_err("it has one");
    assert_eq!(clashes[0].to_string(), "_type of visit is core in one place and reference in another");
    // What was published before a program refused it is read all the same.
    let (types, clashes) = known_types(&[&of("core"), &of("reference")]);
    assert_eq!((types[0].class, types.len(), clashes.len()), (RecordClass::Core, 1, 1));
}

#[test]
fn a_form_says_what_names_its_records() {
    let well = "
| survey |
| | type | name | label | calculation | fm::kind | fm::record |
| | text | owner | Owner | | | |
| | integer | depth | Depth | | | |
| | calculate | both | | concat(${code}, '-', ${depth}) | none | |
| | barcode | code | Code | | | |
| | begin_group | seen | Seen | | | task/visit |
| | text | seen_by | By whom | | | |
| | end_group | | | | | |
| | begin_repeat | pump | Pump | | | |
| | text | maker | Maker | | | |
| | end_repeat | | | | | |
| settings |
| | form_id | fm::record |
| | well | well |
";
    let of = |form: &Form, name: &str| {
        let types = record_types(&[form]).expect("nothing clashes");
        types.into_iter().find(|of| of.name == name).expect("the form writes it")
    };
    assert_eq!(of(&form(well), "well").title_fields, ["owner"], "the first text, where the form is silent");
    assert_eq!(of(&form(well), "well").searched_fields, ["owner"]);
    let with =
        |label: &str| form(&format!("{well}| entities |\n| | list_name | label |\n| | well | {label} |\n"));
    // A calculation that is kept nowhere stands for what it is made of; what stands in repeats and other records does not count.
    let named = with("concat(${both}, ' ', ${owner}, ${maker}, ${seen_by})");
    assert_eq!(of(&named, "well").title_fields, ["code", "depth", "owner"]);
    assert_eq!(of(&named, "well").searched_fields, ["code", "depth", "owner"]);
    assert!(of(&named, "visit").title_fields.is_empty());
    // The form that came last gives the title; what one form searched by is still searched by.
    let types = record_types(&[&named, &with("${code}")]).expect("nothing clashes");
    let last = types.iter().find(|of| of.name == "well").expect("the form writes it");
    assert_eq!(last.title_fields, ["code"]);
    assert_eq!(last.searched_fields, ["code", "depth", "owner"]);
    // A name that no question has is a mistake.
    let text = format!("{well}| entities |\n| | list_name | label |\n| | well | ${{ownr}} |\n");
    let found = import::import(&Workbook::from_markdown(&text), "form", None);
    assert!(
        found.findings.iter().any(|finding| finding.to_string().contains("owner")),
        "{:?}",
        found.findings
    );
}
