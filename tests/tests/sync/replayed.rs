//! What was put aside is offered again when its cause is gone.

use fieldmerge_engine::{Edit, Input, OutboxState, SavedEdit, Settlement, SyncEnd};
use fieldmerge_protocol::Value;
use fieldmerge_protocol::sync::{FrameStatus, Outcome};
use fieldmerge_server::admin::quarantine::{self, Which};
use fieldmerge_server::admin::{GrantText, devices};
use fieldmerge_server::sync::expire;
use fieldmerge_server::sync::push::replay::Replayed;
use fieldmerge_server::verify::verify;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::site::PROJECT;
use fieldmerge_tests::world::work::{Ledger, Work};
use uuid::Uuid;

use crate::place::{Draft, Place, exceptions, on_both};

on_both!(
    a_change_is_taken_once_its_author_has_the_grant,
    a_held_change_that_expired_is_taken_once_its_base_is_there,
    what_cannot_be_taken_stays_aside,
    an_item_that_is_given_up_leaves_the_list,
    what_its_author_sends_again_meanwhile_counts_once,
);

async fn give(place: &Place, device: &str, grant: &str) {
    let grant: GrantText = grant.parse().expect("a grant");
    assert!(devices::give(&place.site.app, PROJECT, device, &grant).await.expect("it is given"));
}

async fn replay(place: &Place, code: &str) -> Vec<Replayed> {
    let which = Which::Code(code.to_owned());
    let replayed =
        quarantine::replay(&place.site.app, PROJECT, &which).await.expect("items are offered again");
    replayed.into_iter().map(|(_, replayed)| replayed).collect()
}

async fn assert_good(place: &Place) {
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good(), "{}", report.text());
}

async fn a_change_is_taken_once_its_author_has_the_grant(place: &Place) {
    let mut phone = place.site.phone("Hery", 1, &["S2:enumerator"]).await;
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    // A phone that has not synced does not know what it may do.
    let mut work = Work::new(1, 0, &place.site.areas[..1]);
    for _ in 0..6 {
        work.save(&mut phone, &mut ledger).expect("phones do not die here");
    }
    let report = phone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!((report.end, report.accepted), (SyncEnd::Complete, 0));
    let waiting = phone.engine().outbox().changes.len();
    assert!(waiting > 0);
    // Nothing was decided yet: the phone asks in vain, and what waits stays as it is.
    phone.sync(&mut link).await.expect("phones do not die here");
    let aside = |state: &OutboxState| matches!(state, OutboxState::Quarantined { .. } | OutboxState::Held);
    assert_eq!(phone.engine().outbox().count(aside), waiting);
    assert!(
        replay(place, "not-granted")
            .await
            .iter()
            .all(|one| matches!(one, Replayed::Aside(code) if code == "not-granted"))
    );

    let device = phone.enrolment().device.to_string();
    for grant in ["S1:enumerator", "S1:supervisor"] {
        give(place, &device, grant).await;
    }
    let replayed = replay(place, "not-granted").await;
    assert!(!replayed.is_empty() && replayed.iter().all(|one| *one == Replayed::Taken), "{replayed:?}");
    assert_eq!(place.census().await.quarantined, [""; 0]);
    let report = phone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!((report.end, report.accepted), (SyncEnd::Complete, waiting as u64), "it hears of it");
    assert!(phone.engine().outbox().changes.is_empty());
    phone.sync(&mut link).await.expect("phones do not die here");
    let census = place.census().await;
    ledger.assert_kept(&census);
    census.assert_same_on(&phone);
    assert_good(place).await;
}

async fn a_held_change_that_expired_is_taken_once_its_base_is_there(place: &Place) {
    let (mut first, mut second) = (place.author(1).await, place.author(2).await);
    let (mut draft, created) = Draft::worker(&first, place.area(), 1, "Rabe");
    let edits = [
        draft.edit(&second, "given_name", Value::str("Koto")),
        draft.edit(&second, "given_name", Value::str("Soa")),
    ];
    let frame = second.frame(place.core(), &edits.map(|edit| (draft.id, edit)));
    second.push(&place.post(), &[frame]).await;
    place.site.app.clock().advance_ms(91 * 86_400_000);
    assert_eq!(expire::now(&place.site.app).await.expect("the database does not fail"), 2);

    // Its base is not there yet: the first waits again, and the second for it.
    assert_eq!(replay(place, "held-expired").await, [Replayed::Held, Replayed::Held]);
    let post = place.post_now();
    let held = second.ask(&post, &[1]).await;
    assert_eq!(exceptions(held.receipt()), [(0, Outcome::Held, None), (1, Outcome::Held, None)]);
    place.site.app.clock().advance_ms(91 * 86_400_000);
    assert_eq!(expire::now(&place.site.app).await.expect("the database does not fail"), 2);

    let post = place.post_now();
    let frame = first.frame(place.core(), &[(draft.id, created)]);
    first.push(&post, &[frame]).await;
    assert_eq!(replay(place, "held-expired").await, [Replayed::Taken, Replayed::Taken]);
    let told = second.ask(&post, &[1]).await;
    assert_eq!((told.receipt().status, exceptions(told.receipt())), (FrameStatus::Accepted, Vec::new()));
    assert_eq!(place.census().await.quarantined, [""; 0]);
    assert_good(place).await;
}

