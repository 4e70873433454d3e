//! Why a text is no expression, in French.

use super::error::ParseErrorKind;
use super::function::{Function, MANY};
use super::limits::{MAX_DEPTH, MAX_TEXT_BYTES};

impl ParseErrorKind {
    /// The sentence, in French or in English.
    pub fn message(&self, french: bool) -> String {
        if french { self.french() } else { self.to_string() }
    }

    fn french(&self) -> String {
        match self {
            Self::Empty => "l'expression est vide".to_owned(),
            Self::TooLong => {
                format!("l'expression dépasse {MAX_TEXT_BYTES} octets : divisez-la en plusieurs calculs")
            }
            Self::TooDeep => {
                format!(
                    "l'expression est imbriquée sur plus de {MAX_DEPTH} niveaux : divisez-la en plusieurs calculs"
                )
            }
            Self::UnknownFunction { name, nearest } => {
                let meant =
                    nearest.map(|near| format!(" : vouliez-vous dire {near}() ?")).unwrap_or_default();
                format!("il n'y a pas de fonction {name}(){meant}")
            }
            Self::Arguments { function, given, .. } => {
                let takes = Function::named(function).map(arguments).unwrap_or_default();
                format!("{function}() prend {takes}, mais en a ici {given}")
            }
            Self::NotNodes { function } => format!(
                "{function}() demande ici une référence comme ${{nom}} ou un chemin, et non une valeur seule"
            ),
            Self::WriteInstead { found, write } => {
                format!("{found} n'est pas un opérateur ici : écrivez {write}")
            }
            Self::CurlyQuote(quote) => {
                format!("{quote} est un guillemet typographique : écrivez un guillemet droit, ' ou \"")
            }
            Self::OpenText(quote) => {
                format!("le texte qui commence ici par {quote} n'a pas de {quote} final")
            }
            Self::OpenBracket(bracket) => format!("la parenthèse {bracket} n'est jamais fermée"),
            Self::ExtraBracket(bracket) => {
                format!("il y a un {bracket} de trop : aucune parenthèse n'est ouverte ici")
            }
            Self::OpenReference => "la référence qui commence par ${ n'a pas de } final".to_owned(),
            Self::ReferenceName(name) => format!(
                "« {name} » n'est pas un nom de question : un nom a des lettres, des chiffres, _, - et . et commence \
                 par une lettre ou _"
            ),
            Self::ReferenceInText => {
                "${…} n'est pas remplacé entre guillemets : sortez-le et joignez les parties avec concat()"
                    .to_owned()
            }
            Self::MissingOperand { before } => {
                let place = before.map_or_else(|| "à la fin".to_owned(), |next| format!("avant {next}"));
                format!("il manque quelque chose {place} : une valeur, une référence ou une fonction")
            }
            Self::MissingOperator(found) => format!(
                "« {found} » n'était pas attendu ici : il manque avant un opérateur, une virgule ou une parenthèse"
            ),
            Self::UnknownAxis(axis) => format!("{axis}:: n'est pas pris en charge dans les chemins"),
            Self::MissingStep => "un nom, * ou .. doit suivre ici".to_owned(),
            Self::Number(text) => {
                format!("« {text} » n'est pas un nombre : écrivez des chiffres et au plus un point")
            }
            Self::Pattern(reason) => format!("le motif ne peut pas être utilisé : {reason}"),
        }
    }
}

/// How many arguments a function takes, in words.
fn arguments(function: &Function) -> String {
    let plural = |count: u8| if count < 2 { "argument" } else { "arguments" };
    match (function.least, function.most, function.group) {
        (0, 0, _) => "aucun argument".to_owned(),
        (least, MANY, 2) => format!("{least} arguments, puis des paires"),
        (least, MANY, _) => format!("{least} {} ou plus", plural(least)),
        (least, most, _) if least == most => format!("{least} {}", plural(least)),
        (least, most, _) => format!("de {least} à {most} {}", plural(most)),
    }
}
