//! Code lists: the answers that a field offers.

use serde::Serialize;
use smol_str::SmolStr;

use super::Labels;

/// A list of codes with their labels, in the order of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeList {
    /// The name that fields refer to.
    pub name: SmolStr,
    /// The codes that are listed.
    pub codes: Vec<Code>,
    /// Whether any token is one of its codes: those of a file and of a repeat are not listed.
    pub is_open: bool,
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Code {
    /// What is stored.
    pub code: SmolStr,
    /// What a reader sees.
    pub labels: Labels,
}

/// Whether a text is what codes are made of: one to 64 letters, digits, `_` and `-`, the first of them a letter or digit.
pub fn is_token(code: &str) -> bool {
    let bytes = code.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether a text has the form of a P-code: two capitals, then at most 16 capitals, digits and hyphens.
pub fn is_pcode(code: &str) -> bool {
    let bytes = code.as_bytes();
    (2..=18).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'-')
}

impl CodeList {
    /// Whether a code is listed, or may stand without being so.
    pub fn knows(&self, code: &str) -> bool {
        self.find(code).is_some() || (self.is_open && is_token(code))
    }

    /// The listed code.
    pub fn find(&self, code: &str) -> Option<&Code> {
        self.codes.iter().find(|listed| listed.code == code)
    }
}
