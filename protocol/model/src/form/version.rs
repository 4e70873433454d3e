//! A version of a form, as it is published, stored and sent to phones.

use std::collections::BTreeMap;

use fieldmerge_protocol::limits::MAX_FORM_BYTES;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Form;
use super::compiled::{CompileError, CompiledForm, File, Table, stem};

/// A version of a form with the tables that come with it: everything that filling it needs.
///
/// Its bytes are JSON: what was published must be read for as long as its records are kept. A reader skips what it does
/// not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormVersion {
    /// The form.
    pub form: Form,
    /// The tables that choices come from and expressions look at, by the names of [`Form::files`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
}

/// Bytes that are no version of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version of a form does not parse")]
pub struct FormVersionError;

impl FormVersion {
    /// The record types whose records the form looks things up in: those that its files are named like and that did not
    /// come as tables.
    pub fn record_files(&self) -> impl Iterator<Item = &str> {
        let files = self.form.files.iter().filter(|file| !self.tables.contains_key(*file));
        files.map(|file| stem(file))
    }

    /// The form made ready to be filled. `files` are those of [`FormVersion::record_files`]; one that is not there has
    /// no records.
    pub fn compile(&self, mut files: BTreeMap<String, File>) -> Result<CompiledForm, CompileError> {
        for name in self.record_files() {
            files.entry(name.to_owned()).or_default();
        }
        files.extend(self.tables.iter().map(|(file, table)| (stem(file).to_owned(), table.clone().into())));
        CompiledForm::new(self.form.clone(), files)
    }

    /// Its bytes; always the same for one version. At most [`MAX_FORM_BYTES`] are published.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists are JSON")
    }

    /// Reads a version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormVersionError> {
        if bytes.len() > MAX_FORM_BYTES {
            return Err(FormVersionError);
        }
        let version: Self = serde_json::from_slice(bytes).map_err(|_| FormVersionError)?;
        let whole = version.form.is_ordered() && version.form.default_language < version.form.languages.len();
        if whole { Ok(version) } else { Err(FormVersionError) }
    }
}

/// What stands for the versions that a project has published up to one, so that a phone and a server know in a few bytes
/// whether they have the same: SHA-256 over the former one and the SHA-256 of the version's bytes. Before the first it is
/// 32 zeros.
pub fn chain(before: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(before);
    digest.update(Sha256::digest(bytes));
    digest.finalize().into()
}