async fn what_cannot_be_taken_stays_aside(place: &Place) {
    let mut author = place.author(1).await;
    let (one, change) = Draft::worker(&author, place.area(), 1, "Rabe");
    let frame = author.frame(place.core(), &[(one.id, change)]);
    author.push(&place.post(), &[frame]).await;
    // The same number for something else, and bytes that are none.
    let (other, change) = Draft::worker(&author, place.area(), 2, "Rasoa");
    let forked = author.frame_numbered(1, place.core(), &[(other.id, change)]);
    author.push(&place.post(), &[forked, b"rubbish".to_vec()]).await;
    let before = place.census().await;
    assert_eq!(before.quarantined, ["forked", "malformed-frame"]);
    for code in ["forked", "malformed-frame"] {
        assert_eq!(replay(place, code).await, [Replayed::Aside(code.to_owned())]);
    }
    place.census().await.assert_same_as(&before);
    assert_good(place).await;
}

async fn an_item_that_is_given_up_leaves_the_list(place: &Place) {
    let author = place.author(1).await;
    author.push(&place.post(), &[b"rubbish".to_vec()]).await;
    let app = &place.site.app;
    let listed = quarantine::list(app, PROJECT).await.expect("it is listed");
    let [aside] = &listed[..] else { panic!("one item: {listed:?}") };
    let id = aside.item.id;
    quarantine::dismiss(app, PROJECT, id).await.expect("it is given up");
    assert!(quarantine::list(app, PROJECT).await.expect("the list is empty").is_empty());
    assert!(quarantine::dismiss(app, PROJECT, id).await.is_err(), "once");
    assert!(quarantine::replay(app, PROJECT, &Which::Item(id)).await.is_err(), "it stands aside no more");
    assert!(quarantine::replay(app, PROJECT, &Which::Item(Uuid::nil())).await.is_err());
    let kept = quarantine::find(app, PROJECT, id).await.expect("its bytes stay");
    assert_eq!(kept.body, b"rubbish");
}

async fn what_its_author_sends_again_meanwhile_counts_once(place: &Place) {
    let mut phone = place.site.phone("Hery", 1, &["S1:enumerator"]).await;
    let mut link = place.site.link();
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
    phone.sync(&mut link).await.expect("it lives");
    let device = phone.enrolment().device.to_string();
    let grant: GrantText = "S1:enumerator".parse().expect("a grant");
    assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    let values = vec![(path("birth_year"), Value::Int(1990))];
    let edit = Edit::Change { record, person: 0, values, removes: Vec::new() };
    phone.save(vec![edit]).expect("it lives").expect("it is saved");
    phone.sync(&mut link).await.expect("it lives");
    assert_eq!(place.census().await.quarantined, ["not-granted"]);

    give(place, &device, "S1:enumerator").await;
    let outbox = phone.engine().outbox();
    let [aside] = &outbox.changes[..] else { panic!("one change: {outbox:?}") };
    let number = aside.number;
    let how = Settlement::Repair;
    phone.ask(|ticket| Input::Settle { ticket, number, how }).expect("it lives").expect("it is sent again");
    // The office has it taken at the same time, and a copy of the phone brings the other one, too.
    assert_eq!(replay(place, "not-granted").await, [Replayed::Taken]);
    let copy = phone.copy(7);
    for mut phone in [copy, phone] {
        phone.sync(&mut link).await.expect("it lives");
        let report = phone.sync(&mut link).await.expect("it lives");
        assert_eq!((report.end, report.accepted), (SyncEnd::Complete, 0));
        assert_eq!(phone.engine().outbox().changes, []);
        let census = place.census().await;
        census.assert_same_on(&phone);
        assert_eq!(census.quarantined, [""; 0]);
        assert_eq!(census.holdings[&record].changes, 2);
    }
    assert_good(place).await;
}
