//! Filling a form: what is asked, what it was answered, and what follows from it.
//!
//! A [`Filling`] holds the answers to one form as texts, in the tree that XLSForm's expressions look at. After each answer
//! it calculates what depends on it, and nothing else: relevance, calculations and numbers of repeats at once; whether an
//! answer is required, allowed or right, which choices there are and what labels say when somebody asks. The same on a
//! phone, on the server and in a terminal. An expression without a value is a [`Failed`], never the end of the filling.
//!
//! What is no answer to a question of its type is refused, and the answer before stays. What breaks a rule of the form is
//! taken, and [`Filling::complaints`] says so.

mod answer;
mod check;
mod entry;
mod instance;
mod judge;
mod languages;
mod open;
mod recalculate;
mod record;
mod sentences;
mod show;
mod store;
mod unknown;
mod view;
mod walk;
mod world;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use instance::{Instance, TOP};
use recalculate::Due;
use view::{View, record};
use world::FormHost;

use super::compiled::{CompiledForm, DATA, Documents, LAST_SAVED, Table};
use super::{Element, Initial, Kind, Metadata, Question};
use crate::access::Roles;
use crate::xpath::{Context, EvalError, Expr, Tree, Value, local_date, local_text, number_text};

pub use super::ours::SUBJECT;
pub use answer::{MAX_ANSWER_BYTES, Odd};
pub use check::{Complaint, Fault};
pub use entry::{NewEntry, Unsealed};
pub use judge::{Breach, Past, describe, judge};
pub use open::{StoredRecord, Values};
pub use recalculate::Failed;
pub use record::{Dropped, RecordChange};
pub use show::Offered;
pub(crate) use store::{boolean as as_truth, kept};
pub use unknown::Lacking;
pub use walk::{NotGiven, Shown, Walk};
pub use world::World;

/// At the path of a record: the number of the version of a form that wrote it last.
pub const FORM: &str = "_form";
/// The most instances that a repeat has by its number.
pub const MAX_INSTANCES: u32 = 10_000;
/// The most questions, groups and instances that a filled form has.
pub const MAX_NODES: usize = 500_000;

/// A form that is being filled.
#[derive(Debug, Clone)]
pub struct Filling {
    form: Arc<CompiledForm>,
    instance: Instance,
    documents: Arc<Documents>,
    language: usize,
    due: Due,
    /// Evaluations without a value, by node and rule.
    failures: BTreeMap<(u32, usize), EvalError>,
    /// Instances that were taken out.
    ended: Vec<u32>,
    /// Texts of many languages in those that are not in use, by node and language.
    elsewhere: BTreeMap<(u32, usize), String>,
    /// Whether it is being opened with what was stored: nobody begins anything then.
    is_opening: bool,
    /// Whether it is judged as it was stored: nobody adds anything then.
    is_judged: bool,
    /// The roles of who fills it.
    roles: Roles,
    /// What the order of choices comes from that stand in another order each time.
    seed: f64,
}

/// A place in a filled form: a question, a group or an instance of a repeat. It keeps its meaning as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u32);

/// Why something was not done to a filled form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing at the place any more, or it is not of the kind that the request is for.
    #[error("there is no such place in the form")]
    NoPlace,
    /// The text is no answer to a question of this type.
    #[error("{0}")]
    Odd(#[from] Odd),
    /// The question cannot be answered, only read.
    #[error("the question can only be read")]
    ReadOnly,
    /// The number of instances is given by the form.
    #[error("the form says how many there are")]
    Counted,
    /// The form has as many places as it can have.
    #[error("the form is full")]
    Full,
}

impl Filling {
    /// Begins a form: with what its questions begin with, one instance of each repeat whose number is not given, and all
    /// that follows. `last_saved` holds the answers of the form that was saved last, by the names of its questions.
    pub fn begin(
        form: Arc<CompiledForm>,
        language: usize,
        last_saved: BTreeMap<String, String>,
        world: &mut dyn World,
    ) -> Self {
        let mut filling = Self::empty(form, language, last_saved, world);
        filling.begin_below(TOP, world);
        filling.all_due();
        filling.settle(world);
        filling.begin_dynamic(TOP, world);
        filling
    }

    /// Says which roles the person has who fills the form, else all: what others alone may write she only reads, and nothing
    /// that the form writes there by itself is kept.
    #[must_use]
    pub fn filled_by(mut self, roles: Roles) -> Self {
        self.roles = roles;
        self
    }

