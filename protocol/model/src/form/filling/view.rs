//! A filled form as what expressions look at.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::instance::{Instance, ROOT, TOP};
use crate::form::compiled::{CompiledForm, Documents};
use crate::xpath::{Node, Tree};

/// The number of the first table; 0 is the filled form itself.
const FIRST_TABLE: u32 = 1;

/// A filled form, its choice lists and files.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) form: &'a CompiledForm,
    pub(super) instance: &'a Instance,
    /// The tables: the choice lists and the files that are here.
    pub(super) documents: &'a Documents,
    /// The language in which labels are looked up.
    pub(super) language: usize,
}

/// A node of the filled form.
pub(super) fn record(index: u32) -> Node {
    Node { document: 0, index }
}

impl View<'_> {
    /// Whether a node is there for expressions: an instance beyond the number of its repeat is not.
    fn counts(&self, node: u32) -> bool {
        self.instance.node(node).relevance.counted
    }

    /// The next node beside one, or the one before, that is there for expressions.
    fn sibling(&self, node: Node, forward: bool) -> Option<Node> {
        let next = |index: &u32| self.instance.sibling(&self.form.schema, *index, forward);
        let index = std::iter::successors(next(&node.index), next).find(|index| self.counts(*index))?;
        Some(Node { index, ..node })
    }

    /// The table that a node stands in; none for the filled form.
    pub(super) fn table(node: Node) -> Option<usize> {
        node.document.checked_sub(FIRST_TABLE).map(|table| table as usize)
    }
}

impl Tree for View<'_> {
    fn root(&self) -> Node {
        record(ROOT)
    }

    fn document(&self, name: &str) -> Option<Node> {
        let table = u32::try_from(self.documents.named(name)?).ok()?;
        Some(Node { document: table.checked_add(FIRST_TABLE)?, index: 0 })
    }

    fn parent(&self, node: Node) -> Option<Node> {
        match Self::table(node) {
            None if node.index == ROOT => None,
            None => Some(record(self.instance.node(node.index).parent)),
            Some(table) => Some(Node { index: self.documents.parent(table, node.index)?, ..node }),
        }
    }

    fn first_child(&self, node: Node) -> Option<Node> {
        let index = match Self::table(node) {
            None => self.instance.children(node.index).find(|index| self.counts(*index))?,
            Some(table) => self.documents.first_child(table, node.index)?,
        };
        Some(Node { index, ..node })
    }

    fn next_sibling(&self, node: Node) -> Option<Node> {
        let Some(table) = Self::table(node) else { return self.sibling(node, true) };
        Some(Node { index: self.documents.next_sibling(table, node.index)?, ..node })
    }

    fn previous_sibling(&self, node: Node) -> Option<Node> {
        let Some(table) = Self::table(node) else { return self.sibling(node, false) };
        Some(Node { index: self.documents.previous_sibling(table, node.index)?, ..node })
    }

    fn name(&self, node: Node) -> &str {
        match Self::table(node) {
            None if node.index == ROOT => "",
            None => &self.form.schema.nodes[self.instance.node(node.index).schema].name,
            Some(table) => self.documents.name(table, node.index),
        }
    }

    fn text(&self, node: Node) -> Cow<'_, str> {
        let Some(table) = Self::table(node) else {
            let own = self.instance.node(node.index);
            if self.instance.children(node.index).next().is_none() {
                return Cow::Borrowed(&own.value);
            }
            let there = |at: &&u32| {
                let mut above = self.instance.upwards(**at).take_while(|at| *at != node.index);
                above.all(|at| self.counts(at))
            };
            let below = self.instance.subtree(node.index);
            let texts = below.iter().filter(there).map(|at| self.instance.node(*at).value.as_str());
            return Cow::Owned(texts.collect());
        };
        if let Some((list, choice)) = self.documents.label(table, node.index) {
            let form = &self.form.form;
            return Cow::Borrowed(
                form.lists[list].choices[choice].label.get(self.language, form.default_language),
            );
        }
        self.documents.text(table, node.index)
    }

    fn order(&self, a: Node, b: Node) -> Ordering {
        a.document.cmp(&b.document).then_with(|| match Self::table(a) {
            None => self.instance.order(&self.form.schema, a.index, b.index),
            Some(_) => a.index.cmp(&b.index),
        })
    }

    fn is_relevant(&self, node: Node) -> bool {
        self.instance.node(node.index).relevance.whole
    }

    fn children_named(&self, node: Node, name: &str, found: &mut Vec<Node>) -> usize {
        match Self::table(node) {
            None if node.index == ROOT => {
                found.extend((name == "data").then(|| record(TOP)));
                1
            }
            None => {
                let schema = self.instance.node(node.index).schema;
                let slot = self.form.schema.slot(schema, name);
                let nodes = slot.map_or(&[][..], |slot| self.instance.below(node.index, slot));
                found.extend(nodes.iter().filter(|index| self.counts(**index)).copied().map(record));
                nodes.len().max(1)
            }
            Some(table) => {
                let mut indices = Vec::new();
                let seen = self.documents.children_named(table, node.index, name, &mut indices);
                found.extend(indices.into_iter().map(|index| Node { index, ..node }));
                seen
            }
        }
    }

    fn children_with(&self, node: Node, name: &str, column: &str, text: &str) -> Option<Vec<Node>> {
        let table =
            Self::table(node).filter(|table| name == "item" && self.documents.is_top(*table, node.index))?;
        let found = self.documents.rows_with(table, column, text)?;
        Some(found.into_iter().map(|index| Node { index, ..node }).collect())
    }
}
