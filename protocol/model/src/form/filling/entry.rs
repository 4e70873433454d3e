//! What of a filled form stands in no record as it is: entries of logs, and what the device seals.

use std::collections::BTreeMap;

use fieldmerge_protocol::{Path, Value};

use super::instance::TOP;
use super::{Filling, store};
use crate::form::{Element, Question, RecordTarget, Storage};

/// An entry of a log that a form makes. Its number and the index of its person are given where the log is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The type and class of the log.
    pub target: RecordTarget,
    /// Its fields; `_subject` names the person.
    pub values: Vec<(Path, Value)>,
}

/// An answer that no record may hold in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// The type and class of its record.
    pub target: RecordTarget,
    /// Of a repeat whose instances are records of their own, what names this one.
    pub key: Option<String>,
    /// Below which path its ciphertext and its tag go.
    pub path: Path,
    /// The answer.
    pub text: String,
}

impl Filling {
    /// The entries of logs, in the order of the form: of each group or repeat of that kind the instances in which a person
    /// has answered something, each with what is answered around it for the same log.
    pub fn entries(&self) -> Vec<NewEntry> {
        let all = self.instance.subtree(TOP).into_iter().filter(|node| self.is_entry(*node));
        all.filter_map(|node| self.entry(node)).collect()
    }

    fn is_entry(&self, node: u32) -> bool {
        self.element_at(node).is_some_and(Element::is_entry)
    }

    fn entry(&self, node: u32) -> Option<NewEntry> {
        let target = self.form.records.target(self.form.records.home(self.instance.node(node).schema));
        let is_asked = |at: &u32| {
            let element = self.element_at(*at).filter(|_| !self.instance.node(*at).value.is_empty());
            element.is_some_and(|element| {
                element.is_kept()
                    && self.may_write(*at)
                    && element.ours.storage != Some(Storage::Subject)
                    && element.question().is_some_and(Question::is_shown)
            })
        };
        let own: Vec<u32> = self.relevant(self.own_level(node));
        own.iter().find(|at| is_asked(at))?;
        let around = self
            .instance
            .upwards(node)
            .skip(1)
            .filter(|above| *above == TOP || self.instance.node(*above).key.is_some());
        let around = around.flat_map(|above| self.relevant(self.own_level(above)));
        let around = around.filter(|at| !self.instance.upwards(*at).any(|above| self.is_entry(above)));
        let mut values = BTreeMap::new();
        // What is nearer comes last and counts.
        let mut nodes: Vec<u32> = own.iter().copied().chain(around).collect();
        nodes.reverse();
        for at in nodes {
            let home = self.form.records.home(self.instance.node(at).schema);
            let element = self.element_at(at).filter(|element| element.is_kept() && self.may_write(at));
            let Some((element, question)) = element.and_then(|element| Some((element, element.question()?)))
            else {
                continue;
            };
            let base = element.path.as_deref().filter(|_| self.form.records.target(home) == target);
            for (below, value) in store::values(question, element.ours.storage, &self.instance.node(at).value)
            {
                let path =
                    base.map(|base| below.map_or_else(|| base.to_owned(), |below| format!("{base}/{below}")));
                values.extend(path.and_then(|path| Some((Path::new(&path).ok()?, value))));
            }
        }
        let target = self.form.records.targets[target].clone();
        Some(NewEntry { target, values: values.into_iter().collect() })
    }

    fn relevant(&self, nodes: Vec<u32>) -> Vec<u32> {
        nodes.into_iter().filter(|at| self.instance.node(*at).relevance.whole).collect()
    }

    /// The answers that the device seals before they are written: none of them is in [`Filling::changes`]. What was sealed
    /// before is not opened again, so an empty answer leaves it as it is.
    pub fn to_seal(&self) -> Vec<Unsealed> {
        let sealed = |node: &u32| {
            let element = self.element_at(*node);
            element.is_some_and(|element| element.ours.storage == Some(Storage::Sealed))
                && self.may_write(*node)
        };
        let nodes = self.relevant(self.instance.subtree(TOP)).into_iter().filter(sealed);
        let unsealed = |node: u32| {
            let text = self.instance.node(node).value.clone();
            let ((target, key), top) = self.record_name(node);
            let path = Path::new(&self.path(node, top)).ok().filter(|_| !text.is_empty())?;
            Some(Unsealed { target: self.form.records.targets[target].clone(), key, path, text })
        };
        nodes.filter_map(unsealed).collect()
    }
}
