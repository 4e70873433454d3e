//! Reading states. The bytes come from our own database, yet a torn or foreign blob must be an error and nothing
//! worse: every index is checked, and nothing is allocated beyond what the bytes can hold.

use fieldmerge_protocol::{Actor, ChangeHash, Path, RecordId};

use super::wire::{Reader, StateError};
use super::{VERSION, preds};
use crate::record::accept::{number, op_id, value_weight};
use crate::record::{ChangeRow, Few, NO_OP, OpRow, RecordState, Register, limits, names};

impl RecordState {
    /// Reads what [`RecordState::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(StateError::UnknownVersion);
        }
        let mut state = Self::new(RecordId(reader.array()?));
        let actors = read_actors(&mut reader)?;
        let mut seqs = vec![0; actors.len()];
        let count = reader.count(limits::MAX_CHANGES)?;
        state.changes.reserve(count.min(reader.left() / 36));
        let mut op_count = 0;
        for _ in 0..count {
            state.read_change(&mut reader, &actors, &mut seqs, &mut op_count)?;
        }
        if seqs.contains(&0) {
            return Err(StateError::Corrupt);
        }
        state.ops.reserve(op_count.min(reader.left() / 2));
        let mut locals = Vec::new();
        for change in 0..number(count) {
            for _ in 0..state.change_row(change).op_count {
                state.read_op(&mut reader, change, &mut locals)?;
            }
        }
        reader.end()?;
        state.restore()?;
        Ok(state)
    }

    fn read_change(
        &mut self,
        reader: &mut Reader<'_>,
        actors: &[Actor],
        seqs: &mut [u64],
        op_count: &mut usize,
    ) -> Result<(), StateError> {
        let index = self.changes.len();
        let actor = reader.count(actors.len().saturating_sub(1))?;
        if actor > 0 && seqs[actor - 1] == 0 {
            return Err(StateError::Corrupt);
        }
        seqs.get_mut(actor).map(|seq| *seq += 1).ok_or(StateError::Corrupt)?;
        let first_op = *op_count;
        let ops = reader.count(limits::MAX_CHANGE_OPS)?;
        *op_count += ops;
        let clock = self.changes.last().map_or((0, 0), |row| (row.time, row.provenance.received_ms));
        let time = clock.0.wrapping_add(reader.signed()?);
        let deps = read_distances(reader, index, limits::MAX_DEPS)?;
        self.links += deps.len();
        if ops == 0 || *op_count > limits::MAX_OPS || self.links > limits::MAX_LINKS {
            return Err(StateError::Corrupt);
        }
        let past = deps.as_slice().iter().map(|dep| self.change_row(*dep).max_op()).max();
        let hash = ChangeHash(reader.array()?);
        let provenance = reader.provenance(actors[actor], clock.1)?;
        let row = ChangeRow {
            actor: actors[actor],
            seq: seqs[actor],
            start_op: past.unwrap_or(0) + 1,
            time,
            first_op: number(first_op),
            op_count: number(ops),
            deps,
            hash,
            provenance,
        };
        let key = |row: &ChangeRow| (row.start_op, row.actor);
        if self.changes.last().is_some_and(|last| key(last) >= key(&row)) {
            return Err(StateError::Corrupt);
        }
        self.max_op = self.max_op.max(row.max_op());
        self.changes.push(row);
        Ok(())
    }

    fn read_op(
        &mut self,
        reader: &mut Reader<'_>,
        change: u32,
        locals: &mut Vec<Path>,
    ) -> Result<(), StateError> {
        let index = self.ops.len();
        let path = read_path(reader, locals)?;
        let tag = reader.byte()?;
        let value = reader.value(tag & !preds::MASK, &self.id.0)?;
        let replaced = match tag & preds::MASK {
            preds::NONE => Few::None,
            preds::ONE => Few::one(place(reader, index)?),
            preds::MANY => read_distances(reader, index, limits::MAX_LINKS)?,
            _ => return Err(StateError::Corrupt),
        };
        self.links += replaced.len();
        self.weight += path.as_str().len() + value.as_ref().map_or(0, value_weight);
        if self.links > limits::MAX_LINKS || self.weight > limits::MAX_WEIGHT {
            return Err(StateError::Corrupt);
        }
        for pred in replaced.as_slice() {
            let pred = &mut self.ops[*pred as usize];
            if pred.path != path || pred.value.is_none() {
                return Err(StateError::Corrupt);
            }
            pred.successors.push(number(index));
        }
        let register =
            self.registers.entry(path.clone()).or_insert(Register { latest: NO_OP, live: Few::None });
        let earlier = std::mem::replace(&mut register.latest, number(index));
        self.ops.push(OpRow { path, value, change, earlier, successors: Few::None });
        Ok(())
    }

    /// Derives what is not stored: live puts, heads, and the indexes.
    fn restore(&mut self) -> Result<(), StateError> {
        let Self { ops, changes, registers, by_author, by_hash, heads, .. } = self;
        for register in registers.values_mut() {
            let mut op = register.latest;
            while op != NO_OP {
                let row = &ops[op as usize];
                if row.value.is_some() && row.successors.is_empty() {
                    register.live.push(op);
                }
                op = row.earlier;
            }
            register.live.sort_by_key(|live| op_id(changes, ops, live));
        }
        let mut is_head = vec![true; changes.len()];
        for row in changes.iter() {
            for dep in row.deps.as_slice() {
                is_head[*dep as usize] = false;
            }
        }
        by_hash.extend(0..number(changes.len()));
        by_author.extend_from_slice(by_hash);
        by_author
            .sort_unstable_by_key(|index| (changes[*index as usize].actor, changes[*index as usize].seq));
        by_hash.sort_unstable_by_key(|index| changes[*index as usize].hash);
        heads.extend(by_hash.iter().filter(|index| is_head[**index as usize]));
        let twice = |pair: &[u32]| changes[pair[0] as usize].hash == changes[pair[1] as usize].hash;
        if by_hash.windows(2).any(twice) { Err(StateError::Corrupt) } else { Ok(()) }
    }
}

