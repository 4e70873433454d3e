//! A forest of documents, read from a small part of XML: elements, texts and attributes in double quotes.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use fieldmerge_model::xpath::{Host, Node, Tree};

#[derive(Debug, Default, Clone)]
struct Element {
    name: String,
    text: String,
    parent: Option<u32>,
    children: Vec<u32>,
    /// Its place among its siblings.
    place: usize,
    irrelevant: bool,
}

/// Documents; the first is the primary one.
#[derive(Debug, Default, Clone)]
pub struct Forest {
    documents: Vec<Vec<Element>>,
    names: BTreeMap<String, u32>,
    /// Whether it finds children by the text of a child of theirs, as tables do.
    pub seeks: bool,
}

impl Forest {
    /// All trees of a file, by name.
    pub fn all(text: &str) -> BTreeMap<String, Self> {
        let mut trees: BTreeMap<String, Self> = BTreeMap::new();
        let mut tree = Self::default();
        let mut tree_name = String::new();
        let mut open: Vec<u32> = Vec::new();
        for part in text.split('<').skip(1) {
            let (tag, after) = part.split_once('>').expect("each < has its >");
            let (name, attributes) =
                tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
            let value = |key: &str| {
                let rest = attributes.split_once(&format!("{key}=\""))?.1;
                Some(rest.split('"').next().unwrap_or_default().to_owned())
            };
            match name {
                "tree" => tree_name = value("name").expect("trees have names"),
                "/tree" => {
                    trees.insert(std::mem::take(&mut tree_name), std::mem::take(&mut tree));
                }
                "document" | "instance" => {
                    let document = u32::try_from(tree.documents.len()).expect("few");
                    tree.names.extend(value("name").map(|name| (name, document)));
                    tree.documents.push(vec![Element::default()]);
                    open = vec![0];
                }
                "/document" | "/instance" => {}
                _ if tag.starts_with('/') => {
                    open.pop();
                }
                _ => {
                    let parent = *open.last().expect("elements stand in documents");
                    let element = tree.add(parent, name, value("relevant").as_deref() == Some("no"));
                    after.clone_into(&mut tree.document_mut()[element as usize].text);
                    if !tag.ends_with('/') {
                        open.push(element);
                    }
                }
            }
        }
        trees
    }

    /// The primary document alone, its root still empty.
    pub fn empty() -> Self {
        Self { documents: vec![vec![Element::default()]], ..Self::default() }
    }

    /// Begins a secondary document.
    pub fn begin(&mut self, name: &str) {
        self.names.insert(name.to_owned(), u32::try_from(self.documents.len()).expect("few"));
        self.documents.push(vec![Element::default()]);
    }

    fn document_mut(&mut self) -> &mut Vec<Element> {
        self.documents.last_mut().expect("there is a document")
    }

    fn add(&mut self, parent: u32, name: &str, irrelevant: bool) -> u32 {
        let document = self.document_mut();
        let index = u32::try_from(document.len()).expect("small trees");
        let place = document[parent as usize].children.len();
        document[parent as usize].children.push(index);
        let parent = Some(parent);
        document.push(Element { name: name.to_owned(), parent, place, irrelevant, ..Element::default() });
        index
    }

    /// Adds an element with a text to the document that was begun last.
    pub fn push(&mut self, parent: u32, name: &str, text: &str) -> u32 {
        let index = self.add(parent, name, false);
        text.clone_into(&mut self.document_mut()[index as usize].text);
        index
    }

    fn element(&self, node: Node) -> &Element {
        &self.documents[node.document as usize][node.index as usize]
    }

    fn beside(&self, node: Node, step: isize) -> Option<Node> {
        let element = self.element(node);
        let parent = &self.documents[node.document as usize][element.parent? as usize];
        let place = element.place.checked_add_signed(step)?;
        parent.children.get(place).map(|index| Node { index: *index, ..node })
    }

    /// Every node of the primary document.
    pub fn nodes(&self) -> Vec<Node> {
        let count = u32::try_from(self.documents[0].len()).expect("small trees");
        (0..count).map(|index| Node { document: 0, index }).collect()
    }

    /// The path of a node, with positions where siblings have its name.
    pub fn path(&self, node: Node) -> String {
        let Some(parent) = self.parent(node) else { return String::new() };
        let mut same = Vec::new();
        self.children_named(parent, self.name(node), &mut same);
        let position = same.iter().position(|one| *one == node).expect("a child of its parent") + 1;
        let position = if same.len() == 1 { String::new() } else { format!("[{position}]") };
        format!("{}/{}{position}", self.path(parent), self.name(node))
    }
}

impl Tree for Forest {
    fn root(&self) -> Node {
        Node { document: 0, index: 0 }
    }
    fn document(&self, name: &str) -> Option<Node> {
        self.names.get(name).map(|document| Node { document: *document, index: 0 })
    }
    fn parent(&self, node: Node) -> Option<Node> {
        self.element(node).parent.map(|index| Node { index, ..node })
    }
    fn first_child(&self, node: Node) -> Option<Node> {
        self.element(node).children.first().map(|index| Node { index: *index, ..node })
    }
    fn next_sibling(&self, node: Node) -> Option<Node> {
        self.beside(node, 1)
    }
    fn previous_sibling(&self, node: Node) -> Option<Node> {
        self.beside(node, -1)
    }
    fn name(&self, node: Node) -> &str {
        &self.element(node).name
    }
    fn text(&self, node: Node) -> Cow<'_, str> {
        let element = self.element(node);
        if element.children.is_empty() {
            return Cow::Borrowed(&element.text);
        }
        let texts = element.children.iter().map(|index| self.text(Node { index: *index, ..node }));
        Cow::Owned(texts.collect())
    }
    fn children_with(&self, node: Node, name: &str, column: &str, text: &str) -> Option<Vec<Node>> {
        let named = |node: Node, name: &str| {
            let mut found = Vec::new();
            self.children_named(node, name, &mut found);
            found
        };
        let has = |child: &Node| named(*child, column).iter().any(|cell| self.text(*cell) == text);
        self.seeks.then(|| named(node, name).into_iter().filter(has).collect())
    }
    fn order(&self, a: Node, b: Node) -> Ordering {
        // Elements are numbered in document order as long as each is added below the last one's ancestors.
        a.cmp(&b)
    }
    fn is_relevant(&self, node: Node) -> bool {
        std::iter::successors(Some(node), |node| self.parent(*node))
            .all(|node| !self.element(node).irrelevant)
    }
}

/// A host that always says the same: it is 07:30 on Monday, 2 March 2026, three hours ahead of UTC.
#[derive(Debug, Default)]
pub struct Fixed {
    drawn: u32,
}

impl Host for Fixed {
    fn now(&mut self) -> i64 {
        1_772_425_800_250
    }
    fn offset_minutes(&mut self) -> i32 {
        180
    }
    fn random(&mut self) -> f64 {
        self.drawn += 1;
        f64::from(self.drawn % 10) / 10.0
    }
    fn uuid(&mut self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }
    fn choice_label(&mut self, _: Node, choice: &str) -> Option<String> {
        (choice == "red").then(|| "Rouge".to_owned())
    }
    fn translation(&mut self, id: &str) -> Option<String> {
        (id == "hello").then(|| "Bonjour".to_owned())
    }
    fn property(&mut self, name: &str) -> Option<String> {
        (name == "username").then(|| "ada".to_owned())
    }
    fn form_version(&mut self) -> String {
        "7".to_owned()
    }
}
