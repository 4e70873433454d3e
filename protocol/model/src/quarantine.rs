//! Why a server puts aside what it cannot take. Receipts, the quarantine and PROTOCOL.md name the reasons by their codes.

use crate::record::Refusal;

/// Why a change or a whole frame was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarantineCode {
    /// The frame is not signed by the device that it names.
    BadSignature,
    /// The server does not know the author.
    UnknownDevice,
    /// The author was revoked.
    DeviceRevoked,
    /// The frame belongs to another project.
    WrongProject,
    /// The frame does not inflate or parse.
    MalformedFrame,
    /// The rebuilt changes are not those that were signed.
    DigestMismatch,
    /// The frame is sealed to a key that the server does not have.
    UnknownSealingKey,
    /// Its author sealed the frame so that it does not open, or it holds another frame than it says.
    DoesNotOpen,
    /// Another copy of the device wrote under the same number.
    Forked,
    /// Too many changes of the device wait for others.
    HeldLimit,
    /// What it was made on did not come in time.
    HeldExpired,
    /// Its author took it back.
    Withdrawn,
    /// The author may not write this class in this area.
    NotGranted,
    /// The project has no record type of this name.
    UnknownType,
    /// The project has no such area.
    UnknownArea,
    /// The record, as it stands, does not allow it.
    Refused(Refusal),
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The server takes it as it is once headquarters has changed something.
    TakenLater,
    /// Headquarters has it and decides.
    Headquarters,
    /// The device writes it again.
    WriteAgain,
}

impl QuarantineCode {
    /// Those that are not of the record.
    const OTHERS: [Self; 15] = [
        Self::BadSignature,
        Self::UnknownDevice,
        Self::DeviceRevoked,
        Self::WrongProject,
        Self::MalformedFrame,
        Self::DigestMismatch,
        Self::UnknownSealingKey,
        Self::DoesNotOpen,
        Self::Forked,
        Self::HeldLimit,
        Self::HeldExpired,
        Self::Withdrawn,
        Self::NotGranted,
        Self::UnknownType,
        Self::UnknownArea,
    ];

    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::OTHERS.into_iter().chain(Refusal::ALL.map(Self::Refused))
    }

    /// Its stable code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadSignature => "bad-signature",
            Self::UnknownDevice => "unknown-device",
            Self::DeviceRevoked => "device-revoked",
            Self::WrongProject => "wrong-project",
            Self::MalformedFrame => "malformed-frame",
            Self::DigestMismatch => "digest-mismatch",
            Self::UnknownSealingKey => "unknown-sealing-key",
            Self::DoesNotOpen => "does-not-open",
            Self::Forked => "forked",
            Self::HeldLimit => "held-limit",
            Self::HeldExpired => "held-expired",
            Self::Withdrawn => "withdrawn",
            Self::NotGranted => "not-granted",
            Self::UnknownType => "unknown-type",
            Self::UnknownArea => "unknown-area",
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// The reason with this code; none for one of a later version.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == code)
    }

    /// What becomes of it.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::NotGranted | Self::UnknownType | Self::UnknownArea | Self::HeldLimit => Remedy::TakenLater,
            Self::UnknownDevice | Self::DeviceRevoked | Self::WrongProject | Self::HeldExpired => {
                Remedy::Headquarters
            }
            Self::BadSignature
            | Self::MalformedFrame
            | Self::DigestMismatch
            | Self::UnknownSealingKey
            | Self::DoesNotOpen
            | Self::Forked
            | Self::Withdrawn
            | Self::Refused(_) => Remedy::WriteAgain,
        }
    }
}

impl From<QuarantineCode> for String {
    fn from(code: QuarantineCode) -> Self {
        code.as_str().to_owned()
    }
}
