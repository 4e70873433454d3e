//! A filled form as changes of the records that it is written to.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::{Path, Value};

use super::instance::TOP;
use super::open::{PARENT, REMOVED, StoredRecord, Values, read_answer};
use super::{Filling, Place, store};
use crate::form::compiled::Known;
use crate::form::{Element, Kind, Question, RecordTarget};

/// What a filled form changes in one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// Its type and class. What goes to records that are written once makes another one each time.
    pub target: RecordTarget,
    /// Of a repeat whose instances are records of their own, what names this one.
    pub key: Option<String>,
    /// What is written; a null where an answer was taken away. `_subject` names the person whom the record is about, where the
    /// form asks for her.
    pub values: Vec<(Path, Value)>,
    /// Members that are taken out of sets.
    pub removes: Vec<Path>,
}

/// An answer that is not stored, for its question does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Where.
    pub place: Place,
    /// What was asked, in the language in use.
    pub label: String,
}

/// The number of a record's target, and of a repeat whose instances are records of their own what names this one.
type RecordName = (usize, Option<String>);

/// What a form says about one record.
#[derive(Debug, Default)]
struct Written {
    values: Values,
    /// The instances that are there and apply, as `repeat/id`.
    instances: BTreeSet<String>,
    /// Those that were taken out, and those that do not apply.
    gone: BTreeSet<String>,
}

impl Filling {
    /// What is different now from what records hold, record by record; of a record that is not there everything. What the
    /// form does not ask for stays, and so does an answer that nobody touched, whatever is odd about it.
    pub fn changes(&self, records: &[StoredRecord]) -> Vec<RecordChange> {
        let mut changes = Vec::new();
        let is_log = |target: usize| self.form.records.targets[target].class.is_log();
        for ((target, key), written) in self.written(records).into_iter().filter(|((of, _), _)| !is_log(*of))
        {
            let stored = self.stored(records, target, key.as_deref());
            let (values, removes) = self.change(target, &written, stored);
            if !values.is_empty() || !removes.is_empty() {
                let target = self.form.records.targets[target].clone();
                changes.push(RecordChange { target, key, values, removes });
            }
        }
        changes
    }

