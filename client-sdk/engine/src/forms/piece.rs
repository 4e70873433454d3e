//! Versions of forms arrive in pieces.

use std::sync::Arc;

use fieldmerge_model::form::version::chain;
use fieldmerge_protocol::bundle::{Compression, inflate};
use fieldmerge_protocol::limits::MAX_FORM_BYTES;
use fieldmerge_protocol::sync::{FormPiece, FormsHeld, form_check};

use super::rows::{BegunForm, FormRow};
use super::{HeldForm, judged_anew};
use crate::Failure;
use crate::memory::{self, Memory, rows};
use crate::stage::Stage;
use crate::store::Table;
use crate::sync::answer::Reading;

/// What a device says of its forms.
pub(crate) fn held(memory: &Memory) -> FormsHeld {
    let begun = memory.form_begun.as_ref();
    FormsHeld {
        check: form_check(&memory.forms.last_chain()),
        begun: begun.map(|begun| form_check(&begun.chain)),
        begun_bytes: begun.and_then(|begun| u32::try_from(begun.bytes.len()).ok()),
    }
}

impl Reading<'_, '_, '_> {
    /// Takes a piece that the server has signed for. One that does not fit what is here is left, and the server sends the
    /// version again from its beginning.
    pub(crate) fn form_piece(&mut self, piece: &FormPiece) -> Result<(), Failure> {
        if self.stage.forms.chain(piece.number) == Some(piece.chain) {
            return Ok(());
        }
        let begun = self.stage.form_begun.take().filter(|begun| {
            (begun.number, begun.chain, begun.bytes.len())
                == (piece.number, piece.chain, piece.offset as usize)
        });
        let fresh = || BegunForm { number: piece.number, chain: piece.chain, bytes: Vec::new() };
        let Some(mut begun) = begun.or_else(|| (piece.offset == 0).then(fresh)) else {
            self.problem("gap", None);
            return Ok(());
        };
        begun.bytes.extend_from_slice(&piece.bytes);
        self.answer.progress = true;
        if begun.bytes.len() < piece.packed_bytes as usize && begun.bytes.len() < MAX_FORM_BYTES {
            self.stage.form_begun = Some(begun);
            return Ok(());
        }
        if let Some(row) = self.whole(piece, &begun.bytes) {
            return self.stage.set_form(piece.number, row);
        }
        self.problem("unreadable-form", None);
        Ok(())
    }

    /// The version that a last piece ends.
    fn whole(&self, piece: &FormPiece, packed: &[u8]) -> Option<FormRow> {
        let before = self.stage.forms.chain(piece.number.checked_sub(1)?)?;
        let base = match piece.base {
            Some(number) if number < piece.number => self.stage.forms.all.get(&number)?.row.bytes.as_slice(),
            Some(_) => return None,
            None => &[],
        };
        let is_packed = piece.packed_bytes != piece.raw_bytes;
        let compression = if is_packed { Compression::Zstd } else { Compression::Stored };
        let bytes = inflate(packed, compression, base, piece.raw_bytes as usize, MAX_FORM_BYTES).ok()?;
        (chain(&before, &bytes) == piece.chain)
            .then(|| FormRow { chain: piece.chain, bytes: bytes.into_owned() })
    }
}

impl Stage<'_> {
    /// Takes a version. Those with higher numbers are of a server that was restored since, and go.
    fn set_form(&mut self, number: u64, row: FormRow) -> Result<(), Failure> {
        self.put(Table::Forms, number.to_be_bytes().to_vec(), Some(rows::bytes(&row)));
        let forms = Arc::make_mut(&mut self.forms);
        let gone = forms.all.split_off(&number);
        forms.all.insert(number, HeldForm::of(row));
        let before = forms.types.clone();
        forms.settle();
        let anew = judged_anew(&before, &forms.types);
        for number in gone.keys().filter(|gone| **gone != number) {
            self.put(Table::Forms, number.to_be_bytes().to_vec(), None);
        }
        if anew.is_empty() {
            return Ok(());
        }
        let judged = self.memory.records.iter().filter(|(_, row)| anew.contains(&row.header.record_type));
        for record in judged.map(|(record, _)| *record).collect::<Vec<_>>() {
            let doc = self.doc(record)?;
            self.set_doc(record, doc);
        }
        Ok(())
    }

    /// Writes what has arrived of a version, where that changed.
    pub(crate) fn keep_form_begun(&mut self) {
        if self.memory.form_begun != self.form_begun {
            let row = self.form_begun.as_ref().map(rows::bytes);
            self.put(Table::Meta, memory::FORM_BEGUN.to_vec(), row);
        }
    }
}
