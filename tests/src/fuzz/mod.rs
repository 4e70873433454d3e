//! What must hold for any bytes: one function for each kind of input that comes from elsewhere. cargo-fuzz looks for bytes
//! that break it (`tests/fuzz`), the tests replay what it found, and mutants of honest bytes.

mod bundle;
mod change;
mod device;
mod forms;
mod frame;
pub mod mutants;
pub mod seeds;
mod texts;

pub use change::{history, sealed};

/// A function that panics where something does not hold.
pub type Check = fn(&[u8]);

/// Every target with its name, which is the name of its folder in `tests/fixtures/fuzz`.
pub const TARGETS: [(&str, Check); 15] = [
    ("answer", device::answer),
    ("body", frame::body),
    ("bundle", bundle::bundle),
    ("change", change::change),
    ("cursor", texts::cursor),
    ("exchange", device::exchange),
    ("expression", forms::expression),
    ("form", forms::form),
    ("frame", frame::frame),
    ("history", change::history_bytes),
    ("json", texts::json),
    ("passed", frame::passed),
    ("sheets", forms::sheets),
    ("token", texts::token),
    ("workbook", forms::workbook),
];

/// The check of this name.
pub fn target(name: &str) -> Check {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, check)| *check).expect("a target of this list")
}
