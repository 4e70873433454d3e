//! What a workbook becomes.

use fieldmerge_model::access::Role;
use fieldmerge_model::form::import::{Import, import};
use fieldmerge_model::form::{
    ChoiceSource, Element, Form, Initial, Kind, Matching, Merge, Question, Storage, Text, Workbook,
};
use fieldmerge_model::types::Sensitivity;
use fieldmerge_protocol::RecordClass;

fn read(text: &str) -> Form {
    let Import { form, findings } = import(&Workbook::from_markdown(text), "form", None);
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    form.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn element<'f>(form: &'f Form, name: &str) -> &'f Element {
    form.elements.iter().find(|element| element.name == name).unwrap_or_else(|| panic!("{name} is there"))
}

const WORKERS: &str = "
| survey |
|  | type | name | label::Français (fr) | label::English (en) | hint::English (en) | relevant | required | bind::fm:merge | bind::fm:class | fm::match | fm::record | fm::kind |
|  | begin_group | who | Qui | Who | | | | | | | | |
|  | text | family_name | Nom | Family name | As on a paper | | yes | H | personal | family_name | | |
|  | select_one sex | sex | Sexe | Sex | | | | H | personal | sex | | |
|  | text | phone | Téléphone | Phone | | | | | | phone | | phone |
|  | end_group | | | | | | | | | | | |
|  | begin_group | seen | Vu | Observed | | ${sex} = 'female' | | | | | observation/observation | |
|  | select_multiple help | help | Aide | Help | | | | | | | | |
|  | end_group | | | | | | | | | | | |
|  | begin_repeat | children | Enfants | Children | | | | | | | | |
|  | integer | age | Âge | Age | | | | | | | | |
|  | end_repeat | | | | | | | | | | | |
|  | calculate | total | | | | | | | | | | |
| choices |
|  | list_name | name | label::Français (fr) | label::English (en) | region |
|  | sex | female | Féminin | Female | |
|  | sex | male | Masculin | Male | |
|  | help | ramp | Rampe | Ramp | north |
| settings |
|  | form_id | version | form_title | default_language | fm::record |
|  | workers | 3 | Ouvriers | English (en) | worker |
";

#[test]
fn a_workbook_becomes_a_form() {
    let form = read(
        &WORKERS
            .replace("|  | calculate | total |", "|  | integer | total |  Total | Total |")
            .replace("| | | | | | | | | | |\n| choices", "| | | | | | | | |\n| choices"),
    );
    assert_eq!((form.id.as_str(), form.version.as_str(), form.title.as_str()), ("workers", "3", "Ouvriers"));
    assert_eq!(
        form.languages.iter().map(|language| language.code.as_str()).collect::<Vec<_>>(),
        ["fr", "en"]
    );
    assert_eq!(form.default_language, 1);
    assert_eq!((form.record.record_type.as_str(), form.record.class), ("worker", RecordClass::Core));

    let name = element(&form, "family_name");
    assert_eq!(name.label, Text(vec!["Nom".to_owned(), "Family name".to_owned()]));
    assert_eq!(name.hint.get(0, form.default_language), "As on a paper", "the default language stands in");
    assert_eq!(name.logic.required.as_deref(), Some("true()"));
    assert_eq!((name.ours.merge, name.ours.class), (Some(Merge::H), Some(Sensitivity::Personal)));
    assert_eq!(name.ours.matching, Some(Matching::FamilyName));
    assert_eq!(element(&form, "phone").ours.storage, Some(Storage::Phone));
    assert_eq!(name.path.as_deref(), Some("family_name"));

    let help = form.elements.iter().position(|element| element.name == "help").expect("it is there");
    assert_eq!(form.target(help).class, RecordClass::Observation);
    let Kind::Question(Question::SelectMultiple(choices)) = &form.elements[help].kind else {
        panic!("a select")
    };
    assert_eq!(choices.source, ChoiceSource::List("help".to_owned()));
    assert_eq!(form.list("help").expect("it is there").columns, ["region"]);
    assert_eq!(form.list("sex").expect("it is there").columns, [""; 0]);
    assert_eq!(element(&form, "age").parent.map(|at| form.elements[at].name.as_str()), Some("children"));
}