    fn empty(
        form: Arc<CompiledForm>,
        language: usize,
        last_saved: BTreeMap<String, String>,
        world: &mut dyn World,
    ) -> Self {
        let mut documents = form.documents.clone();
        if form.uses_last_saved {
            let (columns, row) = last_saved.into_iter().unzip();
            Arc::make_mut(&mut documents).add(LAST_SAVED, Table { columns, rows: vec![row] }.into(), None);
        }
        let instance = Instance::new(&form.schema);
        let (due, failures, ended) = (Due::default(), BTreeMap::new(), Vec::new());
        let mut filling = Self {
            form,
            instance,
            documents,
            language,
            due,
            failures,
            ended,
            elsewhere: BTreeMap::new(),
            is_opening: false,
            is_judged: false,
            roles: Roles::ALL,
            seed: world.random(),
        };
        let id = filling.instance.all_below(&filling.form.schema, TOP, filling.form.schema.nodes.len() - 2);
        for node in id {
            filling.instance.node_mut(node).value = format!("uuid:{}", world.uuid());
        }
        filling
    }

    /// Writes what the questions below a node begin with, unless it is being opened, and adds the first instance of the repeats in it.
    fn begin_below(&mut self, top: u32, world: &mut dyn World) {
        let form = self.form.clone();
        for node in self.instance.subtree(top) {
            let schema = &form.schema.nodes[self.instance.node(node).schema];
            let element = schema.element.filter(|_| !self.is_opening).map(|at| &form.form.elements[at]);
            if let Some(text) = element.and_then(|element| first_value(element, world)) {
                self.put(node, text);
            }
            for child in &schema.children {
                let uncounted = form.schema.nodes[*child].is_repeat && form.of_node[*child].count.is_none();
                if uncounted && self.has_room() {
                    self.grow(*child, node, world);
                }
            }
        }
    }

    /// Calculates what the questions below a node begin with by an expression, each with what follows from it.
    fn begin_dynamic(&mut self, top: u32, world: &mut dyn World) {
        let form = self.form.clone();
        for node in self.instance.subtree(top) {
            let Some(expr) = &form.asked[self.instance.node(node).schema].initial else { continue };
            if !self.instance.node(node).value.is_empty() {
                continue;
            }
            if let Ok(text) = self.evaluate(expr, node, world, |value, view| text_of(&value, view)) {
                self.put(node, text);
                self.settle(world);
            }
        }
    }

    /// Answers a question; an empty text takes its answer away. All that follows is calculated.
    pub fn answer(&mut self, place: Place, text: &str, world: &mut dyn World) -> Result<(), Refusal> {
        let question = self.element(place).and_then(Element::question).ok_or(Refusal::NoPlace)?;
        let text = answer::canonical(question, text)?;
        if self.is_read_only(place, world) {
            return Err(Refusal::ReadOnly);
        }
        self.put(place.0, text);
        self.settle(world);
        Ok(())
    }

    /// Adds an instance of a repeat, behind those that are there; `parent` is the place that the repeat stands in, `name`
    /// its name.
    pub fn add(&mut self, parent: Place, name: &str, world: &mut dyn World) -> Result<Place, Refusal> {
        let form = self.form.clone();
        let above = self.there(parent).ok_or(Refusal::NoPlace)?.schema;
        let slot = form.schema.slot(above, name).ok_or(Refusal::NoPlace)?;
        let repeat = form.schema.nodes[above].children[slot];
        if !form.schema.nodes[repeat].is_repeat {
            return Err(Refusal::NoPlace);
        }
        if form.of_node[repeat].count.is_some() {
            return Err(Refusal::Counted);
        }
        if !self.has_room() {
            return Err(Refusal::Full);
        }
        let node = self.grow(repeat, parent.0, world);
        self.settle(world);
        self.begin_dynamic(node, world);
        Ok(Place(node))
    }

    /// Takes an instance of a repeat out, with all its answers.
    pub fn remove(&mut self, instance: Place, world: &mut dyn World) -> Result<(), Refusal> {
        let form = self.form.clone();
        let schema = self.there(instance).ok_or(Refusal::NoPlace)?.schema;
        if !form.schema.nodes[schema].is_repeat {
            return Err(Refusal::NoPlace);
        }
        if form.of_node[schema].count.is_some() {
            return Err(Refusal::Counted);
        }
        self.ended.push(instance.0);
        self.moved(instance.0);
        self.instance.remove(&form.schema, instance.0);
        self.settle(world);
        Ok(())
    }

    /// Calculates everything anew, as if nothing had been calculated before.
    pub fn recalculate(&mut self, world: &mut dyn World) {
        self.all_due();
        self.settle(world);
    }

    /// Writes when the filling ended, where the form asks for it (`end`). Whoever saves what was answered says so first.
    pub fn finish(&mut self, world: &mut dyn World) {
        let ended = local_text(world.now(), world.offset_minutes()).unwrap_or_default();
        for node in self.instance.subtree(TOP) {
            let question = self.element_at(node).and_then(Element::question);
            if question == Some(&Question::Metadata(Metadata::End)) {
                self.put(node, ended.clone());
            }
        }
        self.settle(world);
    }

    /// The form.
    pub fn form(&self) -> &CompiledForm {
        &self.form
    }

