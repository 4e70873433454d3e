//! Judges records by the forms that wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Breach, StoredRecord, judge};
use fieldmerge_model::form::record_file;
use fieldmerge_protocol::{Actor, DeviceId, RecordClass, RecordId};
use fieldmerge_store::{StoreError, Tx, records, subjects};

use super::family::{Around, Family, Known};
use crate::directory::Directory;
use crate::stored::blocking;

/// Records of a reference type that are read at a time.
const PAGE: u32 = 1_000;

/// What is wrong with an answer, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The record.
    pub record: RecordId,
    /// Where in it.
    pub path: String,
    /// The stable code.
    pub code: &'static str,
    /// The number of the version of the form.
    pub form: u64,
    /// Who wrote what stands there; where nothing does, what the record says last.
    pub device: DeviceId,
}

/// What came of judging records: those that were judged, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Judged {
    /// The records that were judged with those that were asked for.
    pub records: BTreeSet<RecordId>,
    /// What is wrong.
    pub faults: BTreeSet<Fault>,
}

/// What is judged together, as one snapshot saw it.
#[derive(Debug)]
pub struct Gathered {
    directory: Arc<Directory>,
    around: Around,
    families: Vec<Family>,
}

/// Reads records, those that their forms open beside them, and those that these look up.
pub async fn gathered(
    tx: &mut Tx,
    directory: Arc<Directory>,
    ids: &[RecordId],
) -> Result<Gathered, StoreError> {
    let project = directory.project.id;
    let mut around = Around::default();
    around.extend(records::load(tx, project, ids).await?);
    let persons = around.persons();
    around.extend(subjects::about(tx, project, &persons).await?);
    around.extend(records::load(tx, project, &persons).await?);
    let mut families: Vec<Family> = Vec::new();
    for id in ids {
        let family = around.family(&directory.forms, *id);
        families.extend(family.filter(|family| !families.contains(family)));
    }
    let used: BTreeSet<usize> = families.iter().map(|family| family.form).collect();
    let files = used.iter().flat_map(|at| directory.forms.all[*at].version.record_files());
    let files: BTreeSet<String> = files.map(str::to_owned).collect();
    if !files.is_empty() {
        // What a record names is looked up; of what everybody has, all.
        let named = around.named();
        around.extend(records::load(tx, project, &named).await?);
        for name in &files {
            let kind = directory.forms.types.find(name);
            if kind.is_some_and(|kind| kind.class == RecordClass::Reference) {
                extend_by_type(tx, &directory, &mut around, name).await?;
            }
        }
    }
    Ok(Gathered { directory, around, families })
}

/// Judges records, where it holds up nobody and with no snapshot held.
pub async fn judged(gathered: Gathered) -> Judged {
    let judged = blocking(move || judge_families(&gathered.directory, &gathered.around, &gathered.families));
    judged.await.unwrap_or_else(|| {
        tracing::error!("some records could not be judged by their forms; their findings stay as they were");
        Judged::default()
    })
}

async fn extend_by_type(
    tx: &mut Tx,
    directory: &Directory,
    around: &mut Around,
    record_type: &str,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = records::page(tx, directory.project.id, Some(record_type), after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|last| last.row.id);
        around.extend(page);
        if is_last {
            return Ok(());
        }
    }
}

fn judge_families(directory: &Directory, around: &Around, families: &[Family]) -> Judged {
    let mut compiled: BTreeMap<usize, Option<Arc<CompiledForm>>> = BTreeMap::new();
    let mut found = Judged::default();
    for family in families {
        let form = compiled.entry(family.form).or_insert_with(|| ready(directory, around, family.form));
        let Some(form) = form else { continue };
        let form_number = directory.forms.all[family.form].row.number;
        found.records.extend(family.members.iter().map(|(record, _)| *record));
        for Breach { record, path, fault, .. } in breaches(form, around, family) {
            let Some(known) = around.get(family.members[record].0) else { continue };
            let Some(device) = author(known, &path) else { continue };
            let (record, code) = (known.row.id, fault.code());
            found.faults.insert(Fault { record, path, code, form: form_number, device });
        }
    }
    found
}

/// A version with the records that it looks things up in.
fn ready(directory: &Directory, around: &Around, form: usize) -> Option<Arc<CompiledForm>> {
    let published = &directory.forms.all[form];
    let mut files = BTreeMap::new();
    for name in published.version.record_files() {
        if let Some(kind) = directory.forms.types.find(name) {
            files.insert(name.to_owned(), record_file::table(kind, around.listed(name)));
        }
    }
    if files.is_empty() {
        return published.compiled().cloned();
    }
    published.version.compile(files).ok().map(Arc::new)
}

/// What is wrong with records.
fn breaches(form: &Arc<CompiledForm>, around: &Around, family: &Family) -> Vec<Breach> {
    let known = family.members.iter().filter_map(|(record, _)| around.get(*record));
    let saved_ms = known.filter_map(|known| known.state.last_saved()).map(|(_, time)| time).max();
    let stored: Vec<StoredRecord> = family.members.iter().map(|(_, stored)| stored.clone()).collect();
    judge(form, form.form().default_language, &stored, saved_ms.unwrap_or_default())
}

/// Who wrote what stands at a path or below it; where nothing does, what the record says last.
fn author(known: &Known, path: &str) -> Option<DeviceId> {
    let below =
        |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let paths = known.values.keys().filter(|other| below(other.as_str()));
    let written = paths.filter_map(|path| known.state.winner(path.as_str())).map(|(op, _)| op).max();
    let actor = written.map(|op| op.actor).or_else(|| known.state.last_saved().map(|(actor, _)| actor));
    actor.map(Actor::device)
}
