//! The functions that an expression can call, with what they take. Names and numbers of arguments are checked when
//! parsing, so an evaluation never meets an unknown function.

use super::ast::Ast;
use super::dependencies::Volatile;
use super::error::EvalError;
use super::evaluate::{Evaluated, Evaluator, Point};
use super::library::{digest, nodes, number, place, text, time, truth};
use super::value::Value;
use crate::nearest::{distance, is_near};

/// No most number of arguments.
pub(super) const MANY: u8 = u8::MAX;

/// One function of the library.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(super) least: u8,
    pub(super) most: u8,
    /// Arguments beyond the least come in groups of so many.
    pub(super) group: u8,
    /// Which arguments must be sets of nodes, as positions from 0.
    pub(crate) nodes: &'static [usize],
    /// Whether its value can be a set of nodes.
    pub(crate) returns_nodes: bool,
    /// What the value depends on besides its arguments and the tree.
    pub(crate) volatile: Option<Volatile>,
    /// Whether it looks at the context node when it has no arguments.
    pub(crate) sees_context: bool,
    pub(crate) run: Run,
}

/// Evaluates a call. The number of arguments was checked when parsing.
type Run = for<'a> fn(&mut Evaluator<'a, '_>, &'a [Ast], Point) -> Evaluated<Value<'a>>;

/// Two functions are the same when their names are.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    const fn new(name: &'static str, least: u8, most: u8, run: Run) -> Self {
        let volatile = None;
        Self {
            name,
            least,
            most,
            group: 1,
            nodes: &[],
            returns_nodes: false,
            sees_context: false,
            volatile,
            run,
        }
    }

    const fn nodes(mut self, nodes: &'static [usize]) -> Self {
        self.nodes = nodes;
        self
    }

    const fn returning_nodes(mut self) -> Self {
        self.returns_nodes = true;
        self
    }

    const fn seeing_context(mut self) -> Self {
        self.sees_context = true;
        self
    }

    const fn grouped(mut self, group: u8) -> Self {
        self.group = group;
        self
    }

    const fn volatile(mut self, volatile: Volatile) -> Self {
        self.volatile = Some(volatile);
        self
    }

    /// The function of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// The known name that is most like this one, if one is near.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        let plain = |name: &str| name.to_lowercase().replace('_', "-");
        let wanted = plain(name);
        let all = FUNCTIONS.iter().map(|function| {
            let short = function.name.strip_prefix("jr:").unwrap_or(function.name);
            (distance(&wanted, function.name).min(distance(&wanted, short)), function.name)
        });
        let (distance, nearest) = all.min_by_key(|(distance, _)| *distance)?;
        is_near(&wanted, distance).then_some(nearest)
    }

    /// Whether it can be called with so many arguments.
    pub(crate) fn takes(&self, given: usize) -> bool {
        let (least, most) = (usize::from(self.least), usize::from(self.most));
        given >= least
            && (self.most == MANY || given <= most)
            && (given - least).is_multiple_of(usize::from(self.group))
    }

    /// How many arguments it takes, in words.
    pub(crate) fn arguments(&self) -> String {
        let plural = |count: u8| if count == 1 { "argument" } else { "arguments" };
        match (self.least, self.most, self.group) {
            (0, 0, _) => "no arguments".to_owned(),
            (least, MANY, 2) => format!("{least} arguments and then pairs"),
            (least, MANY, _) => format!("{least} or more arguments"),
            (least, most, _) if least == most => format!("{least} {}", plural(least)),
            (least, most, _) => format!("{least} to {most} {}", plural(most)),
        }
    }
}

const fn f(name: &'static str, least: u8, most: u8, run: Run) -> Function {
    Function::new(name, least, most, run)
}

/// The name of every function, with the fewest and the most arguments that it takes; no most where any number is taken.
pub fn functions() -> impl Iterator<Item = (&'static str, u8, Option<u8>)> {
    FUNCTIONS
        .iter()
        .map(|function| (function.name, function.least, Some(function.most).filter(|most| *most != MANY)))
}

