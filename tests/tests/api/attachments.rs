//! Attachments over HTTP: pieces, lies, limits, and who may see what.

use std::time::Duration;

use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{AttachmentHash, RecordClass, Value};
use fieldmerge_server::admin::attachments;
use fieldmerge_server::attachments::expire;
use fieldmerge_server::verify::{ProjectReport, verify};
use fieldmerge_tests::database::{Kind, folder};
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{PROJECT, Server, refusal};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::workers::record;

const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// Bytes that look like nothing else of another seed.
pub fn picture(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| seed ^ (at * at / 7).to_le_bytes()[0]).collect()
}

pub fn hash_of(bytes: &[u8]) -> AttachmentHash {
    AttachmentHash(Sha256::digest(bytes).into())
}

fn request(server: &Server, who: &Persona, method: Method, hash: AttachmentHash) -> RequestBuilder {
    server.request(method, &server.project_url(&format!("/attachments/{hash}"))).bearer_auth(who.token())
}

pub fn piece(
    server: &Server,
    who: &Persona,
    hash: AttachmentHash,
    (offset, length): (u64, u64),
    body: &[u8],
) -> RequestBuilder {
    request(server, who, Method::PATCH, hash)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", offset)
        .header("upload-length", length)
        .body(body.to_vec())
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("the server answers")
}

fn number(answer: &Response, header: &str) -> Option<u64> {
    answer.headers().get(header)?.to_str().ok()?.parse().ok()
}

/// What `HEAD` says: offset and length, or the status of a refusal.
async fn progress(
    server: &Server,
    who: &Persona,
    hash: AttachmentHash,
) -> Result<(u64, Option<u64>), StatusCode> {
    let answer = sent(request(server, who, Method::HEAD, hash)).await;
    let offset = number(&answer, "upload-offset").ok_or(answer.status())?;
    Ok((offset, number(&answer, "upload-length")))
}

pub async fn upload(server: &Server, who: &Persona, bytes: &[u8]) -> AttachmentHash {
    let hash = hash_of(bytes);
    let answer = sent(piece(server, who, hash, (0, bytes.len() as u64), bytes)).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(number(&answer, "upload-offset"), Some(bytes.len() as u64));
    hash
}

pub async fn report(server: &Server) -> ProjectReport {
    let report = verify(&server.app, Some(PROJECT)).await.expect("the store answers");
    report.projects.into_iter().next().expect("one project was asked for")
}

/// Writes an identity that names a photo.
async fn name_photo(server: &Server, author: &mut Persona, number: u128, hash: AttachmentHash) {
    let photo = [("photo", Value::str(hash.to_string()))];
    let change = author.new_record(server, record(number), "identity", Some(record(1)), &photo);
    author.push(server, RecordClass::Identity, &[(record(number), change)]).await;
}

#[tokio::test]
async fn an_upload_goes_on_from_any_byte() {
    for (kind, step) in [(Kind::Sqlite, 1), (Kind::Postgres, 19)] {
        let server = Server::start_on(kind).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        for cut in (1..200_u8).step_by(step) {
            let (bytes, at) = (picture(cut, 200), usize::from(cut));
            let hash = hash_of(&bytes);
            assert_eq!(progress(&server, &device, hash).await, Ok((0, None)));
            let begun = sent(piece(&server, &device, hash, (0, 200), &bytes[..at])).await;
            assert_eq!(
                (begun.status(), number(&begun, "upload-offset")),
                (StatusCode::NO_CONTENT, Some(cut.into()))
            );
            assert_eq!(progress(&server, &device, hash).await, Ok((cut.into(), Some(200))));
            // Sent again, and sent from too far on: neither is taken.
            for wrong in [0, u64::from(cut) + 1] {
                let body = &bytes[..usize::from(200 - cut).min(at) - usize::from(cut == 199 && wrong > 0)];
                if !body.is_empty() && wrong + body.len() as u64 <= 200 {
                    let refused = refusal(piece(&server, &device, hash, (wrong, 200), body)).await;
                    assert_eq!(refused, (StatusCode::CONFLICT, ProblemCode::OffsetMismatch), "{cut} {wrong}");
                }
            }
            let done = sent(piece(&server, &device, hash, (cut.into(), 200), &bytes[at..])).await;
            assert_eq!((done.status(), number(&done, "upload-offset")), (StatusCode::NO_CONTENT, Some(200)));
            assert_eq!(progress(&server, &device, hash).await, Ok((200, Some(200))));
        }
        let found = report(&server).await;
        assert_eq!((found.difference_count, found.attachments_missing), (0, 0), "{:?}", found.differences);
        assert_eq!(found.attachments, (1..200).step_by(step).map(|_| 1).sum::<u64>());
    }
}

