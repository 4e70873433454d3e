//! From a form to one that can be filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::order::{Found, in_order};
use super::{
    Asked, Beyond, CompileError, CompiledForm, Documents, File, LAST_SAVED, Purpose, Records, Rule, Schema,
};
use crate::access::Roles;
use crate::form::{ChoiceSource, Choices, Form, Initial, Kind, Order, Question};
use crate::xpath::{Expr, Location, LocationStart, Reference, ReferenceUse, Volatile};

impl CompiledForm {
    /// Parses and resolves every expression of a form, and finds the order in which they are calculated.
    /// `files` are those that come with it, by their names without their endings.
    pub fn new(form: Form, files: BTreeMap<String, File>) -> Result<Self, CompileError> {
        let schema = Schema::of(&form);
        let build = Build { form: &form, schema: &schema };
        let mut rules = Vec::new();
        let mut asked = Vec::new();
        for at in 0..schema.nodes.len() {
            rules.extend(build.rules(at)?);
            asked.push(build.asked(at)?);
        }
        if let Some(text) = &form.instance_name {
            rules.push(build.rule(schema.nodes.len() - 1, Purpose::Calculation, text)?);
        }
        let Found { rules, of_node, dependents } = in_order(&schema, &form, rules);
        let mut documents = Documents::of(&form);
        for (name, file) in files {
            documents.add(&name, file, None);
        }
        let uses_last_saved = uses_last_saved(&rules, &asked);
        let uses_today = uses_today(&rules, &asked);
        let documents = Arc::new(documents);
        let records = Records::of(&form, &schema);
        let elements = schema.nodes.iter().map(|node| node.element);
        let writers = elements.map(|at| at.map_or(Roles::ALL, |at| form.writers(at))).collect();
        Ok(Self {
            form,
            schema,
            rules,
            of_node,
            dependents,
            asked,
            writers,
            records,
            documents,
            uses_last_saved,
            uses_today,
        })
    }
}

struct Build<'f> {
    form: &'f Form,
    schema: &'f Schema,
}

