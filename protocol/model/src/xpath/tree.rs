//! What an evaluation looks at: a forest of documents, and a host for what is no document.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A node of a [`Tree`]: which document and which node in it. The tree gives them out and alone knows what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 is the primary document, the record; others are choice lists and attached tables.
    pub document: u32,
    /// The node in its document.
    pub index: u32,
}

/// A forest of documents of named nodes with texts. Each document has a root above its only element, so that the
/// path `/data/age` begins at the root and `instance('list')/root/item` likewise.
pub trait Tree {
    /// The root of the primary document.
    fn root(&self) -> Node;
    /// The root of a secondary document.
    fn document(&self, name: &str) -> Option<Node>;
    /// The node above; nothing for a root, and for a root alone.
    fn parent(&self, node: Node) -> Option<Node>;
    /// The first node below.
    fn first_child(&self, node: Node) -> Option<Node>;
    /// The next node with the same parent.
    fn next_sibling(&self, node: Node) -> Option<Node>;
    /// The one before with the same parent.
    fn previous_sibling(&self, node: Node) -> Option<Node>;
    /// The name; empty for a root.
    fn name(&self, node: Node) -> &str;
    /// The text as it stands, whether relevant or not; of a node with children the texts of its leaves, joined.
    fn text(&self, node: Node) -> Cow<'_, str>;
    /// Which of two nodes comes first in the order of the document.
    fn order(&self, a: Node, b: Node) -> Ordering;
    /// Whether a node of the primary document, with all above it, applies. Others are not asked for.
    fn is_relevant(&self, node: Node) -> bool;

    /// Adds the children of that name, in order, and says how many nodes it looked at for that. Worth replacing
    /// where a lookup is faster than going through all.
    fn children_named(&self, node: Node, name: &str, found: &mut Vec<Node>) -> usize {
        let mut child = self.first_child(node);
        let mut seen = 0;
        while let Some(node) = child {
            seen += 1;
            if self.name(node) == name {
                found.push(node);
            }
            child = self.next_sibling(node);
        }
        seen
    }

    /// The children of that name of which a child named `column` has that text, in order, where that is found without
    /// going through all; else nothing. Only asked of secondary documents.
    fn children_with(&self, node: Node, name: &str, column: &str, text: &str) -> Option<Vec<Node>> {
        let _ = (node, name, column, text);
        None
    }
}

/// What an expression can ask for that stands in no document. All of it is injected: this crate has no clock and no
/// randomness.
pub trait Host {
    /// Milliseconds since 1970.
    fn now(&mut self) -> i64;
    /// How many minutes local time is ahead of UTC.
    fn offset_minutes(&mut self) -> i32;
    /// A random number from 0 up to but not including 1.
    fn random(&mut self) -> f64;
    /// A random UUID as text.
    fn uuid(&mut self) -> String;
    /// The label, in the language in use, of a choice of a select question; nothing if it has no such choice.
    fn choice_label(&mut self, question: Node, choice: &str) -> Option<String>;
    /// The text with that id in the language in use, `jr:itext()`.
    fn translation(&mut self, id: &str) -> Option<String>;
    /// What is known of the device and its user: `deviceid`, `username`, `email`, `phonenumber`.
    fn property(&mut self, name: &str) -> Option<String>;
    /// The version of the form.
    fn form_version(&mut self) -> String;

    /// The short name of a month, 1 to 12, in the language in use.
    fn month_name(&mut self, month: u32) -> String {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        names.get(month.saturating_sub(1) as usize).copied().unwrap_or_default().to_owned()
    }
    /// The short name of a day of the week, 0 (Sunday) to 6, in the language in use.
    fn weekday_name(&mut self, day: u32) -> String {
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        names.get(day as usize).copied().unwrap_or_default().to_owned()
    }
}

/// Where and with what an expression is evaluated.
pub struct Context<'a> {
    /// The node that the expression belongs to: what `.` and `current()` mean.
    pub node: Node,
    /// Everything that is no document.
    pub host: &'a mut dyn Host,
}
