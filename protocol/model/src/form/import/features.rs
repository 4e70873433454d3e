//! What of XLSForm is read, as data: for the documentation, and for whoever asks before writing a workbook.

use super::columns::Column;
use super::finding::Said;
use super::types::RowType;

/// A word of XLSForm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// As the documentation of XLSForm spells it.
    pub name: &'static str,
    /// Other spellings that mean the same.
    pub also: Vec<&'static str>,
    /// What to write instead, or why nothing has to be; absent for what is read.
    pub instead: Option<Said>,
}

/// The types of the survey sheet: those that are read, then those that are not.
pub fn question_types() -> Vec<Feature> {
    RowType::features()
}

/// The appearances: those that are followed, then those that are not.
pub fn appearances() -> Vec<Feature> {
    super::appearances::features()
}

/// The settings: those that are read, then those that are not.
pub fn settings() -> Vec<Feature> {
    super::settings::features()
}

/// The parameters that are read and those that have no effect, by the types that take them.
pub fn parameters() -> Vec<(&'static str, &'static [&'static str], &'static [&'static str])> {
    super::parameters::all()
}

/// The columns of all sheets.
pub fn columns() -> Vec<Feature> {
    let mut features: Vec<Feature> = Vec::new();
    for (spelling, column) in Column::ALL {
        let name = column.name();
        match features.iter_mut().find(|feature| feature.name == name) {
            Some(feature) => feature.also.push(spelling),
            None => features.push(Feature { name, also: Vec::new(), instead: None }),
        }
    }
    features
}
