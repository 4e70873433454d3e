//! Lists and searches.

use fieldmerge_protocol::RecordId;

use crate::engine::Engine;
use crate::memory::record_row::RecordRow;
use crate::search::{self, Fit};
use crate::{Hit, ListQuery, Summary};

/// How many lines a page has where nobody says.
const PAGE: usize = 50;

impl Engine {
    /// A page of records, newest first.
    pub fn list(&self, query: &ListQuery) -> Vec<Summary> {
        let fits = |row: &RecordRow| {
            let header = &row.header;
            query.record_type.as_ref().is_none_or(|name| header.record_type == *name)
                && query.area.is_none_or(|area| header.feed.area == area)
                && query.subject.is_none_or(|subject| header.subject == Some(subject))
        };
        let before = query.before.unwrap_or(RecordId([0xff; 16]));
        let limit = if query.limit == 0 { PAGE } else { query.limit };
        let rows = self.memory.records.range(..before).rev().filter(|(_, row)| fits(row));
        rows.take(limit).map(|(record, row)| self.summary(*record, row)).collect()
    }

    /// Records whose names, numbers or telephone numbers hold every word of the text, best matches first.
    pub fn find(&self, text: &str, limit: usize) -> Vec<Hit> {
        let folded = search::fold(text);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<(Fit, &str, RecordId, &RecordRow)> = self
            .memory
            .records
            .iter()
            .filter(|(_, row)| !row.header.search.is_empty())
            .filter_map(|(record, row)| {
                Some((search::fit(&row.header.search, &words)?, &*row.header.search, *record, row))
            })
            .collect();
        found.sort_unstable_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        found.truncate(if limit == 0 { PAGE } else { limit });
        let hit =
            |(fit, _, record, row)| Hit { summary: self.summary(record, row), begins: fit != Fit::Holds };
        found.into_iter().map(hit).collect()
    }
}
