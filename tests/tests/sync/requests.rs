//! Requests that are none: each is refused with its code, and nothing comes of it.

use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::bundle::BundleWriter;
use fieldmerge_protocol::limits::{
    MAX_CURSORS, MAX_REQUEST_BYTES, MAX_REQUEST_FRAMES, MAX_UNSETTLED, MAX_UNUSED,
};
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use fieldmerge_protocol::sync::{self, Cursor, FrameRef, Hello, tag};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_tests::synthetic::People;
use fieldmerge_tests::world::link::Answer;
use fieldmerge_tests::world::raw::{Author, Post, bundle, token_of};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::place::{Draft, Place, on_both};

on_both!(
    bodies_that_are_no_bundle_are_refused,
    every_truncation_is_refused,
    requests_beyond_the_limits_are_refused,
    only_a_known_device_is_heard,
    requests_that_wait_to_be_written_have_no_tasks,
);

fn problem(answer: &Answer) -> (u16, ProblemCode) {
    let problem: Problem = serde_json::from_slice(&answer.body).expect("a refusal is a problem document");
    assert_eq!(problem.status, answer.status);
    (answer.status, problem.code)
}

const MALFORMED: (u16, ProblemCode) = (400, ProblemCode::MalformedBundle);

/// After all that was refused the next request is taken, and nothing else is there.
async fn unharmed(place: &Place, author: &mut Author) {
    let (draft, change) = Draft::worker(author, place.area(), 200, "Neighbour");
    let frame = author.frame(place.core(), &[(draft.id, change)]);
    let told = author.push(&place.post(), &[frame]).await;
    assert_eq!(told.receipt().exceptions, []);
    assert_eq!(place.census().await.holdings.len(), 1);
}

async fn bodies_that_are_no_bundle_are_refused(place: &Place) {
    let mut author = place.author(1).await;
    let (post, mut people) = (place.post(), People::new(7));
    let token = author.token(&post);
    for round in 0..120_usize {
        let length = people.below(3_000) as usize;
        let mut body: Vec<u8> = (0..length).map(|_| people.bytes::<1>()[0]).collect();
        if round % 3 > 0 && body.len() > 5 {
            body[..4].copy_from_slice(b"FMB\x01");
        }
        if round % 3 > 1 && body.len() > 5 {
            body[4] = tag::HELLO;
        }
        let answer = post.bundle(&token, &body).await;
        // Four random bytes may be the magic of another version once in a long while, and nothing else.
        assert_eq!(problem(&answer), MALFORMED, "round {round}");
    }
    let hello = sync::encode(&author.hello());
    let mut later = bundle(&hello, &[]);
    later[3] = 2;
    assert_eq!(problem(&post.bundle(&token, &later).await), (400, ProblemCode::UnsupportedVersion));
    let mut writer = BundleWriter::new();
    writer.part(tag::FRAME, b"before the hello").part(tag::HELLO, &hello).part(tag::END, &[]);
    assert_eq!(problem(&post.bundle(&token, writer.bytes()).await), MALFORMED);
    // A part that claims more bytes than there are in the world.
    let bomb = [b"FMB\x01\x01".as_slice(), &[0xff; 8], &[0x7f]].concat();
    assert_eq!(problem(&post.bundle(&token, &bomb).await), MALFORMED);
    unharmed(place, &mut author).await;
}

async fn every_truncation_is_refused(place: &Place) {
    let mut author = place.author(1).await;
    let (draft, change) = Draft::worker(&author, place.area(), 1, "Rabe");
    let frame = author.clone().frame(place.core(), &[(draft.id, change)]);
    let body = bundle(&sync::encode(&author.hello()), &[frame]);
    let post = place.post();
    let token = author.token(&post);
    for end in (0..body.len()).step_by(3).chain(body.len() - 3..body.len()) {
        assert_eq!(problem(&post.bundle(&token, &body[..end]).await), MALFORMED, "cut at {end}");
    }
    unharmed(place, &mut author).await;
}

