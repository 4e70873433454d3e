//! A person writes anew, or gives up, what the server holds or has put aside and may still take: the server gives it back
//! first, so whatever comes in between, it counts once.

use fieldmerge_engine::{Edit, Input, LogEntry, OutboxState, SavedEdit, Settlement, SyncEnd};
use fieldmerge_model::types::entry::AttendanceEntry;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_server::admin::quarantine::{self, Which};
use fieldmerge_server::admin::{GrantText, devices};
use fieldmerge_server::failpoint;
use fieldmerge_server::sync::expire;
use fieldmerge_server::verify::verify;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::PROJECT;

use crate::deaths::Lives;
use crate::place::{BOTH, Place, WRITES, on_both};

on_both!(
    what_is_given_up_takes_what_is_held_above_it_along,
    what_the_server_took_meanwhile_is_not_written_again,
    what_expired_is_written_anew_and_not_replayed,
    a_copy_of_the_phone_may_do_the_same,
);

/// A phone of which the server has put a day of attendance aside, `first`, and holds the next, `second`: by their numbers
/// in the outbox.
struct Waiting {
    phone: Phone,
    first: u64,
    second: u64,
}

impl Waiting {
    async fn at(place: &Place) -> Self {
        let mut phone = place.site.phone("Hery", 1, &WRITES).await;
        let worker = register(&mut phone, place);
        sync(&mut phone, place).await;
        for grant in WRITES {
            let (device, grant) = (phone.enrolment().device.to_string(), text(grant));
            assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("withdrawn"));
        }
        attend(&mut phone, place, worker, "2026-03-02");
        attend(&mut phone, place, worker, "2026-03-03");
        sync(&mut phone, place).await;
        for grant in WRITES {
            let (device, grant) = (phone.enrolment().device.to_string(), text(grant));
            assert!(devices::give(&place.site.app, PROJECT, &device, &grant).await.expect("given"));
        }
        sync(&mut phone, place).await;
        let changes = phone.engine().outbox().changes;
        let [first, second] = &changes[..] else { panic!("two changes wait: {changes:?}") };
        assert_eq!(first.state, OutboxState::Quarantined { code: "not-granted".into() });
        assert_eq!(second.state, OutboxState::Held);
        let (first, second) = (first.number, second.number);
        Self { phone, first, second }
    }
}

fn text(grant: &str) -> GrantText {
    grant.parse().expect("a grant")
}

fn register(phone: &mut Phone, place: &Place) -> RecordId {
    let new = Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area: place.area(),
        subject: None,
        person: 0,
        values: vec![(path("family_name"), Value::str("Rabe"))],
    };
    let saved = phone.save(vec![new]).expect("it lives").expect("it is saved");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

fn attend(phone: &mut Phone, place: &Place, subject: RecordId, day: &str) {
    let day = day.parse().expect("a date");
    let entries = vec![LogEntry { subject, entry: AttendanceEntry::present(0, day, 4).into() }];
    let append = Edit::Append { area: place.area(), person: 0, entries };
    phone.save(vec![append]).expect("it lives").expect("it is saved");
}

async fn sync(phone: &mut Phone, place: &Place) {
    let report = phone.sync(&mut place.site.link()).await.expect("it lives");
    assert_eq!(report.end, SyncEnd::Complete, "{report:?}");
}

fn settle(phone: &mut Phone, number: u64, how: Settlement) {
    phone.ask(|ticket| Input::Settle { ticket, number, how }).expect("it lives").expect("it is marked");
}

fn states(phone: &Phone) -> Vec<OutboxState> {
    phone.engine().outbox().changes.into_iter().map(|change| change.state).collect()
}

async fn replay(place: &Place, code: &str) -> usize {
    let which = Which::Code(code.to_owned());
    quarantine::replay(&place.site.app, PROJECT, &which).await.expect("items are offered again").len()
}