#[tokio::test]
async fn what_came_before_a_cut_counts() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let bytes = picture(1, 5_000);
        let hash = hash_of(&bytes);
        let mut link = TcpStream::connect(server.address).await.expect("it listens");
        let head = format!(
            "PATCH /v1/projects/{}/attachments/{hash} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/offset+octet-stream\r\nupload-offset: 0\r\nupload-length: 5000\r\n\
             content-length: 5000\r\n\r\n",
            server.project.id,
            device.token()
        );
        link.write_all(head.as_bytes()).await.expect("it is sent");
        link.write_all(&bytes[..1_234]).await.expect("it is sent");
        link.flush().await.expect("it is sent");
        // The pieces are not acknowledged, so only the end of the link says that there are no more.
        drop(link);
        let mut known = (0, None);
        for _ in 0..500 {
            known = progress(&server, &device, hash).await.expect("it may bring");
            if known.0 > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(known, (1_234, Some(5_000)), "{kind:?}");
        let rest = sent(piece(&server, &device, hash, (1_234, 5_000), &bytes[1_234..])).await;
        assert_eq!(rest.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn bytes_with_another_hash_leave_nothing() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let (right, wrong) = (picture(1, 300), picture(2, 300));
        let hash = hash_of(&right);
        sent(piece(&server, &device, hash, (0, 300), &wrong[..100])).await;
        let refused = refusal(piece(&server, &device, hash, (100, 300), &wrong[100..])).await;
        assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, ProblemCode::AttachmentMismatch));
        assert_eq!(progress(&server, &device, hash).await, Ok((0, None)));
        assert_eq!(report(&server).await.attachments, 0);
        assert_eq!(upload(&server, &device, &right).await, hash);
        assert_eq!(report(&server).await.attachments, 1);
    }
}

#[tokio::test]
async fn lies_are_refused_by_their_codes() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let bytes = picture(1, 300);
    let hash = hash_of(&bytes);
    let invalid = (StatusCode::BAD_REQUEST, ProblemCode::InvalidRequest);
    for (offset, length) in [(0, 0), (0, 299), (1, 300), (u64::MAX, 300), (u64::MAX, u64::MAX >> 40)] {
        let lie = piece(&server, &device, hash, (offset, length), &bytes);
        assert_eq!(refusal(lie).await, invalid, "{offset} {length}");
    }
    // A client states no length for an empty body.
    let lengthless = (StatusCode::LENGTH_REQUIRED, ProblemCode::LengthRequired);
    assert_eq!(refusal(piece(&server, &device, hash, (0, 300), b"")).await, lengthless);
    let large = (StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::PayloadTooLarge);
    assert_eq!(refusal(piece(&server, &device, hash, (0, (16 << 20) + 1), &bytes)).await, large);
    assert_eq!(refusal(piece(&server, &device, hash, (0, u64::MAX), &bytes)).await, large);
    sent(piece(&server, &device, hash, (0, 300), &bytes[..10])).await;
    assert_eq!(refusal(piece(&server, &device, hash, (10, 400), &bytes[..10])).await, invalid);

    let plain = request(&server, &device, Method::PATCH, hash).body(bytes.clone());
    let unsupported = (StatusCode::UNSUPPORTED_MEDIA_TYPE, ProblemCode::UnsupportedMediaType);
    assert_eq!(refusal(plain).await, unsupported);
    let headless = request(&server, &device, Method::PATCH, hash)
        .header("content-type", "application/offset+octet-stream")
        .body(bytes.clone());
    assert_eq!(refusal(headless).await, invalid);
    let url = server.project_url(&format!("/attachments/{hash}"));
    assert_eq!(refusal(server.get(&url)).await.1, ProblemCode::Unauthenticated);
    for odd in ["x", "..", &hash.to_string()[1..]] {
        let url = server.project_url(&format!("/attachments/{odd}"));
        assert_eq!(refusal(server.get(&url).bearer_auth(device.token())).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_device_begins_no_more_than_it_may() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let other = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
        let too_many = (StatusCode::TOO_MANY_REQUESTS, ProblemCode::TooManyRequests);
        for seed in 1..=4 {
            let begun = piece(&server, &device, AttachmentHash([seed; 32]), (0, 16 << 20), b"x");
            assert_eq!(sent(begun).await.status(), StatusCode::NO_CONTENT);
        }
        // Those bytes are spoken for; another device has room of its own, and what was begun goes on.
        assert_eq!(refusal(piece(&server, &device, AttachmentHash([9; 32]), (0, 2), b"x")).await, too_many);
        for seed in 1..=64 {
            let begun = piece(&server, &other, AttachmentHash([seed; 32]), (0, 2), b"x");
            assert_eq!(sent(begun).await.status(), StatusCode::NO_CONTENT);
        }
        assert_eq!(refusal(piece(&server, &other, AttachmentHash([99; 32]), (0, 2), b"x")).await, too_many);
        let more = sent(piece(&server, &device, AttachmentHash([1; 32]), (1, 16 << 20), b"y")).await;
        assert_eq!(more.status(), StatusCode::NO_CONTENT);

        assert_eq!(expire::now(&server.app).await.expect("the store answers"), 0);
        server.app.clock().advance_ms(15 * 86_400_000);
        assert_eq!(expire::now(&server.app).await.expect("the store answers"), 68);
        assert_eq!(expire::now(&server.app).await.expect("the store answers"), 0);
    }
}

