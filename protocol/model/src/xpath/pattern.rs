//! The patterns of `regex()`.
//!
//! A pattern must match the whole text, as the ODK documentation says. `\d`, `\w`, `\s` and `\b` mean the ASCII
//! characters, as they do in ODK Collect; `\p{L}` and the like mean Unicode's.

use std::fmt::Write as _;

use regex::RegexBuilder;

use super::limits::MAX_PATTERN_BYTES;

/// A pattern, compiled once.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) text: Box<str>,
    regex: regex::Regex,
}

/// Two patterns are the same when their texts are.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Compiles a pattern; the error is a sentence.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let translated = translated(text)?;
        let mut builder = RegexBuilder::new(&format!("\\A(?:{translated})\\z"));
        match builder.size_limit(MAX_PATTERN_BYTES).nest_limit(50).build() {
            Ok(regex) => Ok(Self { text: text.into(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("the pattern is too big: use smaller numbers of repetitions".to_owned())
            }
            Err(error) => Err(reason(&error.to_string())),
        }
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// The last line of the crate's own error, which says what is wrong.
fn reason(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    format!("the pattern cannot be read: {line}")
}

/// Rewrites what other engines write in another way: classes of ASCII characters, the end `\Z`, escaped quotes.
fn translated(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        if char == '(' && rest.peek() == Some(&'?') {
            refuse_lookaround(rest.clone().skip(1).take(2).collect::<String>().as_str())?;
        }
        if char != '\\' {
            out.push(char);
            continue;
        }
        let Some(escaped) = rest.next() else {
            return Err("the pattern ends with a backslash: write \\\\ for the character itself".to_owned());
        };
        match escaped {
            'd' => out.push_str("[0-9]"),
            'D' => out.push_str("[^0-9]"),
            'w' => out.push_str("[0-9A-Za-z_]"),
            'W' => out.push_str("[^0-9A-Za-z_]"),
            's' => out.push_str("[\\t-\\r ]"),
            'S' => out.push_str("[^\\t-\\r ]"),
            'b' => out.push_str("(?-u:\\b)"),
            'Z' => out.push_str("\\z"),
            '1'..='9' | 'k' => {
                return Err("back-references such as \\1 are not supported: write the pattern out".to_owned());
            }
            'p' | 'P' | 'n' | 'r' | 't' | 'f' | 'v' | 'x' | 'u' | 'A' | 'z' | 'B' => {
                let _ = write!(out, "\\{escaped}");
            }
            letter if letter.is_alphanumeric() => {
                return Err(format!("\\{letter} is not known in patterns"));
            }
            sign => out.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(out)
}

fn refuse_lookaround(after: &str) -> Result<(), String> {
    if after.starts_with(['=', '!']) || after == "<=" || after == "<!" {
        return Err("lookahead and lookbehind, (?=…) and the like, are not supported: \
                    use two calls of regex() joined with and"
            .to_owned());
    }
    Ok(())
}
