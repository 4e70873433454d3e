//! Dictionaries: what phones compress small frames against.
//!
//! The server trains one on records made up from the forms of a project, and sends it to each device once. It is named by its
//! content, so a body says itself what it needs; those that stored frames need stay in the database for ever.

mod synthetic;

use std::sync::Arc;

use fieldmerge_model::access::{Role, access};
use fieldmerge_model::types::{RecordType, RecordTypes};
use fieldmerge_protocol::bundle::train;
use fieldmerge_protocol::sync::{self, Dictionary};
use fieldmerge_protocol::{ProjectId, RecordClass};
use fieldmerge_store::{StoreError, Tx, dictionaries};

use self::synthetic::Synthetic;
use crate::forms::Forms;
use crate::recent::Recent;

/// The length of a dictionary. Twice as much saves a single registration a few bytes, and costs each phone as many thousand.
const TRAINED_BYTES: usize = 4 << 10;
/// How many frames of one new record, and as many of one edit, are made up of each record type. Fewer teach a dictionary too
/// little; from larger frames it learns the same.
const SAMPLES: usize = 32;
/// The most dictionaries of each kind that stay in memory.
const MAX_KEPT: usize = 256;

/// How many dictionaries back one is still known that no stored frame was packed with.
const KNOWN_BACK: usize = 9;

/// The bytes of a dictionary.
pub type DictionaryBytes = Arc<[u8]>;

/// A dictionary that was trained on what forms say.
#[derive(Debug)]
pub struct Trained {
    /// Its number.
    pub number: u32,
    /// Its bytes.
    pub bytes: DictionaryBytes,
    /// As a device is sent it. Packed once: it takes as long as the whole of a request without news.
    pub part: Vec<u8>,
}

impl Trained {
    /// The dictionary of records of these types: the same on every server of this version. None where they are too few.
    pub fn on(types: &RecordTypes) -> Option<Self> {
        let bytes = train(&samples(types), TRAINED_BYTES).ok()?;
        let part = sync::encode(&Dictionary::pack(&bytes, true));
        Some(Self { number: Dictionary::number(&bytes), bytes: bytes.into(), part })
    }
}

/// Frames of new records and of edits, as phones pack them. Every type comes by turns: zstd learns from the first three
/// quarters of its samples, and chooses by the last one.
fn samples(types: &RecordTypes) -> Vec<Vec<u8>> {
    let mut made_up = Synthetic::new(1);
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        for kind in learned_from(types) {
            samples.extend(made_up.new_record(kind));
            samples.extend(made_up.edit(kind));
        }
    }
    samples
}

/// The types that dictionaries learn from: what is written in the field. Logs, and what its author cannot pack again, are packed
/// without; offices have better links.
fn learned_from(types: &RecordTypes) -> impl Iterator<Item = &Arc<RecordType>> {
    let in_field =
        |class| [Role::Enumerator, Role::Supervisor].iter().any(|role| access(*role, class).writes());
    let is_packed = |class: RecordClass| !class.is_log() && class != RecordClass::Observation;
    types.iter().filter(move |kind| is_packed(kind.class) && in_field(kind.class))
}

/// The dictionaries that were needed.
#[derive(Debug)]
pub struct Dictionaries {
    /// By what stands for the forms that they were trained on.
    trained: Recent<[u8; 32], Option<Arc<Trained>>>,
    stored: Recent<(ProjectId, u32), DictionaryBytes>,
}

impl Default for Dictionaries {
    fn default() -> Self {
        Self { trained: Recent::new(MAX_KEPT), stored: Recent::new(MAX_KEPT) }
    }
}

impl Dictionaries {
    /// The dictionary that the phones of a project pack with. A version that only asks more of records of the types that there
    /// are changes nothing: another dictionary would cost each phone more than it saves.
    pub fn current(&self, forms: &Forms) -> Option<Arc<Trained>> {
        self.trained_until(forms, *forms.with_new_types.last()?)
    }

    /// The dictionary of this number; `None` if the project does not have it. A phone may have packed with that of earlier
    /// forms.
    pub async fn find(
        &self,
        tx: &mut Tx,
        (project, forms): (ProjectId, &Forms),
        number: u32,
    ) -> Result<Option<DictionaryBytes>, StoreError> {
        if number == 0 {
            return Ok(None);
        }
        // What has a frame that is stored need not be trained again.
        let stored = self.stored(tx, project, number).await?;
        let is_it = |trained: &Arc<Trained>| trained.number == number;
        let trained = || {
            let last = forms.with_new_types.iter().rev().take(KNOWN_BACK);
            last.filter_map(|last| self.trained_until(forms, *last)).find(is_it)
        };
        Ok(stored.or_else(|| trained().map(|trained| Arc::clone(&trained.bytes))))
    }

    /// The same of those that stored frames need.
    pub async fn stored(
        &self,
        tx: &mut Tx,
        project: ProjectId,
        number: u32,
    ) -> Result<Option<DictionaryBytes>, StoreError> {
        let known = self.stored.get((project, number));
        if known.is_some() {
            return Ok(known);
        }
        let found = dictionaries::find(tx, project, number).await?;
        // One that does not have its number any more reads nothing.
        let found = found.filter(|bytes| Dictionary::number(bytes) == number).map(DictionaryBytes::from);
        if let Some(bytes) = &found {
            self.stored.put((project, number), Arc::clone(bytes));
        }
        Ok(found)
    }

    fn trained_until(&self, forms: &Forms, last: usize) -> Option<Arc<Trained>> {
        let chain = forms.all[last].row.chain;
        if let Some(known) = self.trained.get(chain) {
            return known;
        }
        let trained = Trained::on(&forms.types_until(last)).map(Arc::new);
        self.trained.put(chain, trained.clone());
        trained
    }
}

#[cfg(test)]
mod tests {
    use fieldmerge_model::pack::himo_types;
    use fieldmerge_protocol::bundle::{compress, decode_body};

    use super::*;

    #[test]
    fn every_sample_is_a_body_that_reads() {
        let samples = samples(himo_types());
        let types = learned_from(himo_types()).count();
        // An edit that happens to say what stands there already is none.
        assert!(samples.len() > types * SAMPLES * 9 / 5, "{} of {types} types", samples.len());
        assert!(samples.iter().all(|sample| decode_body(sample).is_ok()));
    }

    #[test]
    fn the_dictionary_is_the_same_each_time_and_makes_single_records_small() {
        let Trained { number, bytes, .. } = Trained::on(himo_types()).expect("the types are many enough");
        assert_eq!(train(&samples(himo_types()), TRAINED_BYTES).as_deref(), Ok(&*bytes));
        assert_eq!(number, Dictionary::number(&bytes));
        // Records that it was not trained on.
        let mut made_up = Synthetic::new(2);
        let (mut with, mut without) = (0, 0);
        for kind in learned_from(himo_types()) {
            let body = made_up.new_record(kind).expect("a record");
            let of = |dictionary| compress(&body, 19, dictionary).expect("compresses").1.len();
            // Each type has its part of it.
            assert!(of(&bytes) * 4 < of(&[]) * 3, "{}: {} against {}", kind.name, of(&bytes), of(&[]));
            with += of(&bytes);
            without += of(&[]);
        }
        assert!(with * 10 < without * 6, "{with} against {without}");
        assert!(Trained::on(&RecordTypes::default()).is_none(), "without forms there is nothing to learn");
    }
}
