//! What holds for every expression and every tree.

use std::cell::RefCell;

use fieldmerge_model::xpath::{
    Context, EvalError, Expr, Location, LocationStep, Node, Tree, Value, limits, number_text,
};
use proptest::prelude::*;

use crate::expressions::expression;
use crate::forest::{Fixed, Forest};
use crate::table::evaluate;

/// A record and a list of towns with random names, texts and shape.
fn forest() -> impl Strategy<Value = Forest> {
    let name = prop::sample::select(vec!["name", "age", "person", "data", "day", "x"]);
    let text = prop::sample::select(vec![
        "",
        "Ada",
        "8",
        "-1.5",
        "2026-03-02",
        "a b c",
        "0 0;0 1;1 1;0 0",
        "é",
        " ",
    ]);
    let node = (0_usize..8, name, text);
    let nodes = prop::collection::vec(node, 0..20);
    (nodes.clone(), nodes).prop_map(|(record, towns)| {
        let mut forest = Forest::empty();
        grow(&mut forest, "data", &record);
        forest.begin("towns");
        grow(&mut forest, "root", &towns);
        forest
    })
}

/// Adds nodes below one of the nodes that are still open, so that they are numbered in document order.
fn grow(forest: &mut Forest, root: &str, nodes: &[(usize, &str, &str)]) {
    let mut open = vec![forest.push(0, root, "")];
    for (up, name, text) in nodes {
        open.truncate(open.len().saturating_sub(*up).max(1));
        let parent = *open.last().expect("the root stays open");
        open.push(forest.push(parent, name, text));
    }
}

pub fn resolved(text: &str) -> Result<Expr, TestCaseError> {
    let expr = Expr::parse(text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    let expr = expr.resolve(&mut |usage| Some(Location::relative(1, [usage.reference.name.as_str()])));
    expr.map_err(|missing| TestCaseError::fail(format!("{missing:?}")))
}

/// Values are the same, NaN with NaN.
pub fn same(a: &Result<Value<'_>, EvalError>, b: &Result<Value<'_>, EvalError>) -> bool {
    match (a, b) {
        (Ok(Value::Number(a)), Ok(Value::Number(b))) => number_text(*a) == number_text(*b),
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    /// No expression panics on any tree; what is printed means the same; nodes come in document order, each once, and
    /// each is relevant.
    #[test]
    fn every_expression_has_a_value(text in expression(), forest in forest(), place in 0_usize..30) {
        let expr = resolved(&text)?;
        let nodes = forest.nodes();
        let node = nodes[place % nodes.len()];
        let value = evaluate(&expr, &forest, node);
        let printed = expr.to_string();
        let again = Expr::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert!(same(&value, &evaluate(&again, &forest, node)), "{} → {}", text, printed);
        if let Ok(Value::Nodes(found)) = &value
            && !text.contains("randomize")
        {
            prop_assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]), "{}", text);
        }
        if let Ok(value) = &value {
            let (text, number) = (value.to_text(&forest), value.to_number(&forest, 180));
            prop_assert!(text.len() <= limits::MAX_RESULT_BYTES);
            let _ = (number, value.to_bool());
        }
    }

    /// Each node of the record whose text is looked at is one that a dependency leads to.
    #[test]
    fn values_depend_on_nothing_else(text in expression(), forest in forest()) {
        let expr = resolved(&text)?;
        let tree = Watched::new(forest);
        let node = tree.forest.nodes()[1];
        let _ = expr.evaluate(&tree, Context { node, host: &mut Fixed::default() });
        let locations = expr.dependencies().locations;
        for node in tree.read.take() {
            let leads = |one: &Location| match one.steps.last() {
                Some(LocationStep::Child(name)) => name == tree.name(node),
                _ => true,
            };
            prop_assert!(locations.iter().any(leads), "{} reads {}", text, tree.forest.path(node));
        }
    }

    #[test]
    fn arithmetic_is_that_of_f64(a in number(), b in number()) {
        let forest = Forest::empty();
        // As text, zero has no sign.
        let (a, b) = (a + 0.0, b + 0.0);
        for (sign, expected) in
            [("+", a + b), ("-", a - b), ("*", a * b), ("div", a / b), ("mod", a % b)]
        {
            let text = format!("({}) {sign} ({})", number_text(a), number_text(b));
            let expr = Expr::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            let found = evaluate(&expr, &forest, forest.root());
            prop_assert!(same(&found, &Ok(Value::Number(expected))), "{} {:?}", text, found);
        }
    }

    /// The text of a number has no exponent and reads as the same number again.
    #[test]
    fn numbers_survive_as_text(number in number()) {
        let text = number_text(number);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte)), "{}", text);
        let forest = Forest::empty();
        let found = Value::Text(text.clone().into()).to_number(&forest, 0);
        prop_assert!((found - number).abs() <= 0.0, "{}", text);
    }

    /// What must hold between comparisons, for values of every kind.
    #[test]
    fn comparisons_agree(a in expression(), b in expression(), forest in forest()) {
        // What chance decides is another value each time.
        let [a, b] = [a, b].map(|text| text.replace("random()", "0.5").replace("uuid(", "string("));
        let truth = |text: String| -> Result<Option<bool>, TestCaseError> {
            let expr = resolved(&text)?;
            Ok(match evaluate(&expr, &forest, forest.nodes()[1]) {
                Ok(Value::Bool(truth)) => Some(truth),
                Ok(other) => return Err(TestCaseError::fail(format!("{text}: {other:?}"))),
                Err(_) => None,
            })
        };
        for (sign, turned) in [("=", "="), ("!=", "!="), ("<", ">"), ("<=", ">=")] {
            let left = truth(format!("({a}) {sign} ({b})"))?;
            let right = truth(format!("({b}) {turned} ({a})"))?;
            // Which of two errors comes first depends on the side, that there is one does not.
            prop_assert_eq!(left, right, "{} {} {}", a, sign, b);
        }
        let less = truth(format!("({a}) < ({b})"))?;
        if less == Some(true) {
            prop_assert_eq!(truth(format!("({a}) <= ({b})"))?, Some(true));
        }
    }
}

