//! Bodies that arrive slowly, or not to their end: what arrived whole is taken, once, and is not sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use fieldmerge_engine::{Edit, Request, SyncEnd};
use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::bundle::{Frame, PartReader};
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use fieldmerge_protocol::sync::{self, FrameStatus, tag};
use fieldmerge_protocol::{DeviceId, Incarnation, Value};
use fieldmerge_server::admin::devices;
use fieldmerge_store::proofs;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::link::{Answer, Link, Reply, Wire, bytes_of};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::raw::{Author, Post, Told, bundle};
use fieldmerge_tests::world::site::PROJECT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::{Draft, Place, WRITES, on_both};

on_both!(
    frames_are_taken_while_a_body_arrives,
    a_body_that_is_cut_keeps_the_frames_that_arrived_whole,
    a_device_that_is_revoked_meanwhile_brings_no_more,
    a_device_that_is_revoked_before_its_first_frame_is_whole_brings_and_gets_nothing,
    a_wrong_clock_does_not_cost_the_connection,
);

/// So long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request whose body is sent piece by piece.
struct Slow(TcpStream);

impl Slow {
    async fn begin(place: &Place, author: &Author, length: usize) -> Self {
        let post = place.post();
        let mut stream = TcpStream::connect(post.to).await.expect("the server listens");
        let head = format!(
            "POST /v1/projects/{}/sync HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: {BUNDLE_MEDIA_TYPE}\r\nContent-Length: {length}\r\n\r\n",
            post.project,
            author.token(&post),
        );
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        Self(stream)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the server reads");
    }

    async fn answer(mut self) -> Answer {
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer).await.expect("the server answers");
        Answer::parse(&answer).expect("an answer has a head")
    }
}

/// Waits until the server has taken a frame of an author.
async fn taken(place: &Place, author: &Author, number: u64) {
    wait_for(place, author.device, author.incarnation, number).await;
}

