//! The packs of questionnaires that are shipped: workbooks and the files that they choose from, as text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::form::import::import;
use crate::form::types::known_types;
use crate::form::version::FormVersion;
use crate::form::{Form, Workbook};
use crate::types::RecordTypes;

/// A pack.
#[derive(Debug, Clone, Copy)]
pub struct Pack {
    /// What the command line calls it.
    pub name: &'static str,
    /// Its workbooks in Markdown, by the names of their files, in the order in which they are published: what chooses among
    /// records comes behind what writes them.
    pub workbooks: &'static [(&'static str, &'static str)],
    /// Its files as CSV, by their names.
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! texts {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../pack/", $folder, $name)))),*]
    };
}

/// Labour-intensive public works (HIMO, in English EIIP).
pub const HIMO: Pack = Pack {
    name: "himo",
    workbooks: texts!("himo/":
        "project.md",
        "rules.md",
        "worksite.md",
        "household.md",
        "firm.md",
        "worker.md",
        "age.md",
        "assignment.md",
        "attendance.md",
        "payment.md",
        "training.md",
        "childcare.md",
        "injury.md",
        "migration.md",
        "grievance.md",
        "expenditure.md",
    ),
    files: texts!("himo/files/":
        "countries.csv",
        "currencies.csv",
        "isco08.csv",
        "isic4.csv",
        "languages.csv",
        "partners.csv",
        "pcodes.csv",
    ),
};

impl Pack {
    /// Its forms in the order of its workbooks; those of which a workbook has mistakes are left out.
    pub fn forms(&self) -> Vec<Form> {
        let read = |(name, text): &(&str, &str)| {
            let stem = name.strip_suffix(".md").unwrap_or(name);
            import(&Workbook::from_markdown(text), stem, None).form
        };
        self.workbooks.iter().filter_map(read).collect()
    }

    /// The bytes of their versions, as an app brings them, without the files that they choose from.
    pub fn versions(&self) -> Vec<Vec<u8>> {
        let version = |form| FormVersion { form, tables: BTreeMap::new() }.to_bytes();
        self.forms().into_iter().map(version).collect()
    }
}

/// What the records of a project hold that has published [`HIMO`] and nothing else.
pub fn himo_types() -> &'static RecordTypes {
    static TYPES: LazyLock<RecordTypes> = LazyLock::new(|| {
        let forms = HIMO.forms();
        let (types, _clashes) = known_types(&forms.iter().collect::<Vec<_>>());
        RecordTypes::new(types)
    });
    &TYPES
}
