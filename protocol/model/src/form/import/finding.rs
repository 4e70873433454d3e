//! What is wrong with a workbook, and what to write instead.

use std::fmt;

use serde::Serialize;

use crate::xpath::ParseErrorKind;

/// One thing that is wrong with a workbook, or that is worth knowing about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub mistake: Mistake,
    /// Where it stands.
    pub place: Place,
    /// What the sentences of the mistake name, in their order.
    pub values: Vec<Said>,
    /// What was probably meant.
    pub nearest: Option<String>,
}

/// What a sentence names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What stands in the workbook, or would stand there: the same in every language.
    Written(String),
    /// Words of ours, in English and in French.
    Told(&'static str, &'static str),
    /// Why an expression cannot be read.
    Unread(ParseErrorKind),
}

/// Where in a workbook something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Place {
    /// The sheet; empty where the whole workbook is meant.
    pub sheet: String,
    /// The row as a spreadsheet counts it, from 1; absent where the whole sheet is meant.
    pub row: Option<u32>,
    /// The heading of the column; empty where the whole row is meant.
    pub column: String,
}

/// Whether a workbook can be used in spite of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No form comes of it.
    Error,
    /// A form comes of it, and does not quite what the workbook says.
    Warning,
}

impl Finding {
    /// The sentences in a language: French for `fr`, English for every other.
    pub fn message(&self, language: &str) -> String {
        let french = language == "fr";
        let (in_english, in_french) = self.mistake.sentences();
        let mut parts = if french { in_french } else { in_english }.split('{');
        let mut message = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let value = part.split_once('}').and_then(|(at, rest)| Some((at.parse::<usize>().ok()?, rest)));
            if let Some((at, rest)) = value {
                message.push_str(&self.values.get(at).map_or_else(String::new, |value| value.text(french)));
                message.push_str(rest);
            } else {
                message.push('{');
                message.push_str(part);
            }
        }
        if let Some(nearest) = &self.nearest {
            let (before, after) =
                if french { (" Vouliez-vous dire ", " ?") } else { (" Did you mean ", "?") };
            message.extend([before, nearest, after]);
        }
        message
    }
}

impl Said {
    fn text(&self, french: bool) -> String {
        match self {
            Self::Written(text) => text.clone(),
            Self::Told(english, in_french) => if french { *in_french } else { *english }.to_owned(),
            Self::Unread(kind) => kind.message(french),
        }
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Self {
        Self::Written(text.to_owned())
    }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self::Written(text)
    }
}

impl From<u32> for Said {
    fn from(number: u32) -> Self {
        Self::Written(number.to_string())
    }
}

/// `survey, row 12, constraint: …` in English.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { sheet, row, column } = &self.place;
        let row = row.map(|row| format!("row {row}")).unwrap_or_default();
        let parts = [sheet.as_str(), &row, column].into_iter().filter(|part| !part.is_empty());
        let place = parts.collect::<Vec<_>>().join(", ");
        write!(f, "{place}{}{}", if place.is_empty() { "" } else { ": " }, self.message("en"))
    }
}

/// The mistakes: a stable code, whether a form can come of a workbook that has it, and the sentences that say it.
/// `{0}` stands for the first value.
macro_rules! mistakes {
    ($($name:ident $severity:ident $code:literal $english:literal $french:literal;)*) => {
        /// What may be found in a workbook.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mistake {
            $(#[doc = concat!("`", $code, "`")] $name,)*
        }

        impl Mistake {
            /// Every mistake.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code that programs know it by; never changes.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether a form can come of it.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            fn sentences(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($english, $french),)* }
            }
        }
    };
}