    fn stored<'r>(
        &self,
        records: &'r [StoredRecord],
        target: usize,
        key: Option<&str>,
    ) -> Option<&'r Values> {
        let target = Some(&self.form.records.targets[target]).filter(|target| !target.is_written_once())?;
        let found = records.iter().find(|record| record.target == *target && record.key.as_deref() == key);
        found.map(|record| &record.values)
    }

    fn change(
        &self,
        target: usize,
        written: &Written,
        stored: Option<&Values>,
    ) -> (Vec<(Path, Value)>, Vec<Path>) {
        let none = Values::new();
        let stored = stored.unwrap_or(&none);
        let differs = written.values.iter().filter(|(path, value)| stored.get(*path) != Some(*value));
        let mut values: Vec<(Path, Value)> =
            differs.map(|(path, value)| (path.clone(), value.clone())).collect();
        let mut removes = Vec::new();
        let mut ended = BTreeSet::new();
        let gone = stored
            .iter()
            .filter(|(path, value)| !written.values.contains_key(*path) && **value != Value::Null);
        for (path, value) in gone {
            let is_member =
                match self.form.records.known(&self.form.form, &self.form.schema, target, path.as_str()) {
                    Known::Question { is_member } => is_member,
                    Known::Instance { instance, member } => {
                        if written.gone.contains(instance) {
                            ended.insert(instance);
                        }
                        match member.filter(|_| written.instances.contains(instance)) {
                            Some(is_member) => is_member,
                            None => continue,
                        }
                    }
                    Known::Nothing => continue,
                };
            match (is_member, value) {
                (false, _) => values.push((path.clone(), Value::Null)),
                (true, Value::Bool(true)) => removes.push(path.clone()),
                (true, _) => {}
            }
        }
        for instance in ended {
            let path = Path::new(&format!("{instance}/{REMOVED}")).ok();
            let path = path.filter(|path| stored.get(path) != Some(&Value::Bool(true)));
            values.extend(path.map(|path| (path, Value::Bool(true))));
        }
        (values, removes)
    }

    /// What the form says about each record, by the number of its target and what names it.
    fn written(&self, records: &[StoredRecord]) -> BTreeMap<RecordName, Written> {
        let mut all: BTreeMap<RecordName, Written> = BTreeMap::new();
        for node in self.instance.subtree(TOP) {
            let own = self.instance.node(node);
            let Some(element) = self.element_at(node).filter(|element| element.is_kept()) else { continue };
            let (name, top) = self.record_name(node);
            let stored = self.stored(records, name.0, name.1.as_deref());
            let written = all.entry(name).or_default();
            match &element.kind {
                Kind::Repeat { .. } if node != top => self.write_instance(node, top, stored, written),
                Kind::Question(question) if own.relevance.whole || !self.may_write(node) => {
                    for (language, base) in self.bases(element, self.path(node, top)) {
                        self.write_answer(node, language, &base, (element, question), stored, written);
                    }
                }
                Kind::Group | Kind::Repeat { .. } | Kind::Question(_) => {}
            }
        }
        self.write_ended(&mut all, records);
        all
    }

    fn write_answer(
        &self,
        node: u32,
        language: usize,
        base: &str,
        (element, question): (&Element, &Question),
        stored: Option<&Values>,
        written: &mut Written,
    ) {
        let storage = element.ours.storage;
        let text = self.text_in(node, language);
        let may_write = self.may_write(node);
        let stays = |stored: &Values| !may_write || read_answer(question, storage, base, stored) == text;
        if let Some(stored) = stored.filter(|stored| stays(stored)) {
            let own = stored.iter().filter(|(path, _)| {
                path.as_str().strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            written.values.extend(own.map(|(path, value)| (path.clone(), value.clone())));
            return;
        }
        let text = if may_write { text } else { "" };
        for (below, value) in store::values(question, storage, text) {
            let path = below.map_or_else(|| base.to_owned(), |below| format!("{base}/{below}"));
            written.values.extend(Path::new(&path).ok().map(|path| (path, value)));
        }
    }

    fn write_instance(&self, node: u32, top: u32, stored: Option<&Values>, written: &mut Written) {
        let own = self.instance.node(node);
        let Some(instance) = self.instance_path(node) else { return };
        if !own.relevance.whole {
            written.gone.insert(instance);
            return;
        }
        if !self.is_stored(node, stored) {
            return;
        }
        // Of an instance that stands in another one, in which; of one without an answer, that it is there.
        let mark = match self.key(own.parent, top) {
            Some(outer) => Some((PARENT, Value::str(outer))),
            None if !self.has_answers(node) => Some((REMOVED, Value::Bool(false))),
            None => None,
        };
        let path =
            mark.and_then(|(name, value)| Some((Path::new(&format!("{instance}/{name}")).ok()?, value)));
        written.values.extend(path);
        written.instances.insert(instance);
    }

    /// What was taken out. Each form begins with one instance of a repeat, so one of which nothing is stored says that it
    /// was taken out if no other is left.
    fn write_ended(&self, all: &mut BTreeMap<RecordName, Written>, records: &[StoredRecord]) {
        for node in &self.ended {
            for instance in self.instance.subtree(*node) {
                let name = self.record_name(instance).0;
                all.entry(name).or_default().gone.extend(self.instance_path(instance));
            }
            let own = self.instance.node(*node);
            if !self.is_empty_since(*node) || self.form.records.home(own.schema) == own.schema {
                continue;
            }
            let (name, top) = self.record_name(*node);
            let stored = self.stored(records, name.0, name.1.as_deref());
            let Some(instance) = self.instance_path(*node).filter(|_| !self.is_known(*node, stored)) else {
                continue;
            };
            let outer = self.key(own.parent, top).map(|outer| (PARENT, Value::str(outer)));
            let values = [(REMOVED, Value::Bool(true))].into_iter().chain(outer);
            let paths = values
                .filter_map(|(mark, value)| Some((Path::new(&format!("{instance}/{mark}")).ok()?, value)));
            all.entry(name).or_default().values.extend(paths);
        }
    }

    /// Whether no other instance of its repeat is left where one was taken out.
    fn is_empty_since(&self, ended: u32) -> bool {
        let own = self.instance.node(ended);
        let slot = self.form.schema.nodes[own.schema].slot;
        self.instance.below(own.parent, slot).is_empty() && !self.instance.node(own.parent).removed
    }

    /// The record that a node is written to, and the node that it is written from.
    pub(super) fn record_name(&self, node: u32) -> (RecordName, u32) {
        let home = self.form.records.home(self.instance.node(node).schema);
        let top = self.instance.above(node, home).unwrap_or(TOP);
        ((self.form.records.target(home), self.key(top, TOP).map(str::to_owned)), top)
    }

    /// The beginning of the paths of an instance, `repeat/id`.
    pub(super) fn instance_path(&self, node: u32) -> Option<String> {
        let path = self.element_at(node)?.path.as_deref()?;
        Some(format!("{path}/{}", self.instance.node(node).key.as_deref()?))
    }

    /// Whether an instance is stored. One that nobody has answered anything in, where there is no other one, is what each
    /// form begins with.
    fn is_stored(&self, node: u32, stored: Option<&Values>) -> bool {
        let own = self.instance.node(node);
        let beside = self.instance.below(own.parent, self.form.schema.nodes[own.schema].slot);
        let is_alone = beside.len() == 1 && !self.is_known(node, stored);
        let emptied =
            |ended: &u32| self.is_empty_since(*ended) && self.instance.upwards(*ended).any(|at| at == node);
        let holds = || {
            self.has_answers(node)
                || self.inner(node).any(|inner| self.is_stored(inner, stored))
                || self.ended.iter().any(emptied)
        };
        own.relevance.whole && (!is_alone || holds())
    }

    /// Whether a record holds anything of the repeat of an instance, in what that stands in.
    fn is_known(&self, node: u32, stored: Option<&Values>) -> bool {
        let path = self.element_at(node).and_then(|element| element.path.as_deref()).unwrap_or_default();
        let outer = self.key(self.instance.node(node).parent, self.record_name(node).1);
        let stands_there = |(known, _): (&Path, &Value)| {
            let (head, rest) = known.as_str().split_once('/')?;
            let key = rest.split_once('/').filter(|_| head == path)?.0;
            let parent = stored?.get(format!("{head}/{key}/{PARENT}").as_str());
            (parent.and_then(Value::as_str) == outer).then_some(())
        };
        stored.is_some_and(|stored| stored.iter().find_map(stands_there).is_some())
    }

    /// Whether an instance holds an answer that is stored, those of repeats in it aside.
    fn has_answers(&self, node: u32) -> bool {
        self.own_level(node).into_iter().any(|at| {
            let own = self.instance.node(at);
            let is_kept =
                self.element_at(at).is_some_and(|element| element.question().is_some() && element.is_kept());
            is_kept && own.relevance.whole && !own.value.is_empty()
        })
    }

    /// The instances of the repeats in an instance.
    fn inner(&self, node: u32) -> impl Iterator<Item = u32> {
        let all = self.own_level(node).into_iter().skip(1);
        all.filter(|at| self.instance.node(*at).key.is_some())
    }

    /// An instance, what stands in it, and the instances of the repeats in it, without what stands in those.
    pub(super) fn own_level(&self, node: u32) -> Vec<u32> {
        let mut all = Vec::new();
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            all.push(at);
            if at == node || self.instance.node(at).key.is_none() {
                open.extend(self.instance.children(at));
            }
        }
        all
    }

    /// The answers that are not stored, for their questions do not apply.
    pub fn dropped(&self) -> Vec<Dropped> {
        let hidden = self.instance.subtree(TOP).into_iter().filter(|node| {
            let own = self.instance.node(*node);
            !own.relevance.whole && !own.value.is_empty() && self.may_write(*node)
        });
        let is_shown = |node: &u32| {
            let element = self.element_at(*node).filter(|element| element.path.is_some());
            element.and_then(Element::question).is_some_and(Question::is_shown)
        };
        hidden.filter(is_shown).map(Place).map(|place| Dropped { place, label: self.label(place) }).collect()
    }
}