impl Build<'_> {
    /// What of a node is calculated as soon as something changes.
    fn rules(&self, at: usize) -> Result<Vec<Rule>, CompileError> {
        let Some(element) = self.schema.nodes[at].element.map(|element| &self.form.elements[element]) else {
            return Ok(Vec::new());
        };
        let logic = &element.logic;
        let calculation = if logic.trigger.is_empty() { Purpose::Calculation } else { Purpose::Triggered };
        let count = match &element.kind {
            Kind::Repeat { count } => count.as_deref(),
            Kind::Group | Kind::Question(_) => None,
        };
        let found = [
            (Purpose::Count, count),
            (Purpose::Relevant, logic.relevant.as_deref()),
            (calculation, logic.calculation.as_deref()),
        ];
        let found = found.into_iter().filter_map(|(purpose, text)| Some((purpose, text?)));
        found.map(|(purpose, text)| self.rule(at, purpose, text)).collect()
    }

    fn rule(&self, at: usize, purpose: Purpose, text: &str) -> Result<Rule, CompileError> {
        // How many instances there are is asked where none may be yet.
        let from = match self.schema.nodes[at].parent {
            Some(parent) if purpose == Purpose::Count => parent,
            _ => at,
        };
        let expr = self.resolved(from, text)?;
        let dependencies = expr.dependencies();
        let (volatile, beyond) = (&dependencies.volatile, Beyond::of(&expr));
        let positional = volatile.contains(&Volatile::Position);
        let is_fresh = volatile
            .iter()
            .any(|one| matches!(one, Volatile::Today | Volatile::Now | Volatile::Random | Volatile::Uuid));
        Ok(Rule { at, purpose, expr, positional, is_fresh, beyond })
    }

    /// What of a node is calculated when somebody asks.
    fn asked(&self, at: usize) -> Result<Asked, CompileError> {
        let Some(element) = self.schema.nodes[at].element.map(|element| &self.form.elements[element]) else {
            return Ok(Asked::default());
        };
        let logic = &element.logic;
        let one = |text: &Option<String>| text.as_deref().map(|text| self.resolved(at, text)).transpose();
        let initial = match &logic.initial {
            Some(Initial::Expression(text)) => Some(self.resolved(at, text)?),
            Some(Initial::Value(_)) | None => None,
        };
        let choices = element.question().and_then(Question::choices);
        let choices = choices.map(|choices| self.choices(at, choices)).transpose()?;
        Ok(Asked {
            required: one(&logic.required)?,
            read_only: one(&logic.read_only)?,
            constraint: one(&logic.constraint)?,
            initial,
            choices,
        })
    }

    /// The nodes of the choices of a question: the items of a list or a file, or the answers in a repeat.
    fn choices(&self, at: usize, choices: &Choices) -> Result<Expr, CompileError> {
        let filter = choices.filter.as_deref();
        let such = filter.map(|text| format!("[{text}]")).unwrap_or_default();
        let nodes = match &choices.source {
            ChoiceSource::List(name) => format!("instance('{name}')/root/item{such}"),
            ChoiceSource::File { name, .. } => format!("instance('{}')/root/item{such}", stem(name)),
            ChoiceSource::Repeat(name) => self.answers(at, name, filter)?,
        };
        match &choices.order {
            Order::Listed | Order::Random => self.resolved(at, &nodes),
            Order::Seeded(seed) => self.resolved(at, &format!("randomize({nodes}, {seed})")),
        }
    }

    /// The answers to a question in each instance of its repeat that a filter lets through.
    fn answers(&self, at: usize, name: &str, filter: Option<&str>) -> Result<String, CompileError> {
        let Some(question) = self.schema.named(name) else { return Ok(format!("${{{name}}}")) };
        let mut repeats = self.schema.upwards(question).filter(|at| self.schema.nodes[*at].is_repeat);
        let Some(repeat) = repeats.next() else { return Ok(format!("${{{name}}}[. != '']")) };
        let filter = filter.map(|text| self.within(at, repeat, text)).transpose()?;
        let such = filter.map(|text| format!("[{text}]")).unwrap_or_default();
        let answer = self.schema.names(repeat, question).join("/");
        Ok(format!("{}{such}/{answer}[. != '']", self.schema.location(at, repeat)))
    }

    /// A filter of the instances of a repeat: what it names in the repeat is that of the instance that it looks at.
    fn within(&self, at: usize, repeat: usize, filter: &str) -> Result<String, CompileError> {
        let mut text = filter.to_owned();
        for reference in self.parsed(at, filter)?.references().into_iter().rev() {
            let named = self.schema.named(&reference.name).filter(|_| !reference.last_saved);
            let inside =
                named.filter(|named| self.schema.upwards(*named).skip(1).any(|above| above == repeat));
            if let Some(named) = inside {
                let path = self.schema.names(repeat, named).join("/");
                text.replace_range(reference.at.clone(), &format!("./{path}"));
            }
        }
        Ok(text)
    }

    fn parsed(&self, at: usize, text: &str) -> Result<Expr, CompileError> {
        let element = self.schema.nodes[at].name.to_string();
        Expr::parse(text).map_err(|error| CompileError::Expression { element, error })
    }

    fn resolved(&self, at: usize, text: &str) -> Result<Expr, CompileError> {
        self.parsed(at, text)?.resolve(&mut |usage| self.locate(at, usage)).map_err(|missing| {
            let name = missing.first().map(|reference| reference.name.clone()).unwrap_or_default();
            CompileError::Reference { element: self.schema.nodes[at].name.to_string(), name }
        })
    }

    fn locate(&self, at: usize, usage: ReferenceUse<'_>) -> Option<Location> {
        let Reference { name, last_saved, .. } = usage.reference;
        if *last_saved {
            return Some(Location::instance(LAST_SAVED, ["root", "item", name]));
        }
        let target = self.schema.named(name)?;
        Some(if usage.of_indexed_repeat {
            self.schema.absolute(target)
        } else {
            self.schema.location(at, target)
        })
    }
}

/// Whether any expression looks at what was saved last.
fn uses_last_saved(rules: &[Rule], asked: &[Asked]) -> bool {
    let asked = asked.iter().flat_map(Asked::expressions).map(|(_, expr)| expr);
    let looks = |expr: &Expr| {
        let locations = expr.dependencies().locations;
        locations.iter().any(|one| one.start == LocationStart::Instance(LAST_SAVED.to_owned()))
    };
    rules.iter().map(|rule| &rule.expr).chain(asked).any(looks)
}

/// Whether any expression asks what day it is.
fn uses_today(rules: &[Rule], asked: &[Asked]) -> bool {
    let asked = asked.iter().flat_map(Asked::expressions).map(|(_, expr)| expr);
    let mut all = rules.iter().map(|rule| &rule.expr).chain(asked);
    all.any(|expr| expr.dependencies().volatile.contains(&Volatile::Today))
}

/// The name by which expressions look at a file.
pub fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}
