//! Look-ups in files and choice lists, which a table answers from the order of its cells, give what going through all
//! rows gives.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::filling::Filling;
use proptest::prelude::*;

use super::told::compiled_with;
use super::world::Fixed;

/// Each look-up stands twice: as it is written, and so that no table is asked for it.
const LOOK_UPS: [(&str, &str); 7] = [
    (
        "join('/', instance('t')/root/item[a = ${q}]/b)",
        "join('/', instance('t')/root/item[false() or a = ${q}]/b)",
    ),
    (
        "join('/', instance('t')/root/item[${q} = b and a != 'x'][2]/a)",
        "join('/', instance('t')/root/item[a != 'x' and ${q} = b][2]/a)",
    ),
    ("count(instance('t')/root/item[none = ${q}])", "count(instance('t')/root/item[false() or none = ${q}])"),
    ("count(instance('t')/root/item[a = ''])", "count(instance('t')/root/item[false() or a = ''])"),
    (
        "join('/', instance('l')/root/item[n = ${q}]/label)",
        "join('/', instance('l')/root/item[true() and n = ${q}]/label)",
    ),
    (
        "count(instance('l')/root/item[label = ${q}])",
        "count(instance('l')/root/item[false() or label = ${q}])",
    ),
    ("pulldata('t', 'b', 'a', ${q})", "string(instance('t')/root/item[false() or a = ${q}][1]/b)"),
];

fn form() -> String {
    let mut text = String::from("| survey |\n| | type | name | label | label::French (fr) | calculation |\n");
    text.push_str("| | text | q | Q | Q | |\n| | select_one l | s | S | S | |\n| | select_one_from_file t.csv | f | F | F | |\n");
    for (at, (quick, slow)) in LOOK_UPS.iter().enumerate() {
        let _ = writeln!(
            text,
            "| | calculate | quick{at} | | | {quick} |\n| | calculate | slow{at} | | | {slow} |"
        );
    }
    text + "| choices |\n| | list_name | name | label | label::French (fr) | n |\n\
        | | l | a | x | y | 1 |\n| | l | b | y | x | |\n| | l | c | y | z | 1 |\n| | l | d | é | é | x |\n"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_table_that_is_asked_gives_the_same(
        rows in prop::collection::vec(prop::collection::vec(cell(), 0..3), 0..12),
        answers in prop::collection::vec(cell(), 1..6),
        language in 0_usize..2,
    ) {
        let columns = vec!["a".to_owned(), "b".to_owned()];
        let form = compiled_with(&form(), BTreeMap::from([("t".to_owned(), Table { columns, rows })]));
        let mut world = Fixed::default();
        let mut filling = Filling::begin(form, language, BTreeMap::new(), &mut world);
        for answer in answers {
            filling.answer(filling.named("q")[0], &answer, &mut world).expect("a text");
            for (at, (look_up, _)) in LOOK_UPS.iter().enumerate() {
                let value = |name: String| filling.value(filling.named(&name)[0]).to_owned();
                prop_assert_eq!(value(format!("quick{at}")), value(format!("slow{at}")), "{}", look_up);
            }
        }
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "x", "x", "y", "1", "é", "01"]).prop_map(str::to_owned)
}
