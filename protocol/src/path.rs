//! The name of a value inside a record.

use std::fmt;

use smol_str::SmolStr;

/// A path that follows the grammar `[a-z0-9_]+(/[A-Za-z0-9_-]+){0,4}`, at most 128 bytes.
///
/// A record is one flat Automerge map from path to scalar. Names that begin with `_` belong to Fieldmerge; below
/// `_decision/` and `_proposal/` stands a whole other path, so these two may hold one segment more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(SmolStr);

/// A text that does not follow the path grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid path")]
pub struct PathError;

impl Path {
    /// The most bytes a path may have.
    pub const MAX_BYTES: usize = 128;
    /// The most segments a path may have.
    pub const MAX_SEGMENTS: usize = 5;

    /// Checks the grammar.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.len() > Self::MAX_BYTES {
            return Err(PathError);
        }
        let mut segments = text.split('/');
        let first = segments.next().unwrap_or_default();
        if first.is_empty()
            || !first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return Err(PathError);
        }
        let judged = matches!(first, "_decision" | "_proposal");
        let mut count = 1;
        for segment in segments {
            count += 1;
            if segment.is_empty()
                || !segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            {
                return Err(PathError);
            }
        }
        if count > Self::MAX_SEGMENTS + usize::from(judged) || (judged && count == 1) {
            return Err(PathError);
        }
        Ok(Self(SmolStr::new(text)))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment: the question, set or repeat that the path belongs to.
    pub fn head(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether the path belongs to Fieldmerge itself and not to a form.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('_')
    }

    /// The path below `_decision/`, if this path is a decision.
    pub fn decided(&self) -> Option<&str> {
        self.0.strip_prefix("_decision/")
    }

    /// The path below `_proposal/`, if this path is a proposal.
    pub fn proposed(&self) -> Option<&str> {
        self.0.strip_prefix("_proposal/")
    }

    /// The number of an entry path `e/<n>`, written canonically (no leading zero).
    pub fn entry_number(&self) -> Option<u64> {
        numbered(self.0.strip_prefix("e/")?)
    }

    /// The number of a person path `p/<k>` of a log, written canonically.
    pub fn person_number(&self) -> Option<u64> {
        numbered(self.0.strip_prefix("p/")?)
    }
}

fn numbered(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    if canonical { digits.parse().ok() } else { None }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Path {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_accepts_our_names_and_refuses_others() {
        for good in
            ["sex", "languages/mlg", "kids/0f-A_1/name", "e/0", "_id", "_decision/a/b/c/d/e", "a/b/c/d/e"]
        {
            assert!(Path::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "Sex", "a//b", "a/", "a b", "é", "a/b/c/d/e/f", "_decision", "a/é", "a.b"] {
            assert!(Path::new(bad).is_err(), "{bad}");
        }
        assert!(Path::new(&"a".repeat(128)).is_ok());
        assert!(Path::new(&"a".repeat(129)).is_err());
    }

    #[test]
    fn entry_numbers_are_canonical() {
        let number = |text| Path::new(text).expect("a valid path").entry_number();
        assert_eq!(number("e/0"), Some(0));
        assert_eq!(number("e/17"), Some(17));
        assert_eq!(number("e/017"), None);
        assert_eq!(number("e/x"), None);
        assert_eq!(number("e/99999999999999999999999"), None);
    }
}