/// Every function, grouped as the modules of the library are.
pub(crate) static FUNCTIONS: [Function; 88] = [
    // Node sets.
    f("last", 0, 0, |_, _, at| Ok(nodes::last(at))).volatile(Volatile::Position),
    f("position", 0, 1, nodes::position).nodes(&[0]).volatile(Volatile::Position),
    f("count", 1, 1, nodes::count_nodes).nodes(&[0]),
    f("count-non-empty", 1, 1, nodes::count_non_empty).nodes(&[0]),
    f("sum", 1, 1, nodes::sum).nodes(&[0]),
    f("id", 1, 1, nodes::id).returning_nodes(),
    f("name", 0, 1, nodes::name).nodes(&[0]).seeing_context(),
    f("local-name", 0, 1, nodes::local_name).nodes(&[0]).seeing_context(),
    f("namespace-uri", 0, 1, nodes::namespace_uri).nodes(&[0]).seeing_context(),
    f("instance", 1, 1, nodes::instance).returning_nodes(),
    f("current", 0, 0, |ev, _, _| Ok(nodes::current(ev))).returning_nodes(),
    f("randomize", 1, 2, nodes::randomize).nodes(&[0]).returning_nodes().volatile(Volatile::Random),
    f("indexed-repeat", 3, MANY, nodes::indexed_repeat).grouped(2).nodes(&[0]).returning_nodes(),
    f("pulldata", 4, 4, nodes::pulldata),
    f("jr:itext", 1, 1, nodes::itext),
    f("property", 1, 1, nodes::property),
    f("version", 0, 0, |ev, _, _| Ok(nodes::version(ev))),
    // Truth.
    f("boolean", 1, 1, truth::boolean),
    f("not", 1, 1, truth::not),
    f("true", 0, 0, |_, _, _| Ok(Value::Bool(true))),
    f("false", 0, 0, |_, _, _| Ok(Value::Bool(false))),
    f("lang", 1, 1, truth::lang),
    f("if", 3, 3, truth::choose).returning_nodes(),
    f("coalesce", 2, 2, truth::coalesce).returning_nodes(),
    f("once", 1, 1, truth::once).volatile(Volatile::Once),
    f("boolean-from-string", 1, 1, truth::boolean_from_string),
    f("checklist", 2, MANY, truth::checklist),
    f("weighted-checklist", 2, MANY, truth::weighted_checklist).grouped(2),
    f("depend", 1, MANY, |ev, arguments, at| ev.value(&arguments[0], at)),
    // Texts.
    f("string", 0, 1, text::string).seeing_context(),
    f("concat", 0, MANY, text::concat),
    f("join", 1, MANY, text::join),
    f("starts-with", 2, 2, text::starts_with),
    f("ends-with", 2, 2, text::ends_with),
    f("contains", 2, 2, text::contains),
    f("substring", 2, 3, text::substring),
    f("substring-before", 2, 2, text::substring_before),
    f("substring-after", 2, 2, text::substring_after),
    f("substr", 2, 3, text::substr),
    f("string-length", 0, 1, text::string_length).seeing_context(),
    f("normalize-space", 0, 1, text::normalize_space).seeing_context(),
    f("translate", 3, 3, text::translate),
    f("selected", 2, 2, text::selected),
    f("is-selected", 2, 2, text::selected),
    f("selected-at", 2, 2, text::selected_at),
    f("count-selected", 1, 1, text::count_selected),
    f("regex", 2, 2, text::regex),
    f("jr:choice-name", 2, 2, |_, _, _| Err(EvalError::NotNodes("jr:choice-name"))),
    f("uuid", 0, 1, text::uuid).volatile(Volatile::Uuid),
    f("digest", 2, 3, digest::digest),
    f("base64-decode", 1, 1, digest::base64_decode),
    f("extract-signed", 2, 2, digest::extract_signed),
    // Numbers.
    f("number", 0, 1, number::number).seeing_context(),
    f("floor", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::floor)),
    f("ceiling", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::ceil)),
    f("round", 1, 2, number::round),
    f("int", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::trunc)),
    f("abs", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::abs)),
    f("pow", 2, 2, |ev, arguments, at| number::of_two(ev, arguments, at, f64::powf)),
    f("log", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::ln)),
    f("log10", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::log10)),
    f("exp", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::exp)),
    f("exp10", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, |number| 10_f64.powf(number))),
    f("sqrt", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::sqrt)),
    f("sin", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::sin)),
    f("cos", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::cos)),
    f("tan", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::tan)),
    f("asin", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::asin)),
    f("acos", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::acos)),
    f("atan", 1, 1, |ev, arguments, at| number::of_one(ev, arguments, at, f64::atan)),
    f("atan2", 2, 2, |ev, arguments, at| number::of_two(ev, arguments, at, f64::atan2)),
    f("pi", 0, 0, |_, _, _| Ok(Value::Number(std::f64::consts::PI))),
    f("min", 1, MANY, number::min),
    f("max", 1, MANY, number::max),
    f("random", 0, 0, |ev, _, _| Ok(number::random(ev))).volatile(Volatile::Random),
    // Dates.
    f("today", 0, 0, |ev, _, _| Ok(time::today(ev))).volatile(Volatile::Today),
    f("now", 0, 0, |ev, _, _| Ok(time::now(ev))).volatile(Volatile::Now),
    f("date", 1, 1, time::date),
    f("date-time", 1, 1, time::date_time),
    f("decimal-date-time", 1, 1, time::decimal_date_time),
    f("decimal-time", 1, 1, time::decimal_time),
    f("format-date", 2, 2, time::format),
    f("format-date-time", 2, 2, time::format),
    // Places.
    f("area", 1, 1, place::area),
    f("enclosed-area", 1, 1, place::area),
    f("distance", 1, MANY, place::distance),
    f("geofence", 2, 2, place::geofence),
    f("intersects", 1, 1, place::intersects),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUNCTIONS.len());
    }

    #[test]
    fn near_names_are_found() {
        for (written, meant) in [
            ("slected", Some("selected")),
            ("Selected", Some("selected")),
            ("count_selected", Some("count-selected")),
            ("choice-name", Some("jr:choice-name")),
            ("IF", Some("if")),
            ("tody", Some("today")),
            ("frobnicate", None),
        ] {
            assert_eq!(Function::nearest(written), meant, "{written}");
        }
    }
}
