//! An answer has calculated what depends on it and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Filling, World};
use fieldmerge_model::form::import::import;
use fieldmerge_model::form::{Form, Workbook};

use super::world::Fixed;

/// Counts how often expressions ask for chance: once for each time that one of these is calculated.
#[derive(Default)]
struct Counting {
    world: Fixed,
    drawn: u32,
}

impl World for Counting {
    fn now(&mut self) -> i64 {
        self.world.now()
    }

    fn offset_minutes(&mut self) -> i32 {
        self.world.offset_minutes()
    }

    fn random(&mut self) -> f64 {
        self.drawn += 1;
        0.0
    }

    fn uuid(&mut self) -> String {
        self.world.uuid()
    }

    fn key(&mut self) -> String {
        self.world.key()
    }

    fn property(&mut self, name: &str) -> Option<String> {
        self.world.property(name)
    }
}

/// Questions `q0` to `q9`, of each of which a calculation follows, of each of these another one, and a sum of all.
fn form() -> Form {
    let mut rows = String::new();
    for at in 0..10 {
        let _ = write!(
            rows,
            "| | integer | q{at} | Q | | |\n| | calculate | c{at} | | ${{q{at}}} + random() | |\n| | calculate | d{at} | | ${{c{at}}} + random() | |\n| | note | n{at} | ${{d{at}}} | | ${{c{at}}} + random() > 5 |\n"
        );
    }
    let all: Vec<String> = (0..10).map(|at| format!("${{d{at}}}")).collect();
    let text = format!(
        "| survey |\n| | type | name | label | calculation | relevant |\n{rows}| | calculate | sum | | {} + random() | |\n| settings |\n| | form_id |\n| | counted |",
        all.join(" + ")
    );
    let found = import(&Workbook::from_markdown(&text), "counted", None);
    found.form.unwrap_or_else(|| panic!("{:?}", found.findings))
}

#[test]
fn what_does_not_depend_on_an_answer_is_not_calculated_again() {
    let form = Arc::new(CompiledForm::new(form(), BTreeMap::new()).expect("it can be filled"));
    let mut world = Counting::default();
    let mut filling = Filling::begin(form, 0, BTreeMap::new(), &mut world);
    // Once for the order of choices, and each expression at the beginning.
    assert_eq!(world.drawn, 1 + 10 * 3 + 1);
    for at in 0..10 {
        let before = world.drawn;
        let asked = filling.named(&format!("q{at}"))[0];
        filling.answer(asked, "7", &mut world).expect("a whole number");
        assert_eq!(world.drawn - before, 4, "its calculation, the next one, the note, and the sum");
        let (calculated, noted) = (filling.named(&format!("d{at}"))[0], filling.named(&format!("n{at}"))[0]);
        assert_eq!((filling.value(calculated), filling.is_relevant(noted)), ("7", true));
    }
    let sum = filling.named("sum")[0];
    assert_eq!(filling.value(sum), "70");
    let before = world.drawn;
    let asked = filling.named("q3")[0];
    filling.answer(asked, "7", &mut world).expect("a whole number");
    assert_eq!(world.drawn, before, "the same answer changes nothing");
}