fn read_actors(reader: &mut Reader<'_>) -> Result<Vec<Actor>, StateError> {
    let count = reader.count(reader.left() / 16)?;
    let mut actors = Vec::with_capacity(count);
    for _ in 0..count {
        actors.push(Actor(reader.array()?));
    }
    let mut sorted = actors.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) { Err(StateError::Corrupt) } else { Ok(actors) }
}

/// A place before `here`, written as the distance.
fn place(reader: &mut Reader<'_>, here: usize) -> Result<u32, StateError> {
    let distance = reader.count(here)?;
    if distance == 0 { Err(StateError::Corrupt) } else { Ok(number(here - distance)) }
}

/// Places before `here`, the nearest first.
fn read_distances(reader: &mut Reader<'_>, here: usize, most: usize) -> Result<Few, StateError> {
    let count = reader.count(most.min(here))?;
    if count == 1 {
        return Ok(Few::one(place(reader, here)?));
    }
    let mut places = Vec::with_capacity(count.min(reader.left()));
    for _ in 0..count {
        let place = place(reader, here)?;
        if places.last().is_some_and(|last| *last <= place) {
            return Err(StateError::Corrupt);
        }
        places.push(place);
    }
    Ok(Few::from(places))
}

fn read_path(reader: &mut Reader<'_>, locals: &mut Vec<Path>) -> Result<Path, StateError> {
    let token = reader.number()?;
    if token & 1 == 0 {
        return names::path(token >> 1).ok_or(StateError::Corrupt);
    }
    let local = usize::try_from(token >> 1).map_err(|_| StateError::Corrupt)?;
    if local == locals.len() {
        let text = match reader.number()? {
            0 => Path::new(reader.text()?),
            name => {
                let head = names::name(name - 1).ok_or(StateError::Corrupt)?;
                Path::new(&format!("{head}{}", reader.text()?))
            }
        };
        locals.push(text.map_err(|_| StateError::Corrupt)?);
    }
    locals.get(local).cloned().ok_or(StateError::Corrupt)
}
