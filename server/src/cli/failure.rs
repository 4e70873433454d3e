//! How a command fails: what it says, and the code that it exits with.

use std::error::Error;
use std::process::ExitCode;

use fieldmerge_store::StoreError;

use super::Output;
use crate::admin::AdminError;
use crate::admin::bundles::BundleFileError;
use crate::dataset::DatasetError;
use crate::ids::NoRandomness;
use crate::verify::VerifyError;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    exit: u8,
    cause: Box<dyn Error + Send + Sync>,
}

/// The command failed.
const FAILED: u8 = 1;
/// The command was not asked rightly.
const USAGE: u8 = 2;
/// Something that was named does not exist.
const NOT_FOUND: u8 = 3;
/// Something that was to be made exists.
const EXISTS: u8 = 4;

impl Failure {
    /// A wrong use of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: USAGE, cause: message.into().into() }
    }

    /// A file that is not what the command reads, with the stable code of the reason.
    pub fn unreadable(code: &'static str, message: String) -> Self {
        Self { exit: USAGE, cause: Unreadable { code, message }.into() }
    }

    /// Something that was named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { exit: NOT_FOUND, cause: message.into().into() }
    }

    /// Something that was to be made exists.
    pub fn exists(message: impl Into<String>) -> Self {
        Self { exit: EXISTS, cause: message.into().into() }
    }

    /// The machine failed, said in words.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: FAILED, cause: message.into().into() }
    }

    /// Whether whoever read the output has closed it: a pipe into `head`, for example.
    pub fn is_broken_pipe(&self) -> bool {
        let error = self.cause.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// A failure with what was being done.
    pub fn about(what: String, cause: std::io::Error) -> Self {
        Self { exit: FAILED, cause: About { what, cause }.into() }
    }

    /// Says it on standard error, and gives the exit code.
    pub fn report(&self, output: &Output) -> ExitCode {
        output.fail(self.code(), &self.text());
        ExitCode::from(self.exit)
    }

    /// The stable code, for programs.
    fn code(&self) -> &'static str {
        if let Some(unreadable) = self.cause.downcast_ref::<Unreadable>() {
            return unreadable.code;
        }
        match self.exit {
            USAGE => "usage",
            NOT_FOUND => "not-found",
            EXISTS => "exists",
            _ => "failed",
        }
    }

    /// The cause and its causes, each said once.
    fn text(&self) -> String {
        let mut text = self.cause.to_string();
        let mut cause = self.cause.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        text
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Unreadable {
    code: &'static str,
    message: String,
}

/// What was being done when the machine failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct About {
    what: String,
    #[source]
    cause: std::io::Error,
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let exit = match &error {
            AdminError::NotFound { .. } => NOT_FOUND,
            AdminError::Exists { .. } => EXISTS,
            AdminError::Invalid(_) => USAGE,
            AdminError::Store(_) | AdminError::Key(_) => FAILED,
        };
        Self { exit, cause: error.into() }
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        let exit = match &error {
            DatasetError::UnknownType(_) | DatasetError::Forbidden(_) => USAGE,
            _ => FAILED,
        };
        Self { exit, cause: error.into() }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Admin(error) => error.into(),
            VerifyError::Store(error) => error.into(),
        }
    }
}

impl From<BundleFileError> for Failure {
    fn from(error: BundleFileError) -> Self {
        match error {
            BundleFileError::Admin(error) => error.into(),
            error => Self { exit: FAILED, cause: error.into() },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.about_file() {
            Some(sentence) => Self::failed(sentence),
            None => Self { exit: FAILED, cause: error.into() },
        }
    }
}

macro_rules! failed {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { exit: FAILED, cause: error.into() }
            }
        }
    )+};
}

failed!(std::io::Error, NoRandomness, serde_json::Error, crate::demo::DemoError);
