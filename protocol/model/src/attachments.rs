//! Which attachments a record refers to.

use std::str::FromStr;

use fieldmerge_protocol::{Actor, AttachmentHash, Path, Value};

use crate::record::RecordState;
use crate::types::{RecordType, THUMBNAIL};

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

/// Whether a path is one of a thumbnail.
pub fn is_thumbnail(path: &Path) -> bool {
    path.as_str().split_once('/').is_some_and(|(_, below)| below == THUMBNAIL)
}

/// The attachments that a record of this type names: each value that stands at each of its attachment fields, the ones
/// beside the winner too, for a person who looks at a conflict wants to see them. What is no SHA-256 names nothing. By path.
pub fn references(kind: &RecordType, state: &RecordState) -> Vec<Reference> {
    let mut found = Vec::new();
    for field in &kind.attachment_fields {
        for path in [field.to_string(), format!("{field}/{THUMBNAIL}")] {
            for (op, value) in state.get_all(&path) {
                let Value::Str(text) = value else { continue };
                if let (Ok(hash), Ok(path)) = (AttachmentHash::from_str(text), Path::new(&path)) {
                    found.push(Reference { path, hash, actor: op.actor });
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup_by(|one, other| (&one.path, one.hash) == (&other.path, other.hash));
    found
}
