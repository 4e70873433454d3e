//! What is said where the form says nothing itself.

use super::{Fault, Odd};

impl Fault {
    /// A sentence in a language: French, else English.
    pub fn sentence(self, language: &str) -> &'static str {
        let (english, french) = match self {
            Self::Required => ("Please answer this question.", "Veuillez répondre à cette question."),
            Self::Constraint => ("This answer is not allowed here.", "Cette réponse n’est pas admise ici."),
            Self::Range => ("Choose a number on the scale.", "Choisissez un nombre de l’échelle."),
            Self::Choice => {
                ("Choose one of the answers that are offered.", "Choisissez parmi les réponses proposées.")
            }
            Self::Writer => (
                "Somebody answered this who may not. Ask those who may to answer it.",
                "Quelqu’un qui n’y est pas habilité a répondu. Demandez la réponse à qui l’est.",
            ),
        };
        if language == "fr" { french } else { english }
    }
}

impl Odd {
    /// A sentence in a language: French, else English.
    pub fn sentence(self, language: &str) -> &'static str {
        let (english, french) = match self {
            Self::WholeNumber => {
                ("Write a whole number, such as 12.", "Écrivez un nombre entier, par exemple 12.")
            }
            Self::Number => ("Write a number, such as 12.5.", "Écrivez un nombre, par exemple 12,5."),
            Self::Date => ("Choose a day of the calendar.", "Choisissez un jour du calendrier."),
            Self::Time => ("Write a time, such as 07:30.", "Écrivez une heure, par exemple 07:30."),
            Self::Moment => ("Choose a day and a time.", "Choisissez un jour et une heure."),
            Self::Place => ("Choose a place on the map.", "Choisissez un lieu sur la carte."),
            Self::File => ("Attach a file.", "Joignez un fichier."),
            Self::Character => {
                ("Take out the characters that cannot be seen.", "Enlevez les caractères invisibles.")
            }
            Self::TooLong => {
                ("This text is too long: shorten it.", "Ce texte est trop long : raccourcissez-le.")
            }
        };
        if language == "fr" { french } else { english }
    }
}
