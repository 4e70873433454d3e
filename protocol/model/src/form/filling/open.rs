//! Records as a form to fill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_protocol::{Path, Value};

use super::instance::TOP;
use super::{Filling, World, store};
use crate::form::compiled::{CompiledForm, DATA, Purpose};
use crate::form::{ChoiceSource, Element, Kind, Question, RecordTarget, Storage};

/// What a record holds: of each path the value that counts.
pub type Values = BTreeMap<Path, Value>;

/// A record that a form reads and writes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredRecord {
    /// Its type and class.
    pub target: RecordTarget,
    /// Of a repeat whose instances are records of their own, the name of this one, as [`super::RecordChange`] gave it.
    pub key: Option<String>,
    /// What it holds.
    pub values: Values,
}

/// Repeats that records say something of, by the node that they stand below.
type Known = BTreeSet<(u32, usize)>;

/// At the path of an instance: whether it was taken out.
pub(super) const REMOVED: &str = "_removed";
/// At the path of an instance: the instance of another repeat that it stands in.
pub(super) const PARENT: &str = "_parent";

impl Filling {
    /// Opens a form with what records hold. Calculations are made anew, but for those that give something else each time
    /// and for answers that stand at a calculated question.
    pub fn open(
        form: Arc<CompiledForm>,
        language: usize,
        records: &[StoredRecord],
        last_saved: BTreeMap<String, String>,
        world: &mut dyn World,
    ) -> Self {
        // Those that are written once are not opened again.
        let again = records.iter().filter(|record| !record.target.is_written_once());
        let mut filling = Self::empty(form, language, last_saved, world);
        filling.is_opening = true;
        let known = filling.read_all(again);
        filling.begin_missing(&known, world);
        filling.opened(world)
    }

    /// Opens a form with every record that is given, and nothing that no record says anything of.
    pub(super) fn as_stored(
        form: Arc<CompiledForm>,
        language: usize,
        records: &[StoredRecord],
        world: &mut dyn World,
    ) -> Self {
        let mut filling = Self::empty(form, language, BTreeMap::new(), world);
        (filling.is_opening, filling.is_judged) = (true, true);
        filling.read_all(records.iter());
        filling.opened(world)
    }

    fn opened(mut self, world: &mut dyn World) -> Self {
        self.opened_due();
        self.settle(world);
        self.is_opening = false;
        self
    }

