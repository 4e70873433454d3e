//! Why a file cannot be read as a workbook, and what to do.

use std::fmt;

use super::{MAX_CELLS, MAX_COLUMNS, MAX_FILE_BYTES, MAX_SHEETS};

/// Why a file cannot be read as a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkbookError {
    /// Nothing is in it.
    Empty,
    /// It has more bytes than [`MAX_FILE_BYTES`].
    TooLarge,
    /// It is an `.xls` of Excel 97 to 2003, or another file of those years.
    OldExcel,
    /// It opens with a password only.
    Encrypted,
    /// It is an `.ods`.
    OpenDocument,
    /// It is an `.xlsb`.
    BinaryExcel,
    /// It is a PDF.
    Pdf,
    /// It is a web page, as servers send one instead of a file that needs a login.
    Html,
    /// It is XML, such as the `XForm` that was made of a workbook.
    Xml,
    /// It is a zip of something else.
    OtherZip,
    /// It begins as a zip and does not end as one.
    Incomplete,
    /// Something in it is not as it should be.
    Damaged,
    /// It holds more than a form needs, packed.
    Overgrown,
    /// It is text in another encoding than UTF-8, or UTF-16 with its mark.
    Encoding,
    /// It is neither a workbook nor a table of text.
    NoTable,
    /// It is a table of one sheet, which does not say of which.
    OneSheet,
    /// It has more sheets than [`MAX_SHEETS`].
    TooManySheets,
    /// A row is used beyond [`MAX_COLUMNS`].
    TooWide {
        /// The sheet.
        sheet: String,
        /// The row, as a spreadsheet counts it.
        row: u32,
    },
    /// It has more cells than [`MAX_CELLS`].
    TooManyCells,
    /// A cell holds an error of the spreadsheet that has no name in the format.
    ErrorCell {
        /// The sheet.
        sheet: String,
        /// What the cell shows.
        text: String,
    },
}

impl WorkbookError {
    /// What is wrong and what to do, in a language: French for `fr`, English for every other.
    pub fn message(&self, language: &str) -> String {
        let (in_english, in_french) = self.sentences();
        let sentence = if language == "fr" { in_french } else { in_english };
        self.values().iter().fold(sentence.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge => vec![("{most}", (MAX_FILE_BYTES >> 20).to_string())],
            Self::TooManySheets => vec![("{most}", MAX_SHEETS.to_string())],
            Self::TooManyCells => vec![("{most}", MAX_CELLS.to_string())],
            Self::TooWide { sheet, row } => vec![
                ("{most}", MAX_COLUMNS.to_string()),
                ("{row}", row.to_string()),
                ("{sheet}", sheet.trim().to_owned()),
            ],
            Self::ErrorCell { sheet, text } => {
                vec![("{text}", text.clone()), ("{sheet}", sheet.trim().to_owned())]
            }
            _ => Vec::new(),
        }
    }
}

/// The errors: a stable code, and the sentences that say what is wrong and what to do.
macro_rules! said {
    ($($name:ident $code:literal $english:literal $french:literal;)*) => {
        impl WorkbookError {
            /// The code that programs know it by; never changes.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name { .. } => $code,)* }
            }

            fn sentences(&self) -> (&'static str, &'static str) {
                match self { $(Self::$name { .. } => ($english, $french),)* }
            }
        }
    };
}

