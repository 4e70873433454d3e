//! What uploads cost: wrong ones count for the day, and what a killed server left behind goes.

use std::time::{Duration, UNIX_EPOCH};

use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::limits::MAX_ATTACHMENT_BYTES_A_DAY;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_server::attachments::sweep;
use fieldmerge_server::sync::expire;
use fieldmerge_store::attachments;
use fieldmerge_tests::database::{Kind, folder};
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{Server, refusal};
use reqwest::StatusCode;

use crate::attachments::{hash_of, picture, piece, report, upload};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn bytes_with_another_hash_count_for_the_day() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let server = Server::start_on(kind).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let other = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
        let wrong = async |who: &Persona, hash| {
            refusal(piece(&server, who, hash, (0, 600), &picture(1, 600))).await.1
        };
        // Nobody sends a gigabyte in a test.
        let (project, now_ms) = (server.project.id, server.app.now_ms());
        let charge = async |who: &Persona, at_ms: i64| {
            let (device, bytes) = (who.enrolled.device, MAX_ATTACHMENT_BYTES_A_DAY - 1_000);
            let work = async |mut tx: fieldmerge_store::Lent| {
                attachments::waste(&mut tx, project, device, bytes, at_ms, at_ms - DAY_MS).await
            };
            server.app.store().write(work).await.expect("the store answers");
        };
        charge(&device, now_ms).await;
        charge(&other, now_ms - DAY_MS).await;
        let (first, second) = (AttachmentHash([1; 32]), AttachmentHash([2; 32]));
        let right = picture(3, 600);
        assert_eq!(wrong(&device, first).await, ProblemCode::AttachmentMismatch);
        assert_eq!(wrong(&device, second).await, ProblemCode::TooManyRequests);
        let again = refusal(piece(&server, &device, hash_of(&right), (0, 600), &right)).await;
        assert_eq!(again, (StatusCode::TOO_MANY_REQUESTS, ProblemCode::TooManyRequests));
        upload(&server, &device, &right[..300]).await;
        // What was a day ago counts no more.
        assert_eq!(wrong(&other, first).await, ProblemCode::AttachmentMismatch);
        assert_eq!(wrong(&other, second).await, ProblemCode::AttachmentMismatch);
        upload(&server, &other, &right).await;
    }
}

#[tokio::test]
async fn what_a_killed_server_left_of_an_object_is_swept_up() {
    let folder = folder();
    let place = folder.path().join("photos");
    let server = Server::start_keeping(Kind::Sqlite, place.display().to_string()).await;
    assert_eq!(sweep::now(&server.app).await.expect("it looks"), 0);
    assert!(!place.exists(), "nothing is made before it is needed");
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let hash = upload(&server, &device, &picture(1, 900)).await.to_string();
    let beside = |name: &str, hours: u64| {
        let path = place.join(server.project.id.to_string()).join(&hash[..2]).join(name);
        let file = std::fs::File::options().create(true).append(true).open(&path).expect("it is made");
        let now = Duration::from_millis(server.app.now_ms().unsigned_abs());
        file.set_modified(UNIX_EPOCH + now - Duration::from_hours(hours)).expect("it has a time");
        path
    };
    let old = beside(&format!("{hash}#1"), 25);
    let kept = [(hash.clone(), 99), (format!("{hash}#2"), 23), (format!("{hash}#x"), 99), ("x#1".into(), 99)];
    let kept = kept.map(|(name, hours)| beside(&name, hours));
    assert_eq!(sweep::now(&server.app).await.expect("it looks"), 1);
    assert!(!old.exists());
    // A server that serves does so by itself.
    let old = beside(&format!("{hash}#3"), 25);
    expire::run(server.app.clone(), std::future::ready(())).await;
    assert!(!old.exists());
    assert!(kept.iter().all(|path| path.exists()));
    assert_eq!(report(&server).await.differences, Vec::<String>::new());
}
