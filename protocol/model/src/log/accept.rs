//! Which changes may extend a log.

use fieldmerge_protocol::{Action, Change, ChangeHash, Op, RecordId, Value};

use super::{HEADING_OPS, LogHeading, LogRow, LogState, MAX_PERSONS};
use crate::record::{Identity, Provenance, Refusal, Verdict, limits};

/// What a valid change adds.
struct Addition {
    heading: Option<LogHeading>,
    persons: Vec<RecordId>,
    entries: u32,
}

impl LogState {
    /// Offers a change. `hash` must be the hash of its canonical bytes, as the codec gives it. Whatever the answer
    /// but [`Verdict::Applied`], the state stays as it was.
    pub fn accept(&mut self, change: &Change, hash: ChangeHash, provenance: Provenance) -> Verdict {
        if let Some(known) = self.find(change.actor, change.seq) {
            return if known == hash { Verdict::Duplicate } else { Verdict::Forked };
        }
        if let Some(missing) = self.missing(change) {
            return Verdict::Held { missing };
        }
        match self.judge(change) {
            Ok(addition) => {
                self.add(change, hash, provenance, addition);
                Verdict::Applied
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// The unknown dependencies of the writer's own change. Nobody else's change will ever fit, so that waits for
    /// nothing.
    fn missing(&self, change: &Change) -> Option<Vec<ChangeHash>> {
        let foreign = self.heading().is_some_and(|heading| heading.actor != change.actor);
        if foreign || change.deps.len() > limits::MAX_DEPS {
            return None;
        }
        let unknown = |dep: &&ChangeHash| self.head() != Some(**dep) && !self.has(**dep);
        let mut missing: Vec<ChangeHash> = change.deps.iter().filter(unknown).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        (!missing.is_empty()).then_some(missing)
    }

    fn has(&self, hash: ChangeHash) -> bool {
        self.changes.iter().any(|row| row.hash == hash)
    }

    fn judge(&self, change: &Change) -> Result<Addition, Refusal> {
        let fits = change.deps.len() <= limits::MAX_DEPS
            && change.ops.len() <= limits::MAX_CHANGE_OPS
            && self.changes.len() < limits::MAX_CHANGES
            && self.next_op + change.ops.len() as u64 <= limits::MAX_OPS as u64;
        if !fits {
            return Err(Refusal::TooLarge);
        }
        if change.ops.is_empty() {
            return Err(Refusal::Empty);
        }
        let heading = if change.deps.is_empty() { Some(self.read_heading(change)?) } else { None };
        if self.heading().is_some_and(|known| known.actor != change.actor) {
            return Err(Refusal::ForeignActor);
        }
        if heading.is_some() && !self.is_empty() {
            return Err(Refusal::SecondRoot);
        }
        if change.seq != self.last_seq() + 1 {
            return Err(Refusal::BadSeq);
        }
        if change.deps.first().copied() != self.head() || change.deps.len() > 1 {
            return Err(Refusal::BadDeps);
        }
        if change.start_op != self.next_op {
            return Err(Refusal::BadStartOp);
        }
        let body = if heading.is_some() { &change.ops[HEADING_OPS..] } else { &change.ops[..] };
        let (persons, entries) = self.read_body(body)?;
        Ok(Addition { heading, persons, entries })
    }

    fn read_heading(&self, change: &Change) -> Result<LogHeading, Refusal> {
        let identity = Identity::read(change).ok_or(Refusal::NoIdentity)?;
        if identity.id != self.id() {
            return Err(Refusal::WrongRecord);
        }
        let month =
            change.ops.get(HEADING_OPS - 1).filter(|op| op.path.as_str() == "_month" && op.pred.is_empty());
        let Some(Action::Put(Value::Str(month))) = month.map(|op| &op.action) else {
            return Err(Refusal::NoIdentity);
        };
        if !is_month(month) {
            return Err(Refusal::NoIdentity);
        }
        let Identity { record_type, area, .. } = identity;
        Ok(LogHeading { actor: change.actor, record_type, area, month: month.clone() })
    }

    /// First the persons, then the entries, both from the next number on.
    fn read_body(&self, ops: &[Op]) -> Result<(Vec<RecordId>, u32), Refusal> {
        let mut persons = Vec::new();
        let mut entries = 0;
        for op in ops {
            if !op.pred.is_empty() {
                return Err(Refusal::BadPred);
            }
            let Action::Put(Value::Bytes(bytes)) = &op.action else { return Err(Refusal::BadEntry) };
            let next_person = (self.persons.len() + persons.len()) as u64;
            if op.path.entry_number() == Some(self.next_entry + u64::from(entries)) {
                entries += 1;
            } else if op.path.person_number() == Some(next_person) && entries == 0 {
                let person = bytes.as_slice().try_into().map_err(|_| Refusal::BadEntry)?;
                persons.push(RecordId(person));
            } else {
                return Err(Refusal::BadEntry);
            }
        }
        let many = self.persons.len() + persons.len() > MAX_PERSONS;
        if many { Err(Refusal::TooLarge) } else { Ok((persons, entries)) }
    }

    fn add(&mut self, change: &Change, hash: ChangeHash, provenance: Provenance, addition: Addition) {
        let Addition { heading, persons, entries } = addition;
        self.heading = heading.or_else(|| self.heading.take());
        let persons_added = u32::try_from(persons.len()).expect("the limits keep every count far below 2^32");
        self.persons.extend(persons);
        self.next_op += change.ops.len() as u64;
        self.next_entry += u64::from(entries);
        self.changes.push(LogRow { hash, time: change.time, persons: persons_added, entries, provenance });
    }
}

/// Whether this is a month as `2026-03`.
pub(super) fn is_month(text: &str) -> bool {
    let [y0, y1, y2, y3, b'-', m0, m1] = text.as_bytes() else { return false };
    let digits = [y0, y1, y2, y3, m0, m1].into_iter().all(u8::is_ascii_digit);
    digits && (b"01"..=b"12").contains(&&[*m0, *m1])
}
