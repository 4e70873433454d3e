//! Sets of nodes, secondary documents and what the host knows.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::{Answer, Ast, EvalError, Evaluated, Evaluator, Node, Point, Value, built, count, integer};
use crate::xpath::value::number_of;

pub(crate) fn last<'a>(at: Point) -> Value<'a> {
    count(at.size)
}

/// With an argument: the position of its first node among the siblings of the same name, relevant or not; NaN if
/// there is no node.
pub(crate) fn position<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let Some(argument) = arguments.first() else { return Ok(count(at.position)) };
    let Some(node) = ev.all_nodes(argument, at, "position")?.first().copied() else {
        return Ok(Value::Number(f64::NAN));
    };
    let name = ev.tree.name(node);
    let (mut position, mut before) = (1, ev.tree.previous_sibling(node));
    while let Some(sibling) = before {
        ev.step(1)?;
        position += usize::from(ev.tree.name(sibling) == name);
        before = ev.tree.previous_sibling(sibling);
    }
    Ok(count(position))
}

pub(crate) fn count_nodes<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(count(ev.nodes(&arguments[0], at, "count")?.len()))
}

pub(crate) fn count_non_empty<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let nodes = ev.nodes(&arguments[0], at, "count-non-empty")?;
    Ok(count(nodes.into_iter().filter(|node| !ev.node_text(*node).is_empty()).count()))
}

pub(crate) fn sum<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let nodes = ev.nodes(&arguments[0], at, "sum")?;
    // A fold from zero, because the sum of nothing must not be -0.
    let sum =
        nodes.into_iter().fold(0.0, |sum, node| sum + number_of(&ev.node_text(node), ev.offset_minutes));
    Ok(Value::Number(sum))
}

/// No node of our trees has an id in the sense of XML.
pub(crate) fn id<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    ev.value(&arguments[0], at)?;
    Ok(Value::Nodes(Vec::new()))
}

fn named<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
    part: impl Fn(&'a str) -> &'a str,
) -> Answer<'a> {
    let node = match arguments.first() {
        Some(argument) => ev.nodes(argument, at, "name")?.first().copied(),
        None => Some(at.node),
    };
    let tree = ev.tree;
    Ok(Value::Text(Cow::Borrowed(node.map_or("", |node| part(tree.name(node))))))
}

pub(crate) fn name<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    named(ev, arguments, at, |name| name)
}

pub(crate) fn local_name<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    named(ev, arguments, at, |name| name.rsplit(':').next().unwrap_or_default())
}

/// Our trees have no namespaces.
pub(crate) fn namespace_uri<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    named(ev, arguments, at, |_| "")
}

fn document(ev: &Evaluator<'_, '_>, name: &str) -> Evaluated<Node> {
    ev.tree.document(name).ok_or_else(|| EvalError::NoInstance(name.to_owned()))
}

pub(crate) fn instance<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let name = ev.text(&arguments[0], at)?;
    Ok(Value::Nodes(vec![document(ev, &name)?]))
}

pub(crate) fn current<'a>(ev: &Evaluator<'a, '_>) -> Value<'a> {
    Value::Nodes(vec![ev.current])
}

/// `pulldata(file, column, key column, key)` = `instance(file)/root/item[key column = key]/column`
pub(crate) fn pulldata<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let tree = ev.tree;
    let file = ev.text(&arguments[0], at)?;
    let column = ev.text(&arguments[1], at)?;
    let key_column = ev.text(&arguments[2], at)?;
    let key = ev.text(&arguments[3], at)?;
    let document = document(ev, &file)?;
    let (mut roots, mut items, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    ev.step(tree.children_named(document, "root", &mut roots) as u64)?;
    for root in roots {
        match tree.children_with(root, "item", &key_column, &key) {
            Some(found) => {
                ev.step(1 + found.len() as u64)?;
                items.extend(found);
            }
            None => ev.step(tree.children_named(root, "item", &mut items) as u64)?,
        }
    }
    for item in items {
        cells.clear();
        ev.step(tree.children_named(item, &key_column, &mut cells) as u64)?;
        if cells.iter().any(|cell| tree.text(*cell) == key) {
            cells.clear();
            tree.children_named(item, &column, &mut cells);
            return Ok(Value::Text(cells.first().map_or(Cow::Borrowed(""), |cell| tree.text(*cell))));
        }
    }
    Ok(Value::Text(Cow::Borrowed("")))
}

