//! What filling a form asks for from outside.

use crate::form::Form;
use crate::xpath::{Host, Node};

/// What a form asks for while it is filled. All of it is injected: this crate has no clock and no randomness.
pub trait World {
    /// Milliseconds since 1970.
    fn now(&mut self) -> i64;
    /// How many minutes local time is ahead of UTC.
    fn offset_minutes(&mut self) -> i32;
    /// A random number from 0 up to but not including 1.
    fn random(&mut self) -> f64;
    /// A random UUID as text.
    fn uuid(&mut self) -> String;
    /// A time-ordered UUID (version 7) as text, which names an instance of a repeat: later ones come behind earlier ones.
    fn key(&mut self) -> String;
    /// What is known of the device and its user: `deviceid`, `username`, `email`, `phonenumber`; and where the device is as the
    /// form begins, `start-geopoint`: latitude, longitude, altitude and accuracy, with spaces between.
    fn property(&mut self, name: &str) -> Option<String>;
}

/// The same for the expressions of a form in a language.
pub(super) struct FormHost<'a> {
    pub(super) world: &'a mut dyn World,
    pub(super) form: &'a Form,
    pub(super) language: usize,
    /// Tells the label of a choice of a question.
    pub(super) label: &'a dyn Fn(Node, &str) -> Option<String>,
}

impl FormHost<'_> {
    fn code(&self) -> &str {
        self.form.languages.get(self.language).map_or("", |language| language.code.as_str())
    }
}

impl Host for FormHost<'_> {
    fn now(&mut self) -> i64 {
        self.world.now()
    }

    fn offset_minutes(&mut self) -> i32 {
        self.world.offset_minutes()
    }

    fn random(&mut self) -> f64 {
        self.world.random()
    }

    fn uuid(&mut self) -> String {
        self.world.uuid()
    }

    fn choice_label(&mut self, question: Node, choice: &str) -> Option<String> {
        (self.label)(question, choice)
    }

    /// Texts have no ids in a workbook.
    fn translation(&mut self, _id: &str) -> Option<String> {
        None
    }

    fn property(&mut self, name: &str) -> Option<String> {
        self.world.property(name)
    }

    fn form_version(&mut self) -> String {
        self.form.version.clone()
    }

    fn month_name(&mut self, month: u32) -> String {
        let names = match self.code() {
            "fr" => "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
            _ => "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        };
        names.split(' ').nth(month.saturating_sub(1) as usize).unwrap_or_default().to_owned()
    }

    fn weekday_name(&mut self, day: u32) -> String {
        let names = match self.code() {
            "fr" => "dim. lun. mar. mer. jeu. ven. sam.",
            _ => "Sun Mon Tue Wed Thu Fri Sat",
        };
        names.split(' ').nth(day as usize).unwrap_or_default().to_owned()
    }
}
