//! The headings of a sheet: which column is which, and in which language.

use std::collections::BTreeMap;

use super::Importer;
use super::finding::{Mistake, Place, Said};
use crate::form::{Media, Row, Sheet, Text};
use crate::nearest::nearest;

/// The columns that are read, each once for all its spellings.
macro_rules! columns {
    ($($name:ident $canonical:literal $(| $alias:literal)*;)*) => {
        /// A column that is read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Column { $($name,)* }

        impl Column {
            pub(super) const ALL: &'static [(&'static str, Self)] =
                &[$(($canonical, Self::$name), $(($alias, Self::$name),)*)*];

            /// The spelling that the documentation of XLSForm uses.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => $canonical,)* }
            }
        }
    };
}

columns! {
    Type "type" | "command";
    Name "name" | "value" | "tag";
    Label "label" | "caption";
    Hint "hint";
    Guidance "guidance_hint";
    Image "image" | "media::image";
    BigImage "big-image" | "media::big-image";
    Audio "audio" | "media::audio";
    Video "video" | "media::video";
    Appearance "appearance" | "body::appearance" | "control::appearance";
    Parameters "parameters";
    Relevant "relevant" | "relevance" | "bind::relevant";
    Required "required" | "bind::required";
    RequiredMessage "required_message" | "requiredmsg" | "bind::jr:requiredmsg";
    Constraint "constraint" | "bind::constraint";
    ConstraintMessage "constraint_message" | "constraining_message" | "bind::jr:constraintmsg";
    Calculation "calculation" | "calculate" | "bind::calculate";
    Default "default";
    Trigger "trigger";
    ReadOnly "read_only" | "readonly" | "bind::readonly";
    RepeatCount "repeat_count" | "count" | "jr:count" | "body::jr:count" | "control::jr:count";
    ChoiceFilter "choice_filter";
    Disabled "disabled";
    SaveTo "save_to" | "bind::entities:saveto";
    List "list_name" | "list name";
    Merge "fm::merge" | "bind::fm:merge";
    Class "fm::class" | "bind::fm:class";
    Record "fm::record" | "bind::fm:record";
    Write "fm::write" | "bind::fm:write";
    See "fm::see" | "bind::fm:see";
    Match "fm::match" | "bind::fm:match";
    Unit "fm::unit" | "bind::fm:unit";
    Kind "fm::kind" | "bind::fm:kind";
}

impl Column {
    /// Whether it has a text for each language.
    fn is_translated(self) -> bool {
        use Column::{
            Audio, BigImage, ConstraintMessage, Guidance, Hint, Image, Label, RequiredMessage, Video,
        };
        matches!(
            self,
            Label | Hint | Guidance | Image | BigImage | Audio | Video | RequiredMessage | ConstraintMessage
        )
    }

    /// The column of a heading, and the language behind it. `double` says whether the headings of the sheet are parted
    /// by two colons; by one they were in old workbooks.
    fn read(heading: &str, double: bool, known: &[Self]) -> Option<(Self, Option<String>)> {
        let plain = if double || heading.contains("::") {
            heading.to_owned()
        } else {
            heading.replacen(':', "::", usize::from(!heading.starts_with("jr:")))
        };
        let parts: Vec<&str> = plain.split("::").map(str::trim).collect();
        (1..=parts.len().min(2)).rev().find_map(|taken| {
            let name = parts[..taken].join("::").split_whitespace().collect::<Vec<_>>().join("_");
            let name = name.to_lowercase();
            let column = Self::ALL
                .iter()
                .find(|(spelling, column)| known.contains(column) && spelling.replace(' ', "_") == name)?;
            let language = match &parts[taken..] {
                [] => None,
                [language] if column.1.is_translated() => Some((*language).to_owned()),
                _ => return None,
            };
            Some((column.1, language))
        })
    }
}

/// A sheet with its columns found.
pub(super) struct Table<'a> {
    /// The name of the sheet, as XLSForm writes it.
    pub(super) sheet: &'static str,
    headings: &'a Row,
    columns: BTreeMap<(Column, Option<usize>), usize>,
    /// The columns that have no meaning of their own: those of choices are for filters.
    pub(super) further: Vec<(usize, String)>,
    /// The rows below the headings.
    pub(super) rows: &'a [Row],
}

