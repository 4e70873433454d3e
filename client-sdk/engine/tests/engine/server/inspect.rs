//! What the server holds, for comparing.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::RecordState;
use fieldmerge_protocol::{Path, RecordClass, RecordId, Value};

use super::{Body, Server};

impl Server {
    /// The records of which changes are held.
    pub(crate) fn held(&self) -> Vec<RecordId> {
        self.held.iter().map(|(record, ..)| *record).collect()
    }

    /// The winner of a path, for comparing.
    pub(crate) fn value(&self, record: RecordId, path: &str) -> Option<Value> {
        match &self.records.get(&record)?.1 {
            Body::Record(state) => state.get(path).cloned(),
            Body::Log(_) => None,
        }
    }

    /// Every record that the server holds: its changes as one digest.
    pub(crate) fn digests(&self, class: RecordClass) -> BTreeMap<RecordId, Vec<(String, String)>> {
        let records = self.records.iter().filter(|(_, (feed, _))| feed.class == class);
        let values = |state: &RecordState| {
            let paths = state.paths().filter(|path| !path.is_reserved());
            let all = |path: &Path| {
                let values: Vec<_> = state.get_all(path.as_str()).map(|(_, value)| value.clone()).collect();
                (path.to_string(), format!("{values:?}"))
            };
            paths.map(all).collect()
        };
        records
            .map(|(record, (_, body))| match body {
                Body::Record(state) => (*record, values(state)),
                Body::Log(log) => (*record, vec![(String::new(), log.next_entry().to_string())]),
            })
            .collect()
    }

    /// What stands at each path of each record of a class.
    pub(crate) fn shown(&self, class: RecordClass) -> BTreeMap<RecordId, Vec<(String, Vec<String>)>> {
        let mut all = BTreeMap::new();
        for (record, (feed, body)) in &self.records {
            let Body::Record(state) = body else { continue };
            if feed.class != class {
                continue;
            }
            let paths = state.paths().filter(|path| !path.is_reserved());
            let values = |path: &Path| {
                let mut values: Vec<String> =
                    state.get_all(path.as_str()).map(|(_, value)| format!("{value:?}")).collect();
                values.sort();
                (path.to_string(), values)
            };
            all.insert(*record, paths.map(values).collect());
        }
        all
    }

    /// Everything that was ever written to a path of a record.
    pub(crate) fn ever(&self, record: RecordId, path: &str) -> BTreeSet<String> {
        let Some((_, Body::Record(state))) = self.records.get(&record) else { return BTreeSet::new() };
        let writes = state.history(&crate::phone::path(path)).into_iter();
        writes.filter_map(|write| write.value.map(|value| format!("{value:?}"))).collect()
    }

    /// How many entries the logs of a class hold together.
    pub(crate) fn entries(&self, class: RecordClass) -> u64 {
        let logs = self.records.values().filter(|(feed, _)| feed.class == class);
        logs.map(|(_, body)| if let Body::Log(log) = body { log.next_entry() } else { 0 }).sum()
    }

    pub(crate) fn records(&self, class: RecordClass) -> usize {
        self.records.values().filter(|(feed, _)| feed.class == class).count()
    }

    /// The same server, had a record never come.
    pub(crate) fn without(mut self, record: RecordId) -> Self {
        self.records.remove(&record);
        self
    }
}
