//! Pages of lists of which a reader may see only some rows.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::ApiError;

/// Rows read for one page, at most: a reader who may see few of many rows gets short pages, not slow ones.
const MAX_ROWS_READ: usize = 5_000;

/// Where a page ended, as a text that means nothing to its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<C>(pub C);

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct CursorError;

impl<C: DeserializeOwned> FromStr for Cursor<C> {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| CursorError)
    }
}

impl<C: Serialize> std::fmt::Display for Cursor<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = serde_json::to_vec(&self.0).expect("texts and numbers are JSON");
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// A page on its way: the rows that the reader may see.
#[derive(Debug)]
pub struct Page<V, C> {
    limit: usize,
    seen: Vec<V>,
    at: Option<C>,
    rows_read: usize,
    is_done: bool,
    is_last: bool,
}

impl<V, C> Page<V, C> {
    /// A page of `limit` rows at most, behind a cursor.
    pub fn new(limit: u32, at: Option<C>) -> Self {
        let limit = limit as usize;
        Self { limit, seen: Vec::new(), at, rows_read: 0, is_done: false, is_last: false }
    }

    /// Whether no more rows have to be read.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Behind what the next rows stand.
    pub fn at(&self) -> Option<&C> {
        self.at.as_ref()
    }

    /// Takes the next rows, of which at most `limit` were asked for.
    pub fn take<R>(
        &mut self,
        rows: Vec<R>,
        cursor_of: impl Fn(&R) -> C,
        mut view: impl FnMut(R) -> Result<Option<V>, ApiError>,
    ) -> Result<(), ApiError> {
        self.rows_read += self.limit;
        self.is_last = rows.len() < self.limit;
        for row in rows {
            if self.seen.len() == self.limit {
                self.is_last = false;
                break;
            }
            self.at = Some(cursor_of(&row));
            self.seen.extend(view(row)?);
        }
        let is_full = self.seen.len() == self.limit || self.rows_read >= MAX_ROWS_READ;
        self.is_done = is_full || self.is_last;
        Ok(())
    }

    /// What the reader sees, and where it ends if there may be more.
    pub fn end(self) -> (Vec<V>, Option<C>) {
        (self.seen, self.at.filter(|_| !self.is_last))
    }
}
