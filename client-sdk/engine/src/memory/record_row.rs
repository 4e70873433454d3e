//! A row of `records`: what a list and a search need, and the merged state as bytes.

use std::sync::{Arc, OnceLock};

use fieldmerge_model::form::record_file::ListedRecord;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, RecordId};
use minicbor::Decoder;
use smol_str::SmolStr;

use super::rows::IdBytes;
use crate::OpenError;

/// The layout of the array before the state.
const LAYOUT: u8 = 1;

/// Whose log of which month a record is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LogOf {
    /// Its one writer.
    pub(crate) writer: Actor,
    /// As `2026-03`.
    pub(crate) month: SmolStr,
}

/// What is known of a record without decoding its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) feed: Feed,
    pub(crate) record_type: SmolStr,
    pub(crate) subject: Option<RecordId>,
    /// Folded text that searches look into.
    pub(crate) search: Box<str>,
    pub(crate) title: Box<str>,
    pub(crate) open_cases: u32,
    /// Whether the record has a case, open or closed: those are looked at again when roles change.
    pub(crate) judged: bool,
    pub(crate) log: Option<LogOf>,
}

/// A record in memory: its header, and its state as bytes that are decoded on demand.
#[derive(Debug, Clone)]
pub(crate) struct RecordRow {
    pub(crate) header: Header,
    row: Arc<[u8]>,
    state_at: usize,
    listed: OnceLock<Arc<ListedRecord>>,
}

impl RecordRow {
    /// The merged state: of a record or of a log, by the class of its feed.
    pub(crate) fn state(&self) -> &[u8] {
        &self.row[self.state_at..]
    }

    /// Reads a row.
    pub(crate) fn read(row: &Arc<[u8]>) -> Result<Self, OpenError> {
        let corrupt = |_| OpenError::Corrupt { table: "records" };
        let mut decoder = Decoder::new(row);
        let header = read_header(&mut decoder).map_err(corrupt)?;
        let state_at = decoder.position();
        Ok(Self {
            header: header.ok_or(OpenError::LaterVersion)?,
            row: Arc::clone(row),
            state_at,
            listed: OnceLock::new(),
        })
    }

    /// What the record, which has this id, says in a file of its type: made for the first form that looks into one, and kept
    /// until the record or its type changes.
    pub(crate) fn listed(&self, id: RecordId) -> Arc<ListedRecord> {
        let made = || {
            let state = (Arc::clone(&self.row), self.state_at);
            Arc::new(ListedRecord::stored(id, self.header.subject, state))
        };
        Arc::clone(self.listed.get_or_init(made))
    }

    /// Forgets it.
    pub(crate) fn unlist(&mut self) {
        self.listed = OnceLock::new();
    }

    /// Writes a row.
    pub(crate) fn write(header: &Header, state: &[u8]) -> Arc<[u8]> {
        let mut row = Vec::with_capacity(96 + header.search.len() + header.title.len() + state.len());
        write_header(&mut row, header).expect("writing to a Vec cannot fail");
        row.extend_from_slice(state);
        row.into()
    }
}

type EncodeError = minicbor::encode::Error<std::convert::Infallible>;

fn write_header(row: &mut Vec<u8>, header: &Header) -> Result<(), EncodeError> {
    let mut e = minicbor::Encoder::new(row);
    e.array(10)?.u8(LAYOUT)?.encode(header.feed)?.str(&header.record_type)?;
    match &header.subject {
        Some(subject) => e.bytes(&subject.0)?,
        None => e.null()?,
    };
    e.str(&header.search)?.str(&header.title)?.u32(header.open_cases)?.bool(header.judged)?;
    match &header.log {
        Some(log) => e.bytes(&log.writer.0)?.str(&log.month)?,
        None => e.null()?.null()?,
    };
    Ok(())
}

/// `None` for a later layout.
fn read_header(d: &mut Decoder<'_>) -> Result<Option<Header>, minicbor::decode::Error> {
    let wrong = || minicbor::decode::Error::message("not a record row");
    d.array()?;
    if d.u8()? != LAYOUT {
        return Ok(None);
    }
    let feed = d.decode()?;
    let record_type = SmolStr::new(d.str()?);
    let optional = |d: &mut Decoder<'_>| -> Result<Option<Vec<u8>>, minicbor::decode::Error> {
        if d.datatype()? == minicbor::data::Type::Null {
            d.null().map(|()| None)
        } else {
            Ok(Some(d.bytes()?.to_vec()))
        }
    };
    let subject = optional(d)?.map(|bytes| RecordId::read(&bytes).ok_or_else(wrong)).transpose()?;
    let (search, title) = (d.str()?.into(), d.str()?.into());
    let (open_cases, judged) = (d.u32()?, d.bool()?);
    let log = match optional(d)? {
        Some(writer) => {
            Some(LogOf { writer: Actor::read(&writer).ok_or_else(wrong)?, month: SmolStr::new(d.str()?) })
        }
        None => d.null().map(|()| None)?,
    };
    Ok(Some(Header { feed, record_type, subject, search, title, open_cases, judged, log }))
}
