//! Texts that are shown, with answers in them.

use super::Schema;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// As it stands.
    Plain(&'t str),
    /// The answer at this node.
    Answer(usize),
}

/// Takes a text apart at its `${name}`. A name that nothing has gives nothing.
pub(crate) fn pieces<'t>(schema: &Schema, text: &'t str) -> Vec<Piece<'t>> {
    let mut parts = text.split("${");
    let mut pieces = vec![Piece::Plain(parts.next().unwrap_or_default())];
    for part in parts {
        let Some((name, rest)) = part.split_once('}') else {
            pieces.push(Piece::Plain(part));
            continue;
        };
        pieces.extend(schema.named(name).map(Piece::Answer));
        pieces.push(Piece::Plain(rest));
    }
    pieces
}
