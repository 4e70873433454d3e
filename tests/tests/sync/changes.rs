//! Changes that are not what automerge would have made, each beside one that is.

use fieldmerge_protocol::limits::{MAX_FRAME_CHANGES, MAX_HELD_CHANGES};
use fieldmerge_protocol::sync::{Feed, FrameStatus, Outcome};
use fieldmerge_protocol::{
    Action, AreaId, Change, ChangeHash, Incarnation, Op, OpId, RecordClass, RecordId, Value,
};
use fieldmerge_server::sync::expire;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::raw::{Author, Post};

use crate::place::{Draft, Place, exceptions, on_both};

on_both!(
    the_same_values_saved_twice_in_a_second_are_two_records,
    a_change_cannot_be_attached_to_another_record,
    nobody_writes_under_another_name,
    changes_that_automerge_would_not_make_are_refused,
    records_of_unknown_kinds_and_places_are_set_aside,
    what_depends_on_the_missing_waits_and_is_released_by_any_road,
    nobody_fills_the_waiting_room,
    what_waits_too_long_is_set_aside,
    two_changes_with_one_number_are_told_apart,
);

/// What became of each change of one frame.
async fn offer(
    place: &Place,
    author: &mut Author,
    feed: Feed,
    changes: &[(RecordId, Change)],
) -> Vec<(u32, Outcome, Option<String>)> {
    let frame = author.frame(feed, changes);
    let told = author.push(&place.post(), &[frame]).await;
    assert_eq!(told.receipt().status, FrameStatus::Accepted, "{:?}", told.receipt());
    exceptions(told.receipt())
        .into_iter()
        .map(|(index, outcome, code)| (index, outcome, code.map(str::to_owned)))
        .collect()
}

fn refused(index: u32, code: &str) -> (u32, Outcome, Option<String>) {
    (index, Outcome::Quarantined, Some(code.to_owned()))
}

