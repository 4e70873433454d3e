//! Reading a record: what automerge calls `keys`, `get` and `get_all`, and who wrote what.

use std::iter;

use fieldmerge_protocol::{Actor, ChangeHash, OpId, Path, Value};

use super::{NO_OP, Provenance, RecordState};

impl RecordState {
    /// The hash of an actor's change number `seq`.
    pub fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.index_of(actor, seq).map(|index| self.change_row(index).hash)
    }

    /// Whether the change with this hash is part of the record.
    pub fn contains(&self, hash: ChangeHash) -> bool {
        self.index_of_hash(hash).is_some()
    }

    /// The number of an actor's last change, 0 if there is none.
    pub fn last_seq(&self, actor: Actor) -> u64 {
        self.last_of(actor).map_or(0, |index| self.change_row(index).seq)
    }

    /// Every actor of the record with the number of its last change, ascending by actor.
    pub fn actors(&self) -> impl Iterator<Item = (Actor, u64)> {
        self.by_author.iter().enumerate().filter_map(|(place, index)| {
            let row = self.change_row(*index);
            let next = self.by_author.get(place + 1).map(|next| self.change_row(*next).actor);
            (next != Some(row.actor)).then_some((row.actor, row.seq))
        })
    }

    /// The hashes of the changes that no other one depends on, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().map(|index| self.change_row(*index).hash).collect()
    }

    /// The paths that hold a value, ascending.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.registers.iter().filter(|(_, register)| !register.live.is_empty()).map(|(path, _)| path)
    }

    /// The paths that hold a value, each with the winning one, ascending.
    pub fn winners(&self) -> impl Iterator<Item = (&Path, &Value)> {
        self.registers.iter().filter_map(|(path, register)| {
            let winner = *register.live.as_slice().last()?;
            Some((path, self.op_row(winner).value.as_ref()?))
        })
    }

    /// Who made the first change of the record, and when by the device's clock; `None` while that change is unknown.
    pub fn begun(&self) -> Option<(Actor, i64)> {
        // Every other one stands after it.
        self.changes.first().map(|first| (first.actor, first.time))
    }

    /// Who made the last change of the record, and when by the device's clock: the last in canonical order.
    pub fn last_saved(&self) -> Option<(Actor, i64)> {
        let last = self.changes.iter().max_by_key(|change| (change.start_op, change.actor))?;
        Some((last.actor, last.time))
    }

    /// Who wrote what stands at a path or below it, and when by the device's clock; where nothing does, who saved last.
    pub fn author(&self, path: &str) -> Option<(Actor, i64)> {
        let below = |other: &str| {
            other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let written = self.registers.keys().filter(|other| below(other.as_str()));
        let op = written.filter_map(|path| self.winner(path.as_str())).map(|(op, _)| op).max();
        op.map_or_else(|| self.last_saved(), |op| Some((op.actor, self.time_of(op)?)))
    }

    /// When a change was made, by the device's clock.
    fn time_of(&self, op: OpId) -> Option<i64> {
        let of_actor =
            self.changes.iter().filter(|change| change.actor == op.actor && change.start_op <= op.counter);
        of_actor.max_by_key(|change| change.start_op).map(|change| change.time)
    }

    /// Every path that was ever written, ascending.
    pub fn known_paths(&self) -> impl Iterator<Item = &Path> {
        self.registers.keys()
    }

    /// The winning value of a path. Never show it as the truth where a person must judge: see [`crate::cases`].
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.winner(path).map(|(_, value)| value)
    }

    /// The winner among the live puts of a path, with its operation id.
    pub fn winner(&self, path: &str) -> Option<(OpId, &Value)> {
        self.get_all(path).next_back()
    }

    /// The live puts of a path, ascending by operation id: the last one is the winner.
    pub fn get_all(&self, path: &str) -> impl DoubleEndedIterator<Item = (OpId, &Value)> + ExactSizeIterator {
        self.live_ops(path).iter().map(|op| {
            let value = self.op_row(*op).value.as_ref();
            (self.op_id(*op), value.expect("only puts are live"))
        })
    }

    /// Where a change came from, as stored.
    pub fn provenance(&self, actor: Actor, seq: u64) -> Option<Provenance> {
        self.index_of(actor, seq).map(|index| self.change_row(index).provenance)
    }

    /// States where a change came from, once that is known: positions are given last. Says whether the change is
    /// part of the record.
    pub fn set_provenance(&mut self, actor: Actor, seq: u64, provenance: Provenance) -> bool {
        let Some(index) = self.index_of(actor, seq) else { return false };
        self.changes[index as usize].provenance = provenance;
        true
    }

    /// The paths with more than one operation: only there can anything be in conflict.
    pub(crate) fn contested_paths(&self) -> impl Iterator<Item = &Path> {
        let several = |latest: u32| self.op_row(latest).earlier != NO_OP;
        self.registers.iter().filter(move |(_, register)| several(register.latest)).map(|(path, _)| path)
    }

    pub(crate) fn live_ops(&self, path: &str) -> &[u32] {
        self.registers.get(path).map_or(&[], |register| register.live.as_slice())
    }

    /// The operations of a path, the last arrived first.
    pub(crate) fn ops_of(&self, path: &Path) -> impl Iterator<Item = u32> {
        let latest = self.registers.get(path).map(|register| register.latest);
        iter::successors(latest, |op| Some(self.op_row(*op).earlier).filter(|earlier| *earlier != NO_OP))
    }

    pub(crate) fn index_of(&self, actor: Actor, seq: u64) -> Option<u32> {
        let key = |index: &u32| (self.change_row(*index).actor, self.change_row(*index).seq);
        self.by_author.binary_search_by_key(&(actor, seq), key).ok().map(|place| self.by_author[place])
    }

    pub(super) fn index_of_hash(&self, hash: ChangeHash) -> Option<u32> {
        let place = self.by_hash.binary_search_by_key(&hash, |index| self.change_row(*index).hash);
        place.ok().map(|place| self.by_hash[place])
    }

    /// The last change of an actor.
    pub(super) fn last_of(&self, actor: Actor) -> Option<u32> {
        let end = self.by_author.partition_point(|index| self.change_row(*index).actor <= actor);
        let last = self.by_author[end.checked_sub(1)?];
        (self.change_row(last).actor == actor).then_some(last)
    }
}
