//! What expressions cost: `cargo run --release -p fieldmerge-model --example xpath`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a stopwatch that prints what it measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fieldmerge_model::xpath::{Context, Expr, Location, Node, Tree};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/xpath/forest.rs"]
mod forest;

use forest::{Fixed, Forest};

/// A record of 250 questions in groups of 25, with 20 repeats, beside a list of 10,000 towns.
fn record() -> Forest {
    let mut forest = Forest::empty();
    let data = forest.push(0, "data", "");
    for group in 0..10 {
        let parent = forest.push(data, &format!("g{group}"), "");
        for question in 0..25 {
            forest.push(parent, &format!("q{question}"), &question.to_string());
        }
    }
    for person in 0..20 {
        let parent = forest.push(data, "person", "");
        forest.push(parent, "name", &format!("Name {person}"));
        forest.push(parent, "age", &(person * 4).to_string());
    }
    forest.push(data, "day", "2026-02-11");
    forest.push(data, "region", "r3");
    forest.push(data, "picks", "a b c d e f");
    forest.begin("towns");
    let root = forest.push(0, "root", "");
    for town in 0..10_000 {
        let item = forest.push(root, "item", "");
        for (name, text) in [
            ("name", format!("n{town}")),
            ("label", format!("Town {town}")),
            ("region", format!("r{}", town % 10)),
        ] {
            forest.push(item, name, &text);
        }
    }
    forest
}

const EXPRESSIONS: [(&str, u32); 15] = [
    (". >= 18 and . <= 120", 20_000),
    ("${q5} + ${q6} * 2", 20_000),
    ("${q5} = 'yes' or ${q6} = '6'", 20_000),
    ("if(${q5} > 3, ${q6}, coalesce(${q7}, 0))", 20_000),
    ("selected(/data/picks, 'e') and count-selected(/data/picks) < 9", 20_000),
    ("int((today() - date(/data/day)) div 365.25)", 20_000),
    ("format-date(/data/day, '%d/%m/%Y')", 20_000),
    ("regex(${q5}, '^[0-9]{1,3}$')", 20_000),
    ("round(${q5} div 3, 2)", 20_000),
    ("sum(/data/person/age)", 20_000),
    ("count(/data/person[age >= 18])", 5_000),
    ("indexed-repeat(/data/person/name, /data/person, 7)", 5_000),
    ("pulldata('towns', 'label', 'name', 'n5000')", 100),
    ("instance('towns')/root/item[name = 'n5000']/label", 100),
    ("instance('towns')/root/item[region = /data/region and label != ${q5}]", 100),
];

fn main() {
    let tree = record();
    let node = Node { index: 7, ..tree.root() };
    let parse = best(20, || {
        for (text, _) in EXPRESSIONS {
            let _ = black_box(Expr::parse(black_box(text)));
        }
    });
    println!("{:8.2} µs to parse, each of {}", micros(parse) / 15.0, EXPRESSIONS.len());
    for (text, times) in EXPRESSIONS {
        let expr = Expr::parse(text).expect("it parses");
        let resolve = |name: &str| Some(Location::absolute(["data", "g0", name]));
        let expr = expr.resolve(&mut |usage| resolve(&usage.reference.name)).expect("all are known");
        let host = &mut Fixed::default();
        let taken = best(5, || {
            for _ in 0..times {
                let context = Context { node, host: &mut *host };
                let _ = black_box(black_box(&expr).evaluate(&tree, context));
            }
        });
        println!("{:8.2} µs {text}", micros(taken) / f64::from(times));
    }
}

fn micros(taken: Duration) -> f64 {
    taken.as_secs_f64() * 1e6
}

/// The shortest of several runs: the others were disturbed.
fn best(runs: u32, mut run: impl FnMut()) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}
