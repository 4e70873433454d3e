//! What is parsed, what is refused and in which words.

use fieldmerge_model::xpath::{Expr, Location, LocationStart, LocationStep, Volatile, limits};
use proptest::prelude::*;

use crate::expressions::expression;

/// Each mistake with the byte at which it stands and the sentence that says it.
const MISTAKES: &[(&str, usize, &str)] = &[
    ("", 0, "the expression is empty"),
    (" \n ", 3, "the expression is empty"),
    ("slected(., 'a')", 0, "there is no function slected(): did you mean selected()?"),
    ("1 + Round(2)", 4, "there is no function Round(): did you mean round()?"),
    ("frobnicate(1)", 0, "there is no function frobnicate()"),
    ("if(1, 2)", 0, "if() takes 3 arguments, but here it has 2"),
    ("today(1)", 0, "today() takes no arguments, but here it has 1"),
    ("not()", 0, "not() takes 1 argument, but here it has 0"),
    ("round(1, 2, 3)", 0, "round() takes 1 to 2 arguments, but here it has 3"),
    ("checklist(1)", 0, "checklist() takes 2 or more arguments, but here it has 1"),
    (
        "weighted-checklist(1, 2, 3)",
        0,
        "weighted-checklist() takes 2 arguments and then pairs, but here it has 3",
    ),
    (
        "indexed-repeat(${a}, ${b}, 1, ${c})",
        0,
        "indexed-repeat() takes 3 arguments and then pairs, but here it has 4",
    ),
    ("count('a')", 6, "count() needs a reference such as ${name} or a path here, not a single value"),
    ("sum(1 + 1)", 4, "sum() needs a reference such as ${name} or a path here, not a single value"),
    ("a | 'b'", 4, "|() needs a reference such as ${name} or a path here, not a single value"),
    (
        "jr:choice-name(., '1')",
        18,
        "jr:choice-name() needs a reference such as ${name} or a path here, not a single value",
    ),
    (". == 1", 2, "== is not an operator here: write ="),
    (". => 1", 2, "=> is not an operator here: write >="),
    (". =< 1", 2, "=< is not an operator here: write <="),
    (". <> 1", 2, "<> is not an operator here: write !="),
    ("a && b", 2, "&& is not an operator here: write and"),
    ("a || b", 2, "|| is not an operator here: write or"),
    ("a ≥ b", 2, "≥ is not an operator here: write >="),
    ("2 × 3", 2, "× is not an operator here: write *"),
    ("5 % 2", 2, "% is not an operator here: write mod"),
    ("2 ^ 3", 2, "^ is not an operator here: write pow(number, power)"),
    ("!true()", 0, "! is not an operator here: write not(…)"),
    ("1 AND 2", 2, "AND is not an operator here: write and"),
    ("if(1; 2; 3)", 4, "; is not an operator here: write a comma"),
    (".\u{a0}= 1", 1, "a non-breaking space is not an operator here: write an ordinary space"),
    ("$age > 3", 0, "$ is not an operator here: write ${name} for a question"),
    (". = ‘a’", 4, "‘ is a typographic quotation mark: write a straight one, ' or \""),
    (". = “a”", 4, "“ is a typographic quotation mark: write a straight one, ' or \""),
    (". = 'a", 4, "the text that begins with ' here has no closing '"),
    ("concat(1, (2 + 3)", 6, "the bracket ( is never closed"),
    ("${a}[1", 4, "the bracket [ is never closed"),
    ("(1))", 3, "there is a ) too many: no bracket is open here"),
    ("1]", 1, "there is a ] too many: no bracket is open here"),
    ("${age > 3", 0, "the reference that begins with ${ has no closing }"),
    ("${age > ${b}", 0, "the reference that begins with ${ has no closing }"),
    (
        "${my age}",
        0,
        "\"my age\" is no name of a question: names have letters, digits, _, - and . and begin with a letter or _",
    ),
    (
        "1 + ${ age }",
        4,
        "\" age \" is no name of a question: names have letters, digits, _, - and . and begin with a letter or _",
    ),
    (
        "concat('Hi ${name}', 1)",
        11,
        "${…} is not replaced inside of quotes: take it out, and join the parts with concat()",
    ),
    ("1 +", 3, "something is missing at the end: a value, a reference or a function"),
    ("(1 + ) * 2", 5, "something is missing before ): a value, a reference or a function"),
    ("if(1, , 2)", 6, "something is missing before ,: a value, a reference or a function"),
    ("= 3", 0, "something is missing before =: a value, a reference or a function"),
    ("${a} ${b}", 5, "\"$\" was not expected here: an operator, a comma or a bracket is missing before it"),
    ("1 two", 2, "\"two\" was not expected here: an operator, a comma or a bracket is missing before it"),
    ("'a'[1]", 3, "\"[\" was not expected here: an operator, a comma or a bracket is missing before it"),
    ("following::a", 0, "following:: is not supported in paths"),
    ("/data/", 6, "a name, * or .. must follow here"),
    ("1.2.3", 0, "\"1.2.3\" is no number: write digits with at most one point"),
    (
        "regex(., '(?=a)b')",
        9,
        "lookahead and lookbehind, (?=…) and the like, are not supported: use two calls of regex() joined with and",
    ),
    (
        "regex(., '(?<!a)b')",
        9,
        "lookahead and lookbehind, (?=…) and the like, are not supported: use two calls of regex() joined with and",
    ),
    (r"regex(., '(a)\1')", 9, r"back-references such as \1 are not supported: write the pattern out"),
    ("regex(., '[a-z')", 9, "the pattern cannot be read: unclosed character class"),
    ("regex(., '(a{1000}){1000}')", 9, "the pattern is too big: use smaller numbers of repetitions"),
];

