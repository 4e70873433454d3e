//! What the operations of a frame have in common: paths, slots and shapes.
//!
//! A *slot* is a path with the kind of what is written there and the form of what it replaces. A *shape* is the list
//! of slots of a change, in the order of its operations; most changes of a frame share a few shapes.

use std::collections::HashMap;

use super::super::wire::put_len;
use super::super::{BundleError, MAX_CHANGES, MAX_FRAME_OPS, MAX_FRAME_SLOTS};
use super::ints;
use super::lanes::{LaneReader, Lanes};
use super::texts::utf8;
use crate::change::{MAX_OPS, MAX_PREDS_PER_OP};
use crate::{Path, Value};

type Result<T> = std::result::Result<T, BundleError>;

/// What a slot writes. The numbers are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Kind {
    Delete = 0,
    Null = 1,
    Bool = 2,
    Int = 3,
    Uint = 4,
    F64 = 5,
    Str = 6,
    Bytes = 7,
    Timestamp = 8,
    /// A run of puts of bytes at `e/<n>`, `e/<n + 1>`, …, which replace nothing.
    Entries = 9,
    /// The same at `p/<k>`.
    Persons = 10,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Delete,
        Self::Null,
        Self::Bool,
        Self::Int,
        Self::Uint,
        Self::F64,
        Self::Str,
        Self::Bytes,
        Self::Timestamp,
        Self::Entries,
        Self::Persons,
    ];

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Uint(_) => Self::Uint,
            Value::F64(_) => Self::F64,
            Value::Str(_) => Self::Str,
            Value::Bytes(_) => Self::Bytes,
            Value::Timestamp(_) => Self::Timestamp,
        }
    }

    pub(super) fn is_run(self) -> bool {
        matches!(self, Self::Entries | Self::Persons)
    }

    /// What the paths of a run begin with.
    pub(super) fn run_prefix(self) -> &'static str {
        if self == Self::Persons { "p/" } else { "e/" }
    }
}

/// What an operation replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Replaces {
    /// Nothing.
    Nothing,
    /// Just the last put of its path in its record in this frame.
    Last,
    /// So many operations that are written out.
    Named(u32),
}

impl Replaces {
    fn number(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Last => 1,
            Self::Named(count) => count + 1,
        }
    }

    fn from_number(number: usize) -> Result<Self> {
        Ok(match number {
            0 => Self::Nothing,
            1 => Self::Last,
            more if more <= MAX_PREDS_PER_OP + 1 => Self::Named(more as u32 - 1),
            _ => return Err(BundleError::TooLarge("replaced operations")),
        })
    }
}

/// A path, what is written there and what it replaces. The path of a run is meaningless and 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    pub(super) path: u32,
    pub(super) kind: Kind,
    pub(super) replaces: Replaces,
}

/// The tables being filled.
#[derive(Debug, Default)]
pub(super) struct Tables<'a> {
    paths: Vec<&'a str>,
    path_numbers: HashMap<&'a str, u32>,
    pub(super) slots: Vec<Slot>,
    slot_numbers: HashMap<Slot, u32>,
    shapes: Vec<Vec<u32>>,
    shape_numbers: HashMap<Vec<u32>, usize>,
}

impl<'a> Tables<'a> {
    /// The number of a path. Operations mostly follow each other as they did before: the slot that is expected next
    /// spares the look-up.
    pub(super) fn path(&mut self, text: &'a str, expected: u32) -> u32 {
        if let Some(slot) = self.slots.get(expected as usize)
            && !slot.kind.is_run()
            && self.paths[slot.path as usize] == text
        {
            return slot.path;
        }
        *self.path_numbers.entry(text).or_insert_with(|| {
            self.paths.push(text);
            self.paths.len() as u32 - 1
        })
    }

    /// The number of a slot, and whether it is new.
    pub(super) fn slot(&mut self, slot: Slot, expected: u32) -> (u32, bool) {
        if self.slots.get(expected as usize) == Some(&slot) {
            return (expected, false);
        }
        let next = self.slots.len() as u32;
        let number = *self.slot_numbers.entry(slot).or_insert(next);
        if number == next {
            self.slots.push(slot);
        }
        (number, number == next)
    }

    /// The reference to a shape: 0 for one that is new and takes the next number, else 1 + its number.
    pub(super) fn shape(&mut self, slots: &[u32], last: &mut Option<usize>) -> i64 {
        if let Some(last) = *last
            && self.shapes[last] == slots
        {
            return last as i64 + 1;
        }
        if let Some(&number) = self.shape_numbers.get(slots) {
            *last = Some(number);
            return number as i64 + 1;
        }
        let number = self.shapes.len();
        self.shapes.push(slots.to_vec());
        self.shape_numbers.insert(slots.to_vec(), number);
        *last = Some(number);
        0
    }

    /// Whether a decoder will take the tables.
    pub(super) fn fit(&self) -> bool {
        self.paths.len() <= MAX_FRAME_SLOTS && self.slots.len() <= MAX_FRAME_SLOTS
    }

    pub(super) fn put(&self, lanes: &mut Lanes) {
        self.put_paths(lanes);
        put_len(&mut lanes.meta, self.slots.len());
        let kinds: Vec<i64> =
            self.slots.iter().map(|slot| slot.kind as i64 + 16 * i64::from(slot.replaces.number())).collect();
        ints::put(lanes, &kinds);
        let mut expected = 0;
        let mut steps = Vec::new();
        for slot in self.slots.iter().filter(|slot| !slot.kind.is_run()) {
            steps.push(i64::from(slot.path) - expected);
            expected = i64::from(slot.path) + 1;
        }
        ints::put(lanes, &steps);
        self.put_shapes(lanes);
    }

