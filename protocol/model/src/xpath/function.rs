//! The functions that an expression can call, with what they take. Names and numbers of arguments are checked when
//! parsing, so an evaluation never meets an unknown function.

use super::dependencies::Volatile;

/// No most number of arguments.
const MANY: u8 = u8::MAX;

/// One function of the library.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    least: u8,
    most: u8,
    /// Arguments beyond the least come in groups of so many.
    group: u8,
    /// Which arguments must be sets of nodes, as positions from 0.
    pub(crate) nodes: &'static [usize],
    pub(crate) returns_nodes: bool,
    /// What the value depends on besides its arguments and the tree.
    pub(crate) volatile: Option<Volatile>,
}

/// Two functions are the same when their names are.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    const fn new(name: &'static str, least: u8, most: u8) -> Self {
        Self { name, least, most, group: 1, nodes: &[], returns_nodes: false, volatile: None }
    }

    const fn nodes(mut self, nodes: &'static [usize]) -> Self {
        self.nodes = nodes;
        self
    }

    const fn returning_nodes(mut self) -> Self {
        self.returns_nodes = true;
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
        (distance <= 1 + wanted.chars().count() / 4).then_some(nearest)
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

/// How many letters must be changed to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (line, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in b.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

const fn f(name: &'static str, least: u8, most: u8) -> Function {
    Function::new(name, least, most)
}

/// Every function, grouped as the modules of the library are.
pub(crate) static FUNCTIONS: [Function; 88] = [
    // Node sets.
    f("last", 0, 0).volatile(Volatile::Position),
    f("position", 0, 1).nodes(&[0]).volatile(Volatile::Position),
    f("count", 1, 1).nodes(&[0]),
    f("count-non-empty", 1, 1).nodes(&[0]),
    f("sum", 1, 1).nodes(&[0]),
    f("id", 1, 1).returning_nodes(),
    f("name", 0, 1).nodes(&[0]),
    f("local-name", 0, 1).nodes(&[0]),
    f("namespace-uri", 0, 1).nodes(&[0]),
    f("instance", 1, 1).returning_nodes(),
    f("current", 0, 0).returning_nodes(),
    f("randomize", 1, 2).nodes(&[0]).returning_nodes().volatile(Volatile::Random),
    f("indexed-repeat", 3, MANY).grouped(2).nodes(&[0]).returning_nodes(),
    f("pulldata", 4, 4),
    f("jr:itext", 1, 1),
    f("property", 1, 1),
    f("version", 0, 0),
    // Truth.
    f("boolean", 1, 1),
    f("not", 1, 1),
    f("true", 0, 0),
    f("false", 0, 0),
    f("lang", 1, 1),
    f("if", 3, 3),
    f("coalesce", 2, 2),
    f("once", 1, 1).volatile(Volatile::Once),
    f("boolean-from-string", 1, 1),
    f("checklist", 2, MANY),
    f("weighted-checklist", 2, MANY).grouped(2),
    f("depend", 1, MANY),
    // Texts.
    f("string", 0, 1),
    f("concat", 0, MANY),
    f("join", 1, MANY),
    f("starts-with", 2, 2),
    f("ends-with", 2, 2),
    f("contains", 2, 2),
    f("substring", 2, 3),
    f("substring-before", 2, 2),
    f("substring-after", 2, 2),
    f("substr", 2, 3),
    f("string-length", 0, 1),
    f("normalize-space", 0, 1),
    f("translate", 3, 3),
    f("selected", 2, 2),
    f("is-selected", 2, 2),
    f("selected-at", 2, 2),
    f("count-selected", 1, 1),
    f("regex", 2, 2),
    f("jr:choice-name", 2, 2),
    f("uuid", 0, 1).volatile(Volatile::Uuid),
    f("digest", 2, 3),
    f("base64-decode", 1, 1),
    f("extract-signed", 2, 2),
    // Numbers.
    f("number", 0, 1),
    f("floor", 1, 1),
    f("ceiling", 1, 1),
    f("round", 1, 2),
    f("int", 1, 1),
    f("abs", 1, 1),
    f("pow", 2, 2),
    f("log", 1, 1),
    f("log10", 1, 1),
    f("exp", 1, 1),
    f("exp10", 1, 1),
    f("sqrt", 1, 1),
    f("sin", 1, 1),
    f("cos", 1, 1),
    f("tan", 1, 1),
    f("asin", 1, 1),
    f("acos", 1, 1),
    f("atan", 1, 1),
    f("atan2", 2, 2),
    f("pi", 0, 0),
    f("min", 1, MANY),
    f("max", 1, MANY),
    f("random", 0, 0).volatile(Volatile::Random),
    // Dates.
    f("today", 0, 0).volatile(Volatile::Today),
    f("now", 0, 0).volatile(Volatile::Now),
    f("date", 1, 1),
    f("date-time", 1, 1),
    f("decimal-date-time", 1, 1),
    f("decimal-time", 1, 1),
    f("format-date", 2, 2),
    f("format-date-time", 2, 2),
    // Places.
    f("area", 1, 1),
    f("enclosed-area", 1, 1),
    f("distance", 1, MANY),
    f("geofence", 2, 2),
    f("intersects", 1, 1),
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
