//! The lives of a log: their order, where feeds ended when they began, and the frames that were taken in them.

use fieldmerge_protocol::sync::{Feed, FrameRange};
use fieldmerge_protocol::{Incarnation, LifeId, LogId, RecordClass};
use fieldmerge_store::proofs::{self, Proof};
use fieldmerge_store::segments::Source;
use fieldmerge_store::{Tx, lives, projects};

use crate::place::{DEVICE, FEED, INCARNATION, PROJECT, Place, on_both, project, source};

on_both!(
    lives_count_up_and_belong_to_a_log,
    of_later_lives_the_earliest_end_of_a_feed_counts,
    frames_are_told_by_the_lives_in_which_they_were_taken,
);

const LOG: LogId = LogId([5; 16]);

async fn begun(place: &Place) -> Tx {
    let mut tx = place.store().await.begin().await.expect("begin");
    projects::insert(&mut tx, &project()).await.expect("insert");
    tx
}

async fn lives_count_up_and_belong_to_a_log(place: &Place) {
    let mut tx = begun(place).await;
    let (one, two) = (LifeId([1; 8]), LifeId([2; 8]));
    for (id, number) in [(one, 1), (two, 2)] {
        assert_eq!(lives::begin(&mut tx, PROJECT, id, 50).await.expect("begin"), number);
        let found = projects::find(&mut tx, PROJECT).await.expect("find").expect("a project");
        assert_eq!(found.life, Some(id));
    }
    assert_eq!(lives::number(&mut tx, PROJECT, LOG, one).await.expect("number"), Some(1));
    assert_eq!(lives::number(&mut tx, PROJECT, LOG, LifeId([3; 8])).await.expect("number"), None);
    let other = LogId([6; 16]);
    projects::set_log(&mut tx, PROJECT, other).await.expect("set");
    assert_eq!(projects::find(&mut tx, PROJECT).await.expect("find").expect("a project").life, None);
    assert_eq!(lives::number(&mut tx, PROJECT, other, one).await.expect("number"), None, "of another log");
    assert_eq!(lives::begin(&mut tx, PROJECT, LifeId([4; 8]), 60).await.expect("begin"), 3);
    assert_eq!(lives::number(&mut tx, PROJECT, other, LifeId([4; 8])).await.expect("number"), Some(3));
}

async fn of_later_lives_the_earliest_end_of_a_feed_counts(place: &Place) {
    let mut tx = begun(place).await;
    let logs = Feed { class: RecordClass::Payment, ..FEED };
    let noted = [(1, FEED, 0), (2, FEED, 10), (2, FEED, 15), (2, logs, 3), (3, FEED, 20)];
    for (life, feed, head) in noted {
        lives::add_head(&mut tx, PROJECT, life, feed, head).await.expect("note");
    }
    for (life, expected) in
        [(0, vec![(FEED, 0), (logs, 3)]), (1, vec![(FEED, 10), (logs, 3)]), (2, vec![(FEED, 20)])]
    {
        let found = lives::heads_since(&mut tx, PROJECT, life).await.expect("heads");
        let found: Vec<(Feed, u64)> = found.into_iter().map(|head| (head.feed, head.head)).collect();
        assert_eq!(found, expected, "since {life}");
    }
    assert_eq!(lives::heads_since(&mut tx, PROJECT, 3).await.expect("heads"), []);
}

async fn frames_are_told_by_the_lives_in_which_they_were_taken(place: &Place) {
    let mut tx = begun(place).await;
    let other = Incarnation([0xff; 4]);
    let proof = |source: Source, life| Proof {
        source,
        digest: [1; 32],
        header: vec![1],
        signature: vec![2; 64],
        receipt: vec![3],
        carrier: None,
        received_ms: 1,
        life,
    };
    let taken =
        [(1, 0), (2, 1), (3, 1), (4, 2), (6, 1), (7, 2)].map(|(frame, life)| proof(source(frame), life));
    proofs::insert(&mut tx, PROJECT, &taken).await.expect("insert");
    proofs::insert(&mut tx, PROJECT, &[proof(Source { incarnation: other, ..source(3) }, 2)])
        .await
        .expect("insert");
    let range = |incarnation, first, last| FrameRange { incarnation, first, last };
    for (life, expected) in [
        (0, vec![range(INCARNATION, 1, 1)]),
        (1, vec![range(INCARNATION, 1, 3), range(INCARNATION, 6, 6)]),
        (i64::MAX, vec![range(INCARNATION, 1, 4), range(INCARNATION, 6, 7), range(other, 3, 3)]),
    ] {
        assert_eq!(
            proofs::taken_until(&mut tx, PROJECT, DEVICE, life).await.expect("taken"),
            expected,
            "{life}"
        );
    }
}
