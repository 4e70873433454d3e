//! Forms: what a programme asks, as it is written in an XLSForm workbook.
//!
//! A [`Form`] is what a workbook says, once it was found to be without mistakes: plain data, the same on the server that
//! publishes it and on the phone that fills it. [`import`] makes one of a [`Workbook`], and says everything that is wrong
//! with it at once. Expressions stay text in it; whoever applies them parses them once.

pub mod compiled;
mod definition;
pub mod filling;
pub mod import;
mod ours;
pub mod record_file;
mod text;
mod titles;
pub mod types;
pub mod version;
mod workbook;

pub use definition::{
    Choice, ChoiceList, ChoiceSource, Choices, Element, Form, Initial, Kind, Logic, Metadata, Order, Question,
};
pub(crate) use ours::SUBJECT;
pub use ours::{Matching, Merge, Ours, RecordTarget, Storage};
pub use text::{Language, Media, Text};
pub use workbook::{Row, Sheet, Workbook};