#[test]
fn mistakes_say_what_to_write() {
    let mut wrong = Vec::new();
    for (text, at, sentence) in MISTAKES {
        match Expr::parse(text) {
            Err(error) if error.at == *at && error.to_string() == *sentence => {}
            other => {
                let found = other.map_err(|error| (error.at, error.to_string()));
                wrong.push(format!("{text:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts with the canonical form that they are printed in; equal forms are equal expressions.
#[test]
fn forms() {
    let cases: &[(&str, &str)] = &[
        ("1+2*3", "1 + 2 * 3"),
        ("(1+2)*3", "(1 + 2) * 3"),
        ("(1 - 2) - 3", "1 - 2 - 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("- - 1", "--1"),
        ("-(1 + 2)", "-(1 + 2)"),
        ("-a | b", "-a | b"),
        ("and and and", "and and and"),
        ("div div mod mod *", "div div mod mod *"),
        ("* * *", "* * *"),
        ("(/) * 5", "(/) * 5"),
        ("child::a/parent::node()/self::node()", "a/../."),
        ("//a//b", "//a//b"),
        ("a//.", "a//."),
        ("descendant-or-self::node()/a", "descendant-or-self::node()/a"),
        ("(a)/b", "a/b"),
        ("(a)[1]", "(a)[1]"),
        ("${age}  >=\t18", "${age} >= 18"),
        ("${a}/b[.='x']", "${a}/b[. = 'x']"),
        ("${last-saved#a}", "${last-saved#a}"),
        ("jr:choice-name(${a}, '${b}')", "jr:choice-name(${a}, ${b})"),
        ("\"it's\"", "\"it's\""),
        (".5", "0.5"),
        ("5.", "5"),
        (
            "instance('a')/root/item[name=current()/../b]/label",
            "instance('a')/root/item[name = current()/../b]/label",
        ),
        ("naïve_名前", "naïve_名前"),
        ("text()", "text()"),
        ("a-b", "a-b"),
        ("a -b", "a - b"),
        ("10mod 3", "10 mod 3"),
    ];
    for (text, form) in cases {
        let expr = Expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expr.to_string(), *form, "{text}");
        assert_eq!(Expr::parse(form).as_ref(), Ok(&expr), "{text}");
    }
}

#[test]
fn references_with_their_places() {
    let text = "if(${a} = 1, jr:choice-name(${b}, ' ${c}'), /x[y = ${last-saved#d}][${e}])";
    let expr = Expr::parse(text).expect("it parses");
    let found: Vec<_> =
        expr.references().iter().map(|one| (one.name.clone(), &text[one.at.clone()])).collect();
    let expected = [("a", "${a}"), ("b", "${b}"), ("c", "${c}"), ("d", "${last-saved#d}"), ("e", "${e}")];
    assert_eq!(found, expected.map(|(name, written)| (name.to_owned(), written)));
}

#[test]
fn references_become_paths() {
    let text =
        "sum(${n}[. > ${m}]/x) + indexed-repeat(${n}, ${r}, ${m}) + count(instance('l')/root/item[c = ${m}])";
    let expr = Expr::parse(text).expect("it parses");
    let resolved = expr.resolve(&mut |usage| {
        Some(match (usage.reference.name.as_str(), usage.of_indexed_repeat, usage.in_predicate) {
            ("m", false, false) => Location::absolute(["data", "m"]),
            ("m", false, true) => Location::relative(1, ["m"]),
            ("n", false, false) => Location::relative(2, ["r", "n"]),
            (name, true, false) => Location::absolute(["data", name]),
            _ => return None,
        })
    });
    assert_eq!(
        resolved.expect("all are known").to_string(),
        "sum(current()/../../r/n[. > current()/../m]/x) + indexed-repeat(/data/n, /data/r, /data/m) \
         + count(instance('l')/root/item[c = current()/../m])"
    );
    let missing = expr.resolve(&mut |_| None).expect_err("none is known");
    assert_eq!(missing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().len(), 6);
}

#[test]
fn what_a_value_depends_on() {
    let cases: &[(&str, &[&str], &[Volatile])] = &[
        ("/data/a + 1", &["/data/a"], &[]),
        ("../a[b = /data/c]/d", &["./../a/d", "./../a/b", "/data/c"], &[]),
        (
            "instance('t')/root/item[name = current()/../x]/label",
            &["instance('t')/root/item/label", "instance('t')/root/item/name", "current()/../x"],
            &[],
        ),
        ("/data/r[a = 1]/b/../c", &["/data/r/c", "/data/r/a"], &[]),
        ("sum(//n)", &["//n"], &[]),
        (
            "pulldata('f', 'col', 'key', /data/k)",
            &["instance('f')/root/item/col", "instance('f')/root/item/key", "/data/k"],
            &[],
        ),
        ("once(random())", &["."], &[Volatile::Random, Volatile::Once]),
        ("if(. > today(), now(), uuid())", &["."], &[Volatile::Today, Volatile::Now, Volatile::Uuid]),
        ("position(..)", &["count ./.."], &[Volatile::Position]),
        ("/data/r[2]/a", &["/data/r/a"], &[Volatile::Position]),
        ("count(randomize(/data/r, 5))", &["count /data/r"], &[]),
        ("count(/data/r[a = 1])", &["count /data/r", "/data/r/a"], &[]),
        ("indexed-repeat(/data/r/a, /data/r, /data/i)", &["/data/r/a", "count /data/r", "/data/i"], &[]),
        ("instance(/data/f)/root/*", &["instance(…)/root/*", "/data/f"], &[]),
        ("string-length()", &["."], &[]),
    ];
    for (text, locations, volatile) in cases {
        let found = Expr::parse(text).expect("it parses").dependencies();
        let counted = found.counted.iter().map(|location| format!("count {location}"));
        let mut texts: Vec<_> = found.locations.iter().map(ToString::to_string).chain(counted).collect();
        let mut expected: Vec<_> = locations.iter().map(ToString::to_string).collect();
        texts.sort();
        expected.sort();
        assert_eq!(texts, expected, "{text}");
        assert_eq!(found.volatile.iter().copied().collect::<Vec<_>>(), *volatile, "{text}");
    }
    let list = Expr::filtered_list("towns", Expr::parse("region = ${r}").expect("it parses"));
    assert_eq!(list.to_string(), "instance('towns')/root/item[region = ${r}]");
    let start = LocationStart::Instance("towns".to_owned());
    let steps = ["root", "item"].map(|name| LocationStep::Child(name.to_owned())).to_vec();
    assert!(list.dependencies().locations.contains(&Location { start, steps }));
}

#[test]
fn nesting_and_length_have_limits() {
    let deep = |open: &str, close: &str, count| format!("{}1{}", open.repeat(count), close.repeat(count));
    for (open, close) in
        [("(", ")"), ("-", ""), ("not(", ")"), ("a[", "]"), ("1 or 1 and 1 = 1 < 1 + 1 * (", ")")]
    {
        assert!(Expr::parse(&deep(open, close, limits::MAX_DEPTH - 1)).is_ok(), "{open}");
        let error = Expr::parse(&deep(open, close, limits::MAX_DEPTH)).expect_err("too deep");
        assert!(error.to_string().contains("deeper than"), "{error}");
    }
    let long = vec!["1"; limits::MAX_TEXT_BYTES / 2].join("+");
    assert!(Expr::parse(&long).is_ok());
    let error = Expr::parse(&format!("{long}+1")).expect_err("too long");
    assert!(error.to_string().contains("longer than"), "{error}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = Expr::parse(&text);
    }

    #[test]
    fn no_near_expression_panics(
        text in expression(),
        at in 0_usize..200,
        cut in 0_usize..4,
        put in "[-\"'()\\[\\]${}#|/.*,= a0]{0,3}",
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at % (chars.len() + 1);
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, put.chars());
        let text: String = chars.into_iter().collect();
        if let Err(error) = Expr::parse(&text) {
            prop_assert!(text.is_char_boundary(error.at), "{text:?} {error:?}");
        }
    }

    #[test]
    fn what_is_printed_parses_to_the_same(text in expression()) {
        let expr = Expr::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let printed = expr.to_string();
        prop_assert_eq!(Expr::parse(&printed), Ok(expr.clone()), "{} → {}", text, printed);
        let _ = expr.dependencies();
    }
}