/// `indexed-repeat(question, repeat, index, …)`: the questions inside of the chosen repeats, the outermost repeat
/// first. An index without a repeat gives no node.
pub(crate) fn indexed_repeat<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let mut found = ev.nodes(&arguments[0], at, "indexed-repeat")?;
    let mut pairs = Vec::new();
    for pair in arguments[1..].chunks_exact(2) {
        let repeats = ev.all_nodes(&pair[0], at, "indexed-repeat")?;
        let index = ev.number(&pair[1], at)?;
        let depth = repeats.first().map_or(0, |node| ancestors(ev, *node).count());
        pairs.push((depth, repeats, index));
    }
    pairs.sort_by_key(|(depth, ..)| *depth);
    let mut chosen: Option<Node> = None;
    for (_, repeats, index) in pairs {
        ev.step(repeats.len() as u64)?;
        let inside =
            repeats.into_iter().filter(|repeat| chosen.is_none_or(|outer| is_inside(ev, *repeat, outer)));
        let place = integer(index).and_then(|index| usize::try_from(index.saturating_sub(1)).ok());
        #[expect(clippy::float_cmp, reason = "an index is a whole number or none")]
        let place = place.filter(|_| index == index.trunc());
        chosen = place.and_then(|place| inside.into_iter().nth(place));
        if chosen.is_none() {
            return Ok(Value::Nodes(Vec::new()));
        }
    }
    ev.step(found.len() as u64)?;
    found.retain(|node| chosen.is_none_or(|repeat| is_inside(ev, *node, repeat)));
    Ok(Value::Nodes(found))
}

/// The nodes above, nearest first, at most as many as any form nests.
fn ancestors<'t>(ev: &'t Evaluator<'_, '_>, node: Node) -> impl Iterator<Item = Node> + 't {
    std::iter::successors(ev.tree.parent(node), |node| ev.tree.parent(*node)).take(1000)
}

fn is_inside(ev: &Evaluator<'_, '_>, node: Node, above: Node) -> bool {
    node == above || ancestors(ev, node).any(|one| one == above)
}

const PARK_MILLER_MODULUS: i64 = 2_147_483_647;

/// Shuffles from the inside out. With a seed the order is that of ODK: a generator of Park and Miller, seeded with
/// the whole part of a number, or with the first eight bytes of the SHA-256 of a text that is no number.
pub(crate) fn randomize<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let nodes = ev.nodes(&arguments[0], at, "randomize")?;
    let mut state = match arguments.get(1) {
        Some(seed) => Some(seeded(ev, seed, at)?),
        None => None,
    };
    let mut shuffled: Vec<Node> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        let random = match &mut state {
            Some(state) => {
                *state = *state * 16_807 % PARK_MILLER_MODULUS;
                #[expect(clippy::cast_precision_loss, reason = "31 bits")]
                let random = (*state - 1) as f64 / (PARK_MILLER_MODULUS - 1) as f64;
                random
            }
            None => ev.host.random(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list, forced into range"
        )]
        let place = ((random * (index + 1) as f64) as usize).min(index);
        let moved = shuffled.get(place).copied().unwrap_or(node);
        shuffled.push(moved);
        shuffled[place] = node;
    }
    Ok(Value::Nodes(shuffled))
}

fn seeded<'a>(ev: &mut Evaluator<'a, '_>, seed: &'a Ast, at: Point) -> Evaluated<i64> {
    let value = ev.value(seed, at)?;
    let number = value.to_number(ev.tree, ev.offset_minutes);
    let seed = integer(number).unwrap_or_else(|| {
        let text = value.to_text(ev.tree);
        let hash = Sha256::digest(text.as_bytes());
        let first: [u8; 8] = hash[..8].try_into().expect("a SHA-256 has 32 bytes");
        if text.is_empty() { 0 } else { i64::from_be_bytes(first) }
    });
    let start = seed % PARK_MILLER_MODULUS;
    Ok(if start <= 0 { start + PARK_MILLER_MODULUS - 1 } else { start })
}

pub(crate) fn itext<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let id = ev.text(&arguments[0], at)?;
    Ok(built(ev.host.translation(&id).unwrap_or_default()))
}

pub(crate) fn property<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let name = ev.text(&arguments[0], at)?;
    Ok(built(ev.host.property(&name).unwrap_or_default()))
}

pub(crate) fn version<'a>(ev: &mut Evaluator<'a, '_>) -> Value<'a> {
    built(ev.host.form_version())
}
