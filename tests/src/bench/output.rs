//! The figures, one JSON object a line.

use serde_json::{Map, Value, json};

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
    /// Printed for comparison only.
    None,
}

impl Limit {
    fn number(self) -> Option<f64> {
        match self {
            Self::AtMost(number) | Self::AtLeast(number) => Some(number),
            Self::None => None,
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::None => true,
        }
    }
}

/// Prints figures as they come, and counts those that miss their limit.
#[derive(Debug, Default)]
pub struct Report {
    missed: usize,
}

impl Report {
    /// Prints a figure.
    pub fn figure(&mut self, case: u8, what: &str, value: f64, unit: &str, limit: Limit) {
        self.print(format!("S{case}"), what, value, unit, limit);
    }

    /// Prints a figure about forms.
    pub fn form_figure(&mut self, case: u8, what: &str, value: f64, unit: &str, limit: Limit) {
        self.print(format!("F{case}"), what, value, unit, limit);
    }

    fn print(&mut self, id: String, what: &str, value: f64, unit: &str, limit: Limit) {
        let mut line = Map::new();
        line.insert("id".to_owned(), id.into());
        line.insert("case".to_owned(), what.into());
        line.insert("value".to_owned(), number(rounded(value)));
        line.insert("unit".to_owned(), unit.into());
        if let Some(limit_number) = limit.number() {
            let holds = limit.holds(value);
            self.missed += usize::from(!holds);
            line.insert("limit".to_owned(), number(limit_number));
            line.insert("ok".to_owned(), holds.into());
        }
        print(&Value::Object(line));
    }

    /// How many figures missed their limit.
    pub fn missed(&self) -> usize {
        self.missed
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn print(line: &Value) {
    println!("{line}");
}

/// Prints a line that is no figure of the design.
pub fn line(line: &Value) {
    print(line);
}

/// Tells on standard error what is going on, for whoever waits.
#[expect(clippy::print_stderr, reason = "nobody likes to wait for half an hour without a word")]
pub fn progress(what: &str) {
    eprintln!("# {what}");
}

/// Four digits that count; more would only be noise.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    if scale < 1.0 { value.round() } else { (value * scale).round() / scale }
}

/// Whole numbers without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "figures are far below 2^53")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn count(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

/// The middle one, or the mean of the two middle ones; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => 0.0,
        (half, 0) => f64::midpoint(values[half - 1], values[half]),
        (half, _) => values[half],
    }
}
