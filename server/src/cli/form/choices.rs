//! `fieldmerge form choices`.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use fieldmerge_model::form::Workbook;

use super::{Language, bytes_of, plain, unreadable};
use crate::cli::output::print;
use crate::cli::{Failure, Output};
use crate::forms::{self, MAX_FILE_BYTES, lists};

/// Lists that others publish, as files of choices for `select_one_from_file`.
#[derive(Debug, Subcommand)]
pub enum Choices {
    /// Occupations: a workbook of ISCO-08 that the ILO publishes.
    Isco(Isco),
    /// Places: a table of P-codes (COD-AB) that OCHA publishes for a country.
    Pcodes(Pcodes),
}

impl Choices {
    /// Does what the command says.
    pub fn run(self, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Isco(Isco { source }) => source.print(lists::isco, ISCO, output),
            Self::Pcodes(Pcodes { source }) => source.print(lists::pcodes, PCODES, output),
        }
    }
}

/// Occupations: a workbook of ISCO-08 that the ILO publishes, as a file of choices with the columns name, level, parent
/// and label.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form choices isco \"ISCO-08 EN Structure and definitions.xlsx\" > isco08.csv
  fieldmerge form choices isco ISCO.xlsx --json | jq '.[] | select(.level == \"unit\")'

In the survey: select_one_from_file isco08.csv, with the choice_filter level = 'unit'. The ILO gives out the workbook with
the columns Level, ISCO 08 Code and Title EN, and the one with ISCO_version, major, major_label, sub_major, sub_major_label,
minor, minor_label, unit and description; both are read. What is odd about a row goes to standard error.
No database is needed. Exit codes: 0 done; 1 no such list stands in the file; 2 the file cannot be read as a workbook, or
wrong usage; 3 there is no such file.")]
pub struct Isco {
    #[command(flatten)]
    source: Source,
}

/// Places: a table of P-codes (COD-AB) that OCHA publishes for a country, as a file of choices with the columns name,
/// level, parent and label.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form choices pcodes mdg_adminboundaries_tabulardata.xlsx > pcodes.csv
  fieldmerge form choices pcodes hti_admin3.csv --language fr > pcodes.csv

In the survey: select_one_from_file pcodes.csv, with the choice_filter level = '3', or parent = ${district}. Each sheet
of the workbook adds its places. The columns are called admin1Pcode and admin1Name_en, or ADM1_PCODE and ADM1_EN, or
adm1_pcode and adm1_name; all three are read. A place lies where its row says. What is odd about a row goes to standard error.
No database is needed. Exit codes: 0 done; 1 no such list stands in the file; 2 the file cannot be read as a workbook, or
wrong usage; 3 there is no such file.")]
pub struct Pcodes {
    #[command(flatten)]
    source: Source,
}

/// The file that a list is made from.
#[derive(Debug, clap::Args)]
struct Source {
    /// The file: .xlsx, .xlsm, .csv or .tsv.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The language in which it is said what is odd.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

/// What the columns of a list are called, in English and in French.
type Columns = [&'static str; 2];
const ISCO: Columns = [
    "no sheet has the columns of ISCO-08: Level, ISCO 08 Code and Title EN, or major, major_label to unit, description",
    "aucune feuille n'a les colonnes de la CITP-08 : Level, ISCO 08 Code et Title EN, ou major, major_label à unit, description",
];
const PCODES: Columns = [
    "no sheet has columns of P-codes such as admin1Pcode, ADM1_PCODE or adm1_pcode",
    "aucune feuille n'a de colonnes de P-codes telles que admin1Pcode, ADM1_PCODE ou adm1_pcode",
];

impl Source {
    /// Reads the file, makes the list, and prints it; first what is odd, on standard error.
    fn print(
        &self,
        list: fn(&Workbook) -> lists::List,
        columns: Columns,
        output: Output,
    ) -> Result<ExitCode, Failure> {
        crate::telemetry::log_panics();
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let workbook = forms::read_tables(&bytes_of(&self.file, MAX_FILE_BYTES)?, &name)
            .map_err(|error| unreadable(&self.file, &error, self.language))?;
        let list = list(&workbook);
        let mut told = stderr().lock();
        for finding in &list.findings {
            writeln!(told, "{}", plain(&finding.message(self.language.code())))?;
        }
        drop(told);
        if list.is_empty() {
            let said = format!("{}: {}", self.file.display(), self.language.choose(columns[0], columns[1]));
            return Err(Failure::failed(plain(&said)));
        }
        if output.is_json() {
            print(&serde_json::to_string(&list.to_json())?)?;
        } else {
            let csv = list.to_csv().map_err(|error| Failure::failed(error.to_string()))?;
            print(csv.trim_end_matches('\n'))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