#[tokio::test]
async fn who_reads_a_record_that_names_it_reads_a_photo_and_nobody_else_learns_of_it() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let mut author = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let reader = Persona::enrol(&server, 2, &["S1:adjudicator"]).await;
        let elsewhere = Persona::enrol(&server, 3, &["all:supervisor"]).await;
        let partner = Persona::enrol(&server, 4, &["S1:partner"]).await;
        let bytes = picture(1, 1_000);
        let hash = hash_of(&bytes);
        let missing = (StatusCode::NOT_FOUND, ProblemCode::NotFound);
        let get = |who: &Persona| request(&server, who, Method::GET, hash);

        // The record first, then the photo; the other way round below.
        name_photo(&server, &mut author, 2, hash).await;
        assert_eq!(refusal(get(&reader)).await, missing);
        assert_eq!(report(&server).await.attachments_expected, 1);
        upload(&server, &author, &bytes).await;
        assert_eq!(sent(get(&reader)).await.bytes().await.expect("it comes whole"), bytes);
        // Enumerators write identities and do not read them back.
        for stranger in [&author, &elsewhere, &partner] {
            assert_eq!(refusal(get(stranger)).await, missing);
        }
        assert_eq!(progress(&server, &reader, hash).await, Ok((1_000, Some(1_000))));
        assert_eq!(progress(&server, &author, hash).await, Ok((1_000, Some(1_000))));
        assert_eq!(progress(&server, &elsewhere, hash).await, Ok((0, None)), "as if nobody had brought it");
        assert_eq!(progress(&server, &partner, hash).await, Err(StatusCode::NOT_FOUND));
        let forbidden = (StatusCode::FORBIDDEN, ProblemCode::Forbidden);
        assert_eq!(refusal(piece(&server, &partner, hash, (0, 1_000), &bytes)).await, forbidden);

        let range = sent(get(&reader).header("range", "bytes=10-19")).await;
        assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(range.headers()["content-range"], "bytes 10-19/1000");
        assert_eq!(range.bytes().await.expect("it comes whole"), bytes[10..20]);
        let beyond = refusal(get(&reader).header("range", "bytes=1000-")).await;
        assert_eq!(beyond, (StatusCode::RANGE_NOT_SATISFIABLE, ProblemCode::RangeNotSatisfiable));

        let later = picture(2, 500);
        let early = upload(&server, &author, &later).await;
        assert_eq!(refusal(request(&server, &reader, Method::GET, early)).await, missing);
        name_photo(&server, &mut author, 3, early).await;
        assert_eq!(sent(request(&server, &reader, Method::GET, early)).await.status(), StatusCode::OK);
        let found = report(&server).await;
        assert_eq!((found.attachments, found.attachments_expected), (2, 0));
        assert_eq!(found.differences, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_photo_that_no_record_names_any_more_is_nobodys() {
    let server = Server::start().await;
    let mut author = Persona::enrol(&server, 1, &["S1:adjudicator"]).await;
    let bytes = picture(1, 400);
    let hash = upload(&server, &author, &bytes).await;
    let photo = [("photo", Value::str(hash.to_string())), ("photo/thumb", Value::str(hash.to_string()))];
    let first = author.new_record(&server, record(2), "identity", Some(record(1)), &photo);
    author.push(&server, RecordClass::Identity, &[(record(2), first.clone())]).await;
    assert_eq!(sent(request(&server, &author, Method::GET, hash)).await.status(), StatusCode::OK);
    let gone = [("photo", Value::Null), ("photo/thumb", Value::Null)];
    let second = author.edit(record(2), &[first], &gone);
    author.push(&server, RecordClass::Identity, &[(record(2), second)]).await;
    assert_eq!(refusal(request(&server, &author, Method::GET, hash)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(report(&server).await.differences, Vec::<String>::new());
}

#[tokio::test]
async fn references_are_written_anew_from_the_records() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let mut author = Persona::enrol(&server, 1, &["S1:adjudicator"]).await;
        for number in 2..=5 {
            name_photo(&server, &mut author, number, hash_of(&number.to_be_bytes())).await;
        }
        let project = server.project.id;
        let forget = async |mut tx: fieldmerge_store::Lent| {
            fieldmerge_store::attachments::set_references(&mut tx, project, &[record(2), record(4)], &[])
                .await
        };
        server.app.store().write(forget).await.expect("the store answers");
        assert_eq!(report(&server).await.difference_count, 2);
        assert_eq!(attachments::rebuild(&server.app, PROJECT).await.expect("the store answers"), 4);
        assert_eq!(report(&server).await.differences, Vec::<String>::new());
        let missing = attachments::list(&server.app, PROJECT, false).await.expect("the store answers");
        assert_eq!(missing.len(), 4);
        assert!(missing.iter().all(|one| one.device == "Hery" && one.referred.arriving.is_none()));
    }
}

#[tokio::test]
async fn two_devices_bring_the_same_at_once() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let one = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let other = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
        for seed in 0..20 {
            let bytes = picture(seed, 700);
            let hash = hash_of(&bytes);
            let brought = |who| {
                let (server, bytes) = (&server, &bytes);
                async move {
                    sent(piece(server, who, hash, (0, 700), &bytes[..350])).await;
                    sent(piece(server, who, hash, (350, 700), &bytes[350..])).await.status()
                }
            };
            let both = tokio::join!(brought(&one), brought(&other));
            assert_eq!(both, (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
        }
        let found = report(&server).await;
        assert_eq!((found.attachments, found.difference_count), (20, 0), "{:?}", found.differences);
    }
}

#[tokio::test]
async fn verify_tells_damage_from_what_is_missing_and_what_is_missing_is_taken_again() {
    for kind in BOTH {
        let folder = folder();
        let place = folder.path().join("photos");
        let server = Server::start_keeping(kind, place.display().to_string()).await;
        let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        assert!(!place.exists(), "nothing is made before it is needed");
        let (damaged, lost) = (picture(1, 900), picture(2, 800));
        let file = |hash: AttachmentHash| {
            let name = hash.to_string();
            place.join(server.project.id.to_string()).join(&name[..2]).join(name)
        };
        let (first, second) =
            (upload(&server, &device, &damaged).await, upload(&server, &device, &lost).await);
        std::fs::write(file(first), picture(3, 900)).expect("it can be damaged");
        std::fs::remove_file(file(second)).expect("it was there");
        let found = report(&server).await;
        assert_eq!((found.attachments, found.attachments_missing, found.difference_count), (2, 1, 1));
        assert!(found.differences[0].contains(&first.to_string()), "{:?}", found.differences);
        assert_eq!(progress(&server, &device, second).await, Ok((0, None)));
        upload(&server, &device, &lost).await;
        assert_eq!(std::fs::read(file(second)).expect("it is back"), lost);
    }
}

/// The codes that only attachments earn.
pub async fn refusals(server: &Server) -> Vec<ProblemCode> {
    let mut device = Persona::enrol(server, 40, &["S1:adjudicator"]).await;
    let bytes = picture(1, 10);
    let hash = upload(server, &device, &bytes).await;
    name_photo(server, &mut device, 40, hash).await;
    let other = hash_of(b"other");
    let requests = [
        piece(server, &device, other, (1, 3), b"x"),
        piece(server, &device, other, (0, 1), b"x"),
        request(server, &device, Method::GET, hash).header("range", "bytes=10-"),
    ];
    let mut codes = Vec::new();
    for request in requests {
        codes.push(refusal(request).await.1);
    }
    codes
}