    /// Paths in the order of their first use; each tells how much it shares with the one before.
    fn put_paths(&self, lanes: &mut Lanes) {
        put_len(&mut lanes.meta, self.paths.len());
        let mut last = "";
        let (mut shared, mut lengths) = (Vec::new(), Vec::new());
        for path in &self.paths {
            let common = path.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
            shared.push(common as i64);
            lengths.push((path.len() - common) as i64);
            lanes.text.extend_from_slice(&path.as_bytes()[common..]);
            last = path;
        }
        ints::put(lanes, &shared);
        ints::put(lanes, &lengths);
    }

    /// Each shape as runs of slots that follow each other in the table: a step from where the last run ended, and
    /// the length of the run less one.
    fn put_shapes(&self, lanes: &mut Lanes) {
        put_len(&mut lanes.meta, self.shapes.len());
        let (mut counts, mut steps, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for shape in &self.shapes {
            let before = steps.len();
            let mut expected = 0;
            for &slot in shape {
                if i64::from(slot) == expected && steps.len() > before {
                    *lengths.last_mut().expect("a step and a length are pushed together") += 1;
                } else {
                    steps.push(i64::from(slot) - expected);
                    lengths.push(0_i64);
                }
                expected = i64::from(slot) + 1;
            }
            counts.push((steps.len() - before) as i64);
        }
        for column in [counts, steps, lengths] {
            ints::put(lanes, &column);
        }
    }
}

/// The tables that were read.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) paths: Vec<Path>,
    pub(super) slots: Vec<Slot>,
    /// The slots of all shapes, one after the other.
    members: Vec<u32>,
    /// Where each shape ends in `members`.
    ends: Vec<usize>,
}

impl Shapes {
    pub(super) fn get(lanes: &mut LaneReader<'_>) -> Result<Self> {
        let paths = get_paths(lanes)?;
        let slots = get_slots(lanes, paths.len())?;
        let mut shapes = Self { paths, slots, members: Vec::new(), ends: Vec::new() };
        shapes.get_shapes(lanes)?;
        Ok(shapes)
    }

    /// The slots of a shape.
    pub(super) fn shape(&self, number: usize) -> Option<&[u32]> {
        let end = *self.ends.get(number)?;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        self.members.get(start..end)
    }

    fn get_shapes(&mut self, lanes: &mut LaneReader<'_>) -> Result<()> {
        let count = lanes.meta.count(MAX_CHANGES, "shapes")?;
        let counts = ints::get(lanes, count)?;
        let mut total = 0_usize;
        for &count in &counts {
            total = total.saturating_add(ints::natural(count, "shape")?);
        }
        if total > MAX_FRAME_OPS {
            return Err(BundleError::TooLarge("operations"));
        }
        let (steps, lengths) = (ints::get(lanes, total)?, ints::get(lanes, total)?);
        let mut runs = steps.into_iter().zip(lengths);
        for count in counts {
            let before = self.members.len();
            let mut expected = 0_i64;
            for (step, length) in runs.by_ref().take(ints::natural(count, "shape")?) {
                let first = ints::natural(expected.wrapping_add(step), "slot")?;
                let length = ints::natural(length, "shape")?.saturating_add(1);
                let end = first.saturating_add(length);
                if end > self.slots.len() {
                    return Err(BundleError::Malformed("slot"));
                }
                if self.members.len() - before + length > MAX_OPS
                    || self.members.len() + length > MAX_FRAME_OPS
                {
                    return Err(BundleError::TooLarge("operations"));
                }
                self.members.extend(first as u32..end as u32);
                expected = end as i64;
            }
            self.ends.push(self.members.len());
        }
        Ok(())
    }
}

fn get_paths(lanes: &mut LaneReader<'_>) -> Result<Vec<Path>> {
    let count = lanes.meta.count(MAX_FRAME_SLOTS, "paths")?;
    let (shared, lengths) = (ints::get(lanes, count)?, ints::get(lanes, count)?);
    let mut paths = Vec::new();
    let mut text = Vec::new();
    for (shared, length) in shared.into_iter().zip(lengths) {
        let shared = ints::natural(shared, "path")?;
        if shared > text.len() {
            return Err(BundleError::Malformed("path"));
        }
        text.truncate(shared);
        text.extend_from_slice(lanes.text.take(ints::natural(length, "path")?)?);
        paths.push(Path::new(utf8(&text)?).map_err(|_| BundleError::Malformed("path"))?);
    }
    Ok(paths)
}

fn get_slots(lanes: &mut LaneReader<'_>, paths: usize) -> Result<Vec<Slot>> {
    let count = lanes.meta.count(MAX_FRAME_SLOTS, "slots")?;
    let kinds = ints::get(lanes, count)?;
    let malformed = BundleError::Malformed("slot");
    let mut slots = Vec::with_capacity(count);
    for number in kinds {
        let number = ints::natural(number, "slot")?;
        let kind = *Kind::ALL.get(number % 16).ok_or(malformed.clone())?;
        let replaces = Replaces::from_number(number / 16)?;
        if kind.is_run() && replaces != Replaces::Nothing {
            return Err(malformed);
        }
        slots.push(Slot { path: 0, kind, replaces });
    }
    let named = slots.iter().filter(|slot| !slot.kind.is_run()).count();
    let mut expected = 0_i64;
    let steps = ints::get(lanes, named)?;
    for (slot, step) in slots.iter_mut().filter(|slot| !slot.kind.is_run()).zip(steps) {
        let path = expected.wrapping_add(step);
        slot.path =
            ints::natural(path, "slot").ok().filter(|&path| path < paths).ok_or(malformed.clone())? as u32;
        expected = path + 1;
    }
    Ok(slots)
}