#[test]
fn a_form_is_the_same_after_json() {
    let form = read(&WORKERS.replace("calculate | total | | | |", "text | total | T | T | |"));
    let json = serde_json::to_string(&form).expect("a form can be written");
    assert_eq!(serde_json::from_str::<Form>(&json).expect("it reads"), form);
}

#[test]
fn defaults_are_values_or_expressions() {
    let form = read(
        "| survey |\n| | type | name | label | default |\n| | date | a | A | today() |\n| | date | b | B | 2026-03-01 |\n| | text | c | C | well-known |",
    );
    let initial = |name: &str| element(&form, name).logic.initial.clone();
    assert_eq!(initial("a"), Some(Initial::Expression("today()".to_owned())));
    assert_eq!(initial("b"), Some(Initial::Value("2026-03-01".to_owned())));
    assert_eq!(initial("c"), Some(Initial::Value("well-known".to_owned())));
}

const GROUPS: &str = "
| survey |
|  | type | name | label |
|  | begin_group | mother | Mother |
|  | integer | Âge | Age |
|  | end_group | | |
|  | begin_group | father | Father |
|  | integer | Âge | Age |
|  | end_group | | |
";

#[test]
fn questions_of_one_name_have_different_paths_and_keep_them() {
    let form = read(GROUPS);
    let paths = |form: &Form| -> Vec<String> {
        form.elements.iter().filter_map(|element| element.path.clone()).collect()
    };
    assert_eq!(paths(&form), ["age", "father_age"]);
    // A question of the same name before them takes nothing from them.
    let before = "|  | begin_group | child | Child |\n|  | integer | Âge | Age |\n|  | end_group | | |\n|  | begin_group | mother |";
    let later = GROUPS.replace("|  | begin_group | mother |", before);
    let import = import(&Workbook::from_markdown(&later), "form", Some(&form));
    assert_eq!(paths(&import.form.expect("it is whole")), ["child_age", "age", "father_age"]);
}

#[test]
fn headings_are_read_in_all_their_spellings() {
    let form = read(
        "| survey |\n| | Type | NAME | label:Français | Constraint Message | readonly | big-image |\n| | text | a | A | non | yes | a.png |",
    );
    let a = element(&form, "a");
    assert_eq!(form.languages[0].name, "Français");
    assert_eq!(a.logic.read_only.as_deref(), Some("true()"));
    assert_eq!(a.logic.constraint_message.get(1, 0), "non");
    assert_eq!(a.media.big_image.get(1, 0), "a.png");
}

#[test]
fn all_means_every_role() {
    let form = read(
        "| survey |\n| | type | name | label | fm::see | fm::write |\n| | text | a | A | all | analyst, ALL |",
    );
    let ours = &element(&form, "a").ours;
    assert_eq!((ours.see.as_slice(), ours.write.as_slice()), (&Role::ALL[..], &Role::ALL[..]));
}

#[test]
fn the_files_that_expressions_look_into_come_with_the_form() {
    let form = read(
        "
| survey |
| | type | name | label | calculation | choice_filter |
| | csv-external | firms | | | |
| | select_one_from_file sites.csv | site | Site | | price = pulldata('prices', 'low', 'name', .) |
| | select_one colour | shade | Shade | | name != instance('colour')/root/item[1]/name |
| | calculate | all | | count(instance('site')/root/item) + count(instance('firms')/root/item) | |
| choices |
| | list_name | name | label |
| | colour | red | Red |
",
    );
    assert_eq!(form.files, ["firms.csv", "sites.csv", "prices.csv", "site.csv"]);
}