    fn read_all<'r>(&mut self, records: impl Iterator<Item = &'r StoredRecord>) -> Known {
        let mut known = Known::default();
        for record in records {
            self.read(record, &mut known);
        }
        known
    }

    /// Writes what a record holds into the nodes that it is written from.
    fn read(&mut self, record: &StoredRecord, known: &mut Known) {
        let form = self.form.clone();
        for home in form.records.homes(&record.target) {
            let mut all = self.instance.all_below(&form.schema, TOP, home).into_iter();
            let there = all.find(|node| self.key(*node, TOP) == record.key.as_deref());
            let repeat = record.key.as_deref().filter(|_| form.schema.nodes[home].is_repeat);
            let top = match (there, repeat) {
                (Some(node), _) => node,
                (None, Some(key)) => match self.outer(home, TOP, None) {
                    Some(outer) => self.add_read(home, outer, key),
                    None => continue,
                },
                (None, None) => continue,
            };
            known.insert((self.instance.node(top).parent, home));
            self.read_below(top, home, &record.values, known);
        }
    }

    fn read_below(&mut self, top: u32, home: usize, values: &Values, known: &mut Known) {
        let form = self.form.clone();
        // Repeats stand before what they hold, so their instances are there when it is read.
        let all = (home + usize::from(home != DATA)..form.schema.nodes.len())
            .filter(|at| form.records.home(*at) == home);
        for at in all {
            let Some(element) = form.schema.nodes[at].element.map(|at| &form.form.elements[at]) else {
                continue;
            };
            let Some(path) = element.path.as_deref().filter(|_| element.is_kept()) else { continue };
            match &element.kind {
                Kind::Group => {}
                Kind::Repeat { .. } => self.read_instances(top, at, path, values, known),
                Kind::Question(question) => {
                    for node in self.instance.all_below(&form.schema, top, at) {
                        let base = self.path(node, top);
                        for (language, base) in self.bases(element, base) {
                            let text = read_answer(question, element.ours.storage, &base, values);
                            let text = self.as_listed(question, element.ours.storage, text);
                            self.put_text(node, language, text);
                        }
                    }
                }
            }
        }
    }

    /// A truth by the name that the list of its question has for it: `yes`, `true` or `1`.
    fn as_listed(&self, question: &Question, storage: Option<Storage>, text: String) -> String {
        let truth = store::boolean(&text).filter(|_| storage == Some(Storage::Bool));
        let Some(ChoiceSource::List(list)) = question.choices().map(|choices| &choices.source) else {
            return text;
        };
        let choices = self.form.form.list(list).map_or(&[][..], |list| &list.choices);
        let own = choices.iter().find(|choice| truth.is_some() && store::boolean(&choice.name) == truth);
        own.map_or(text, |own| own.name.clone())
    }

    /// Adds the instances of a repeat that a record holds, in the order of their names: that in which they were begun.
    fn read_instances(&mut self, top: u32, repeat: usize, path: &str, values: &Values, known: &mut Known) {
        let prefix = format!("{path}/");
        let below =
            values.iter().filter_map(|(path, value)| Some((path.as_str().strip_prefix(&prefix)?, value)));
        let mut parents: BTreeMap<&str, Option<String>> = BTreeMap::new();
        let mut removed: BTreeSet<&str> = BTreeSet::new();
        for (rest, value) in below {
            let Some((key, name)) = rest.split_once('/') else { continue };
            let parent = parents.entry(key).or_default();
            match (name, value) {
                (REMOVED, Value::Bool(true)) => _ = removed.insert(key),
                (PARENT, Value::Str(outer)) => *parent = Some(outer.to_string()),
                _ => {}
            }
        }
        for (key, parent) in parents {
            let Some(outer) = self.outer(repeat, top, parent.as_deref()) else { continue };
            known.insert((outer, repeat));
            if !removed.contains(key) {
                self.add_read(repeat, outer, key);
            }
        }
    }

    /// Adds the one instance that each repeat begins with where no record says anything of it, without what its questions
    /// begin with: who opens a form changes nothing.
    fn begin_missing(&mut self, known: &Known, world: &mut dyn World) {
        let form = self.form.clone();
        let mut open = vec![TOP];
        while let Some(node) = open.pop() {
            for child in &form.schema.nodes[self.instance.node(node).schema].children {
                let is_uncounted =
                    form.schema.nodes[*child].is_repeat && form.of_node[*child].count.is_none();
                if is_uncounted && !known.contains(&(node, *child)) && self.has_room() {
                    self.add_read(*child, node, &world.key());
                }
            }
            open.extend(self.instance.children(node));
        }
    }

    /// The node below which an instance of a repeat stands, by the name of the instance around it. Where that is not there
    /// the instance is left out, and stays in its record as it is.
    fn outer(&self, repeat: usize, top: u32, parent: Option<&str>) -> Option<u32> {
        let above = self.form.schema.nodes[repeat].parent?;
        let mut all = self.instance.all_below(&self.form.schema, top, above).into_iter();
        all.find(|node| self.has_room() && self.key(*node, top) == parent)
    }

    fn add_read(&mut self, repeat: usize, outer: u32, key: &str) -> u32 {
        let node = self.instance.add(&self.form.schema, repeat, outer);
        self.instance.node_mut(node).key = Some(key.into());
        node
    }

    /// The name of the nearest instance that a node is or stands in, below another node.
    pub(super) fn key(&self, node: u32, top: u32) -> Option<&str> {
        let mut inside = self.instance.upwards(node).take_while(|at| *at != top || top == TOP);
        inside.find_map(|at| self.instance.node(at).key.as_deref())
    }

    /// The path of a question or an instance in the record that is written from the node `top`.
    pub(super) fn path(&self, node: u32, top: u32) -> String {
        let path =
            |node: u32| self.element_at(node).and_then(|element| element.path.as_deref()).unwrap_or_default();
        let mut above = self.instance.upwards(node).skip(1).take_while(|at| *at != top);
        match above.find_map(|at| Some((at, self.instance.node(at).key.as_deref()?))) {
            Some((instance, key)) => format!("{}/{key}/{}", path(instance), path(node)),
            None => path(node).to_owned(),
        }
    }

    pub(super) fn element_at(&self, node: u32) -> Option<&Element> {
        let at = self.form.schema.nodes.get(self.instance.node(node).schema)?.element?;
        Some(&self.form.form.elements[at])
    }

    /// Everything has to be calculated but what would give something else than what is stored without need.
    fn opened_due(&mut self) {
        let form = self.form.clone();
        self.refresh_relevance(TOP);
        self.all_due();
        for (rule, known) in form.rules.iter().enumerate() {
            let element = form.schema.nodes[known.at].element.map(|at| &form.form.elements[at]);
            let is_shown = element.and_then(Element::question).is_some_and(Question::is_shown);
            if known.purpose == Purpose::Calculation && (known.is_fresh || is_shown) {
                let all = self.instance.all_below(&form.schema, TOP, known.at).into_iter();
                let empty = all.filter(|node| self.instance.node(*node).value.is_empty());
                self.due.only(rule, empty.collect());
            }
        }
    }
}

/// The answer to a question that the values of a record hold.
pub(super) fn read_answer(
    question: &Question,
    storage: Option<Storage>,
    base: &str,
    values: &Values,
) -> String {
    if let Question::SelectMultiple(_) = question {
        let prefix = format!("{base}/");
        let members = values.iter().filter(|(_, value)| **value == Value::Bool(true));
        let members: Vec<&str> =
            members.filter_map(|(path, _)| path.as_str().strip_prefix(&prefix)).collect();
        return members.join(" ");
    }
    values.get(base).map_or_else(String::new, |value| store::text(question, storage, value))
}
