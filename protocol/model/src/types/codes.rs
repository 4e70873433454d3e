//! Code lists: the answers that a field offers.

use std::sync::{Arc, LazyLock};

use serde::Serialize;
use smol_str::SmolStr;

use super::{Labels, table};

/// A list of codes with their labels, in the order of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeList {
    /// The name that fields refer to.
    pub name: SmolStr,
    /// The codes that are listed.
    pub codes: Vec<Code>,
    /// The shape of codes that are known without being listed: standards too long to ship.
    pub shape: Option<Shape>,
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Code {
    /// What is stored.
    pub code: SmolStr,
    /// What a reader sees.
    pub labels: Labels,
}

/// The shape of the codes of a standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Two capital letters.
    Upper2,
    /// Three capital letters.
    Upper3,
    /// Three small letters.
    Lower3,
    /// A script: one capital and three small letters.
    Script,
    /// Four digits.
    Digits4,
    /// One to four digits.
    Digits1To4,
    /// A section letter, or two to four digits.
    Isic,
    /// Two capitals, then at most 16 capitals, digits and hyphens.
    Pcode,
    /// One to 64 letters, digits, `_` and `-`, the first of them a letter or digit.
    Token,
}

impl Shape {
    /// The shape of this name in the table.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "upper2" => Self::Upper2,
            "upper3" => Self::Upper3,
            "lower3" => Self::Lower3,
            "script" => Self::Script,
            "digits4" => Self::Digits4,
            "digits1to4" => Self::Digits1To4,
            "isic" => Self::Isic,
            "pcode" => Self::Pcode,
            "token" => Self::Token,
            _ => return None,
        })
    }

    /// Whether a code has this shape.
    pub fn fits(self, code: &str) -> bool {
        let bytes = code.as_bytes();
        let digits = bytes.iter().all(u8::is_ascii_digit);
        let upper = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_uppercase);
        let lower = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_lowercase);
        match self {
            Self::Upper2 => bytes.len() == 2 && upper(bytes),
            Self::Upper3 => bytes.len() == 3 && upper(bytes),
            Self::Lower3 => bytes.len() == 3 && lower(bytes),
            Self::Script => bytes.len() == 4 && upper(&bytes[..1]) && lower(&bytes[1..]),
            Self::Digits4 => bytes.len() == 4 && digits,
            Self::Digits1To4 => (1..=4).contains(&bytes.len()) && digits,
            Self::Isic => (bytes.len() == 1 && upper(bytes)) || ((2..=4).contains(&bytes.len()) && digits),
            Self::Pcode => {
                (2..=18).contains(&bytes.len())
                    && upper(&bytes[..2])
                    && bytes[2..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'-')
            }
            Self::Token => {
                (1..=64).contains(&bytes.len())
                    && bytes[0].is_ascii_alphanumeric()
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            }
        }
    }
}

impl CodeList {
    /// Whether a code is listed, or has the shape of the list's standard.
    pub fn knows(&self, code: &str) -> bool {
        self.find(code).is_some() || self.shape.is_some_and(|shape| shape.fits(code))
    }

    /// The listed code.
    pub fn find(&self, code: &str) -> Option<&Code> {
        self.codes.iter().find(|listed| listed.code == code)
    }
}

static LISTS: LazyLock<Vec<Arc<CodeList>>> = LazyLock::new(|| {
    let lists = table::parse_codes(include_str!("codelists.psv"));
    let lists = lists.expect("the table is part of the program, a test reads each line");
    lists.into_iter().map(Arc::new).collect()
});

/// Every built-in code list.
pub fn code_lists() -> &'static [Arc<CodeList>] {
    &LISTS
}

/// The code list of this name.
pub fn code_list(name: &str) -> Option<&'static Arc<CodeList>> {
    LISTS.iter().find(|list| list.name == name)
}
