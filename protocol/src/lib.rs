//! What crosses a process boundary: ids, changes, the bundle codec, API bodies, problem codes, limits, cursors.
//!
//! The normative text is `PROTOCOL.md`; the examples in it are fixtures that the tests read. Nothing here does IO,
//! reads a clock or draws a random number.

pub mod api;
pub mod bundle;
pub mod change;
pub mod exchange;
pub mod id;
pub mod limits;
pub mod path;
pub mod problem;
pub mod seal;
pub mod sync;
pub mod value;

pub use change::{Action, Change, ChangeError, ChangeHash, Op, OpId};
pub use id::{
    Actor, AreaId, AttachmentHash, DeviceId, Incarnation, LifeId, LogId, PersonNumber, ProjectId,
    RecordClass, RecordId,
};
pub use path::Path;
pub use value::Value;
