//! The column `parameters`: `start=0 end=10`.

use std::collections::BTreeMap;

use super::Importer;
use super::columns::{Column, Line};
use super::finding::{Mistake, Said};

/// The parameters of a row.
pub(super) type Parameters = BTreeMap<String, String>;

/// What each type takes, and which of that has an effect here.
struct Takes {
    of: &'static str,
    read: &'static [&'static str],
    ignored: &'static [&'static str],
}

const GEO: &[&str] =
    &["capture-accuracy", "warning-accuracy", "allow-mock-accuracy", "reference-geometry", "incremental"];

const TAKES: [Takes; 9] = [
    Takes {
        of: "range",
        read: &["start", "end", "step"],
        ignored: &["tick_interval", "placeholder", "tick_labelset"],
    },
    Takes { of: "text", read: &[], ignored: &["rows"] },
    Takes { of: "image", read: &["max-pixels"], ignored: &["app"] },
    Takes { of: "audio", read: &[], ignored: &["quality"] },
    Takes { of: "geopoint", read: &[], ignored: GEO },
    Takes { of: "geotrace", read: &[], ignored: GEO },
    Takes { of: "geoshape", read: &[], ignored: GEO },
    Takes { of: "select", read: &["randomize", "seed"], ignored: &[] },
    Takes { of: "select from file", read: &["randomize", "seed", "value", "label"], ignored: &[] },
];

/// A type, what it takes, and what of that has no effect.
pub(super) fn all() -> Vec<(&'static str, &'static [&'static str], &'static [&'static str])> {
    TAKES.iter().map(|takes| (takes.of, takes.read, takes.ignored)).collect()
}

impl Importer<'_> {
    /// Reads the parameters of a row of this type; those that it does not take are found.
    pub(super) fn parameters(&mut self, line: Line<'_, '_>, type_name: &str) -> Parameters {
        let text = line.get(Column::Parameters);
        let place = || line.place(Column::Parameters);
        let mut parameters = Parameters::new();
        for pair in pairs(&text) {
            match pair {
                Ok((key, value)) => drop(parameters.insert(key, value)),
                Err(wrong) => self.find(Mistake::ParameterSyntax, place(), [wrong]),
            }
        }
        let Some(Takes { read, ignored, .. }) = TAKES.iter().find(|takes| takes.of == type_name) else {
            for key in parameters.keys() {
                self.find(Mistake::ParameterIgnored, place(), [key.as_str()]);
            }
            return Parameters::new();
        };
        for key in parameters.keys() {
            if ignored.contains(&key.as_str()) {
                self.find(Mistake::ParameterIgnored, place(), [key.as_str()]);
            } else if !read.contains(&key.as_str()) {
                let all = [*read, *ignored].concat().join(", ");
                self.find(Mistake::ParameterUnknown, place(), [type_name, key, &all]);
            }
        }
        parameters
    }

    /// The number that a parameter gives, `default` where there is none.
    pub(super) fn number_parameter(
        &mut self,
        line: Line<'_, '_>,
        parameters: &Parameters,
        key: &str,
        default: f64,
    ) -> f64 {
        let Some(text) = parameters.get(key) else { return default };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.unwrap_or_else(|| {
            let why = Said::Told("Write a number.", "Écrivez un nombre.");
            self.wrong_parameter(line, key, text, why);
            default
        })
    }

    /// Says that a parameter cannot have this value.
    pub(super) fn wrong_parameter(&mut self, line: Line<'_, '_>, key: &str, value: &str, why: Said) {
        let values = [Said::from(key), Said::from(value), why];
        self.find(Mistake::ParameterValue, line.place(Column::Parameters), values);
    }
}

/// The pairs of a text, parted by spaces, commas or semicolons; keys in small letters. What is no pair is the error.
fn pairs(text: &str) -> Vec<Result<(String, String), String>> {
    let spaced = text.replace('=', " = ");
    let words: Vec<&str> = spaced
        .split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';'))
        .filter(|word| !word.is_empty())
        .collect();
    let mut rest = words.as_slice();
    let mut pairs = Vec::new();
    while let [first, after @ ..] = rest {
        if let ["=", value, after @ ..] = after
            && *first != "="
            && *value != "="
        {
            let key = first.to_lowercase();
            let is_name = matches!(key.as_str(), "label" | "value");
            pairs.push(Ok((key, if is_name { (*value).to_owned() } else { value.to_lowercase() })));
            rest = after;
        } else {
            pairs.push(Err((*first).to_owned()));
            rest = after;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_pyxform_reads_them() {
        let ok = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        let wrong = |text: &str| Err(text.to_owned());
        assert_eq!(pairs("Start=0 end = 10;step=.5"), [ok("start", "0"), ok("end", "10"), ok("step", ".5")]);
        assert_eq!(pairs("value=Code, label=Name"), [ok("value", "Code"), ok("label", "Name")]);
        assert_eq!(pairs("start 0"), [wrong("start"), wrong("0")]);
        assert_eq!(pairs("start=0=1"), [ok("start", "0"), wrong("="), wrong("1")]);
        assert_eq!(pairs(" ,; "), []);
    }
}
