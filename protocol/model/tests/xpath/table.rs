//! The conformance tables: `rule | tree | expected | expression`, one case a line.
//!
//! The rule is a section of XPath 1.0 or a function of ODK XForms. The tree may name the context node behind a colon;
//! otherwise it is the document's element. Expected is a number, a text in single quotes, `true` or `false`, nodes as
//! `[/data/a /data/b]`, or `!` and a part of the error's sentence.

use fieldmerge_model::xpath::{Context, EvalError, Expr, Node, Value};

use crate::forest::{Fixed, Forest};

const TABLES: [(&str, &str); 7] = [
    ("core", include_str!("tables/core.psv")),
    ("paths", include_str!("tables/paths.psv")),
    ("text", include_str!("tables/text.psv")),
    ("number", include_str!("tables/number.psv")),
    ("time", include_str!("tables/time.psv")),
    ("nodes", include_str!("tables/nodes.psv")),
    ("place", include_str!("tables/place.psv")),
];

/// What an expression gives, written as in the tables.
fn found(tree: &Forest, node: Node, text: &str) -> String {
    let expr = match Expr::parse(text) {
        Ok(expr) => expr,
        Err(error) => return format!("does not parse: {error}"),
    };
    match evaluate(&expr, tree, node) {
        Ok(Value::Number(number)) => fieldmerge_model::xpath::number_text(number),
        Ok(Value::Text(text)) => format!("'{text}'"),
        Ok(Value::Bool(truth)) => truth.to_string(),
        Ok(Value::Nodes(nodes)) => {
            format!("[{}]", nodes.iter().map(|node| tree.path(*node)).collect::<Vec<_>>().join(" "))
        }
        Err(error) => format!("!{error}"),
    }
}

pub fn evaluate<'a>(expr: &'a Expr, tree: &'a Forest, node: Node) -> Result<Value<'a>, EvalError> {
    expr.evaluate(tree, Context { node, host: &mut Fixed::default() })
}

/// The node of the record with that path, relevant or not.
fn node_at(tree: &Forest, path: &str) -> Node {
    tree.nodes().into_iter().find(|node| tree.path(*node) == path).unwrap_or_else(|| panic!("no {path}"))
}

#[test]
fn expressions_give_what_the_tables_say() {
    let trees = Forest::all(include_str!("tables/trees.xml"));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (table, text) in TABLES {
        for (line, case) in
            text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let mut columns = case.splitn(4, " | ").map(str::trim);
            let mut column =
                || columns.next().unwrap_or_else(|| panic!("{table}:{}: four columns", line + 1));
            let (_rule, place, expected, expression) = (column(), column(), column(), column());
            let (tree, path) = place.split_once(':').unwrap_or((place, "/data"));
            let tree = trees.get(tree).unwrap_or_else(|| panic!("no tree {tree}"));
            let found = found(tree, node_at(tree, path), expression);
            let fits = found == expected
                || (expected.starts_with('!') && found.starts_with('!') && found.contains(&expected[1..]))
                || near(&found, expected);
            if !fits {
                wrong.push(format!("{table}:{}: {expression}\n    {found} instead of {expected}", line + 1));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 400, "only {count} cases were read");
}

/// Whether two numbers agree to twelve digits; those that are written with `~` before them.
fn near(found: &str, expected: &str) -> bool {
    let expected = expected.strip_prefix('~').and_then(|number| number.parse::<f64>().ok());
    match (found.parse::<f64>(), expected) {
        (Ok(found), Some(expected)) => (found - expected).abs() <= expected.abs() * 1e-12,
        _ => false,
    }
}
