//! What phones pass each other, and what they hold afterwards.

use fieldmerge_engine::{Failure, Input, ListQuery, Outcome};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::{DeviceId, ProjectId, RecordClass, RecordId, exchange};

use crate::phone::{Crash, Phone};
use crate::server::Server;

impl Phone {
    pub(crate) fn project(&self) -> ProjectId {
        self.engine.status().enrolment.expect("it is enrolled").project
    }

    /// The file for another phone, and how many frames are in it.
    pub(crate) fn give(&mut self, to: DeviceId) -> Result<(Vec<u8>, usize), Failure> {
        match self.ask(|ticket| Input::Give { ticket, to }).expect("no crash") {
            Ok(Outcome::Given { bytes, frames, .. }) => Ok((bytes, frames)),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => Err(failure),
        }
    }

    /// The opened contents of a file for another phone.
    pub(crate) fn contents_for(&mut self, to: &Phone) -> Vec<u8> {
        let (file, _) = self.give(to.device).expect("it gives");
        exchange::open(to.project(), to.device, &to.key, &file).expect("it opens")
    }

    /// Takes what a file holds; it must be taken.
    pub(crate) fn take(&mut self, contents: &[u8]) -> Result<Outcome, Failure> {
        self.try_take(contents).expect("no crash")
    }

    pub(crate) fn try_take(&mut self, contents: &[u8]) -> Result<Result<Outcome, Failure>, Crash> {
        self.ask(|ticket| Input::Take { ticket, contents: contents.to_vec() })
    }

    /// What stands at each path of a record: the values in order.
    pub(crate) fn shown(&self, record: RecordId) -> Vec<(String, Vec<String>)> {
        let view = self.engine.get(record).expect("the phone holds the record");
        let all = view.values.into_iter().map(|value| {
            let mut values: Vec<String> =
                value.beside.iter().chain([&value.value]).map(|value| format!("{value:?}")).collect();
            values.sort();
            (value.path.to_string(), values)
        });
        all.collect()
    }
}

/// A server and phones that know of each other.
pub(crate) fn world<const N: usize>(roles: &[Role]) -> (Server, [Phone; N]) {
    let mut server = Server::new();
    let number = |index: usize| u8::try_from(index + 1).expect("few");
    let mut phones = std::array::from_fn(|index| Phone::enrolled(&mut server, number(index), roles));
    for phone in &mut phones {
        phone.sync_well(&mut server);
    }
    (server, phones)
}

/// Passes what one phone has to another one: changes that were merged, and frames that wait.
pub(crate) fn pass(from: &mut Phone, to: &mut Phone) -> (u64, usize) {
    let contents = from.contents_for(to);
    match to.take(&contents) {
        Ok(Outcome::Taken { changes, waiting, .. }) => (changes, waiting),
        other => panic!("{other:?}"),
    }
}

/// The phone holds of each worker what the server holds, and no other; nothing is left to settle.
pub(crate) fn agree(server: &Server, phone: &Phone) {
    let query = ListQuery { record_type: Some("worker".to_owned()), limit: 10_000, ..ListQuery::default() };
    let mut held: Vec<RecordId> = phone.engine.list(&query).iter().map(|line| line.record).collect();
    held.sort_unstable();
    let shown = server.shown(RecordClass::Core);
    assert_eq!(held, shown.keys().copied().collect::<Vec<_>>(), "the same records");
    for (record, values) in shown {
        assert_eq!(phone.shown(record), values, "{record}");
    }
    let outbox = phone.engine.outbox();
    assert_eq!((outbox.provisional, outbox.carried_frames), (0, 0), "everything is settled");
}
