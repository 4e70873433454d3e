//! Two tiers of errors: what happened inside ([`Error`]), and what an app decides by ([`ClientError`]).

use std::path::PathBuf;
use std::time::Duration;

use fieldmerge_engine::{Failure, FailureKind, OpenError, SyncEnd};
use fieldmerge_protocol::limits::MAX_ATTACHMENT_BYTES;
use fieldmerge_protocol::problem::{Problem, ProblemCode};

/// What an app does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No link, or the server is away: nothing is lost, try again later.
    Offline,
    /// The device has to be enrolled, or its key was withdrawn.
    SignedOut,
    /// The request cannot be done as it stands.
    Refused,
    /// The server and this program do not speak the same version.
    UpdateRequired,
    /// The disk failed; what was not confirmed is not saved.
    Storage,
    /// A defect of this program or of the server.
    Bug,
}

/// An error as an app sees it. The message is for people and holds nothing that a person typed into a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ClientError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable code.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// How long to wait before trying again, where the server said so.
    pub retry_after: Option<Duration>,
}

impl ClientError {
    /// Whether the same call may succeed later without anything else changing.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Offline)
    }

    fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into(), retry_after: None }
    }
}

/// What happened inside the SDK.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the device's store failed")]
    Database(#[from] sqlx::Error),
    #[error("the device's store {} cannot be opened: {why}", file.display())]
    Unopened { file: PathBuf, why: String },
    #[error("{} cannot be read or written: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("the device's store cannot be opened: {0}")]
    Open(#[from] OpenError),
    #[error(transparent)]
    Engine(#[from] Failure),
    #[error("the file cannot be taken: {0}")]
    Exchange(fieldmerge_protocol::exchange::ExchangeError),
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    #[error(
        "the key of this device ({}) is missing; put it back from where the folder was copied",
        file.display()
    )]
    NoKey { file: PathBuf },
    #[error(
        "the key of this device ({}) is not 32 bytes long; put it back from where the folder was copied",
        file.display()
    )]
    BadKey { file: PathBuf },
    #[error("the address of a server begins with http:// or https://, such as http://127.0.0.1:7400")]
    BadAddress,
    #[error("the enrolment link is not whole; copy all of it, from fieldmerge:// on")]
    BadLink,
    #[error("this server has another key than the one in the enrolment link; ask for a new link")]
    OtherServer,
    #[error("{}", link_text(.0))]
    Link(#[source] reqwest::Error),
    #[error("the server refused")]
    Problem { problem: Box<Problem>, retry_after: Option<u32> },
    #[error("{address} answers with status {status}, not as a Fieldmerge server does; check the address")]
    Status { address: String, status: u16, retry_after: Option<u32> },
    #[error("{address} answers, but not as a Fieldmerge server does; check the address and the network")]
    NoServer { address: String },
    #[error("the device in {} is in use by another program; end that one first", folder.display())]
    InUse { folder: PathBuf },
    #[error("the server's answer cannot be read; the network may ask for a sign-in first")]
    BadAnswer,
    #[error("an attachment has 1 to {MAX_ATTACHMENT_BYTES} bytes; make the picture smaller first")]
    AttachmentSize,
    #[error("the path of a value is not valid")]
    BadPath,
    #[error("the engine did not answer")]
    NoOutcome,
}

