//! Judges records by the forms that wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Breach, StoredRecord, When, judge};
use fieldmerge_model::form::record_file;
use fieldmerge_protocol::{DeviceId, RecordClass, RecordId};
use fieldmerge_store::{StoreError, Tx, records, subjects};

use super::family::{Around, Family};
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
    /// The records that were judged, with those that were asked for, each with the numbers of the versions of its form.
    pub records: BTreeMap<RecordId, BTreeSet<u64>>,
    /// What is wrong.
    pub faults: BTreeSet<Fault>,
}

/// What is judged together, as one snapshot saw it.
#[derive(Debug)]
pub struct Gathered {
    /// The types of the records that were asked for.
    pub types: BTreeSet<String>,
    directory: Arc<Directory>,
    around: Around,
    families: Vec<Family>,
}

/// Reads records, those that their forms open beside them, and those that these look up. Others about the same persons are
/// judged with them where their forms open or look up one of these.
pub async fn gathered(
    tx: &mut Tx,
    directory: Arc<Directory>,
    ids: &[RecordId],
) -> Result<Gathered, StoreError> {
    let project = directory.project.id;
    let mut around = Around::default();
    around.extend(records::load(tx, project, ids).await?);
    let types: BTreeSet<String> =
        ids.iter().filter_map(|id| Some(around.get(*id)?.row.record_type.clone())).collect();
    let persons = around.persons();
    around.extend(subjects::about(tx, project, &persons).await?);
    around.extend(records::load(tx, project, &persons).await?);
    let concerned: BTreeSet<RecordId> =
        ids.iter().flat_map(|id| around.with_person(*id).chain([*id])).collect();
    let mut families: Vec<Family> = Vec::new();
    for family in concerned.into_iter().filter_map(|id| around.family(&directory.forms, id)) {
        let mut files = directory.forms.all[family.form].version.record_files();
        let concerns = family.members.iter().any(|member| ids.contains(member))
            || files.any(|file| types.contains(file));
        if concerns && !families.contains(&family) {
            families.push(family);
        }
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
    Ok(Gathered { types, directory, around, families })
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
        let row = &directory.forms.all[family.form].row;
        let of_form = directory.forms.all.iter().filter(|other| other.row.form_id == row.form_id);
        let versions: BTreeSet<u64> = of_form.map(|other| other.row.number).collect();
        // A record that was filled beside others is judged with those.
        let is_own = |id: &RecordId| around.family(&directory.forms, *id).as_ref() == Some(family);
        let own: BTreeSet<RecordId> = family.members.iter().copied().filter(is_own).collect();
        found.records.extend(own.iter().map(|record| (*record, versions.clone())));
        for Breach { record, path, fault, .. } in breaches(directory, form, around, family) {
            let Some(known) = around.get(family.members[record]) else { continue };
            let Some((actor, _)) = known.state.author(&path) else { continue };
            let (record, code, form, device) = (known.row.id, fault.code(), row.number, actor.device());
            if own.contains(&record) {
                found.faults.insert(Fault { record, path, code, form, device });
            }
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
fn breaches(
    directory: &Directory,
    form: &Arc<CompiledForm>,
    around: &Around,
    family: &Family,
) -> Vec<Breach> {
    let published = &directory.forms.all[family.form];
    let partial = record_file::partial(published.version.record_files(), &directory.forms.types);
    let state = |at: usize| Some(&around.get(family.members[at])?.state);
    let saved = (0..family.members.len()).filter_map(|at| state(at)?.last_saved()).map(|(_, time)| time);
    let saved_ms = saved.max().unwrap_or_default();
    let written_ms = |at: usize, path: &str| {
        state(at).and_then(|state| state.author(path)).map_or(saved_ms, |(_, time)| time)
    };
    let stored: Vec<StoredRecord> =
        family.members.iter().filter_map(|member| around.stored(form, *member)).collect();
    let when = When { saved_ms, written_ms: &written_ms };
    judge(form, form.form().default_language, &stored, &partial, &when)
}