mistakes! {
    NoSurvey Error "no-survey"
        "There is no sheet named survey."
        "Il n'y a pas de feuille nommée survey.";
    SheetMisspelt Warning "sheet-misspelt"
        "The sheet {0} is not read. If it is meant to be {1}, rename it."
        "La feuille {0} n'est pas lue. S'il s'agit de {1}, renommez-la.";
    SheetUnsupported Error "sheet-unsupported"
        "The sheet {0} is not supported. {1}"
        "La feuille {0} n'est pas prise en charge. {1}";
    TooLarge Error "too-large"
        "There are more than {0} rows. Split the form."
        "Il y a plus de {0} lignes. Divisez le formulaire.";
    TooDeep Error "too-deep"
        "Groups are nested deeper than {0} levels. Take some of them apart."
        "Les groupes sont imbriqués sur plus de {0} niveaux. Séparez-en quelques-uns.";
    CellTooLong Error "cell-too-long"
        "The cell holds more than {0} characters. Shorten it."
        "La cellule contient plus de {0} caractères. Raccourcissez-la.";
    CellError Error "cell-error"
        "The cell shows {0}, an error of the spreadsheet. Mend its formula, or write the value itself."
        "La cellule affiche {0}, une erreur du tableur. Corrigez sa formule ou écrivez la valeur elle-même.";
    HeaderMissing Error "header-missing"
        "The column {0} is missing."
        "La colonne {0} manque.";
    HeaderTwice Error "header-twice"
        "{0} and {1} mean the same column. Remove one of them."
        "{0} et {1} désignent la même colonne. Supprimez l'une des deux.";
    ColumnUnknown Warning "column-unknown"
        "The column {0} is not known and not read."
        "La colonne {0} est inconnue et n'est pas lue.";
    ColumnUnsupported Warning "column-unsupported"
        "The column {0} has no effect here. {1}"
        "La colonne {0} est sans effet ici. {1}";
    ColumnName Warning "column-name"
        "The column {0} is not read: a column of choices has a name without spaces."
        "La colonne {0} n'est pas lue : une colonne de choix a un nom sans espace.";
    SettingUnknown Warning "setting-unknown"
        "The setting {0} is not known and not read."
        "Le réglage {0} est inconnu et n'est pas lu.";
    SettingUnsupported Warning "setting-unsupported"
        "The setting {0} has no effect here. {1}"
        "Le réglage {0} est sans effet ici. {1}";
    FormIdMissing Error "form-id-missing"
        "The form has no form_id. Write one in the settings sheet, such as workers."
        "Le formulaire n'a pas de form_id. Écrivez-en un dans la feuille settings, par exemple ouvriers.";
    FormIdInvalid Error "form-id-invalid"
        "The form_id {0} is not usable: write at most 64 letters, digits, _, - and . that begin with a letter."
        "Le form_id {0} est inutilisable : écrivez au plus 64 lettres, chiffres, _, - et . en commençant par une lettre.";
    VersionInvalid Error "version-invalid"
        "The version is longer than 64 characters. Shorten it."
        "La version compte plus de 64 caractères. Raccourcissez-la.";
    LanguageUnknown Error "language-unknown"
        "The default language {0} is in no column. Write it as in label::{1}."
        "La langue par défaut {0} n'est dans aucune colonne. Écrivez-la comme dans label::{1}.";
    TranslationMissing Warning "translation-missing"
        "{0} has no text in {1}."
        "{0} n'a pas de texte en {1}.";
    TypeMissing Error "type-missing"
        "The row has no type. Write one, such as text."
        "La ligne n'a pas de type. Écrivez-en un, par exemple text.";
    TypeUnknown Error "type-unknown"
        "There is no type {0}."
        "Le type {0} n'existe pas.";
    TypeUnsupported Error "type-unsupported"
        "The type {0} is not supported. {1}"
        "Le type {0} n'est pas pris en charge. {1}";
    TypeIgnored Warning "type-ignored"
        "The type {0} is accepted and does nothing here. {1}"
        "Le type {0} est accepté et ne fait rien ici. {1}";
    RowIgnored Warning "row-ignored"
        "The row has neither type nor name nor label and is not read."
        "La ligne n'a ni type, ni nom, ni libellé et n'est pas lue.";
    RowDisabled Warning "row-disabled"
        "The row is disabled and not read. relevant is the better way to leave a question out."
        "La ligne est désactivée et n'est pas lue. Préférez relevant pour omettre une question.";
    NameMissing Error "name-missing"
        "The row has no name. Write one, such as {0}."
        "La ligne n'a pas de nom. Écrivez-en un, par exemple {0}.";
    NameInvalid Error "name-invalid"
        "{0} is not a usable name: names begin with a letter or _ and go on with letters, digits, _, - or a point."
        "{0} n'est pas un nom utilisable : un nom commence par une lettre ou _ et se poursuit par des lettres, chiffres, _, - ou un point.";
    NameReserved Error "name-reserved"
        "The name {0} is taken by the form itself. Write another one."
        "Le nom {0} est pris par le formulaire lui-même. Écrivez-en un autre.";
    NameTwice Error "name-twice"
        "The name {0} is already that of row {1} in the same group. Write another one."
        "Le nom {0} est déjà celui de la ligne {1} dans le même groupe. Écrivez-en un autre.";
    NameCase Warning "name-case"
        "The name {0} differs from that of row {1} by its case only, which some programs do not see."
        "Le nom {0} ne diffère de celui de la ligne {1} que par la casse, ce que certains logiciels ne voient pas.";
    NameRefused Error "name-refused"
        "A field {0} may not be recorded: it asks for what can put people in danger. Remove the question."
        "Un champ {0} ne doit pas être enregistré : il demande ce qui peut mettre des personnes en danger. Supprimez la question.";
    NameLong Error "name-long"
        "The name {0} is too long. Write one of at most 64 characters."
        "Le nom {0} est trop long. Écrivez-en un de 64 caractères au plus.";
    NameAmbiguous Error "name-ambiguous"
        "The names of row {1} and of this row would be stored under the same name {0}. Rename one of them."
        "Les noms de la ligne {1} et de cette ligne seraient enregistrés sous le même nom {0}. Renommez l'un des deux.";
    RepeatNameTwice Error "repeat-name-twice"
        "The name {0} is already that of the repeat of row {1}. Repeats have different names in the whole form."
        "Le nom {0} est déjà celui de la répétition de la ligne {1}. Les répétitions ont des noms différents dans tout le formulaire.";
    EndWithoutBegin Error "end-without-begin"
        "{0} ends nothing: no {1} is open here. Remove the row, or write the beginning above."
        "{0} ne termine rien : aucun {1} n'est ouvert ici. Supprimez la ligne ou écrivez le début au-dessus.";
    BeginWithoutEnd Error "begin-without-end"
        "The {0} {1} is never ended. Write a row end_{0}."
        "Le {0} {1} n'est jamais terminé. Écrivez une ligne end_{0}.";
    LabelMissing Error "label-missing"
        "The question {0} has neither label nor hint: nobody would know what is asked."
        "La question {0} n'a ni libellé ni indication : personne ne saurait ce qui est demandé.";
    ListMissing Error "list-missing"
        "The type {0} needs the name of a list: write {0} and the name, with a space between."
        "Le type {0} demande le nom d'une liste : écrivez {0} et le nom, séparés par une espace.";
    ListUnknown Error "list-unknown"
        "There is no list {0} on the choices sheet."
        "Il n'y a pas de liste {0} dans la feuille choices.";
    ListFile Error "list-file"
        "{0} is not a file that choices can come from: save it as CSV and write a name that ends in .csv."
        "{0} n'est pas un fichier d'où des choix peuvent venir : enregistrez-le en CSV et écrivez un nom qui se termine par .csv.";
    OtherWithFilter Error "other-with-filter"
        "or_other does not go with choice_filter. Write the choice other in the list, and a text question after it."
        "or_other ne va pas avec choice_filter. Écrivez le choix other dans la liste, et une question texte après.";
    ChoiceListMissing Error "choice-list-missing"
        "The choice has no list_name."
        "Le choix n'a pas de list_name.";
    ChoiceNameMissing Error "choice-name-missing"
        "The choice has no name. Write what is to be stored."
        "Le choix n'a pas de nom. Écrivez ce qui doit être enregistré.";
    ChoiceTwice Error "choice-twice"
        "The choice {0} is already in row {1}. Write another name, or the setting allow_choice_duplicates."
        "Le choix {0} est déjà à la ligne {1}. Écrivez un autre nom, ou le réglage allow_choice_duplicates.";
    ChoiceSpace Error "choice-space"
        "The choice {0} of the list {1} has a space in its name, which select_multiple cannot tell from two choices. Write _ instead."
        "Le choix {0} de la liste {1} a une espace dans son nom, que select_multiple ne distingue pas de deux choix. Écrivez _ à la place.";
    ChoiceLabelMissing Warning "choice-label-missing"
        "The choice {0} has no label; its name is shown."
        "Le choix {0} n'a pas de libellé ; son nom est affiché.";
    AppearanceUnknown Warning "appearance-unknown"
        "There is no appearance {0}; it is not followed."
        "L'apparence {0} n'existe pas ; elle n'est pas suivie.";
    AppearanceIgnored Warning "appearance-ignored"
        "The appearance {0} has no effect here. {1}"
        "L'apparence {0} est sans effet ici. {1}";
    MediaIgnored Warning "media-ignored"
        "The file {0} is not sent to phones, which show the label alone. Say what it shows in the label."
        "Le fichier {0} n'est pas envoyé aux téléphones, qui n'affichent que le libellé. Dites-y ce qu'il montre.";
    ParameterSyntax Error "parameter-syntax"
        "{0} is not a parameter: write key=value, with a space between two of them."
        "{0} n'est pas un paramètre : écrivez clé=valeur, avec une espace entre deux.";
    ParameterUnknown Error "parameter-unknown"
        "The type {0} has no parameter {1}. It has: {2}."
        "Le type {0} n'a pas de paramètre {1}. Il a : {2}.";
    ParameterIgnored Warning "parameter-ignored"
        "The parameter {0} has no effect here."
        "Le paramètre {0} est sans effet ici.";
    ParameterValue Error "parameter-value"
        "The parameter {0} cannot be {1}. {2}"
        "Le paramètre {0} ne peut pas être {1}. {2}";
    CalculationMissing Error "calculation-missing"
        "The row calculates nothing: write an expression in the column calculation."
        "La ligne ne calcule rien : écrivez une expression dans la colonne calculation.";
    TriggerInvalid Error "trigger-invalid"
        "{0} is not a trigger: write references such as ${name}, with a comma between two of them."
        "{0} n'est pas un déclencheur : écrivez des références comme ${nom}, séparées par une virgule.";
    ExpressionInvalid Error "expression-invalid"
        "At character {0}: {1}."
        "Au caractère {0} : {1}.";
    ReferenceUnknown Error "reference-unknown"
        "There is no question {0}."
        "Il n'y a pas de question {0}.";
    ReferenceAmbiguous Error "reference-ambiguous"
        "{0} may mean row {1} or row {2}. Give one of them another name."
        "{0} peut désigner la ligne {1} ou la ligne {2}. Donnez un autre nom à l'une des deux.";
    Cycle Error "cycle"
        "These depend on each other in a circle: {0}. Leave one of them out of an expression."
        "Ceux-ci dépendent les uns des autres en cercle : {0}. Retirez l'un d'eux d'une expression.";
    ValueUnknown Error "value-unknown"
        "{0} is not possible here. Write one of: {1}."
        "{0} n'est pas possible ici. Écrivez l'un de : {1}.";
    RecordInvalid Error "record-invalid"
        "{0} names no record: write a record type in small letters, or class/type with one of the classes {1}."
        "{0} ne désigne aucun enregistrement : écrivez un type en minuscules, ou classe/type avec une des classes {1}.";
    EntryFieldUnknown Error "entry-field-unknown"
        "The answer to {0} would be kept nowhere: entries of {1} hold {2}. Write none in fm::kind if that is meant; else keep it in a record of its own, a group with fm::record."
        "La réponse à {0} ne serait gardée nulle part : les entrées de {1} contiennent {2}. Écrivez none dans fm::kind si c'est voulu ; sinon gardez-la dans un enregistrement à elle, un groupe avec fm::record.";
    EntryCodeUnknown Error "entry-code-unknown"
        "The choice {0} cannot be kept: {1} of an entry is one of {2}."
        "Le choix {0} ne peut pas être gardé : {1} d'une entrée est l'un de {2}.";
    KindUnfit Error "kind-unfit"
        "The fm::kind of {0} does not fit. {1}"
        "Le fm::kind de {0} ne convient pas. {1}";
    SaveToInvalid Error "save-to-invalid"
        "save_to {0} is not possible. {1}"
        "save_to {0} n'est pas possible. {1}";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sentences_name_the_same_values_and_codes_are_different() {
        let named = |sentence: &str| -> BTreeSet<String> {
            let parts = sentence.split('{').skip(1).filter_map(|part| part.split_once('}'));
            parts.filter(|(name, _)| !name.starts_with('n')).map(|(at, _)| at.to_owned()).collect()
        };
        for mistake in Mistake::ALL {
            let (english, french) = mistake.sentences();
            assert_eq!(named(english), named(french), "{mistake:?}");
        }
        let codes: BTreeSet<&str> = Mistake::ALL.iter().map(|mistake| mistake.code()).collect();
        assert_eq!(codes.len(), Mistake::ALL.len());
    }
}