    /// The place that holds all others.
    pub fn root(&self) -> Place {
        Place(TOP)
    }

    /// What stands in a place, in the order of the form.
    pub fn children(&self, place: Place) -> Vec<Place> {
        let there = self.there(place).is_some();
        let children = there.then(|| self.instance.children(place.0)).into_iter().flatten();
        children.filter(|node| self.element(Place(*node)).is_some()).map(Place).collect()
    }

    /// The place that a place stands in.
    pub fn parent(&self, place: Place) -> Option<Place> {
        let own = self.there(place)?;
        (own.schema != DATA).then_some(Place(own.parent))
    }

    /// Every place of the element of this name, in the order of the form.
    pub fn named(&self, name: &str) -> Vec<Place> {
        let Some(kind) = self.form.schema.named(name) else { return Vec::new() };
        let nodes = self.instance.all_below(&self.form.schema, TOP, kind);
        nodes.into_iter().map(Place).collect()
    }

    /// What a place is of the form.
    pub fn element(&self, place: Place) -> Option<&Element> {
        let schema = self.there(place)?.schema;
        self.form.schema.nodes[schema].element.map(|at| &self.form.form.elements[at])
    }

    /// The answer at a place, empty if there is none. It stays when the question does not apply any more.
    pub fn value(&self, place: Place) -> &str {
        self.there(place).map_or("", |node| &node.value)
    }

    /// Whether a place applies, with all that it stands in.
    pub fn is_relevant(&self, place: Place) -> bool {
        self.there(place).is_some_and(|node| node.relevance.whole)
    }

    /// The evaluations that have no value.
    pub fn failures(&self) -> Vec<Failed> {
        let failed = |((_, rule), error): (&(u32, usize), &EvalError)| {
            let at = self.form.rules[*rule].at;
            Failed { element: self.form.schema.nodes[at].name.to_string(), error: error.clone() }
        };
        self.failures.iter().map(failed).collect()
    }

    fn there(&self, place: Place) -> Option<&instance::Node> {
        let is_known = place.0 >= TOP && (place.0 as usize) < self.instance.len();
        is_known.then(|| self.instance.node(place.0)).filter(|node| !node.removed)
    }

    fn has_room(&self) -> bool {
        self.instance.len() < MAX_NODES
    }

    fn view(&self) -> View<'_> {
        View {
            form: &self.form,
            instance: &self.instance,
            documents: &self.documents,
            language: self.language,
        }
    }

    /// The value of an expression at a node, as `read` takes it.
    fn evaluate<T>(
        &self,
        expr: &Expr,
        node: u32,
        world: &mut dyn World,
        read: impl FnOnce(Value<'_>, &View<'_>) -> T,
    ) -> Result<T, EvalError> {
        let view = self.view();
        let label = |question: crate::xpath::Node, choice: &str| self.choice_label(question, choice);
        let mut host = FormHost { world, form: &self.form.form, language: self.language, label: &label };
        let value = expr.evaluate(&view, Context { node: record(node), host: &mut host })?;
        Ok(read(value, &view))
    }

    /// Whether an expression holds at a node; `otherwise` where it has no value.
    fn holds(&self, expr: &Expr, node: u32, world: &mut dyn World, otherwise: bool) -> bool {
        self.evaluate(expr, node, world, |value, _| value.to_bool()).unwrap_or(otherwise)
    }
}

/// A value as an answer. A number that is none is no answer.
fn text_of(value: &Value<'_>, view: &View<'_>) -> String {
    match value {
        Value::Nodes(nodes) => nodes.first().map_or(Cow::Borrowed(""), |node| view.text(*node)).into_owned(),
        Value::Number(number) if number.is_nan() => String::new(),
        Value::Number(number) => number_text(*number),
        Value::Text(text) => text.clone().into_owned(),
        Value::Bool(truth) => truth.to_string(),
    }
}

/// What a question begins with that needs no expression.
fn first_value(element: &Element, world: &mut dyn World) -> Option<String> {
    if let Some(Initial::Value(text)) = &element.logic.initial {
        return Some(text.clone());
    }
    let Kind::Question(Question::Metadata(metadata)) = &element.kind else { return None };
    match metadata {
        Metadata::Start => local_text(world.now(), world.offset_minutes()),
        Metadata::Today => local_date(world.now(), world.offset_minutes()).map(|date| date.to_string()),
        Metadata::DeviceId => world.property("deviceid"),
        Metadata::Username => world.property("username"),
        Metadata::PhoneNumber => world.property("phonenumber"),
        Metadata::Email => world.property("email"),
        Metadata::StartGeopoint => world.property("start-geopoint"),
        // The end is written by [`Filling::finish`]; the rest no phone tells.
        Metadata::End | Metadata::SubscriberId | Metadata::SimSerial => None,
    }
}
