//! The dependencies of the changes of a frame.
//!
//! Columns: how many each change has; the form of each (0 own previous, 1 the record's previous change in the frame,
//! 2 in frame, 3 known, 4 whole hash); for form 2 the index of the change less that of the dependency; for form 3
//! actors and numbers. Then in the raw lane four bytes for each of form 3 and 32 for each of form 4.

use std::collections::HashMap;

use super::super::BundleError;
use super::ints::{self, look_up, natural};
use super::lanes::{LaneReader, Lanes};
use super::{Acknowledged, DepRef, Entry};
use crate::change::MAX_DEPS;
use crate::{Actor, ChangeHash};

type Result<T> = std::result::Result<T, BundleError>;

const OWN: i64 = 0;
const PREVIOUS: i64 = 1;
const IN_FRAME: i64 = 2;
const KNOWN: i64 = 3;
const HASH: i64 = 4;

/// The columns being filled.
#[derive(Debug, Default)]
pub(super) struct Deps {
    places: HashMap<ChangeHash, u32>,
    counts: Vec<i64>,
    forms: Vec<i64>,
    steps: Vec<i64>,
    actors: Vec<i64>,
    seqs: Vec<i64>,
    checks: Vec<u8>,
    hashes: Vec<u8>,
}

impl Deps {
    pub(super) fn new(entries: &[Entry<'_>]) -> Self {
        let mut deps = Self::default();
        if entries.iter().any(|entry| !entry.change.deps.is_empty()) {
            let place = |(index, entry): (usize, &Entry<'_>)| (entry.hash, index as u32);
            deps.places = entries.iter().enumerate().map(place).collect();
        }
        deps
    }

    /// The places in the frame of the dependencies of a change.
    pub(super) fn in_frame(&self, entry: &Entry<'_>) -> impl Iterator<Item = u32> {
        entry.change.deps.iter().filter_map(|dep| self.places.get(dep).copied())
    }

    /// Adds those of the next change. `previous` is the place of the record's previous change in the frame.
    pub(super) fn push(
        &mut self,
        entry: &Entry<'_>,
        previous: Option<u32>,
        acknowledged: &Acknowledged<'_>,
        actor_number: &mut dyn FnMut(Actor) -> i64,
    ) {
        let index = self.counts.len() as i64;
        self.counts.push(entry.change.deps.len() as i64);
        for dep in &entry.change.deps {
            let form = match self.places.get(dep) {
                Some(&place) if Some(place) == previous => PREVIOUS,
                Some(&place) if i64::from(place) != index => {
                    self.steps.push(index - i64::from(place));
                    IN_FRAME
                }
                _ => match acknowledged(entry.record, dep) {
                    Some((actor, seq)) if actor == entry.change.actor && seq == entry.change.seq - 1 => OWN,
                    Some((actor, seq)) => {
                        self.actors.push(actor_number(actor));
                        self.seqs.push(seq.cast_signed());
                        self.checks.extend_from_slice(&dep.0[..4]);
                        KNOWN
                    }
                    None => {
                        self.hashes.extend_from_slice(&dep.0);
                        HASH
                    }
                },
            };
            self.forms.push(form);
        }
    }

    pub(super) fn put(&self, lanes: &mut Lanes) {
        for column in [&self.counts, &self.forms, &self.steps, &self.actors, &self.seqs] {
            ints::put(lanes, column);
        }
        lanes.raw.extend_from_slice(&self.checks);
        lanes.raw.extend_from_slice(&self.hashes);
    }
}

/// Reads the dependencies of each change. `previous` holds the place of the record's previous change in the frame.
pub(super) fn get(
    lanes: &mut LaneReader<'_>,
    actors: &[Actor],
    previous: &[Option<u32>],
) -> Result<Vec<Vec<DepRef>>> {
    let counts = ints::get(lanes, previous.len())?;
    let mut total = 0;
    for &count in &counts {
        let count = natural(count, "dependencies")?;
        if count > MAX_DEPS {
            return Err(BundleError::TooLarge("dependencies"));
        }
        total += count;
    }
    let forms = ints::get(lanes, total)?;
    let of = |form: i64| forms.iter().filter(|&&other| other == form).count();
    let mut steps = ints::get(lanes, of(IN_FRAME))?.into_iter();
    let known = of(KNOWN);
    let mut authors = ints::get(lanes, known)?.into_iter();
    let mut seqs = ints::get(lanes, known)?.into_iter();
    let mut checks = lanes.raw.take(known * 4)?.chunks_exact(4);
    let mut hashes = lanes.raw.take(of(HASH) * 32)?.chunks_exact(32);
    let mut forms = forms.into_iter();
    let mut one = |index: usize, form: i64| {
        Some(match form {
            OWN => Ok(DepRef::OwnPrevious),
            PREVIOUS => previous[index].map(DepRef::InFrame).ok_or(MALFORMED),
            IN_FRAME => in_frame(index, steps.next()?, previous.len()),
            KNOWN => {
                let (author, seq) = (authors.next()?, seqs.next()?.cast_unsigned());
                let check = checks.next()?.try_into().ok()?;
                look_up(actors, author).map(|actor| DepRef::Known { actor, seq, check })
            }
            HASH => Ok(DepRef::Hash(ChangeHash(hashes.next()?.try_into().ok()?))),
            _ => Err(MALFORMED),
        })
    };
    let mut deps = Vec::with_capacity(counts.len());
    for (index, count) in counts.into_iter().enumerate() {
        let forms = forms.by_ref().take(natural(count, "dependencies")?);
        deps.push(forms.map(|form| one(index, form).unwrap_or(Err(MALFORMED))).collect::<Result<_>>()?);
    }
    Ok(deps)
}

const MALFORMED: BundleError = BundleError::Malformed("dependency");

fn in_frame(index: usize, step: i64, count: usize) -> Result<DepRef> {
    let place = natural((index as i64).checked_sub(step).ok_or(MALFORMED)?, "dependency")?;
    if place < count && place != index { Ok(DepRef::InFrame(place as u32)) } else { Err(MALFORMED) }
}