async fn wait_for(place: &Place, device: DeviceId, incarnation: Incarnation, number: u64) {
    let all = async {
        loop {
            let mut tx = place.site.app.store().read().await.expect("the store reads");
            let highest = proofs::highest(&mut tx, place.site.project, device, incarnation).await;
            tx.rollback().await.expect("a snapshot ends");
            if highest.expect("the store reads") >= number {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the frame is taken");
}

/// Two frames of a worker each.
fn two(place: &Place, author: &mut Author) -> Vec<Vec<u8>> {
    let frame = |number: u8| {
        let (draft, change) = Draft::worker(author, place.area(), number, "Rasoa");
        author.frame(place.core(), &[(draft.id, change)])
    };
    [1, 2].map(frame).to_vec()
}

async fn frames_are_taken_while_a_body_arrives(place: &Place) {
    let mut author = place.author(1).await;
    let frames = two(place, &mut author);
    let hello = sync::encode(&author.hello());
    let body = bundle(&hello, &frames);
    let mut slow = Slow::begin(place, &author, body.len()).await;
    let (before, rest) = body.split_at(body.len() - 20);
    slow.send(before).await;
    taken(place, &author, 1).await;
    assert_eq!(place.census().await.holdings.len(), 1, "the second frame has not come whole");
    slow.send(rest).await;
    let answer = slow.answer().await;
    assert_eq!((answer.status, answer.complete), (200, true));
    let told = Told::read(&author, &hello, &answer.body);
    let receipts: Vec<_> = told.receipts.iter().map(|(_, r)| (r.frame.number, r.status)).collect();
    assert_eq!(receipts, [(1, FrameStatus::Accepted), (2, FrameStatus::Accepted)]);
    assert_eq!(told.welcome.committed, 0, "as it was before the request");
    assert_eq!(place.census().await.holdings.len(), 2);
}

async fn a_body_that_is_cut_keeps_the_frames_that_arrived_whole(place: &Place) {
    let mut author = place.author(1).await;
    let frames = two(place, &mut author);
    let body = bundle(&sync::encode(&author.hello()), &frames);
    let mut slow = Slow::begin(place, &author, body.len()).await;
    slow.send(&body[..body.len() - 20]).await;
    drop(slow);
    taken(place, &author, 1).await;
    let told = author.ask(&place.post(), &[1, 2]).await;
    assert_eq!(told.welcome.committed, 1);
    let first = told.receipt().clone();
    assert_eq!((first.frame.number, first.status), (1, FrameStatus::Accepted));
    // Both once more: the first is told as it was, the second is taken.
    let told = author.push(&place.post(), &frames).await;
    let receipts: Vec<_> = told.receipts.into_iter().map(|(_, receipt)| receipt).collect();
    assert_eq!((&receipts[0], receipts[1].status), (&first, FrameStatus::Accepted));
    assert_eq!(place.census().await.holdings.len(), 2);
}

async fn a_device_that_is_revoked_meanwhile_brings_no_more(place: &Place) {
    let mut author = place.author(1).await;
    let frames = two(place, &mut author);
    let body = bundle(&sync::encode(&author.hello()), &frames);
    let mut slow = Slow::begin(place, &author, body.len()).await;
    let (before, rest) = body.split_at(body.len() - 20);
    slow.send(before).await;
    taken(place, &author, 1).await;
    devices::revoke(&place.site.app, PROJECT, "1").await.expect("a device of ours is revoked");
    slow.send(rest).await;
    let answer = slow.answer().await;
    let problem: Problem = serde_json::from_slice(&answer.body).expect("a refusal is a problem document");
    assert_eq!((answer.status, problem.code), (403, ProblemCode::DeviceRevoked));
    assert_eq!(place.census().await.holdings.len(), 1);
}

async fn a_device_that_is_revoked_before_its_first_frame_is_whole_brings_and_gets_nothing(place: &Place) {
    let mut author = place.author(1).await;
    let frames = two(place, &mut author);
    let body = bundle(&sync::encode(&author.hello()), &frames[..1]);
    let mut slow = Slow::begin(place, &author, body.len()).await;
    let (before, rest) = body.split_at(body.len() - 20);
    slow.send(before).await;
    // What is counted was read after the token was believed.
    while place.site.app.metrics().sync.received_bytes.get() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    devices::revoke(&place.site.app, PROJECT, "1").await.expect("a device of ours is revoked");
    slow.send(rest).await;
    let answer = slow.answer().await;
    let problem: Problem = serde_json::from_slice(&answer.body).expect("a refusal is a problem document");
    assert_eq!((answer.status, problem.code), (403, ProblemCode::DeviceRevoked));
    assert_eq!(place.census().await.holdings.len(), 0);
}

/// A link that is cut, and remembers what went over it.
struct Watched {
    wire: Wire,
    /// Frames that reached the server whole.
    arrived: BTreeSet<(Incarnation, u64)>,
    /// Frames that were sent although they had arrived.
    again: usize,
}

impl Link for Watched {
    async fn post(&mut self, request: &Request) -> Reply {
        let reply = self.wire.post(request).await;
        let head = bytes_of(request).len() - request.body.len();
        let sent = self.wire.sent.saturating_sub(head);
        self.again += frames(&request.body).intersection(&self.arrived).count();
        self.arrived.extend(frames(&request.body[..sent]));
        reply
    }
}

/// The frames of a request as far as it goes.
fn frames(body: &[u8]) -> BTreeSet<(Incarnation, u64)> {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(body);
    let mut frames = BTreeSet::new();
    while let Some(part) = reader.next_part().expect("a phone sends bundles") {
        if part.tag == tag::FRAME {
            let origin = Frame::parse(&part.payload).expect("a phone packs frames").header.origin;
            frames.insert((origin.incarnation, origin.number));
        }
    }
    frames
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_cross_a_link_that_is_cut_before_they_end() {
    let place = Place::new(Kind::Sqlite).await;
    let mut phone = place.site.phone("Hery", 1, &WRITES).await;
    phone.sync(&mut Wire::to(place.listening.address)).await.expect("phones do not die here");
    for n in 1..=2_500_u64 {
        let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let name = format!("W{noise:x}{:x}", noise.rotate_left(29) ^ 0x5bd1_e995);
        let edit = Edit::Create {
            record: None,
            record_type: "worker".to_owned(),
            area: place.area(),
            subject: None,
            person: 0,
            values: vec![(path("family_name"), Value::str(name.as_str()))],
        };
        phone.save(vec![edit]).expect("phones do not die here").expect("it is saved");
    }
    push_over_cuts(&place, &mut phone).await;
    pull_over_cuts(&place).await;
}

/// What arrived before a cut is not sent again.
async fn push_over_cuts(place: &Place, phone: &mut Phone) {
    let wire = Wire::to(place.listening.address);
    let mut link = Watched { wire, arrived: BTreeSet::new(), again: 0 };
    let mut cuts = 0;
    for up in [40_000, 37_000, 41_000, 20_000, 35_000, usize::MAX] {
        link.wire.up = Some(up);
        let report = phone.sync(&mut link).await.expect("phones do not die here");
        if report.end == SyncEnd::Complete {
            break;
        }
        assert_eq!(report.end, SyncEnd::Offline);
        cuts += 1;
        if let Some((incarnation, number)) = link.arrived.last() {
            wait_for(place, phone.enrolment().device, *incarnation, *number).await;
        }
    }
    assert!(cuts >= 2 && link.arrived.len() >= 3, "{cuts} cuts, {} frames", link.arrived.len());
    assert_eq!(link.again, 0, "no frame is sent again that the server has");
    assert!(phone.engine().outbox().changes.is_empty());
    assert_eq!(place.census().await.holdings.len(), 2_500);
}

/// A frame of which a third passes before each cut arrives all the same.
async fn pull_over_cuts(place: &Place) {
    let mut reader = place.site.phone("Lalao", 2, &WRITES).await;
    let mut link = Wire { down: Some(9_000), ..Wire::to(place.listening.address) };
    let mut received = 0;
    for sync in 0.. {
        let report = reader.sync(&mut link).await.expect("phones do not die here");
        assert_eq!(report.problems, []);
        received += report.received;
        if report.end == SyncEnd::Complete {
            break;
        }
        assert_eq!(report.end, SyncEnd::Offline);
        assert!(sync < 40, "{received} arrived in {sync} syncs");
        reader.restart();
    }
    assert_eq!(received, 2_500);
    place.census().await.assert_same_on(&reader);
}

/// The answer to a token of the wrong time comes before the body has arrived; the device sends again at once.
async fn a_wrong_clock_does_not_cost_the_connection(place: &Place) {
    let author = place.author(1).await;
    let body = bundle(&sync::encode(&author.hello()), &[]);
    let head = |post: &Post| {
        format!(
            "POST /v1/projects/{}/sync HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
             Content-Type: {BUNDLE_MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n",
            post.project,
            author.token(post),
            body.len(),
        )
    };
    let post = place.post();
    let wrong = Post { server_ms: post.server_ms + 86_400_000, ..post };
    let mut stream = TcpStream::connect(post.to).await.expect("the server listens");
    stream.write_all(head(&wrong).as_bytes()).await.expect("the server reads");
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(&body).await.expect("the server reads");
    let refused = until_answered(&mut stream).await;
    assert_eq!(refused.status, 401);
    stream.write_all(&[head(&post).as_bytes(), &body].concat()).await.expect("the connection holds");
    assert_eq!(until_answered(&mut stream).await.status, 200);
}

/// Reads one whole answer of a connection that stays open.
async fn until_answered(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4_096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.expect("the server answers");
        let read = read.expect("the connection holds");
        bytes.extend_from_slice(&some[..read]);
        match Answer::parse(&bytes) {
            Some(answer) if answer.complete => return answer,
            _ => assert!(read > 0, "the server closed the connection"),
        }
    }
}
