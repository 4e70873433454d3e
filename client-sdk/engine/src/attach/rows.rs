//! The rows of attachments, and what memory holds of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_protocol::{AttachmentHash, Path, RecordId};
use minicbor::{Decode, Encode};

use crate::OpenError;
use crate::memory::rows::read;

/// Where an attachment stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Standing {
    /// The bytes are here and not yet at the server.
    #[n(0)]
    Waiting,
    /// The bytes are here and at the server.
    #[n(1)]
    Kept,
    /// The bytes are not here.
    #[n(2)]
    Absent,
    /// The bytes are here, and the server does not take them, for the reason of this code.
    #[n(3)]
    Refused(#[n(0)] String),
}

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and a column of the stored row"
)]
pub(crate) struct AttachmentRow {
    /// What came first is sent and fetched first.
    #[n(0)]
    pub(crate) number: u64,
    #[n(1)]
    pub(crate) standing: Standing,
    /// How many bytes it has, once that is known.
    #[n(2)]
    pub(crate) bytes: Option<u64>,
    /// It was attached here, not fetched.
    #[n(3)]
    pub(crate) own: bool,
    /// A record on this device has named it. Nothing that nobody has saved leaves the device.
    #[n(4)]
    pub(crate) named: bool,
    /// A record names it as a thumbnail.
    #[n(5)]
    pub(crate) thumbnail: bool,
    /// Somebody asked for it.
    #[n(6)]
    pub(crate) wanted: bool,
    /// The server may have the beginning: it is asked before anything is sent.
    #[n(7)]
    pub(crate) begun: bool,
    /// How often the server did not have it.
    #[n(8)]
    pub(crate) misses: u8,
    /// The device's clock when it was attached; of an absent one, from when on the server is asked for it again.
    #[n(9)]
    pub(crate) at_ms: i64,
}

impl AttachmentRow {
    /// An attachment whose bytes are not here.
    pub(crate) fn new(number: u64, at_ms: i64) -> Self {
        Self {
            number,
            standing: Standing::Absent,
            bytes: None,
            own: false,
            named: false,
            thumbnail: false,
            wanted: false,
            begun: false,
            misses: 0,
            at_ms,
        }
    }
}

/// A larger file that is named as a thumbnail comes only when somebody asks for it: what strangers write must not cost
/// everybody's link.
pub(crate) const MAX_THUMBNAIL_BYTES: u64 = 256 << 10;

impl AttachmentRow {
    /// Whether it is to be fetched if it is absent.
    pub(crate) fn is_expected(&self) -> bool {
        let small = self.bytes.is_none_or(|bytes| bytes <= MAX_THUMBNAIL_BYTES);
        self.wanted || (self.thumbnail && small)
    }
}

/// The key of a reference: record, hash, path. Its value is empty.
pub(crate) fn reference_key(record: RecordId, hash: AttachmentHash, path: &Path) -> Vec<u8> {
    [record.0.as_slice(), &hash.0, path.as_str().as_bytes()].concat()
}

type Reference = (RecordId, AttachmentHash, Path);

fn read_reference(key: &[u8]) -> Option<Reference> {
    let (record, rest) = key.split_at_checked(16)?;
    let (hash, path) = rest.split_at_checked(32)?;
    let path = Path::new(std::str::from_utf8(path).ok()?).ok()?;
    Some((RecordId::try_from(record).ok()?, AttachmentHash::try_from(hash).ok()?, path))
}

/// What memory holds of attachments.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    pub(crate) rows: BTreeMap<AttachmentHash, AttachmentRow>,
    /// Records by the attachment that they name.
    naming: BTreeMap<(AttachmentHash, RecordId), u32>,
    references: BTreeSet<Reference>,
}

impl Attachments {
    pub(crate) fn apply(&mut self, key: &[u8], value: Option<&Arc<[u8]>>) -> Result<(), OpenError> {
        let corrupt = |_| OpenError::Corrupt { table: "attachments" };
        let hash = AttachmentHash::try_from(key).map_err(corrupt)?;
        match value {
            Some(value) => self.rows.insert(hash, read("attachments", value)?),
            None => self.rows.remove(&hash),
        };
        Ok(())
    }

    pub(crate) fn apply_reference(&mut self, key: &[u8], stands: bool) -> Result<(), OpenError> {
        let reference = read_reference(key).ok_or(OpenError::Corrupt { table: "references" })?;
        let pair = (reference.1, reference.0);
        if stands && self.references.insert(reference.clone()) {
            *self.naming.entry(pair).or_default() += 1;
        } else if !stands
            && self.references.remove(&reference)
            && let Some(count) = self.naming.get_mut(&pair)
        {
            *count -= 1;
            if *count == 0 {
                self.naming.remove(&pair);
            }
        }
        Ok(())
    }

    /// What a record names, and where.
    pub(crate) fn named_by(&self, record: RecordId) -> impl Iterator<Item = (AttachmentHash, Path)> {
        // No path is less than this one.
        let first = (record, AttachmentHash([0; 32]), Path::new("0").expect("a digit is a path"));
        let from = self.references.range(first..).take_while(move |(of, ..)| *of == record);
        from.map(|(_, hash, path)| (*hash, path.clone()))
    }

    /// The records that name an attachment.
    pub(crate) fn naming(&self, hash: AttachmentHash) -> Vec<RecordId> {
        let range = (hash, RecordId([0; 16]))..=(hash, RecordId([0xff; 16]));
        self.naming.range(range).map(|((_, record), _)| *record).collect()
    }

    /// Those that wait to be sent.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &AttachmentRow> + Clone {
        self.rows.values().filter(|row| row.named && row.standing == Standing::Waiting)
    }

    pub(crate) fn is_named(&self, hash: AttachmentHash) -> bool {
        let range = (hash, RecordId([0; 16]))..=(hash, RecordId([0xff; 16]));
        self.naming.range(range).next().is_some()
    }
}