said! {
    Empty "workbook-empty"
        "The file is empty. Save the workbook once more, or send it again."
        "Le fichier est vide. Enregistrez le classeur encore une fois, ou renvoyez-le.";
    TooLarge "workbook-too-large"
        "The file is larger than {most} MiB. Remove what is no part of the form, such as pictures and other sheets."
        "Le fichier dépasse {most} Mio. Supprimez ce qui ne fait pas partie du formulaire, comme les images et d'autres feuilles.";
    OldExcel "workbook-old-excel"
        "This is a file of Excel 97 to 2003 (.xls). Open it and save it as an Excel workbook (.xlsx)."
        "C'est un fichier d'Excel 97 à 2003 (.xls). Ouvrez-le et enregistrez-le comme classeur Excel (.xlsx).";
    Encrypted "workbook-encrypted"
        "The workbook is locked by a password. Open it, remove the password, and save it again."
        "Le classeur est protégé par un mot de passe. Ouvrez-le, retirez le mot de passe et enregistrez-le de nouveau.";
    OpenDocument "workbook-opendocument"
        "This is an OpenDocument spreadsheet (.ods). Open it and save it as an Excel workbook (.xlsx)."
        "C'est un classeur OpenDocument (.ods). Ouvrez-le et enregistrez-le comme classeur Excel (.xlsx).";
    BinaryExcel "workbook-binary-excel"
        "This is a binary Excel workbook (.xlsb). Open it and save it as an Excel workbook (.xlsx)."
        "C'est un classeur Excel binaire (.xlsb). Ouvrez-le et enregistrez-le comme classeur Excel (.xlsx).";
    Pdf "workbook-pdf"
        "This is a PDF. Send the workbook (.xlsx) that it was printed from."
        "C'est un PDF. Envoyez le classeur (.xlsx) dont il a été imprimé.";
    Html "workbook-html"
        "This is a web page, perhaps one that asks to sign in. Download the workbook itself (.xlsx)."
        "C'est une page web, peut-être une page de connexion. Téléchargez le classeur lui-même (.xlsx).";
    Xml "workbook-xml"
        "This is an XML file, perhaps an XForm. Send the workbook (.xlsx) that it was made of."
        "C'est un fichier XML, peut-être un XForm. Envoyez le classeur (.xlsx) dont il a été fait.";
    OtherZip "workbook-other-zip"
        "This is a zip file, and no workbook. If one is in it, unpack it and send that."
        "C'est un fichier zip et non un classeur. S'il en contient un, décompressez-le et envoyez celui-ci.";
    Incomplete "workbook-incomplete"
        "The end of the file is missing. Download or copy it once more."
        "La fin du fichier manque. Téléchargez-le ou copiez-le encore une fois.";
    Damaged "workbook-damaged"
        "The workbook is damaged. Open it in a spreadsheet program and save it as an Excel workbook (.xlsx)."
        "Le classeur est endommagé. Ouvrez-le dans un tableur et enregistrez-le comme classeur Excel (.xlsx).";
    Overgrown "workbook-overgrown"
        "The workbook unpacks to more than a form needs. Copy the sheets of the form to an empty workbook."
        "Le classeur décompressé contient plus qu'il ne faut à un formulaire. Copiez les feuilles du formulaire dans un classeur vide.";
    Encoding "workbook-encoding"
        "The text is in an unknown encoding. Save it as CSV UTF-8, or as an Excel workbook (.xlsx)."
        "L'encodage du texte est inconnu. Enregistrez-le au format CSV UTF-8 ou comme classeur Excel (.xlsx).";
    NoTable "workbook-no-table"
        "This is neither a workbook nor a table. Send an Excel workbook (.xlsx) or a CSV file."
        "Ce n'est ni un classeur ni un tableau. Envoyez un classeur Excel (.xlsx) ou un fichier CSV.";
    OneSheet "workbook-one-sheet"
        "The table does not say which sheet it is. Write survey in a first column of its own above the headings, or save the whole workbook as .xlsx."
        "Le tableau ne dit pas de quelle feuille il s'agit. Écrivez survey dans une première colonne à part, au-dessus des en-têtes, ou enregistrez tout le classeur en .xlsx.";
    TooManySheets "workbook-too-many-sheets"
        "The workbook has more than {most} sheets. Remove those that are no part of the form."
        "Le classeur a plus de {most} feuilles. Supprimez celles qui ne font pas partie du formulaire.";
    TooWide "workbook-too-wide"
        "{sheet}, row {row}: something stands beyond the first {most} columns. Remove it, or bring it nearer."
        "{sheet}, ligne {row} : quelque chose se trouve au-delà des {most} premières colonnes. Supprimez-le ou rapprochez-le.";
    TooManyCells "workbook-too-many-cells"
        "The workbook has more than {most} cells. Remove columns, or keep long lists in a file beside the form."
        "Le classeur a plus de {most} cellules. Supprimez des colonnes, ou gardez les longues listes dans un fichier à côté du formulaire.";
    ErrorCell "workbook-error-cell"
        "{sheet}: a cell shows {text}, an error of the spreadsheet. Mend its formula, or write the value itself."
        "{sheet} : une cellule affiche {text}, une erreur du tableur. Corrigez sa formule ou écrivez la valeur elle-même.";
}

/// In English.
impl fmt::Display for WorkbookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message("en"))
    }
}

impl std::error::Error for WorkbookError {}