async fn the_same_values_saved_twice_in_a_second_are_two_records(place: &Place) {
    let mut author = place.author(1).await;
    let (one, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let (other, second) = Draft::worker(&author, place.area(), 2, "Rabe");
    assert_ne!(first.encode().1, second.encode().1, "a record's first change names it");
    let told = offer(place, &mut author, place.core(), &[(one.id, first), (other.id, second)]).await;
    assert_eq!(told, []);
    let census = place.census().await;
    assert_eq!(census.holdings.len(), 2);
    let mut phone = place.site.phone("reader", 5, &["S1:enumerator"]).await;
    phone.sync(&mut place.site.link()).await.expect("it lives");
    census.assert_same_on(&phone);
}

async fn a_change_cannot_be_attached_to_another_record(place: &Place) {
    let mut author = place.author(1).await;
    let (mut one, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let (other, second) = Draft::worker(&author, place.area(), 2, "Rasoa");
    let edit = one.edit(&author, "sex", Value::str("male"));
    let (_, third) = Draft::worker(&author, place.area(), 3, "Koto");
    let changes = [
        (one.id, first),
        (other.id, second.clone()),
        // The edit of one record under the id of the other: what it depends on is not there.
        (other.id, edit.clone()),
        // The beginning of a third under the id of one that does not exist, and of one that does.
        (RecordId([9; 16]), third),
        (one.id, second),
        (one.id, edit),
    ];
    let told = offer(place, &mut author, place.core(), &changes).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!((told[0].0, told[0].1), (2, Outcome::Held));
    assert_eq!(told[1], refused(3, "wrong-record"));
    assert_eq!(
        (told[2].0, told[2].1),
        (4, Outcome::Forked),
        "another first change in the place of the first"
    );
    let census = place.census().await;
    assert_eq!(census.holdings.len(), 2);
    assert_eq!(census.holdings[&other.id].changes, 1, "nothing was attached");
    assert_eq!(census.holdings[&one.id].values["sex"], ["\"male\""], "the neighbour is unharmed");
}

async fn nobody_writes_under_another_name(place: &Place) {
    let (mut author, other) = (place.author(1).await, place.author(2).await);
    let mut earlier = author.clone();
    earlier.incarnation = Incarnation([55; 4]);
    let (of_other, change) = Draft::worker(&other, place.area(), 1, "Rabe");
    let (of_earlier, old) = Draft::worker(&earlier, place.area(), 2, "Rabe");
    let (mine, own) = Draft::worker(&author, place.area(), 3, "Rabe");
    let changes = [(of_other.id, change), (of_earlier.id, old), (mine.id, own)];
    let told = offer(place, &mut author, place.core(), &changes).await;
    assert_eq!(told, [refused(0, "foreign-actor"), refused(1, "foreign-actor")]);
    assert_eq!(place.census().await.holdings.keys().collect::<Vec<_>>(), [&mine.id]);
}

async fn changes_that_automerge_would_not_make_are_refused(place: &Place) {
    let mut author = place.author(1).await;
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let root = first.encode().1;
    let good = draft.edit(&author, "sex", Value::str("male"));
    let known = draft.clone();
    let next = draft.edit(&author, "sex", Value::str("female"));
    let head = good.encode().1;
    let put = |name: &str, pred: Vec<OpId>| Op { path: path(name), action: Action::Put(Value::Int(1)), pred };
    let id = known.id;
    let of = |ops: Vec<Op>| Change { ops, ..next.clone() };
    let wrong: Vec<(&str, Change)> = vec![
        ("bad-seq", Change { seq: 5, ..next.clone() }),
        ("bad-deps", Change { deps: vec![root], ..next.clone() }),
        ("bad-deps", Change { deps: both(root, head), ..next.clone() }),
        ("bad-start-op", Change { start_op: next.start_op + 1, ..next.clone() }),
        ("bad-pred", of(vec![put("sex", Vec::new())])),
        ("bad-pred", of(vec![put("birth_year", next.ops[0].pred.clone())])),
        ("bad-pred", of(vec![put("birth_year", Vec::new()), put("birth_year", Vec::new())])),
        ("bad-pred", of(vec![Op { path: path("languages/mlg"), action: Action::Delete, pred: Vec::new() }])),
        ("second-root", Draft::worker(&author, place.area(), 1, "Rasoa").1),
    ];
    let mut changes = vec![(id, first), (id, good)];
    let mut expected = Vec::new();
    for (index, (code, change)) in (2..).zip(wrong) {
        expected.push(refused(index, code));
        changes.push((id, change));
    }
    // A second root has the number of the first, so it is another change in its place.
    let last = expected.last_mut().expect("there are some");
    *last = (last.0, Outcome::Forked, None);
    changes.push((id, next));
    assert_eq!(offer(place, &mut author, place.core(), &changes).await, expected);
    let census = place.census().await;
    assert_eq!(census.holdings[&id].changes, 3);
    assert_eq!(census.quarantined.len(), expected.len());
}

fn both(one: ChangeHash, other: ChangeHash) -> Vec<ChangeHash> {
    let mut deps = vec![one, other];
    deps.sort_unstable();
    deps
}

async fn records_of_unknown_kinds_and_places_are_set_aside(place: &Place) {
    let mut author = place.author(1).await;
    let feed = place.core();
    let (odd, unknown) = Draft::of_type(&author, place.area(), 1, "unicorn", &[]);
    let (lost, nowhere) = Draft::worker(&author, AreaId([8; 16]), 2, "Rabe");
    let (barred, elsewhere) = Draft::worker(&author, place.site.areas[1], 3, "Rabe");
    let (firm, not_ours) =
        Draft::of_type(&author, place.area(), 4, "firm", &[("legal_name", Value::str("x"))]);
    let (mine, own) = Draft::worker(&author, place.area(), 5, "Rabe");
    // Content is never a reason: an unknown field and a value of another kind are kept.
    let (strange, content) = Draft::of_type(
        &author,
        place.area(),
        6,
        "worker",
        &[("no_such_field", Value::Int(1)), ("birth_year", Value::str("long ago"))],
    );
    let changes = [
        (odd.id, unknown),
        (lost.id, nowhere),
        (barred.id, elsewhere),
        (firm.id, not_ours),
        (mine.id, own),
        (strange.id, content),
    ];
    let told = offer(place, &mut author, feed, &changes).await;
    let codes = ["unknown-type", "unknown-area", "not-granted", "not-granted"];
    assert_eq!(told, (0..).zip(codes).map(|(index, code)| refused(index, code)).collect::<Vec<_>>());
    let census = place.census().await;
    assert_eq!(census.holdings.keys().collect::<Vec<_>>(), [&mine.id, &strange.id]);
    assert_eq!(census.holdings[&strange.id].values["no_such_field"], ["1"]);
}

async fn what_depends_on_the_missing_waits_and_is_released_by_any_road(place: &Place) {
    let (mut author, mut other) = (place.author(1).await, place.author(2).await);
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let second = draft.edit(&author, "sex", Value::str("male"));
    let third = draft.edit(&other, "birth_year", Value::Int(1990));
    let fourth = draft.edit(&author, "birth_year", Value::Int(1991));
    let id = draft.id;
    let (feed, post) = (place.core(), place.post());
    let begins = author.frame(feed, &[(id, first)]);
    let (neighbour, whole) = Draft::worker(&author, place.area(), 2, "Rasoa");
    let later = author.frame(feed, &[(id, second), (neighbour.id, whole), (id, fourth)]);
    let between = other.frame(feed, &[(id, third)]);

    let told = author.push(&post, std::slice::from_ref(&later)).await;
    assert_eq!(exceptions(told.receipt()), [(0, Outcome::Held, None), (2, Outcome::Held, None)]);
    assert_eq!(
        author.push(&post, std::slice::from_ref(&later)).await.receipts,
        told.receipts,
        "and it stays so"
    );
    let census = place.census().await;
    assert_eq!((census.holdings.len(), census.held), (1, 2), "the neighbour is unharmed");
    let told = other.push(&post, &[between]).await;
    assert_eq!(exceptions(told.receipt()), [(0, Outcome::Held, None)]);
    // The beginning comes by another phone, which carries it.
    let told = other.push(&post, &[begins]).await;
    assert_eq!(told.receipts[0].0, author.device, "the carrier gets the author's receipt");
    assert_eq!(told.receipt().exceptions, []);
    let census = place.census().await;
    assert_eq!((census.held, census.holdings[&id].changes), (0, 4), "all that waited was released");
    assert_eq!(author.ask(&post, &[2]).await.receipt().exceptions, [], "its receipt says so now");
    assert_eq!(author.push(&post, &[later]).await.receipt().exceptions, []);
    assert_eq!(other.ask(&post, &[1]).await.receipt().exceptions, []);
    let mut phone = place.site.phone("reader", 5, &["S1:enumerator"]).await;
    phone.sync(&mut place.site.link()).await.expect("it lives");
    census.assert_same_on(&phone);
}

async fn what_waits_too_long_is_set_aside(place: &Place) {
    let (mut author, app, post) = (place.author(1).await, &place.site.app, place.post());
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let edits = ["male", "female"].map(|sex| (draft.id, draft.edit(&author, "sex", Value::str(sex))));
    let frame = author.frame(place.core(), &edits);
    let told = author.push(&post, &[frame]).await;
    assert_eq!(told.receipt().exceptions.len(), 2, "both wait");
    assert_eq!(expire::now(app).await.expect("it is looked at"), 0, "not for long");
    app.clock().advance_ms(91 * 24 * 3_600_000);
    assert_eq!(expire::now(app).await.expect("it is looked at"), 2);
    assert_eq!(expire::now(app).await.expect("it is looked at"), 0);
    let census = place.census().await;
    assert_eq!((census.held, census.quarantined), (0, vec!["held-expired".to_owned(); 2]));
    let post = Post { server_ms: app.now_ms(), ..post };
    let refused = |index| (index, Outcome::Quarantined, Some("held-expired"));
    assert_eq!(exceptions(author.ask(&post, &[1]).await.receipt()), [refused(0), refused(1)]);
    // What they waited for comes after all: it is taken, and nothing is done behind anybody's back.
    let frame = author.frame(place.core(), &[(draft.id, first)]);
    let told = author.push(&post, &[frame]).await;
    assert_eq!(exceptions(told.receipt()), []);
    let census = place.census().await;
    assert_eq!((census.quarantined.len(), census.holdings[&draft.id].changes), (2, 1));
}

async fn nobody_fills_the_waiting_room(place: &Place) {
    let (mut author, mut other) = (place.author(1).await, place.author(2).await);
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let edit = draft.edit(&author, "sex", Value::str("male"));
    // Each waits for the beginning of a record that never comes.
    let waiting: Vec<(RecordId, Change)> = (0..=MAX_HELD_CHANGES)
        .map(|number| (RecordId((number as u128 + 1_000).to_be_bytes()), edit.clone()))
        .collect();
    let mut outcomes = Vec::new();
    for frame in waiting.chunks(MAX_FRAME_CHANGES) {
        outcomes.extend(offer(place, &mut author, place.core(), frame).await);
    }
    let held = outcomes.iter().filter(|(_, outcome, _)| *outcome == Outcome::Held).count();
    assert_eq!(held, MAX_HELD_CHANGES);
    assert_eq!(outcomes.last(), Some(&refused(0, "held-limit")));
    assert_eq!(
        offer(place, &mut author, place.core(), &[(draft.id, first.clone()), (draft.id, edit)]).await,
        []
    );
    let (neighbour, whole) = Draft::worker(&other, place.area(), 3, "Rasoa");
    assert_eq!(offer(place, &mut other, place.core(), &[(neighbour.id, whole)]).await, []);
}

async fn two_changes_with_one_number_are_told_apart(place: &Place) {
    let mut author = place.author(1).await;
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let mut copy = draft.clone();
    let one = draft.edit(&author, "sex", Value::str("male"));
    let other = copy.edit(&author, "sex", Value::str("female"));
    let after = copy.edit(&author, "birth_year", Value::Int(1990));
    let (neighbour, whole) = Draft::worker(&author, place.area(), 2, "Rasoa");
    let feed = Feed { area: place.area(), class: RecordClass::Core };
    assert_eq!(offer(place, &mut author, feed, &[(draft.id, first), (draft.id, one)]).await, []);
    let changes = [(draft.id, other), (neighbour.id, whole), (draft.id, after)];
    let told = offer(place, &mut author, feed, &changes).await;
    assert_eq!(told[0], (0, Outcome::Forked, None));
    assert_eq!((told[1].0, told[1].1), (2, Outcome::Held), "what stands on the losing branch waits");
    let census = place.census().await;
    assert_eq!(census.holdings[&draft.id].values["sex"], ["\"male\""], "the first one stands");
    assert_eq!((census.holdings.len(), census.quarantined), (2, vec!["forked".to_owned()]));
}
