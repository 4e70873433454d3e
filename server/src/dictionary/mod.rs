//! Dictionaries: what phones compress small frames against.
//!
//! The server trains one on records made up from the form, and sends it to each device once. It is named by its content,
//! so a body says itself what it needs; those that stored frames need stay in the database for ever.

mod synthetic;

use std::sync::{Arc, LazyLock};

use fieldmerge_model::types::record_types;
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::train;
use fieldmerge_protocol::sync::{self, Dictionary};
use fieldmerge_store::{StoreError, Tx, dictionaries};

use self::synthetic::Synthetic;
use crate::recent::Recent;

/// The length of a dictionary. The whole form fits: sixteen times as much saves a phone three bytes in a hundred.
const TRAINED_BYTES: usize = 4 << 10;
/// The made-up frames of each record type that a dictionary is trained on, and how many changes each holds.
const SAMPLES: [(usize, usize); 2] = [(8, 1), (2, 10)];
/// The most dictionaries that stay in memory beside the program's own.
const MAX_KEPT: usize = 256;

/// The bytes of a dictionary.
pub type DictionaryBytes = Arc<[u8]>;

/// The dictionary of the built-in form; it is the same on every server of this version.
pub fn built_in() -> &'static (u32, DictionaryBytes) {
    static BUILT_IN: LazyLock<(u32, DictionaryBytes)> = LazyLock::new(|| {
        let bytes =
            train(&samples(), TRAINED_BYTES).expect("the samples are many enough, a test trains on them");
        (Dictionary::number(&bytes), bytes.into())
    });
    &BUILT_IN
}

/// The built-in dictionary as a device is sent it. Packed once: it takes as long as the whole of a request without news.
pub fn built_in_part() -> &'static [u8] {
    static PART: LazyLock<Vec<u8>> = LazyLock::new(|| sync::encode(&Dictionary::pack(&built_in().1, true)));
    &PART
}

/// Frames of new records and of edits, as phones pack them.
fn samples() -> Vec<Vec<u8>> {
    let mut made_up = Synthetic::new(1);
    let mut samples = Vec::new();
    for kind in record_types().iter().filter(|kind| !kind.class.is_log()) {
        for (frames, changes) in SAMPLES {
            for _ in 0..frames {
                samples.extend(made_up.records(kind, changes));
                samples.extend(made_up.edits(kind, changes));
            }
        }
    }
    samples
}

/// The dictionaries that were needed.
#[derive(Debug)]
pub struct Dictionaries(Recent<(ProjectId, u32), DictionaryBytes>);

impl Default for Dictionaries {
    fn default() -> Self {
        Self(Recent::new(MAX_KEPT))
    }
}

impl Dictionaries {
    /// The dictionary of this number; `None` if the project does not have it.
    pub async fn find(
        &self,
        tx: &mut Tx,
        project: ProjectId,
        number: u32,
    ) -> Result<Option<DictionaryBytes>, StoreError> {
        let (built_in, bytes) = built_in();
        if number == *built_in {
            return Ok(Some(Arc::clone(bytes)));
        }
        let known = self.0.get((project, number));
        if known.is_some() {
            return Ok(known);
        }
        let found = dictionaries::find(tx, project, number).await?;
        // One that does not have its number any more reads nothing.
        let found = found.filter(|bytes| Dictionary::number(bytes) == number).map(DictionaryBytes::from);
        if let Some(bytes) = &found {
            self.0.put((project, number), Arc::clone(bytes));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::bundle::{compress, decode_body};

    use super::*;

    #[test]
    fn every_sample_is_a_body_that_reads() {
        let samples = samples();
        let types = record_types().iter().filter(|kind| !kind.class.is_log()).count();
        assert_eq!(samples.len(), types * 2 * (8 + 2), "no sample was left out");
        assert!(samples.iter().all(|sample| decode_body(sample).is_ok()));
    }

    #[test]
    fn the_dictionary_is_the_same_each_time_and_makes_single_records_small() {
        let (number, bytes) = built_in();
        assert_eq!(train(&samples(), TRAINED_BYTES).as_deref(), Ok(&**bytes));
        assert_eq!(*number, Dictionary::number(bytes));
        // Records that it was not trained on.
        let mut made_up = Synthetic::new(2);
        let (mut with, mut without) = (0, 0);
        for kind in record_types().iter().filter(|kind| !kind.class.is_log()) {
            let body = made_up.records(kind, 1).expect("a record");
            with += compress(&body, 19, bytes).expect("compresses").1.len();
            without += compress(&body, 19, &[]).expect("compresses").1.len();
        }
        assert!(with * 10 < without * 8, "{with} against {without}");
    }
}