/// Days of attendance that the server has, and that nothing waits; and that the phone holds the same.
async fn assert_days(place: &Place, phone: &mut Phone, days: usize) {
    sync(phone, place).await;
    let census = place.census().await;
    assert_eq!(census.holdings.values().map(|replica| replica.entries.len()).sum::<usize>(), days);
    assert_eq!((census.held, states(phone)), (0, Vec::new()));
    census.assert_same_on(phone);
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good(), "{}", report.text());
}

async fn what_is_given_up_takes_what_is_held_above_it_along(place: &Place) {
    let Waiting { mut phone, first, .. } = Waiting::at(place).await;
    settle(&mut phone, first, Settlement::Dismiss);
    assert_eq!(states(&phone), [OutboxState::Withdrawn, OutboxState::Withdrawn]);
    sync(&mut phone, place).await;
    assert_eq!(replay(place, "not-granted").await, 0, "it stands aside no more");
    assert_days(place, &mut phone, 1).await;
}

async fn what_the_server_took_meanwhile_is_not_written_again(place: &Place) {
    let Waiting { mut phone, first, second } = Waiting::at(place).await;
    settle(&mut phone, second, Settlement::Dismiss);
    settle(&mut phone, first, Settlement::Dismiss);
    assert_eq!(replay(place, "not-granted").await, 1);
    assert_days(place, &mut phone, 2).await;
}

async fn what_expired_is_written_anew_and_not_replayed(place: &Place) {
    let Waiting { mut phone, first, second } = Waiting::at(place).await;
    place.site.app.clock().advance_ms(100 * 86_400_000);
    assert_eq!(expire::now(&place.site.app).await.expect("the database does not fail"), 1);
    phone.clock_ms += 100 * 86_400_000;
    sync(&mut phone, place).await;
    assert_eq!(states(&phone)[1], OutboxState::Quarantined { code: "held-expired".into() });
    // What it stands on is kept for headquarters; the person does not wait for that.
    settle(&mut phone, second, Settlement::Repair);
    sync(&mut phone, place).await;
    assert_eq!(replay(place, "held-expired").await, 0, "it stands aside no more");
    settle(&mut phone, first, Settlement::Repair);
    assert_days(place, &mut phone, 2).await;
}

async fn a_copy_of_the_phone_may_do_the_same(place: &Place) {
    let Waiting { mut phone, first, .. } = Waiting::at(place).await;
    let mut copy = phone.copy(7);
    settle(&mut phone, first, Settlement::Dismiss);
    sync(&mut phone, place).await;
    sync(&mut copy, place).await;
    let withdrawn = OutboxState::Quarantined { code: "withdrawn".into() };
    assert_eq!(states(&copy), [withdrawn.clone(), withdrawn]);
    let numbers: Vec<u64> = copy.engine().outbox().changes.iter().map(|change| change.number).collect();
    settle(&mut copy, numbers[0], Settlement::Dismiss);
    for number in &numbers[1..] {
        if copy.engine().outbox().changes.iter().any(|change| change.number == *number) {
            settle(&mut copy, *number, Settlement::Repair);
        }
    }
    assert_days(place, &mut copy, 1).await;
    assert_days(place, &mut phone, 1).await;
}

#[test]
fn a_server_that_dies_over_it_takes_it_back_once() {
    for kind in BOTH {
        for point in failpoint::WITHDRAWAL {
            let (mut lives, mut waiting) = Lives::begin(kind, async |place| Waiting::at(place).await);
            settle(&mut waiting.phone, waiting.first, Settlement::Dismiss);
            let mut dying = waiting.phone.copy(8);
            lives.die(point, async |site| dying.sync(&mut site.link()).await);
            let end =
                lives.live(async |site| waiting.phone.sync(&mut site.link()).await.expect("it lives").end);
            assert_eq!(end, SyncEnd::Complete, "{point}");
            assert_eq!(states(&waiting.phone), [], "{point}");
        }
    }
}
