//! The worked scenario of the demo, told to real phones and a real server, on both databases and in both orders.

mod facts;
mod stage;

use std::collections::BTreeSet;

use fieldmerge_protocol::sync::FrameStatus;
use fieldmerge_server::demo::tell;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;

use crate::stage::{First, Offline};

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Kind::Sqlite).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Kind::Postgres).await;
                }
            )+
        }
    };
}

on_both!(the_story_ends_as_it_should, the_order_of_the_syncs_does_not_matter);

async fn the_story_ends_as_it_should(kind: Kind) {
    let database = Database::new(kind).await;
    let app = stage::app(&database).await;
    let folder = fieldmerge_tests::database::folder();
    let mut told = Vec::new();
    let story = tell(&app, folder.path(), stage::address(kind), &mut |line| told.push(line.to_owned())).await;
    let story = story.expect("the story can be told");
    assert!(told.len() > 8, "whoever watches learns what happens: {told:?}");

    let project = stage::project(&app).await;
    let census = Census::take(app.store(), project.id).await;
    let phones = stage::read_phones(folder.path()).await;
    facts::check(&census, &phones, &story);
    facts::check_dataset(&app, project.clone()).await;
    facts::check_findings(&app, project.id).await;

    // Everything that the phones ever sent arrives three times more, by the hands of a third one.
    let resent = stage::Resent::new(&app, &phones).await;
    for _ in 0..3 {
        let statuses: BTreeSet<_> =
            resent.push().await.into_iter().map(|(_, receipt)| receipt.status as u8).collect();
        assert_eq!(statuses, BTreeSet::from([FrameStatus::Accepted as u8]));
        Census::take(app.store(), project.id).await.assert_same_as(&census);
    }
    resent.end().await;
    facts::fill_through_the_sdk(&story).await;
    app.close().await;
}

async fn the_order_of_the_syncs_does_not_matter(kind: Kind) {
    let offline = Offline::begin(kind).await;
    let mut first: Option<Census> = None;
    for order in [First::A, First::ACut, First::B] {
        let (census, phones) = offline.come_back(order).await;
        for phone in &phones {
            census.assert_same_on(phone);
        }
        facts::check(&census, &phones, &offline.story);
        match &first {
            Some(first) => census.assert_same_as(first),
            None => first = Some(census),
        }
    }
}
