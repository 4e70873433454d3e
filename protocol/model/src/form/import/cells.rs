//! Cells that hold no text but an error of the spreadsheet.

use super::Importer;
use super::finding::{Mistake, Place};

/// What spreadsheets show where a formula has no value, in the languages that workbooks come in: a file of text has it as
/// it was shown.
const ERRORS: [&str; 14] = [
    "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!", "#ERROR!",
    "#NOM?", "#NUL!", "#NOMBRE!", "#VALEUR!",
];

impl Importer<'_> {
    /// Says of a cell that holds such an error that it does.
    pub(super) fn report_error(&mut self, text: &str, place: impl FnOnce() -> Place) {
        if text.starts_with('#') && ERRORS.contains(&text) {
            self.find(Mistake::CellError, place(), [text]);
        }
    }
}
