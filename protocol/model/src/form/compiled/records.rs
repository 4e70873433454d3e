//! Which record each part of a form is written to.

use std::collections::BTreeMap;

use super::{DATA, Schema};
use crate::form::{Form, Kind, Question, RecordTarget, Storage};

/// Where a form is written: each node to the record of the nearest group around it that names one.
#[derive(Debug)]
pub(crate) struct Records {
    /// Each target once.
    pub(crate) targets: Vec<RecordTarget>,
    /// By node: the group that names its record, or `data`.
    home: Vec<usize>,
    /// By node that is a home: its target.
    target_of: BTreeMap<usize, usize>,
    /// By target: what stands at `question`, `repeat` and `repeat/question`.
    places: Vec<BTreeMap<String, usize>>,
}

/// What a path of a record is to a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<'p> {
    /// Nothing: another form wrote it, or nobody writes it.
    Nothing,
    /// A question, or a member of its set.
    Question {
        /// Whether it is a member of a set.
        is_member: bool,
    },
    /// Part of an instance of a repeat, `repeat/id`; with what it is there.
    Instance {
        /// The beginning of the path that names the instance.
        instance: &'p str,
        /// Whether it is a member of a set; `None` for what is no question there.
        member: Option<bool>,
    },
}

impl Records {
    pub(crate) fn of(form: &Form, schema: &Schema) -> Self {
        let mut targets: Vec<RecordTarget> = Vec::new();
        let mut number = |target: &RecordTarget| {
            targets.iter().position(|known| known == target).unwrap_or_else(|| {
                targets.push(target.clone());
                targets.len() - 1
            })
        };
        let mut target_of = BTreeMap::from([(DATA, number(&form.record))]);
        let mut home = vec![DATA; schema.nodes.len()];
        for at in 1..schema.nodes.len() {
            let own = schema.nodes[at].element.filter(|at| form.elements[*at].is_apart());
            home[at] = if own.is_some() { at } else { home[schema.nodes[at].parent.unwrap_or(DATA)] };
            target_of.extend(own.map(|element| (at, number(form.target(element)))));
        }
        let mut places = vec![BTreeMap::new(); targets.len()];
        for at in 1..schema.nodes.len() {
            let Some(element) = schema.nodes[at].element.map(|at| &form.elements[at]) else { continue };
            // A repeat that is written apart is named in no record.
            let Some(path) = element.path.as_ref().filter(|_| element.is_kept() && home[at] != at) else {
                continue;
            };
            let inside = schema.upwards(at).skip(1).take_while(|above| *above != home[at]);
            let mut repeats = inside.filter(|above| schema.nodes[*above].is_repeat);
            let repeat =
                repeats.next().and_then(|above| form.elements[schema.nodes[above].element?].path.as_ref());
            let name = match (&element.kind, repeat) {
                (Kind::Question(_), Some(repeat)) => format!("{repeat}/{path}"),
                _ => path.clone(),
            };
            places[target_of[&home[at]]].insert(name, at);
        }
        Self { targets, home, target_of, places }
    }

    /// The node that names the record which a node is written to.
    pub(crate) fn home(&self, node: usize) -> usize {
        self.home[node]
    }

    /// The target of a home.
    pub(crate) fn target(&self, home: usize) -> usize {
        self.target_of.get(&home).copied().unwrap_or_default()
    }

    /// The homes of a target.
    pub(crate) fn homes(&self, target: &RecordTarget) -> Vec<usize> {
        let number = self.targets.iter().position(|known| known == target);
        let all = self.target_of.iter().filter(|(_, known)| Some(**known) == number);
        all.map(|(home, _)| *home).collect()
    }

    /// What a path of a record is.
    pub(crate) fn known<'p>(&self, form: &Form, schema: &Schema, target: usize, path: &'p str) -> Known<'p> {
        let question = |name: &str, below: Option<&str>| {
            let at = *self.places[target].get(name)?;
            let element = &form.elements[schema.nodes[at].element?];
            let is_set = matches!(element.question()?, Question::SelectMultiple(_));
            match below {
                Some(language) if element.ours.storage == Some(Storage::Language) => {
                    form.languages.iter().any(|known| known.segment() == language).then_some(false)
                }
                _ => (is_set == below.is_some()).then_some(is_set),
            }
        };
        let (head, below) = path.split_once('/').map_or((path, None), |(head, below)| (head, Some(below)));
        let is_repeat = self.places[target].get(head).is_some_and(|at| schema.nodes[*at].is_repeat);
        let Some((id, rest)) = below.and_then(|below| below.split_once('/')).filter(|_| is_repeat) else {
            let member = question(head, below);
            return member.map_or(Known::Nothing, |is_member| Known::Question { is_member });
        };
        let (name, member) = rest.split_once('/').map_or((rest, None), |(name, member)| (name, Some(member)));
        let instance = &path[..head.len() + 1 + id.len()];
        Known::Instance { instance, member: question(&format!("{head}/{name}"), member) }
    }
}
