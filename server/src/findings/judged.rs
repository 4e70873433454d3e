//! Judges records by the forms that wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_model::access::Roles;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{FORM, Fault as FormFault, Lacking, Past, StoredRecord, judge};
use fieldmerge_model::form::record_file;
use fieldmerge_protocol::{DeviceId, Path, RecordClass, RecordId, Value};
use fieldmerge_store::{StoreError, Tx, findings, records, subjects};

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
    directory: Arc<Directory>,
    around: Around,
    families: BTreeSet<Family>,
    /// Records that another form found something in than the one that wrote them last, with what that one judges them with.
    others: Vec<(RecordId, Family)>,
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
    let asked: BTreeSet<RecordId> = ids.iter().copied().collect();
    let concerned: BTreeSet<RecordId> =
        ids.iter().flat_map(|id| around.with_person(*id).chain([*id])).collect();
    let mut families: BTreeSet<Family> = BTreeSet::new();
    for family in concerned.iter().filter_map(|id| around.family(&directory.forms, *id)) {
        let mut files = directory.forms.all[family.form].version.record_files();
        let concerns = family.members.iter().any(|member| asked.contains(member))
            || files.any(|file| types.contains(file));
        if concerns {
            families.insert(family);
        }
    }
    let form_id = |at: usize| directory.forms.all[at].row.form_id.as_str();
    // What another form has found is for that one to find mended.
    let mut others = Vec::new();
    for row in findings::of_records(tx, project, ids).await?.iter().filter(|row| row.mended_ms.is_none()) {
        let at = usize::try_from(row.form).ok().and_then(|number| number.checked_sub(1));
        let by_other = around.family(&directory.forms, row.record).zip(at).is_some_and(|(family, at)| {
            let form = directory.forms.all.get(at);
            form.is_some_and(|form| form.row.form_id != form_id(family.form))
        });
        let family = at.and_then(|at| around.family_by(&directory.forms, at, row.record));
        others.extend(family.filter(|_| by_other).map(|family| (row.record, family)));
    }
    // What some roles alone may write another form may have written that does not ask for it.
    for id in ids {
        let Some(known) = around.get(*id) else { continue };
        let own = around.family(&directory.forms, *id).map(|family| form_id(family.form));
        for guard in &directory.forms.guards {
            if guard.concerns(&known.row.record_type, &known.values) && own != Some(form_id(guard.form)) {
                others
                    .extend(around.family_by(&directory.forms, guard.form, *id).map(|family| (*id, family)));
            }
        }
    }
    others.sort_unstable();
    others.dedup();
    let used: BTreeSet<usize> =
        families.iter().chain(others.iter().map(|(_, family)| family)).map(|family| family.form).collect();
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
    Ok(Gathered { directory, around, families, others })
}

/// Judges records, where it holds up nobody and with no snapshot held.
pub async fn judged(gathered: Gathered) -> Judged {
    let judged = blocking(move || judge_all(&gathered));
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

fn judge_all(gathered: &Gathered) -> Judged {
    let Gathered { directory, around, families, others } = gathered;
    let mut ready_by_form: BTreeMap<usize, Option<Arc<CompiledForm>>> = BTreeMap::new();
    let mut found = Judged::default();
    let whole = families.iter().map(|family| (None, family));
    for (only, family) in whole.chain(others.iter().map(|(record, family)| (Some(*record), family))) {
        let form = ready_by_form.entry(family.form).or_insert_with(|| ready(directory, around, family.form));
        let Some(form) = form else { continue };
        let row = &directory.forms.all[family.form].row;
        let of_form = directory.forms.all.iter().filter(|other| other.row.form_id == row.form_id);
        let versions: BTreeSet<u64> = of_form.map(|other| other.row.number).collect();
        // A record that was filled beside others is judged with those.
        let is_own = |id: &RecordId| match only {
            Some(only) => *id == only,
            None => around.family(&directory.forms, *id).as_ref() == Some(family),
        };
        let own: BTreeSet<RecordId> = family.members.iter().copied().filter(is_own).collect();
        for record in &own {
            found.records.entry(*record).or_default().extend(&versions);
        }
        let stored = Stored { directory, form, around, family, only };
        for (record, path, fault) in stored.breaches() {
            let Some(known) = around.get(record).filter(|_| own.contains(&record)) else { continue };
            let Some((actor, _)) = known.state.author(&path) else { continue };
            let (code, form, device) = (fault.code(), row.number, actor.device());
            found.faults.insert(Fault { record, path, code, form, device });
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
            files.insert(name.to_owned(), around.file(kind).into());
        }
    }
    if files.is_empty() {
        return published.compiled().cloned();
    }
    published.version.compile(files).ok().map(Arc::new)
}

/// A family with the form that judges it.
struct Stored<'s> {
    directory: &'s Directory,
    form: &'s Arc<CompiledForm>,
    around: &'s Around,
    family: &'s Family,
    /// The one record that is judged by another form than the one that wrote it last.
    only: Option<RecordId>,
}

