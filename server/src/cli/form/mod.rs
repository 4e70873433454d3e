//! `fieldmerge form`.

mod check;
mod choices;
mod codebook;
mod draft;
mod list;
mod preview;
mod publish;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use fieldmerge_model::form::Workbook;

use self::draft::draft_of;
use super::{Failure, Output};
use crate::forms::{self, WorkbookError};
use crate::state::App;

/// Forms, as XLSForm workbooks: check them, publish them, see what is published; the lists that they choose from.
#[derive(Debug, Subcommand)]
pub enum Form {
    /// What needs files only.
    #[command(flatten)]
    Files(Files),
    /// What needs the database.
    #[command(flatten)]
    Published(Published),
}

/// What is done with files alone.
#[derive(Debug, Subcommand)]
pub enum Files {
    /// Say everything that is wrong with a workbook, and what to write instead.
    Check(check::Check),
    /// Walk through a form as a phone shows it.
    Preview(preview::Preview),
    /// Make a file of choices of a list that others publish.
    #[command(subcommand)]
    Choices(choices::Choices),
}

/// What is done with the forms of a project.
#[derive(Debug, Subcommand)]
pub enum Published {
    /// Publish workbooks as the next versions of their forms: phones get them when they sync.
    Publish(publish::Publish),
    /// What a project has published.
    List(list::List),
    /// What each column of the datasets means.
    Codebook(codebook::Codebook),
}

impl Files {
    /// Does what the command says.
    pub fn run(self, output: &Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Check(command) => command.run(*output),
            Self::Preview(command) => command.run(*output),
            Self::Choices(command) => command.run(*output),
        }
    }
}

impl Published {
    /// Does what the command says.
    pub async fn run(self, app: &App, output: &Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Publish(command) => command.run(app, *output).await,
            Self::List(command) => command.run(app, *output).await,
            Self::Codebook(command) => command.run(app, *output).await,
        }
    }
}

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

/// What stands in a file, up to one byte more than there may be.
fn bytes_of(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Failure::not_found(format!("there is no file {}", path.display())))
        }
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

/// The workbook of a file.
fn workbook_of(path: &Path, bytes: &[u8], language: Language) -> Result<Workbook, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    forms::read(bytes, &name).map_err(|error| unreadable(path, &error, language))
}

/// Why a file is no workbook.
fn unreadable(path: &Path, error: &WorkbookError, language: Language) -> Failure {
    let said = format!("{}: {}", path.display(), error.message(language.code()));
    Failure::unreadable(error.code(), plain(&said))
}

/// One and several of something, in English and in French.
type Words = [[&'static str; 2]; 2];

impl Language {
    fn code(self) -> &'static str {
        self.choose("en", "fr")
    }

    fn choose<T>(self, english: T, french: T) -> T {
        match self {
            Self::En => english,
            Self::Fr => french,
        }
    }

    /// In French nothing is not several.
    fn count(self, count: usize, [english, french]: Words) -> String {
        let is_one = self.choose(count == 1, count < 2);
        format!("{count} {}", self.choose(english, french)[usize::from(!is_one)])
    }
}

/// A line without what a cell may hold to move a terminal's cursor.
fn plain(line: &str) -> String {
    line.replace(char::is_control, " ")
}
