//! Records: make, edit, read, list, find.

use fieldmerge_engine::{Hit, ListQuery, RecordView, SavedEdit, Summary};
use fieldmerge_protocol::RecordId;

use crate::device::Device;
use crate::draft::{NewRecord, RecordEdit};
use crate::error::{ClientError, Error};

/// The records of a device.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    device: &'a Device,
}

impl<'a> Records<'a> {
    pub(crate) fn of(device: &'a Device) -> Self {
        Self { device }
    }

    /// Makes a record. It is durable when this returns.
    pub async fn create(self, new: NewRecord) -> Result<RecordId, ClientError> {
        let saved = self.device.save_edits(vec![new.into_edit()?]).await?;
        match saved.first() {
            Some(SavedEdit::Record(record)) => Ok(*record),
            _ => Err(Error::NoOutcome.into()),
        }
    }

    /// Changes a record. It is durable when this returns.
    pub async fn edit(self, edit: RecordEdit) -> Result<(), ClientError> {
        self.device.save_edits(vec![edit.into_edit()?]).await?;
        Ok(())
    }

    /// One record with its values, conflicts and entries.
    pub async fn get(self, record: RecordId) -> Option<RecordView> {
        self.device.read(|engine| engine.get(record)).await
    }

    /// A page of records, newest first.
    pub async fn list(self, query: &ListQuery) -> Vec<Summary> {
        self.device.read(|engine| engine.list(query)).await
    }

    /// Records whose names, numbers or telephone numbers hold every word of the text, best matches first.
    pub async fn find(self, text: &str, limit: usize) -> Vec<Hit> {
        self.device.read(|engine| engine.find(text, limit)).await
    }
}
