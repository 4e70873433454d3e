//! The versions of the project's forms that the device has, and what records hold by them.

mod piece;
pub(crate) mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::form::types;
use fieldmerge_model::form::version::{FormVersion, chain};
use fieldmerge_model::types::{Policy, RecordType, RecordTypes};
use smol_str::SmolStr;

pub(crate) use self::piece::held;
use self::rows::FormRow;
use crate::memory::rows::bytes;
use crate::store::{Table, Write};

/// A version that the device has.
#[derive(Debug, Clone)]
pub(crate) struct HeldForm {
    pub(crate) row: Arc<FormRow>,
    /// The version; none where it says something that this program does not know.
    pub(crate) version: Option<Arc<FormVersion>>,
}

impl HeldForm {
    pub(crate) fn of(row: FormRow) -> Self {
        let version = FormVersion::from_bytes(&row.bytes).ok().map(Arc::new);
        Self { row: Arc::new(row), version }
    }
}

/// The versions that the device has, by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms {
    pub(crate) all: BTreeMap<u64, HeldForm>,
    /// What records hold.
    pub(crate) types: RecordTypes,
}

impl Forms {
    /// What stands for the versions up to a number; none where the device does not have that one. Before the first it is
    /// 32 zeros.
    pub(crate) fn chain(&self, number: u64) -> Option<[u8; 32]> {
        if number == 0 {
            return Some([0; 32]);
        }
        self.all.get(&number).map(|held| held.row.chain)
    }

    /// What stands for all of them.
    pub(crate) fn last_chain(&self) -> [u8; 32] {
        self.all.last_key_value().map_or([0; 32], |(_, held)| held.row.chain)
    }

    /// Works out anew what records hold.
    pub(crate) fn settle(&mut self) {
        let versions: Vec<_> = self.all.values().filter_map(|held| held.version.clone()).collect();
        let forms: Vec<_> = versions.iter().map(|version| &version.form).collect();
        let (types, _clashes) = types::known_types(&forms);
        self.types = RecordTypes::new(types);
    }
}

/// The record types of which values may be judged otherwise than before: what persons decide is there now, or takes
/// other values.
pub(crate) fn judged_anew(before: &RecordTypes, after: &RecordTypes) -> Vec<SmolStr> {
    let decided = |kind: &RecordType| -> BTreeMap<SmolStr, &'static str> {
        let repeats = kind.repeats.iter().flat_map(|repeat| {
            repeat.fields.iter().map(move |field| (format!("{}/{}", repeat.name, field.name).into(), field))
        });
        let all = kind.fields.iter().map(|field| (field.name.clone(), field)).chain(repeats);
        let human = all.filter(|(_, field)| matches!(field.policy, Policy::Human { .. }));
        human.map(|(name, field)| (name, field.kind.name())).collect()
    };
    let differs = |kind: &&Arc<RecordType>| {
        before.find(&kind.name).map(|before| decided(before)).unwrap_or_default() != decided(kind)
    };
    after.iter().filter(differs).map(|kind| kind.name.clone()).collect()
}

/// The rows of a store that begins with these versions of forms, their bytes in the order of their numbers, as an app may
/// bring them. Where the project has published the same in the same order nothing of them is sent to the device; else what
/// it has published takes their place at the first sync.
pub fn shipped_forms(versions: &[Vec<u8>]) -> Vec<Write> {
    let mut before = [0; 32];
    let rows = (1_u64..).zip(versions).map(|(number, version)| {
        before = chain(&before, version);
        let row = FormRow { chain: before, bytes: version.clone() };
        Write { table: Table::Forms, key: number.to_be_bytes().to_vec(), value: Some(bytes(&row)) }
    });
    rows.collect()
}
