//! Random expressions as text.

use proptest::prelude::*;

const OPERATORS: [&str; 14] =
    ["+", "-", "*", " div ", " mod ", "=", " != ", "<", "<=", " >", ">= ", " and ", " or ", " - "];
const PATHS: [&str; 24] = [
    ".",
    "..",
    "(/)",
    "/data/name",
    "/data/person/age",
    "//age",
    "*",
    "../name",
    "person[1]/age",
    "./age",
    "ancestor::data/name",
    "preceding-sibling::*[2]",
    "following-sibling::person",
    "self::node()",
    "@id",
    "/data/name/text()",
    "descendant-or-self::person",
    "instance('towns')/root/item",
    "current()/../name",
    "/data/*[last()]",
    "parent::*",
    "/data//age",
    "ancestor-or-self::*",
    "instance('none')/root",
];
const ONE: [&str; 32] = [
    "string",
    "number",
    "boolean",
    "not",
    "string-length",
    "normalize-space",
    "floor",
    "ceiling",
    "round",
    "int",
    "abs",
    "exp",
    "exp10",
    "log",
    "log10",
    "sqrt",
    "sin",
    "acos",
    "date",
    "date-time",
    "decimal-date-time",
    "decimal-time",
    "count-selected",
    "boolean-from-string",
    "base64-decode",
    "area",
    "enclosed-area",
    "distance",
    "once",
    "uuid",
    "id",
    "jr:itext",
];
const TWO: [&str; 22] = [
    "concat",
    "join",
    "starts-with",
    "ends-with",
    "contains",
    "substring",
    "substring-before",
    "substring-after",
    "substr",
    "selected",
    "selected-at",
    "digest",
    "pow",
    "atan2",
    "min",
    "max",
    "round",
    "coalesce",
    "format-date",
    "format-date-time",
    "geofence",
    "checklist",
];
const NODES: [&str; 9] =
    ["count", "sum", "count-non-empty", "name", "local-name", "position", "min", "area", "intersects"];
const NONE: [&str; 11] = [
    "now()",
    "today()",
    "random()",
    "pi()",
    "true()",
    "false()",
    "last()",
    "position()",
    "concat()",
    "string-length()",
    "version()",
];

/// Texts that functions find hard: numbers, dates, places, patterns, signs of several bytes.
fn literal() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        " ",
        "a b  c",
        "2026-03-02",
        "2026-03-02T07:30:00.250+03:00",
        "12:30",
        "-0",
        "1e5",
        "12 13;14 15;1 2;12 13",
        "48.1 2.3 0 0",
        "[a-z]+\\d{2}",
        "(",
        "é€𝄞",
        "%Y-%m-%d %H:%M:%3%",
        "SHA-256",
        "hex",
        "aGVsbG8=",
        "yes",
        "-",
        "9999-12-31",
        "99999999999999999999999",
    ])
    .prop_map(str::to_owned);
    prop_oneof![known, "[a-zA-Z0-9 é.-]{0,6}"].prop_map(|text| format!("'{text}'"))
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(PATHS.to_vec()).prop_map(str::to_owned),
        2 => literal(),
        2 => (0_u32..200).prop_map(|number| number.to_string()),
        1 => (0_u32..2_000_000_000, 0_u32..1_000_000).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => prop::sample::select(NONE.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["${age}", "${last-saved#name}", "${age}[1]", "${person}/age"])
            .prop_map(str::to_owned),
    ]
}

/// An expression that parses.
pub fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        let path = prop::sample::select(PATHS.to_vec());
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(OPERATORS.to_vec()), inner.clone())
                .prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
            2 => inner.clone().prop_map(|a| format!("({a})")),
            1 => inner.clone().prop_map(|a| format!("-{a}")),
            2 => (prop::sample::select(ONE.to_vec()), inner.clone()).prop_map(|(name, a)| format!("{name}({a})")),
            2 => (prop::sample::select(TWO.to_vec()), pair).prop_map(|(name, (a, b))| format!("{name}({a}, {b})")),
            1 => (prop::sample::select(NODES.to_vec()), path.clone()).prop_map(|(name, a)| format!("{name}({a})")),
            // Not all texts are patterns, and constant ones are refused when parsing.
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("regex({a}, string({b}))")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("if({a}, {b}, {c})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("translate({a}, {b}, {c})")),
            1 => (path.clone(), path.clone()).prop_map(|(a, b)| format!("count({a} | {b})")),
            1 => (path.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => (path.clone(), inner.clone()).prop_map(|(a, b)| format!("randomize({a}, {b})")),
            1 => (path.clone(), path, inner.clone()).prop_map(|(a, b, c)| format!("indexed-repeat({a}, {b}, {c})")),
            1 => inner.clone().prop_map(|a| format!("/data/person[{a}]/age")),
            1 => inner.clone().prop_map(|a| format!("instance('towns')/root/item[name = {a}]/label")),
            1 => inner.prop_map(|a| format!("jr:choice-name({a}, '/data/name')")),
        ]
    })
}
