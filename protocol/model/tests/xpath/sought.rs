//! A look-up that the tree answers gives what going through all rows gives.

use fieldmerge_model::xpath::{Tree, Value};
use proptest::prelude::*;

use crate::expressions::expression;
use crate::forest::Forest;
use crate::properties::{resolved, same};
use crate::table::evaluate;

/// A record, and a table of people in which texts come again and some are missing.
fn table() -> impl Strategy<Value = Forest> {
    let cell = || prop::sample::select(vec![None, Some(""), Some("Ada"), Some("Ada"), Some("8"), Some("9")]);
    let rows = prop::collection::vec([cell(), cell(), cell()], 0..8);
    (rows, [cell(), cell()]).prop_map(|(rows, [name, age])| {
        let mut forest = Forest::empty();
        let data = forest.push(0, "data", "");
        for (column, text) in [("name", name), ("name", age), ("x", name)] {
            forest.push(data, column, text.unwrap_or_default());
        }
        forest.begin("towns");
        let root = forest.push(0, "root", "");
        for row in rows {
            let item = forest.push(root, "item", "");
            for (column, text) in ["name", "age", "x"].into_iter().zip(row) {
                text.map(|text| forest.push(item, column, text));
            }
        }
        forest
    })
}

/// Predicates, most of which a tree can be asked for.
fn predicate() -> impl Strategy<Value = String> {
    let column = || prop::sample::select(vec!["name", "age", "x"]);
    let simple = vec!["'Ada'", "'8'", "''", "8", "/data/name", "//age", "current()/../x", "string(/data/x)"];
    let wanted =
        || prop_oneof![5 => prop::sample::select(simple.clone()).prop_map(str::to_owned), 1 => expression()];
    let more = || {
        prop_oneof![
            2 => prop::sample::select(vec!["age", "position() = 1", "last() > 1", "x != '8'", "true()"])
                .prop_map(str::to_owned),
            1 => expression(),
        ]
    };
    prop_oneof![
        3 => (column(), wanted()).prop_map(|(column, wanted)| format!("{column} = {wanted}")),
        1 => (column(), wanted()).prop_map(|(column, wanted)| format!("({wanted}) = {column}")),
        2 => (column(), wanted(), more())
            .prop_map(|(column, wanted, more)| format!("{column} = {wanted} and ({more})")),
        1 => (column(), wanted(), more(), more())
            .prop_map(|(column, wanted, a, b)| format!("{column} = ({wanted}) and ({a}) and ({b})")),
        1 => (column(), wanted(), column())
            .prop_map(|(a, wanted, b)| format!("{a} = {wanted} = {b}")),
        1 => (column(), wanted(), more()).prop_map(|(a, wanted, more)| format!("{a} = {wanted} or ({more})")),
    ]
}

fn look_up() -> impl Strategy<Value = String> {
    let second = prop_oneof![
        3 => Just(String::new()),
        1 => (1_u32..3).prop_map(|place| format!("[{place}]")),
        1 => Just("[position() = last()]".to_owned()),
        1 => predicate().prop_map(|predicate| format!("[{predicate}]")),
    ];
    let path =
        prop::sample::select(vec!["root/item", "root/item", "root//item", "*/item", "root/*", "root/x"]);
    let nodes = (path, predicate(), second)
        .prop_map(|(path, predicate, second)| format!("instance('towns')/{path}[{predicate}]{second}"));
    let pulled = (prop::sample::select(vec!["'Ada'", "''", "/data/name"]))
        .prop_map(|key| format!("pulldata('towns', 'age', 'name', {key})"));
    prop_oneof![7 => nodes, 1 => pulled]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_that_finds_rows_gives_the_same(text in look_up(), forest in table()) {
        let expr = resolved(&text)?;
        let mut seeking = forest.clone();
        seeking.seeks = true;
        let node = forest.nodes()[1];
        let (went, sought) = (evaluate(&expr, &forest, node), evaluate(&expr, &seeking, node));
        prop_assert!(same(&went, &sought), "{}: {:?} and {:?}", text, went, sought);
    }
}

/// Without it a form over thousands of workers is slow: each of ten thousand look-ups would go through all of them.
#[test]
fn a_look_up_takes_no_more_work_in_a_long_list() {
    let mut forest = Forest::empty();
    forest.seeks = true;
    forest.push(0, "data", "");
    forest.begin("towns");
    let root = forest.push(0, "root", "");
    for town in 0..20_000 {
        let item = forest.push(root, "item", "");
        forest.push(item, "name", &format!("n{town}"));
        forest.push(item, "label", &format!("Town {town}"));
    }
    let look_up = |town: u32| format!("string(instance('towns')/root/item[name = 'n{town}']/label)");
    let many: Vec<String> = (0..100).map(look_up).collect();
    let expr = resolved(&format!("concat({})", many.join(", "))).expect("it parses");
    let found = evaluate(&expr, &forest, forest.root()).expect("less work than an evaluation may do");
    assert!(matches!(found, Value::Text(text) if text.starts_with("Town 0Town 1Town 2")));
}