/// Finite numbers of every size, whole ones more often than chance would have it.
fn number() -> impl Strategy<Value = f64> {
    let any = any::<f64>().prop_filter("finite", |number| number.is_finite());
    prop_oneof![
        any,
        (-1_000_000_i32..1_000_000).prop_map(f64::from),
        (-1000_i32..1000).prop_map(|n| f64::from(n) / 8.0)
    ]
}

/// A list of so many items, each with a name and a region of ten.
fn list(items: u32) -> Forest {
    let mut forest = Forest::empty();
    let data = forest.push(0, "data", "");
    forest.push(data, "region", "r3");
    forest.begin("towns");
    let root = forest.push(0, "root", "");
    for item in 0..items {
        let parent = forest.push(root, "item", "");
        forest.push(parent, "name", &format!("n{item}"));
        forest.push(parent, "region", &format!("r{}", item % 10));
    }
    forest
}

/// A tree that notes which nodes of the record it is asked the text of.
struct Watched {
    forest: Forest,
    read: RefCell<Vec<Node>>,
}

impl Watched {
    fn new(forest: Forest) -> Self {
        Self { forest, read: RefCell::default() }
    }
}

impl Tree for Watched {
    fn text(&self, node: Node) -> std::borrow::Cow<'_, str> {
        if node.document == 0 {
            self.read.borrow_mut().push(node);
        }
        self.forest.text(node)
    }
    fn root(&self) -> Node {
        self.forest.root()
    }
    fn document(&self, name: &str) -> Option<Node> {
        self.forest.document(name)
    }
    fn parent(&self, node: Node) -> Option<Node> {
        self.forest.parent(node)
    }
    fn first_child(&self, node: Node) -> Option<Node> {
        self.forest.first_child(node)
    }
    fn next_sibling(&self, node: Node) -> Option<Node> {
        self.forest.next_sibling(node)
    }
    fn previous_sibling(&self, node: Node) -> Option<Node> {
        self.forest.previous_sibling(node)
    }
    fn name(&self, node: Node) -> &str {
        self.forest.name(node)
    }
    fn order(&self, a: Node, b: Node) -> std::cmp::Ordering {
        self.forest.order(a, b)
    }
    fn is_relevant(&self, node: Node) -> bool {
        self.forest.is_relevant(node)
    }
}

#[test]
fn a_filter_finds_what_does_not_change_once() {
    let tree = Watched::new(list(1000));
    for (filter, kept) in [
        ("name = concat('n', string-length(/data/region) + 3)", 1),
        ("string(/data/region) = region", 100),
        ("selected(concat(/data/region, ' r4'), region) and starts-with(name, 'n9')", 22),
    ] {
        let expr = Expr::filtered_list("towns", Expr::parse(filter).expect("it parses"));
        let context = Context { node: tree.root(), host: &mut Fixed::default() };
        let Ok(Value::Nodes(found)) = expr.evaluate(&tree, context) else { panic!("{filter}") };
        assert_eq!(found.len(), kept, "{filter}");
        let read = tree.read.take().len();
        assert_eq!(read, 1, "{filter}: {read} looks at the record");
    }
}

#[test]
fn work_and_results_have_limits() {
    let forest = list(3000);
    let item = "instance('towns')/root/item";
    let cases = [
        // Each of 3,000 items would look at thousands of nodes.
        (format!("count({item}[count(../item/name) > 1])"), EvalError::TooManySteps),
        (format!("count({item}[count(ancestor::root//name) > 1])"), EvalError::TooManySteps),
        (format!("string-length(join('{}', {item}/name))", "x".repeat(400)), EvalError::TooLong),
        ("uuid(99999999)".to_owned(), EvalError::TooLong),
    ];
    for (text, error) in cases {
        let expr = Expr::parse(&text).expect("it parses");
        assert_eq!(evaluate(&expr, &forest, forest.root()), Err(error), "{}", &text[..40.min(text.len())]);
    }
}

/// The deepest expression that parses is evaluated, printed and dropped within the stack of a small thread.
#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let run = || {
        let open = "1 or 1 and 1 = 1 < 1 + 1 * (";
        let deep = limits::MAX_DEPTH - 1;
        for text in [
            format!("{}0{}", open.repeat(deep), ")".repeat(deep)),
            format!("{}0{}", "0 or ../data[".repeat(deep), "]".repeat(deep)),
            format!("{}0{}", "if(0, 1, ".repeat(deep), ")".repeat(deep)),
        ] {
            let expr = Expr::parse(&text).expect("it parses");
            let forest = list(1);
            let _ = evaluate(&expr, &forest, forest.nodes()[1]);
            assert_eq!(Expr::parse(&expr.to_string()), Ok(expr.clone()));
            let _ = expr.dependencies();
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(run).expect("a thread");
    thread.join().expect("the stack was deep enough");
}