async fn requests_beyond_the_limits_are_refused(place: &Place) {
    let mut author = place.author(1).await;
    let post = place.post();
    let token = author.token(&post);
    let authorization = format!("Authorization: {token}\r\n");
    let media = format!("Content-Type: {BUNDLE_MEDIA_TYPE}\r\n");
    let hello = sync::encode(&author.hello());
    let body = bundle(&hello, &[]);

    let length = format!("Content-Length: {}\r\n", body.len());
    let wrong = post.raw(&[&authorization, "Content-Type: application/json\r\n", &length], &body).await;
    assert_eq!(problem(&wrong), (415, ProblemCode::UnsupportedMediaType));
    let chunks = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let chunked = post.raw(&[&authorization, &media, "Transfer-Encoding: chunked\r\n"], &chunks).await;
    assert_eq!(problem(&chunked), (411, ProblemCode::LengthRequired));
    let long = format!("Content-Length: {}\r\n", MAX_REQUEST_BYTES + 1);
    let too_long = post.raw(&[&authorization, &media, &long], &[]).await;
    assert_eq!(problem(&too_long), (413, ProblemCode::PayloadTooLarge));
    let endless = post.raw(&[&authorization, &media, "Content-Length: 18446744073709551615\r\n"], &[]).await;
    // The HTTP library itself says no to this one.
    assert!(matches!(endless.status, 400 | 413 | 431), "{}", endless.status);

    let frames = vec![b"x".to_vec(); MAX_REQUEST_FRAMES + 1];
    assert_eq!(problem(&post.bundle(&token, &bundle(&hello, &frames)).await), MALFORMED);
    let cursor = Cursor { feed: place.core(), position: 0 };
    let cursors = Hello { cursors: vec![cursor; MAX_CURSORS + 1], ..author.hello() };
    assert_eq!(problem(&post.bundle(&token, &bundle(&sync::encode(&cursors), &[])).await), MALFORMED);
    let asked = FrameRef { incarnation: author.incarnation, number: 1 };
    let unsettled = Hello { unsettled: Some(vec![asked; MAX_UNSETTLED + 1]), ..author.hello() };
    assert_eq!(problem(&post.bundle(&token, &bundle(&sync::encode(&unsettled), &[])).await), MALFORMED);
    let unused = Hello { unused: Some(vec![(1, 1); MAX_UNUSED + 1]), ..author.hello() };
    assert_eq!(problem(&post.bundle(&token, &bundle(&sync::encode(&unused), &[])).await), MALFORMED);
    unharmed(place, &mut author).await;
}

async fn only_a_known_device_is_heard(place: &Place) {
    let mut author = place.author(1).await;
    let other = place.author(2).await;
    let post = place.post();
    let body = bundle(&sync::encode(&author.hello()), &[]);
    let unknown = (401, ProblemCode::Unauthenticated);
    let Author { key, device, project, .. } = author.clone();
    let good = author.token(&post);
    let mut forged = good.clone();
    let last = forged.pop().expect("a token has letters");
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    let tokens = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer x.y.z".to_owned(),
        format!("Bearer {}", "A".repeat(4_000)),
        forged,
        // Signed by somebody else, for somebody else, in a project that is none.
        token_of(&other.key, device, project, post.server_ms),
        token_of(&key, DeviceId([9; 10]), project, post.server_ms),
        token_of(&key, device, ProjectId([9; 16]), post.server_ms),
    ];
    for token in &tokens {
        assert_eq!(problem(&post.bundle(token, &body).await), unknown, "{token:.60}");
    }
    for days in [-400, -1, 1, 400] {
        let token = token_of(&key, device, project, post.server_ms + days * 86_400_000);
        let answer = post.bundle(&token, &body).await;
        assert_eq!(problem(&answer), (401, ProblemCode::ClockSkew));
        let told: Problem = serde_json::from_slice(&answer.body).expect("a problem document");
        assert_eq!(told.server_ms, Some(post.server_ms), "the device learns the server's clock");
    }
    let elsewhere = Post { project: ProjectId([9; 16]), ..post };
    assert_eq!(problem(&elsewhere.bundle(&good, &body).await), (404, ProblemCode::NotFound));
    unharmed(place, &mut author).await;
}

/// A server under constant load has always some requests that wait: what each of them holds beyond its own connection
/// would never be given back.
async fn requests_that_wait_to_be_written_have_no_tasks(place: &Place) {
    const AUTHORS: u8 = 60;
    let (post, tasks) = (place.post(), tokio::runtime::Handle::current().metrics());
    let mut requests = Vec::new();
    for number in 1..=AUTHORS {
        let mut author = place.author(number).await;
        let (draft, change) = Draft::worker(&author, place.area(), number, "Rabe");
        let frame = author.frame(place.core(), &[(draft.id, change)]);
        requests.push((author, frame));
    }
    let before = tasks.num_alive_tasks();
    let mut pushes: FuturesUnordered<_> = requests
        .iter()
        .map(async |(author, frame)| author.push(&post, std::slice::from_ref(frame)).await)
        .collect();
    let mut most = 0;
    while let Some(told) = pushes.next().await {
        assert_eq!(told.receipt().exceptions, []);
        // A task for the connection of each request that is not answered, one for its answer, and a few for who writes.
        most = most.max(tasks.num_alive_tasks().saturating_sub(before + 2 * pushes.len()));
    }
    assert!(most < usize::from(AUTHORS) / 2, "{most} tasks more than connections and answers");
    assert_eq!(place.census().await.holdings.len(), usize::from(AUTHORS));
}
