//! Filling forms, told in tables: a form as a Markdown table, and steps with what must hold after each.
//!
//! `name = text` answers, `name + ` adds an instance of a repeat, `name -` takes one out. What must hold begins with `?`:
//! `? name = text` its answer, `? name is hidden|shown|required|optional|fixed`, `? name has 2` how many there are,
//! `? name offers a b` its choices, `? name says text` its label, `? name wrong code` what is wrong with it, `right` if
//! nothing is. A step that ends with ` ! text` is refused with that text. `name[2]` is the second of that name.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::Filling;

use super::told::{act, cases, compiled, place};
use super::world::Fixed;

struct Run {
    filling: Filling,
    world: Fixed,
}

impl Run {
    fn step(&mut self, step: &str) -> Result<(), String> {
        if let Some(expected) = step.strip_prefix('?') {
            return self.holds(expected.trim());
        }
        let (act, refused) = act(&self.filling, step)?;
        let said = act.apply(&mut self.filling, &mut self.world).err().map(|refusal| refusal.to_string());
        if said.as_deref() == refused { Ok(()) } else { Err(format!("it was refused: {said:?}")) }
    }

    fn holds(&mut self, expected: &str) -> Result<(), String> {
        let (name, rest) = expected.split_once(' ').unwrap_or((expected, ""));
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let rest = rest.trim();
        if verb == "has" {
            let count =
                self.filling.named(name).into_iter().filter(|at| self.filling.is_relevant(*at)).count();
            return same(&count.to_string(), rest);
        }
        let place = place(&self.filling, name)?;
        let (filling, world) = (&self.filling, &mut self.world);
        match verb {
            "=" => same(filling.value(place), rest),
            "is" => {
                let words = [
                    if filling.is_relevant(place) { "shown" } else { "hidden" },
                    if filling.is_required(place, world) { "required" } else { "optional" },
                    if filling.is_read_only(place, world) { "fixed" } else { "open" },
                ];
                if words.contains(&rest) { Ok(()) } else { Err(format!("it is {words:?}")) }
            }
            "offers" => {
                let offered: Vec<String> =
                    filling.choices(place, world).into_iter().map(|choice| choice.name).collect();
                same(&offered.join(" "), rest)
            }
            "labels" => {
                let offered: Vec<String> =
                    filling.choices(place, world).into_iter().map(|choice| choice.label).collect();
                same(&offered.join(" "), rest)
            }
            "says" => same(&filling.label(place), rest),
            "right" => {
                same(&format!("{:?}", filling.complaint(place, world).map(|found| found.message)), "None")
            }
            "wrong" => {
                let found = filling.complaint(place, world);
                let said = found.map(|found| format!("{} {}", found.fault.code(), found.message));
                match said {
                    Some(said) if said.starts_with(rest) => Ok(()),
                    said => Err(format!("it says {said:?}")),
                }
            }
            _ => Err(format!("no such word: {verb}")),
        }
    }
}

fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("it is {found:?}")) }
}

fn run(text: &str) {
    let mut wrong = Vec::new();
    let all = cases(text);
    assert!(all.len() > 3, "there are cases");
    for case in all {
        let mut world = Fixed::default();
        let filling = Filling::begin(compiled(case.form), 0, BTreeMap::new(), &mut world);
        let mut run = Run { filling, world };
        for step in case.steps {
            if let Err(why) = run.step(step) {
                wrong.push(format!("{}: {step}: {why}", case.title));
            }
        }
        wrong.extend(run.filling.failures().into_iter().map(|failed| format!("{}: {failed:?}", case.title)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! tables {
    ($($name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            run(include_str!(concat!("tables/", stringify!($name), ".md")));
        }
    )+};
}

tables!(answers, calculation, choices, functions, messages, relevance, repeats);
