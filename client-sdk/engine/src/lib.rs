//! The device's sync engine, without IO.
//!
//! [`Engine::step`] takes the time, a source of randomness and one [`Input`], and returns [`Effect`]s. Whoever hosts the
//! engine (the native SDK, a browser, a simulation) performs each effect and feeds back its completion as an input. The
//! engine never waits, never reads a clock, never draws a random number of its own and never touches a disk or a link, so
//! a run can be replayed from its inputs alone.
//!
//! What holds, whatever happens between two effects:
//!
//! * Memory is what the store holds. A change of state is staged, written as one [`Batch`], and becomes visible when
//!   [`Input::Stored`] says that it is durable. A batch that fails leaves everything as it was.
//! * A save is confirmed ([`Outcome::Saved`]) only after its changes stand in the durable outbox.
//! * A frame is given its number and stored before it is sent, and sent again byte for byte until its receipt comes. A
//!   frame number is never used for other content.
//! * Nothing leaves the outbox but by a receipt that the server signed, or by a person's word.

mod attach;
mod carry;
mod doc;
mod edit;
mod effect;
mod engine;
mod exchange;
mod failure;
mod fill;
mod findings;
mod forms;
mod header;
mod input;
mod memory;
pub mod number;
mod read;
mod repair;
mod roster;
mod search;
mod stage;
mod store;
mod sync;
mod view;

pub use attach::transfer::DEFAULT_ATTACHMENT_BYTES;
pub use effect::{
    Effect, Imported, Outcome, Request, SavedEdit, SignRequest, SyncEnd, SyncProblem, SyncReport, Transfer,
    TransferJob,
};
pub use engine::Engine;
pub use failure::{Failure, FailureKind, OpenError};
pub use fill::{Fill, FillRequest};
pub use findings::FindingView;
pub use forms::shipped_forms;
pub use input::{Edit, Enrolment, Input, LogEntry, Refused, Settlement, SyncOptions, Ticket, Transferred};
pub use store::{Batch, Snapshot, Table, Write};
pub use view::{
    Advice, AttachmentState, AttachmentView, CandidateView, CarriedView, CaseView, EntryView, FormView, Hit,
    ListQuery, Notice, OutboxState, OutboxView, Outgoing, RecordView, Status, Summary, ValueView,
};
