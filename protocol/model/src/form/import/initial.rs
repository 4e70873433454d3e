//! The column `default`: a value, or an expression.

use crate::form::Question;

/// Whether a default is to be evaluated: it has a reference, a call, a predicate, or an operator of arithmetic between two
/// operands. In dates and places a hyphen is none.
pub(super) fn is_expression(text: &str, question: &Question) -> bool {
    use Question::{Date, DateTime, Geopoint, Geoshape, Geotrace};
    let may_have_hyphens = matches!(question, Date | DateTime | Geopoint | Geotrace | Geoshape);
    let mut before = ' ';
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let rest = &text[at + letter.len_utf8()..];
        let is_found = match letter {
            '"' | '\'' if rest.contains(letter) => {
                // What stands in quotes is a text.
                letters.by_ref().find(|(_, other)| *other == letter);
                false
            }
            '$' => rest.starts_with('{') && rest.contains('}'),
            '(' | '[' => is_of_name(before),
            '*' | '+' | '|' => true,
            '-' => !may_have_hyphens && before == ' ' && rest.starts_with(' '),
            ' ' => rest.starts_with("div ") || rest.starts_with("mod "),
            _ => false,
        };
        if is_found {
            return true;
        }
        before = letter;
    }
    false
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_expressions() {
        for text in
            ["today()", "${age}", "1 + 1", "${a}-1", "4 div 2", "once(random())", "item[1]", "3*4", "a | b"]
        {
            assert!(is_expression(text, &Question::Text), "{text}");
        }
        for text in [
            "",
            "abc",
            "not stated",
            "well-known",
            "No. (5)",
            "'a + b'",
            "3.5",
            "-5",
            "https://example.org/a-b",
            "it's",
        ] {
            assert!(!is_expression(text, &Question::Text), "{text}");
        }
        assert!(!is_expression("2026-03-01", &Question::Date));
        assert!(!is_expression("18.9 - 47.5", &Question::Geopoint));
        assert!(is_expression("now()", &Question::DateTime));
    }
}