/// Which address could not be reached, and why.
fn link_text(error: &reqwest::Error) -> String {
    let address =
        error.url().map_or_else(|| "the server".to_owned(), |url| url.origin().ascii_serialization());
    let why = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "nothing answers there, or there is no network"
    } else {
        "the link broke"
    };
    format!("{address} cannot be reached: {why}")
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Database(_) | Error::Unopened { .. } | Error::Io { .. } => {
                Self::new(ErrorKind::Storage, "storage", message)
            }
            Error::Open(OpenError::LaterVersion) => {
                Self::new(ErrorKind::UpdateRequired, "later-version", message)
            }
            Error::Open(OpenError::Corrupt { .. }) => Self::new(ErrorKind::Storage, "corrupt", message),
            Error::Engine(failure) => failure.into(),
            Error::Exchange(error) => Self::new(ErrorKind::Refused, error.code(), message),
            Error::NoRandomness => Self::new(ErrorKind::Storage, "no-randomness", message),
            Error::NoKey { .. } => Self::new(ErrorKind::Storage, "no-key", message),
            Error::BadKey { .. } => Self::new(ErrorKind::Storage, "bad-key", message),
            Error::BadLink => Self::new(ErrorKind::Refused, "bad-link", message),
            Error::OtherServer => Self::new(ErrorKind::Refused, "other-server", message),
            Error::BadAddress => Self::new(ErrorKind::Refused, "bad-address", message),
            Error::Link(_) => Self::new(ErrorKind::Offline, "offline", message),
            Error::Problem { problem, retry_after } => {
                Self::of_refusal(problem.status, Some(problem.code), retry_after)
            }
            Error::Status { status, retry_after, .. } => {
                Self { message, ..Self::of_refusal(status, None, retry_after) }
            }
            Error::InUse { .. } => Self::new(ErrorKind::Storage, "in-use", message),
            // Most often the sign-in page of somebody's network.
            Error::BadAnswer | Error::NoServer { .. } => {
                Self::new(ErrorKind::Offline, "malformed-answer", message)
            }
            Error::AttachmentSize => Self::new(ErrorKind::Refused, "attachment-size", message),
            Error::BadPath => Self::new(ErrorKind::Refused, "bad-path", message),
            Error::NoOutcome => Self::new(ErrorKind::Bug, "internal", message),
        }
    }
}

impl From<Failure> for ClientError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind() {
            FailureKind::SignedOut => ErrorKind::SignedOut,
            FailureKind::Refused => ErrorKind::Refused,
            FailureKind::Storage => ErrorKind::Storage,
            FailureKind::Bug => ErrorKind::Bug,
        };
        Self::new(kind, failure.code(), failure.to_string())
    }
}

impl ClientError {
    /// The error of a sync with the server at this address that did not end well; `None` for one that did.
    pub(crate) fn of_sync(end: &SyncEnd, address: &str) -> Option<Self> {
        Some(match end {
            SyncEnd::Complete | SyncEnd::Spent => return None,
            SyncEnd::Offline => Self::new(
                ErrorKind::Offline,
                "offline",
                format!("the link to {address} failed; nothing is lost, the next sync goes on from there"),
            ),
            SyncEnd::Refused { status, code, retry_after_seconds } => {
                Self::of_refusal(*status, *code, *retry_after_seconds)
            }
            SyncEnd::Untrusted { code: "later-version" } => Self::new(
                ErrorKind::UpdateRequired,
                "later-version",
                "the server speaks a later version; update the app",
            ),
            SyncEnd::Untrusted { code: "malformed-answer" } => Error::BadAnswer.into(),
            SyncEnd::Untrusted { code } => Self::new(
                ErrorKind::Refused,
                code,
                "the answer does not come from the project's server, or was damaged",
            ),
            SyncEnd::Failed(failure) => failure.clone().into(),
        })
    }

    fn of_refusal(status: u16, code: Option<ProblemCode>, retry_after: Option<u32>) -> Self {
        let kind = match (code, status) {
            (Some(ProblemCode::Unauthenticated | ProblemCode::DeviceRevoked), _) | (None, 401) => {
                ErrorKind::SignedOut
            }
            (Some(ProblemCode::UnsupportedVersion), _) => ErrorKind::UpdateRequired,
            (
                Some(ProblemCode::TooManyRequests | ProblemCode::RequestTimeout | ProblemCode::Unavailable),
                _,
            )
            | (None, 408 | 429 | 502..=504) => ErrorKind::Offline,
            (Some(ProblemCode::Internal), _) | (None, 500..) => ErrorKind::Bug,
            _ => ErrorKind::Refused,
        };
        let message = code.map_or("the server refused without saying why", ProblemCode::title);
        Self {
            retry_after: retry_after.map(|seconds| Duration::from_secs(seconds.into())),
            ..Self::new(kind, code.map_or("refused", ProblemCode::as_str), message)
        }
    }
}
