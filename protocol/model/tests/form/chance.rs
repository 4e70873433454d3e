//! Forms, and what is done to them, made by chance.

use std::fmt::Write as _;

use fieldmerge_model::form::Question;
use fieldmerge_model::form::filling::{Filling, Place};

use super::act::Act;

/// Numbers that chance gave, one after the other; zeros when they are used up.
pub struct Tape(std::vec::IntoIter<u8>);

impl Tape {
    pub fn new(numbers: Vec<u8>) -> Self {
        Self(numbers.into_iter())
    }

    fn below(&mut self, most: usize) -> usize {
        usize::from(self.0.next().unwrap_or_default()) % most.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// A form of what chance gives. Expressions name only what stands before them, so that there are no circles.
#[derive(Default)]
pub struct Maker {
    rows: String,
    /// Numbers that stand before, with the repeat that they stand in.
    numbers: Vec<(String, Option<usize>)>,
    /// Answers of other types that stand before and what makes a number of each, with the repeat that they stand in.
    others: Vec<(String, Option<usize>)>,
    /// With whether each stands in another one.
    repeats: Vec<(String, bool)>,
    open: Vec<Option<usize>>,
    count: usize,
}

impl Maker {
    pub fn form(tape: &mut Tape) -> String {
        let mut maker = Self::default();
        let rows = 3 + tape.below(25);
        for _ in 0..rows {
            maker.row(tape);
        }
        while !maker.open.is_empty() {
            maker.close();
        }
        let head = "| | type | name | label | relevant | calculation | constraint | required | repeat_count | choice_filter | default |";
        let choices = "| choices |\n| | list_name | name | label | n |\n| | l | a | A | 1 |\n| | l | b | B | 2 |\n| | l | c | C | 2 |\n";
        format!("| survey |\n{head}\n{}{choices}", maker.rows)
    }

    fn within(&self) -> Option<usize> {
        self.open.iter().rev().find_map(|open| *open)
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    fn row(&mut self, tape: &mut Tape) {
        let name = self.name();
        match tape.below(14) {
            0 | 1 if self.open.len() < 4 => {
                let relevant = self.relevant(tape);
                self.write(&["begin_group", &name, &name, &relevant]);
                self.open.push(None);
            }
            2 | 3 if self.open.len() < 4 && self.open.iter().flatten().count() < 2 => {
                let relevant = self.relevant(tape);
                let count = if tape.below(3) == 0 { self.number(tape) } else { String::new() };
                let capped = format!("if({count} > 3, 3, {count})");
                let count = if count.is_empty() { "" } else { &capped };
                self.write(&["begin_repeat", &name, &name, &relevant, "", "", "", count]);
                self.repeats.push((name, self.within().is_some()));
                self.open.push(Some(self.repeats.len() - 1));
            }
            4 if !self.open.is_empty() => self.close(),
            5..=7 => {
                let calculation = self.truth_or_number(tape);
                let relevant = self.relevant(tape);
                self.write(&["calculate", &name, "", &relevant, &calculation]);
                self.numbers.push((name, self.within()));
            }
            8 => {
                let filter =
                    if tape.below(2) == 0 { format!("n = {}", self.number(tape)) } else { String::new() };
                let relevant = self.relevant(tape);
                self.write(&["select_one l", &name, &name, &relevant, "", "", "", "", &filter]);
            }
            9 => self.other(tape, &name),
            _ => {
                let relevant = self.relevant(tape);
                let default = tape.pick(&["", "", "1", "4"]);
                let (label, required) = (self.label(tape, &name), self.relevant(tape));
                self.write(&["integer", &name, &label, &relevant, "", ". < 5", &required, "", "", default]);
                self.numbers.push((name, self.within()));
            }
        }
    }

    /// A text, a decimal, a day, or several choices.
    fn other(&mut self, tape: &mut Tape, name: &str) {
        let relevant = self.relevant(tape);
        let (label, required) = (self.label(tape, name), self.relevant(tape));
        let (of_type, constraint, default, number) = match tape.below(4) {
            0 => ("text", "string-length(.) < 4", "ab", format!("string-length(${{{name}}})")),
            1 => ("decimal", ". != 1.5", "2.25", format!("coalesce(${{{name}}}, 0)")),
            2 => {
                let day = format!("if(${{{name}}} = '', 0, number(format-date(${{{name}}}, '%e')))");
                ("date", ". > date('2026-01-05')", "2026-01-09", day)
            }
            _ => ("select_multiple l", "count-selected(.) < 3", "", format!("count-selected(${{{name}}})")),
        };
        let constraint = if tape.below(2) == 0 { constraint } else { "" };
        let default = if tape.below(3) == 0 { default } else { "" };
        self.write(&[of_type, name, &label, &relevant, "", constraint, &required, "", "", default]);
        self.others.push((number, self.within()));
    }

    /// A group or repeat may not end without a question.
    fn close(&mut self) {
        let name = self.name();
        self.write(&["integer", &name, &name]);
        self.numbers.push((name, self.within()));
        let end = if self.open.pop() == Some(None) { "end_group" } else { "end_repeat" };
        self.write(&[end]);
    }

    fn write(&mut self, cells: &[&str]) {
        let _ = write!(self.rows, "|");
        for at in 0..11 {
            let _ = write!(self.rows, " | {}", cells.get(at).unwrap_or(&""));
        }
        self.rows.push_str(" |\n");
    }

    fn relevant(&mut self, tape: &mut Tape) -> String {
        match tape.below(3) {
            0 if !self.numbers.is_empty() => {
                format!("{} {} {}", self.number(tape), tape.pick(&[">", "=", "!=", "<="]), tape.below(4))
            }
            _ => String::new(),
        }
    }

    /// A label, perhaps with an answer in it.
    fn label(&self, tape: &mut Tape, name: &str) -> String {
        match self.numbers.get(tape.below(3 * self.numbers.len())) {
            Some((answer, _)) => format!("{name} after ${{{answer}}}"),
            None => name.to_owned(),
        }
    }

    fn number(&mut self, tape: &mut Tape) -> String {
        let around: Vec<&String> = self
            .others
            .iter()
            .filter(|(_, repeat)| repeat.is_none_or(|repeat| self.open.contains(&Some(repeat))))
            .map(|(number, _)| number)
            .collect();
        if let Some(number) = around.get(tape.below(3 * around.len())) {
            return (*number).clone();
        }
        if self.numbers.is_empty() {
            return tape.below(5).to_string();
        }
        let (name, repeat) = self.numbers[tape.below(self.numbers.len())].clone();
        let is_around = repeat.is_none_or(|repeat| self.open.contains(&Some(repeat)));
        let is_inner = repeat.is_some_and(|repeat| self.repeats[repeat].1);
        let repeat = repeat.map(|repeat| self.repeats[repeat].0.clone());
        match (is_around, repeat) {
            (true, _) => format!("coalesce(${{{name}}}, 0)"),
            // Which instance of an inner repeat is the first of all depends on those that do not apply.
            (false, Some(repeat)) => match tape.below(if is_inner { 2 } else { 3 }) {
                0 => format!("count(${{{repeat}}})"),
                // Others than us make no number of the sum of nothing.
                1 => {
                    let such = format!("${{{name}}}[. != '']");
                    format!("if(count({such}) = 0, 0, sum({such}))")
                }
                _ => {
                    format!("coalesce(indexed-repeat(${{{name}}}, ${{{repeat}}}, {}), 0)", 1 + tape.below(3))
                }
            },
            (false, None) => "0".to_owned(),
        }
    }

    fn truth_or_number(&mut self, tape: &mut Tape) -> String {
        let (one, other) = (self.number(tape), self.number(tape));
        match tape.below(5) {
            0 => format!("{one} + {other}"),
            1 => format!("if({one} > {other}, {one}, {other} + 1)"),
            2 => format!("{one} * 2 - {other}"),
            3 if self.within().is_some() && self.open.last() == Some(&self.within()) => {
                format!("position(..) + {one}")
            }
            _ => format!("number({one} = {other})"),
        }
    }
}

/// The places that can be answered by hand.
pub fn questions(filling: &Filling) -> Vec<Place> {
    let mut all = Vec::new();
    let mut open = vec![filling.root()];
    while let Some(place) = open.pop() {
        let question = filling.element(place).and_then(|element| element.question());
        if question.is_some_and(Question::is_shown) {
            all.push(place);
        }
        open.extend(filling.children(place).into_iter().rev());
    }
    all
}

/// Something that can be done to a form, or that is refused; nothing to one without questions.
pub fn act(filling: &Filling, tape: &mut Tape) -> Option<Act> {
    let places = questions(filling);
    let kind = tape.below(8);
    let place = *places.get(tape.below(places.len()))?;
    let parent = filling.parent(place)?;
    Some(match kind {
        0 | 1 => {
            let above = filling.parent(parent).unwrap_or(parent);
            let name = filling.element(parent).map(|element| element.name.clone()).unwrap_or_default();
            Act::Add(above, name)
        }
        2 => Act::Remove(parent),
        _ => {
            let question = filling.element(place).and_then(|element| element.question());
            let own: &[&str] = match question {
                Some(Question::Date) => &["2026-01-03", "2026-01-05", "2026-02-28"],
                Some(Question::Decimal) => &["0.5", "1.5", "-2.75"],
                Some(Question::SelectMultiple(_)) => &["a", "a b", "a b c", "b c"],
                Some(Question::Text) => &["a", "xyz", "wxyz", "x y"],
                _ => &[],
            };
            let any = ["", "0", "1", "2", "3", "4", "5", "a", "b", "-1", "x y"];
            // What is not offered stays with us, and others count without it: of several choices only some are given.
            let is_own = matches!(question, Some(Question::SelectMultiple(_))) || tape.below(2) == 0;
            let text = if is_own && !own.is_empty() { tape.pick(own) } else { tape.pick(&any) };
            Act::Answer(place, text.to_owned())
        }
    })
}
