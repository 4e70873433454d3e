//! The native SDK: records that are written offline and merge themselves.
//!
//! ```no_run
//! # async fn example() -> Result<(), fieldmerge_sdk::ClientError> {
//! use fieldmerge_sdk::{Device, NewRecord, RecordEdit, SyncOptions};
//!
//! let device = Device::open("device").await?;
//! let enrolment = device.enrol("https://fieldmerge.example", "ABCD-EFGH").await?;
//! device.sync(SyncOptions::default()).await?;
//! let worker = device
//!     .records()
//!     .create(NewRecord::new("worker", enrolment.root_area).set("family_name", "Rakoto").set("sex", "male"))
//!     .await?;
//! device.records().edit(RecordEdit::new(worker).set("birth_year", 1991)).await?;
//! device.sync(SyncOptions::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A call that writes returns when what it wrote is durable; it needs no link. [`Device::sync`] sends what has not been
//! received and reads what is new; it may be cut at any moment.

mod attachments;
mod clock;
mod core;
mod device;
mod draft;
mod error;
mod exchange;
mod forms;
mod key;
mod records;
mod store;
mod sync;
mod transfer;
mod transport;
mod upload;

pub use clock::Clock;
pub use device::{Device, Options};
pub use draft::{IntoValue, NewRecord, RecordEdit};
pub use error::{ClientError, ErrorKind};
pub use exchange::{Given, Taken};
pub use fieldmerge_engine::{
    Advice, AttachmentState, AttachmentView, CandidateView, CarriedView, CaseView, DEFAULT_ATTACHMENT_BYTES,
    Edit, Enrolment, EntryView, Fill, FillRequest, FindingView, FormView, Hit, Imported, ListQuery, LogEntry,
    Notice, OutboxState, OutboxView, Outgoing, RecordView, SavedEdit, Settlement, Status, Summary, SyncEnd,
    SyncOptions, SyncReport, ValueView,
};
pub use fieldmerge_model::form;
pub use fieldmerge_model::types;
pub use fieldmerge_protocol::{AreaId, AttachmentHash, DeviceId, Path, RecordClass, RecordId, Value};
pub use forms::DeviceWorld;
pub use records::Records;
