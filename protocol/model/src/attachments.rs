//! Which attachments a record refers to.

use std::str::FromStr;

use fieldmerge_protocol::{Actor, AttachmentHash, Path, Value};

use crate::record::RecordState;
use crate::types::{Field, RecordType, THUMBNAIL};

/// An attachment that a record names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where: `photo`, or `photo/thumb` for its thumbnail.
    pub path: Path,
    /// Which.
    pub hash: AttachmentHash,
    /// Who wrote it.
    pub actor: Actor,
}

impl Reference {
    /// Whether the path is one of a thumbnail.
    pub fn is_thumbnail(&self) -> bool {
        is_thumbnail(&self.path)
    }
}

/// Whether the path of an attachment is one of a thumbnail: `photo/thumb`, and of an instance of a repeat
/// `rooms/<id>/photo/thumb`.
pub fn is_thumbnail(path: &Path) -> bool {
    matches!(path.as_str().split('/').collect::<Vec<_>>()[..], [_, THUMBNAIL] | [_, _, _, THUMBNAIL])
}

/// The attachments that a record of this type names: each value that stands at each of its attachment fields, the ones
/// beside the winner too, for a person who looks at a conflict wants to see them. What is no SHA-256 names nothing. By path.
pub fn references(kind: &RecordType, state: &RecordState) -> Vec<Reference> {
    let in_repeats = kind.repeats.iter().flat_map(|repeat| &repeat.fields).any(|field| field.is_file());
    let paths = state.winners().map(|(path, _)| path.as_str()).filter(|_| in_repeats);
    let of_instances =
        paths.filter(|path| path.matches('/').count() > 1 && kind.field_at(path).is_some_and(Field::is_file));
    let own = kind.attachment_fields.iter();
    let own = own.flat_map(|field| [field.to_string(), format!("{field}/{THUMBNAIL}")]);
    let mut found = Vec::new();
    for path in own.chain(of_instances.map(str::to_owned)) {
        for (op, value) in state.get_all(&path) {
            let Value::Str(text) = value else { continue };
            if let (Ok(hash), Ok(path)) = (AttachmentHash::from_str(text), Path::new(&path)) {
                found.push(Reference { path, hash, actor: op.actor });
            }
        }
    }
    found.sort_unstable();
    found.dedup_by(|one, other| (&one.path, one.hash) == (&other.path, other.hash));
    found
}