impl<'a> Table<'a> {
    /// Finds the columns of a sheet. Those that are not known are left to the caller, in `further`.
    pub(super) fn read(
        importer: &mut Importer<'_>,
        sheet: &'static str,
        from: &'a Sheet,
        known: &[Column],
    ) -> Option<Self> {
        let (headings, rows) = from.rows.split_first()?;
        let texts: Vec<String> = (0..headings.cells.len()).map(|at| headings.cell(at).into_owned()).collect();
        let double = texts.iter().any(|text| text.contains("::"));
        let mut table = Self { sheet, headings, columns: BTreeMap::new(), further: Vec::new(), rows };
        for (at, heading) in texts.iter().enumerate() {
            let Some((column, language)) = Column::read(heading, double, known) else {
                let is_used = rows.iter().any(|row| !row.text(at).is_empty());
                if !heading.is_empty() || is_used {
                    table.further.push((at, heading.clone()));
                }
                continue;
            };
            let language = column.is_translated().then(|| importer.language(language.as_deref()));
            if let Some(other) = table.columns.insert((column, language), at) {
                let place = table.place(Some(headings), heading);
                importer.find(Mistake::HeaderTwice, place, [texts[other].as_str(), heading.as_str()]);
            }
        }
        for row in rows {
            for at in table.columns.values() {
                importer.report_error(row.text(*at), || table.place(Some(row), &texts[*at]));
            }
        }
        Some(table)
    }

    /// Where in the workbook a row, or the whole sheet, stands.
    pub(super) fn place(&self, row: Option<&Row>, column: &str) -> Place {
        Place { sheet: self.sheet.to_owned(), row: row.map(|row| row.number), column: column.to_owned() }
    }

    /// Whether the sheet has this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.columns.keys().any(|(known, _)| *known == column)
    }

    /// A row of it.
    pub(super) fn line(&self, row: &'a Row) -> Line<'_, 'a> {
        Line { table: self, row }
    }

    /// Says of columns that nobody reads that they are not read.
    pub(super) fn report_further(&self, importer: &mut Importer<'_>, known: &[Column]) {
        for (_, heading) in &self.further {
            let place = self.place(Some(self.headings), heading);
            let plain = heading.to_lowercase();
            if let Some((_, why)) = UNSUPPORTED.iter().find(|(name, _)| plain.starts_with(name)) {
                let values = [Said::from(heading.as_str()), why.clone()];
                importer.find(Mistake::ColumnUnsupported, place, values);
            } else if !heading.is_empty() {
                let meant = nearest(&plain, known.iter().map(|column| column.name()));
                importer.find_near(Mistake::ColumnUnknown, place, [heading.as_str()], meant);
            }
        }
    }
}

/// Columns of other tools that are not read, and why not.
static UNSUPPORTED: [(&str, Said); 8] = [
    ("sms_", Said::Told("Records travel by sync.", "Les enregistrements voyagent par synchronisation.")),
    (
        "compact_tag",
        Said::Told("Records travel by sync.", "Les enregistrements voyagent par synchronisation."),
    ),
    ("intent", Said::Told("No other app is opened.", "Aucune autre application n'est ouverte.")),
    ("autoplay", Said::Told("Sounds play when they are touched.", "Les sons se jouent quand on les touche.")),
    ("instance::", Said::Told("It changes only XForms.", "Cela ne change que les XForms.")),
    ("bind::", Said::Told("It changes only XForms.", "Cela ne change que les XForms.")),
    ("body::", Said::Told("It changes only XForms.", "Cela ne change que les XForms.")),
    ("no_app_error_string", Said::Told("No other app is opened.", "Aucune autre application n'est ouverte.")),
];

/// A row, read by its columns.
#[derive(Clone, Copy)]
pub(super) struct Line<'t, 'a> {
    table: &'t Table<'a>,
    /// The row itself.
    pub(super) row: &'a Row,
}

impl Line<'_, '_> {
    /// What stands in a column, with quotes and spaces made plain; empty where the sheet lacks it.
    pub(super) fn get(&self, column: Column) -> String {
        let at = self.table.columns.get(&(column, None));
        at.map(|at| self.row.cell(*at).into_owned()).unwrap_or_default()
    }

    /// What stands in a column, unless that is nothing.
    pub(super) fn some(&self, column: Column) -> Option<String> {
        Some(self.get(column)).filter(|text| !text.is_empty())
    }

    /// The texts of a column in all languages.
    pub(super) fn text(&self, column: Column) -> Text {
        let mut texts = Vec::new();
        for ((_, language), at) in self.table.columns.range((column, Some(0))..=(column, Some(usize::MAX))) {
            let language = language.expect("the range begins at a language");
            texts.resize(texts.len().max(language + 1), String::new());
            self.row.text(*at).clone_into(&mut texts[language]);
        }
        let mut text = Text(texts);
        if text.is_empty() {
            text.0.clear();
        }
        text
    }

    /// The files that go with the label.
    pub(super) fn media(&self) -> Media {
        Media {
            image: self.text(Column::Image),
            big_image: self.text(Column::BigImage),
            audio: self.text(Column::Audio),
            video: self.text(Column::Video),
        }
    }

    /// Where in the workbook a cell stands.
    pub(super) fn place(&self, column: Column) -> Place {
        let at = self.table.columns.iter().find(|((known, _), _)| *known == column).map(|(_, at)| *at);
        let heading = at.map_or(column.name().into(), |at| self.table.headings.cell(at));
        self.table.place(Some(self.row), &heading)
    }

    /// Where in the workbook the row stands.
    pub(super) fn whole(&self) -> Place {
        self.table.place(Some(self.row), "")
    }
}
