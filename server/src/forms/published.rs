//! The forms that a project has published.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::types;
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::{Compression, compress, inflate};
use fieldmerge_protocol::limits::MAX_FORM_BYTES;
use fieldmerge_protocol::sync::form_check;
use fieldmerge_store::forms::{self, FormRow};
use fieldmerge_store::{StoreError, Tx};

use super::guards::Guard;

/// How hard versions are compressed: once, for every phone.
const LEVEL: i32 = 19;

/// A version of a form, as it was published.
#[derive(Debug)]
pub struct Published {
    /// Its row.
    pub row: FormRow,
    /// The version.
    pub version: FormVersion,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The form made ready, once it was needed.
    compiled: OnceLock<Option<Arc<CompiledForm>>>,
}

impl Published {
    /// The form made ready to be filled, with no record in the files of records that it looks into. None where it cannot be.
    pub fn compiled(&self) -> Option<&Arc<CompiledForm>> {
        self.compiled.get_or_init(|| self.version.compile(BTreeMap::new()).ok().map(Arc::new)).as_ref()
    }
}

/// Every version of every form of a project.
#[derive(Debug)]
pub struct Forms {
    /// In the order of their numbers, which begin at 1.
    pub all: Vec<Published>,
    /// What the records of the project hold.
    pub types: RecordTypes,
    /// The places in [`Self::all`] of the versions with which a record type came, in order.
    pub with_new_types: Vec<usize>,
    /// What some roles alone may write.
    pub guards: Vec<Guard>,
}

impl Forms {
    /// Reads the forms of a project.
    pub async fn load(tx: &mut Tx, project: ProjectId) -> Result<Self, StoreError> {
        let mut all: Vec<Published> = Vec::new();
        for row in forms::list(tx, project).await? {
            let corrupt = |column| StoreError::Corrupt {
                table: "forms",
                column,
                key: format!("{project} {}", row.number),
            };
            let bytes = unpack(&row, &all).ok_or_else(|| corrupt("packed"))?;
            let version = FormVersion::from_bytes(&bytes).map_err(|_| corrupt("packed"))?;
            all.push(Published { row, version, bytes, compiled: OnceLock::new() });
        }
        let (types, with_new_types, guards) = (types_of(&all), with_new_types(&all), Guard::all(&all));
        Ok(Self { all, types, with_new_types, guards })
    }

    /// What the records held when the version at a place had been published.
    pub fn types_until(&self, last: usize) -> RecordTypes {
        types_of(&self.all[..=last])
    }

    /// The version that was published last of a form.
    pub fn latest(&self, form_id: &str) -> Option<&Published> {
        self.all.iter().rev().find(|published| published.row.form_id == form_id)
    }

    /// What stands for all of them.
    pub fn chain(&self) -> [u8; 32] {
        self.all.last().map_or([0; 32], |last| last.row.chain)
    }

    /// Those that a phone lacks which names what stands for those that it has: all where it has others.
    pub fn after(&self, check: u32) -> &[Published] {
        let known = self.all.iter().rposition(|published| form_check(&published.row.chain) == check);
        &self.all[known.map_or(0, |at| at + 1)..]
    }
}

fn with_new_types(published: &[Published]) -> Vec<usize> {
    let mut known = BTreeSet::new();
    let mut places = Vec::new();
    for (at, published) in published.iter().enumerate() {
        let form = &published.version.form;
        let before = known.len();
        known.extend((0..form.elements.len()).map(|at| form.target(at).record_type.as_str()));
        places.extend((known.len() > before).then_some(at));
    }
    places
}

fn types_of(published: &[Published]) -> RecordTypes {
    let forms: Vec<_> = published.iter().map(|published| &published.version.form).collect();
    let (types, _clashes) = types::known_types(&forms);
    RecordTypes::new(types)
}

/// What the records of a project hold, by its forms.
pub async fn record_types(tx: &mut Tx, project: ProjectId) -> Result<RecordTypes, StoreError> {
    Ok(Forms::load(tx, project).await?.types)
}

/// The bytes of a version compressed against those of another one: as they are where that is no shorter.
pub(super) fn pack<'b>(bytes: &'b [u8], base: &[u8]) -> Cow<'b, [u8]> {
    compress(bytes, LEVEL, base).map_or(Cow::Borrowed(bytes), |(_, packed)| packed)
}

fn unpack(row: &FormRow, before: &[Published]) -> Option<Vec<u8>> {
    let raw_bytes = usize::try_from(row.byte_count).ok()?;
    let compression = if row.packed.len() == raw_bytes { Compression::Stored } else { Compression::Zstd };
    let base = match row.base {
        Some(number) => before.get(usize::try_from(number.checked_sub(1)?).ok()?)?.bytes.as_slice(),
        None => &[],
    };
    Some(inflate(&row.packed, compression, base, raw_bytes, MAX_FORM_BYTES).ok()?.into_owned())
}
