//! What is wrong with the file of a SQLite database, in words.

use std::error::Error;
use std::path::{Path, PathBuf};

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::StoreError;

/// What is wrong with the file of a SQLite database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error(
        "{} is not a Fieldmerge server database (it holds other tables); nothing was written. Name another by \
         --database.",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error("the database {} cannot be opened: {why}", file.display())]
    Unopened { file: PathBuf, why: &'static str },
}

impl StoreError {
    /// What is wrong with the file of a SQLite database, as one sentence, if that is why the store failed.
    pub fn about_file(&self) -> Option<String> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(of_file) = error.downcast_ref::<FileError>() {
                return Some(of_file.to_string());
            }
            cause = error.source();
        }
        None
    }

    pub(crate) fn of_file(error: FileError) -> Self {
        match error {
            FileError::Foreign(_) => Self::Migrate(MigrateError::Source(error.into())),
            FileError::Unopened { .. } => Self::Unavailable(sqlx::Error::Configuration(error.into())),
        }
    }
}

/// Says in words why a file cannot be opened.
pub(crate) fn unopened(error: sqlx::Error, file: &Path) -> StoreError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let why = match primary {
        Some(14) if folder.is_some_and(|folder| !folder.is_dir()) => "there is no such folder",
        Some(14) if file.is_dir() => "it is a folder",
        Some(8 | 14) => "it may not be read and written here",
        Some(10) => "the disk reports an error",
        Some(11 | 26) => "it is damaged, or no SQLite database",
        Some(13) => "the disk is full",
        _ => return error.into(),
    };
    StoreError::of_file(FileError::Unopened { file: file.to_owned(), why })
}
