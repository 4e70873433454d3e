//! The nodes of one filled form.

use std::cmp::Ordering;

use crate::form::compiled::{DATA, Schema};

/// The node above `data`.
pub(super) const ROOT: u32 = 0;
/// The node `data`.
pub(super) const TOP: u32 = 1;

/// The nodes of a filled form. A number that was given to a node is never given to another one.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) schema: usize,
    pub(super) parent: u32,
    /// Its place among the instances of its repeat.
    pub(super) at: usize,
    /// What was answered or calculated.
    pub(super) value: String,
    pub(super) relevance: Relevance,
    /// What names the instance of a repeat in its record.
    pub(super) key: Option<Box<str>>,
    /// Whether it was taken out, with all below it.
    pub(super) removed: bool,
    children: Vec<Slot>,
}

/// Whether a node applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relevance {
    /// What its own expression says.
    pub(super) own: bool,
    /// Whether it is within the number of instances that its repeat has.
    pub(super) counted: bool,
    /// Both, of it and of all above it.
    pub(super) whole: bool,
}

/// What stands below a node in the place of one of its schema's children.
#[derive(Debug, Clone)]
enum Slot {
    One(u32),
    Many(Vec<u32>),
}

impl Instance {
    /// The nodes of an empty form: repeats have no instances.
    pub(super) fn new(schema: &Schema) -> Self {
        let root = Node {
            schema: usize::MAX,
            parent: ROOT,
            at: 0,
            value: String::new(),
            relevance: Relevance { own: true, counted: true, whole: true },
            key: None,
            removed: false,
            children: Vec::new(),
        };
        let mut instance = Self { nodes: vec![root] };
        let top = instance.grow(schema, DATA, ROOT);
        instance.nodes[ROOT as usize].children.push(Slot::One(top));
        instance
    }

    pub(super) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    pub(super) fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// How many nodes there are, with those that were taken out.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Makes a node and all below it, without instances of the repeats in it.
    fn grow(&mut self, schema: &Schema, at: usize, parent: u32) -> u32 {
        let node = u32::try_from(self.nodes.len()).expect("limits keep the number of nodes far below");
        self.nodes.push(Node {
            schema: at,
            parent,
            children: Vec::new(),
            ..self.nodes[ROOT as usize].clone()
        });
        for child in &schema.nodes[at].children {
            let slot = if schema.nodes[*child].is_repeat {
                Slot::Many(Vec::new())
            } else {
                Slot::One(self.grow(schema, *child, node))
            };
            self.nodes[node as usize].children.push(slot);
        }
        node
    }

    /// Adds an instance of a repeat behind the others below a node.
    pub(super) fn add(&mut self, schema: &Schema, repeat: usize, parent: u32) -> u32 {
        let node = self.grow(schema, repeat, parent);
        if let Some(Slot::Many(all)) = self.nodes[parent as usize].children.get_mut(schema.nodes[repeat].slot)
        {
            all.push(node);
            self.nodes[node as usize].at = all.len() - 1;
        }
        node
    }

    /// Takes out an instance of a repeat.
    pub(super) fn remove(&mut self, schema: &Schema, instance: u32) {
        let Node { schema: repeat, parent, .. } = self.nodes[instance as usize];
        if let Some(Slot::Many(all)) = self.nodes[parent as usize].children.get_mut(schema.nodes[repeat].slot)
        {
            all.retain(|node| *node != instance);
            for (at, node) in all.clone().into_iter().enumerate() {
                self.nodes[node as usize].at = at;
            }
        }
        for node in self.subtree(instance) {
            self.nodes[node as usize].removed = true;
        }
    }

    /// The instances of a repeat below a node; of anything else the one that is there.
    pub(super) fn below(&self, parent: u32, slot: usize) -> &[u32] {
        match self.nodes[parent as usize].children.get(slot) {
            Some(Slot::One(node)) => std::slice::from_ref(node),
            Some(Slot::Many(nodes)) => nodes,
            None => &[],
        }
    }

    /// The nodes below a node, in order.
    pub(super) fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let slots = self.nodes[node as usize].children.iter();
        slots
            .flat_map(|slot| match slot {
                Slot::One(node) => std::slice::from_ref(node),
                Slot::Many(nodes) => nodes.as_slice(),
            })
            .copied()
    }

    /// A node and all below it, each behind its parent, in the order of the form.
    pub(super) fn subtree(&self, node: u32) -> Vec<u32> {
        let mut all = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            all.push(node);
            let from = open.len();
            open.extend(self.children(node));
            open[from..].reverse();
        }
        all
    }

    /// A node and those above it, up to `data`.
    pub(super) fn upwards(&self, node: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(node), |node| Some(self.node(*node).parent).filter(|above| *above != ROOT))
    }

    /// The node of a kind that a node is or stands in.
    pub(super) fn above(&self, node: u32, schema: usize) -> Option<u32> {
        self.upwards(node).find(|above| self.node(*above).schema == schema)
    }

    /// All nodes of a kind below a node, or that itself.
    pub(super) fn all_below(&self, schema: &Schema, top: u32, kind: usize) -> Vec<u32> {
        let from = self.node(top).schema;
        let way: Vec<usize> = schema.upwards(kind).take_while(|at| *at != from).collect();
        let mut found = vec![top];
        for at in way.into_iter().rev() {
            let slot = schema.nodes[at].slot;
            found = found.iter().flat_map(|node| self.below(*node, slot)).copied().collect();
        }
        found
    }

    /// The node that stands `by` places behind this one below the same parent.
    pub(super) fn sibling(&self, schema: &Schema, node: u32, forward: bool) -> Option<u32> {
        let own = self.node(node);
        let kind = schema.nodes.get(own.schema)?;
        let beside = self.below(own.parent, kind.slot);
        let next = if forward { own.at.checked_add(1) } else { own.at.checked_sub(1) };
        if let Some(node) = next.and_then(|at| beside.get(at)) {
            return Some(*node);
        }
        let slots = &self.node(own.parent).children;
        let found = |slot: &Slot| match slot {
            Slot::One(node) => Some(*node),
            Slot::Many(nodes) if forward => nodes.first().copied(),
            Slot::Many(nodes) => nodes.last().copied(),
        };
        if forward {
            slots.get(kind.slot + 1..)?.iter().find_map(found)
        } else {
            slots.get(..kind.slot)?.iter().rev().find_map(found)
        }
    }

    /// Which of two nodes comes first.
    pub(super) fn order(&self, schema: &Schema, a: u32, b: u32) -> Ordering {
        let way = |node: u32| {
            let place = |node: u32| {
                let own = self.node(node);
                (schema.nodes.get(own.schema).map_or(0, |kind| kind.slot), own.at)
            };
            let mut way: Vec<(usize, usize)> = self.upwards(node).map(place).collect();
            way.reverse();
            way
        };
        if a == ROOT || b == ROOT {
            return a.cmp(&b);
        }
        way(a).cmp(&way(b))
    }
}
