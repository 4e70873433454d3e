//! What a device says of itself.

use minicbor::{Decode, Encode};

use super::{Cursor, FormsHeld, FramePlace, FrameRef, Partial, Telemetry};
use crate::{Incarnation, LifeId, LogId};

/// The first part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// The incarnation that the device writes under now.
    #[n(0)]
    pub incarnation: Incarnation,
    /// The number of the last frame that this incarnation ever packed, those in this request included; 0 if none.
    /// A server that has committed a higher one speaks to a restored copy, and says so by [`super::Welcome::stale`].
    #[n(1)]
    pub packed: u64,
    /// The highest frame number for which the device holds a receipt; above the server's own, the server was restored.
    #[n(2)]
    pub receipted: u64,
    /// The log whose positions the cursors count, if the device has synced before; a device that names a life does
    /// not name it.
    #[n(3)]
    pub log: Option<LogId>,
    /// One cursor for each feed that the device has read from.
    #[n(4)]
    pub cursors: Vec<Cursor>,
    /// The version of the roster that the device holds; 0 if none.
    #[n(5)]
    pub roster: u64,
    /// The device's clock, milliseconds since the epoch.
    #[n(6)]
    pub now_ms: i64,
    /// At most so many bytes of feed frames in the answer.
    #[n(7)]
    pub budget_bytes: Option<u64>,
    /// Whether the device lost what it wrote and wants its own frames too.
    #[n(8)]
    pub recover: Option<bool>,
    /// Frames with items that were held: the device asks how they stand now. At most 64.
    #[n(9)]
    pub unsettled: Option<Vec<FrameRef>>,
    /// How the device fares.
    #[n(10)]
    pub telemetry: Option<Telemetry>,
    /// The numbers of the dictionaries that the device holds and may use. At most 16.
    #[n(11)]
    pub dictionaries: Option<Vec<u32>>,
    /// A feed frame that was cut, of which the device holds the beginning.
    #[n(12)]
    pub partial: Option<Partial>,
    /// When the server issued the signed roster that the device holds, by the server's clock; 0 if it holds none. A
    /// device that says nothing cannot read one.
    #[n(15)]
    pub roster_issued_ms: Option<i64>,
    /// The latest life of the log that the device knows of: its cursors and receipts were given in it or before.
    #[n(16)]
    pub life: Option<LifeId>,
    /// The device has receipts of which it does not know in which life they were given, and wants
    /// [`super::Welcome::taken`].
    #[n(17)]
    pub unsure: Option<bool>,
    /// Numbers of frames of this incarnation, first and last of each stretch, that the device gave out and does not stand by:
    /// what the server took under them is another copy's.
    #[n(18)]
    pub unused: Option<Vec<(u64, u64)>>,
    /// What the device has of the project's forms. One that says nothing is sent none.
    #[n(19)]
    pub forms: Option<FormsHeld>,
    /// What stands for the [`super::Findings`] that the device holds, if there are any.
    #[n(20)]
    pub findings: Option<u32>,
    /// Changes that the device takes back, as its person wants: the server holds them or has put them aside, and takes none
    /// of them from then on. The receipts of their frames follow: one taken back has the code `withdrawn`, one that the
    /// server has taken meanwhile no exception. Before it is told so the device does not write them anew. At most 64.
    #[n(21)]
    pub withdraws: Option<Vec<FramePlace>>,
}