impl Stored<'_> {
    /// What is wrong with its records.
    fn breaches(&self) -> Vec<(RecordId, String, FormFault)> {
        let Self { directory, around, family, .. } = self;
        let version = &directory.forms.all[family.form].version;
        let partial = record_file::partial(version.record_files(), &directory.forms.types);
        let mut lacking = Lacking { partial, ..Lacking::default() };
        if family.members.iter().any(|member| around.lacks_named(*member)) {
            lacking.missing = lacking.partial.clone();
        }
        let whole: Vec<&str> =
            version.record_files().filter(|file| !lacking.partial.contains(*file)).collect();
        let mut found = self.judged(&lacking);
        // What was looked up may have been something else when the answer was written.
        let mut later: BTreeMap<Vec<&str>, BTreeSet<(RecordId, String, FormFault)>> = BTreeMap::new();
        found.retain(|breach| {
            let written = self.written_ms(breach.0, &breach.1);
            let edited: Vec<&str> =
                whole.iter().copied().filter(|file| around.was_edited(file, written)).collect();
            edited.is_empty()
                || later
                    .entry(edited)
                    .or_insert_with_key(|edited| {
                        let mut lacking = lacking.clone();
                        lacking.missing.extend(edited.iter().map(|file| (*file).to_owned()));
                        self.judged(&lacking).into_iter().collect()
                    })
                    .contains(breach)
        });
        found
    }

    fn judged(&self, lacking: &Lacking) -> Vec<(RecordId, String, FormFault)> {
        let Self { directory, form, around, family, only } = self;
        let number = directory.forms.all[family.form].row.number;
        let mut stored: Vec<StoredRecord> = Vec::new();
        let mut members = Vec::new();
        for member in &family.members {
            let Some(mut record) = around.stored(form, *member) else { continue };
            if *only == Some(*member) {
                // It was written by this form before the other one.
                record.values.extend(Path::new(FORM).ok().map(|by| (by, Value::Uint(number))));
            }
            stored.push(record);
            members.push(*member);
        }
        let saved = members.iter().filter_map(|member| around.get(*member)?.state.last_saved());
        let saved_ms = saved.map(|(_, time)| time).max().unwrap_or_default();
        let written_ms = |at: usize, path: &str| self.written_ms(members[at], path);
        let written_by = |at: usize, path: &str| {
            let author = around.get(members[at]).and_then(|known| known.state.author(path));
            author.map_or(Roles::NONE, |(actor, _)| directory.roles_ever_held(actor.device()))
        };
        let past = Past { form: number, saved_ms, written_ms: &written_ms, written_by: &written_by, lacking };
        let breaches = judge(form, form.form().default_language, &stored, &past);
        breaches.into_iter().map(|breach| (members[breach.record], breach.path, breach.fault)).collect()
    }

    /// When what stands in a record at a path was written.
    fn written_ms(&self, record: RecordId, path: &str) -> i64 {
        let author = self.around.get(record).and_then(|known| known.state.author(path));
        author.map_or(0, |(_, time)| time)
    }
}
