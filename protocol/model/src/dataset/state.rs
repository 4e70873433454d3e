//! A record's merged state, as rows see it.

use fieldmerge_protocol::{Path, Value};

use super::View;
use crate::record::RecordState;

impl View for RecordState {
    fn live(&self, path: &str) -> Vec<&Value> {
        self.get_all(path).map(|(_, value)| value).collect()
    }

    fn first(&self, path: &str) -> Option<&Value> {
        let path = Path::new(path).ok()?;
        // Every change depends on the record's first, which therefore came first.
        let earliest = self.op_row(self.ops_of(&path).last()?);
        if earliest.change == 0 { earliest.value.as_ref() } else { None }
    }

    fn below(&self, head: &str) -> Vec<&str> {
        let inside = |path: &&str| path.strip_prefix(head).is_some_and(|rest| rest.starts_with('/'));
        self.paths().map(Path::as_str).filter(inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::{Actor, AreaId, Change, RecordId};

    use super::*;
    use crate::record::{NewRecord, Provenance, Save, Verdict};

    fn path(text: &str) -> Path {
        Path::new(text).expect("a path")
    }

    fn take(state: &mut RecordState, change: &Change) {
        let (_, hash) = change.encode();
        assert_eq!(state.accept(change, hash, Provenance::default()), Verdict::Applied);
    }

    #[test]
    fn a_merged_record_is_seen_as_automerge_would_show_it() {
        let (a, b) = (Actor([1; 16]), Actor([2; 16]));
        let new = NewRecord {
            actor: a,
            time: 0,
            id: RecordId([9; 16]),
            record_type: "worker".into(),
            area: AreaId([8; 16]),
            subject: None,
            puts: vec![
                (path("worker_number"), Value::str("A-1")),
                (path("birth_year"), Value::Int(2003)),
                (path("languages/mlg"), Value::Bool(true)),
            ],
        };
        let mut state = RecordState::new(RecordId([9; 16]));
        take(&mut state, &new.build().expect("a first change"));
        let save = |state: &RecordState, actor, year, number| {
            let puts =
                vec![(path("birth_year"), Value::Int(year)), (path("worker_number"), Value::str(number))];
            state.build(&Save { actor, time: 0, puts, deletes: vec![] }).expect("a change")
        };
        let (from_a, from_b) = (save(&state, a, 2002, "A-2"), save(&state, b, 2004, "B-1"));
        take(&mut state, &from_b);
        take(&mut state, &from_a);

        assert_eq!(state.live("birth_year"), [&Value::Int(2002), &Value::Int(2004)]);
        assert_eq!(state.first("birth_year"), Some(&Value::Int(2003)));
        assert_eq!(state.first("worker_number"), Some(&Value::str("A-1")));
        assert_eq!((state.first("sex"), state.live("sex")), (None, vec![]));
        assert_eq!(state.below("languages"), ["languages/mlg"]);
        assert_eq!(state.below("lang"), [""; 0]);
    }
}
