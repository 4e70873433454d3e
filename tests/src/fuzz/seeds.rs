//! Honest inputs, from which fuzzers and mutants begin.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Save};
use fieldmerge_protocol::api::DeviceClaims;
use fieldmerge_protocol::bundle::{BundleWriter, Entry, FrameDraft, Origin, Packing, encode_columns};
use fieldmerge_protocol::sync::{
    self, Cursor, Dictionary, Feed, FeedBody, FeedFrame, Finish, FrameReceipt, FrameRef, FrameStatus, Hello,
    ReceiptList, Receipts, Welcome, tag,
};
use fieldmerge_protocol::{
    Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, LogId, ProjectId, RecordClass, RecordId, Value,
};

use super::change::{RECORD, body_of};
use crate::synthetic::{People, path};

const FEED: Feed = Feed { area: AreaId([9; 16]), class: RecordClass::Core };
const DEVICE: DeviceId = DeviceId([4; 10]);

/// The history of a record: its changes with their hashes, each after what it was made on. Several actors write, also
/// without knowing of each other, puts, deletes and conflicts.
pub fn history(seed: u64) -> Vec<(Change, ChangeHash)> {
    let mut people = People::new(seed);
    let actor = |number: u32| Actor([[0x40, 0xc0, 0x10, 0x90][number as usize % 4]; 16]);
    let mut puts = people.worker();
    puts.truncate(3 + people.below(20) as usize);
    let new = NewRecord {
        actor: actor(0),
        time: 1_772_323_200_000,
        id: RECORD,
        record_type: "worker".into(),
        area: FEED.area,
        subject: None,
        puts,
    };
    let mut all = vec![hashed(new.build().expect("a record can be made"))];
    // What each actor has seen: it lags behind, so that writes meet.
    let mut views: Vec<RecordState> = (0..4).map(|_| view(&all)).collect();
    for _ in 0..people.below(10) {
        let number = people.below(4);
        let view_of = &mut views[number as usize];
        if people.below(3) == 0 {
            *view_of = view(&all);
        }
        let name = ["sex", "birth_year", "languages/mlg", "given_names"][people.below(4) as usize];
        let number_put = i64::from(people.below(50));
        let mut save = Save {
            actor: actor(number),
            time: 1_772_323_300_000 + number_put,
            puts: Vec::new(),
            deletes: Vec::new(),
        };
        match name {
            "languages/mlg" if people.below(2) == 0 => save.deletes.push(path(name)),
            _ => save.puts.push((path(name), Value::Int(number_put))),
        }
        if let Ok(change) = view_of.build(&save) {
            let made = hashed(change);
            view_of.accept(&made.0, made.1, Provenance::default());
            all.push(made);
        }
    }
    all
}

fn hashed(change: Change) -> (Change, ChangeHash) {
    let hash = change.encode().1;
    (change, hash)
}

fn view(changes: &[(Change, ChangeHash)]) -> RecordState {
    let mut state = RecordState::new(RECORD);
    for (change, hash) in changes {
        state.accept(change, *hash, Provenance::default());
    }
    state
}

/// Inputs for the target of this name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "body" => (0..12).map(body).collect(),
        "frame" => (0..6).map(frame).collect(),
        "bundle" => vec![request(), answer()],
        "change" => histories().flatten().map(|(change, _)| body_of(&change.encode().0).to_vec()).collect(),
        "history" => histories().map(|history| history_bytes(&history)).collect(),
        "cursor" => vec![b"WzE3NzIzMjMyMDAwMDAsIjAxOWM5ZDc3LWNjODAtNzAwMS04MDAyLTAzMDQwNTA2MDcwOCIsImZpZWxkX2NvbmZsaWN0IiwiYmlydGhfeWVhciJd".to_vec()],
        "token" => vec![token()],
        "json" => json(),
        other => panic!("there is no target {other}"),
    }
}

fn histories() -> impl Iterator<Item = Vec<(Change, ChangeHash)>> {
    (0..16).map(history)
}

/// A history as the target takes it.
fn history_bytes(history: &[(Change, ChangeHash)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (change, _) in history {
        let chunk = change.encode().0;
        let body = body_of(&chunk);
        bytes.extend(u16::try_from(body.len()).expect("a short change").to_le_bytes());
        bytes.extend(body);
    }
    bytes
}

/// A body in columns, of records that several wrote.
fn body(seed: u64) -> Vec<u8> {
    let changes: Vec<(RecordId, (Change, ChangeHash))> = (0..=seed % 4)
        .flat_map(|more| {
            history(seed * 7 + more)
                .into_iter()
                .map(move |change| (RecordId([more.to_le_bytes()[0]; 16]), change))
        })
        .collect();
    let entries: Vec<Entry<'_>> = changes
        .iter()
        .map(|(record, (change, hash))| Entry { record: *record, change, hash: *hash })
        .collect();
    encode_columns(&entries, &|_, _| None).expect("a few changes fit")
}

fn frame(seed: u64) -> Vec<u8> {
    let history = history(seed);
    let entries: Vec<Entry<'_>> =
        history.iter().map(|(change, hash)| Entry { record: RECORD, change, hash: *hash }).collect();
    let origin = Origin {
        project: ProjectId([1; 16]),
        device: DEVICE,
        incarnation: Incarnation([2; 4]),
        number: seed,
        class: FEED.class,
        area: FEED.area,
    };
    // Stored bodies let a fuzzer see into them.
    let packing = Packing { level: if seed.is_multiple_of(2) { 0 } else { 3 }, ..Packing::default() };
    let draft = FrameDraft::pack(origin, &entries, &|_, _| None, packing).expect("a few changes fit");
    let signature = SigningKey::from_bytes(&[3; 32]).sign(&draft.signing_bytes()).to_bytes();
    draft.finish(signature)
}

fn request() -> Vec<u8> {
    let hello = Hello {
        incarnation: Incarnation([2; 4]),
        packed: 1,
        receipted: 0,
        log: Some(LogId([5; 16])),
        cursors: vec![Cursor { feed: FEED, position: 300 }],
        roster: 2,
        now_ms: 1_772_323_200_000,
        budget_bytes: Some(50_000),
        recover: None,
        unsettled: Some(vec![FrameRef { incarnation: Incarnation([2; 4]), number: 1 }]),
        telemetry: Some(sync::Telemetry { app: Some("app 1".to_owned()), ..sync::Telemetry::default() }),
        dictionaries: Some(vec![7]),
        partial: None,
        roster_issued_ms: None,
    };
    let mut writer = BundleWriter::new();
    writer.part(tag::HELLO, &sync::encode(&hello)).part(tag::FRAME, &frame(0)).part(tag::END, &[]);
    writer.into_bytes()
}

fn answer() -> Vec<u8> {
    let receipt = FrameReceipt {
        frame: FrameRef { incarnation: Incarnation([2; 4]), number: 1 },
        status: FrameStatus::Accepted,
        exceptions: Vec::new(),
        code: None,
        digest: [8; 8],
    };
    let list = ReceiptList { device: DEVICE, receipts: vec![receipt], log: LogId([5; 16]) };
    let receipts = Receipts { list: sync::encode(&list), signature: vec![6; 64] };
    let raw = body(0);
    let feed = FeedFrame {
        feed: FEED,
        from: 0,
        to: 1,
        received_ms: 1_772_323_200_000,
        body: Some(FeedBody {
            compression: 0,
            dictionary: 0,
            raw_bytes: u32::try_from(raw.len()).expect("a short body"),
            count: 1,
            bytes: raw,
        }),
    };
    let welcome = Welcome {
        log: LogId([5; 16]),
        now_ms: 1,
        committed: 1,
        stale: false,
        roster: None,
        lost: None,
        backed_up_ms: None,
    };
    let mut writer = BundleWriter::new();
    writer
        .part(tag::WELCOME, &sync::encode(&welcome))
        .part(tag::RECEIPTS, &sync::encode(&receipts))
        .part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(&[1, 2, 3, 4, 5, 6, 7, 8], true)))
        .part(tag::FEED_FRAME, &sync::encode(&feed))
        .part(tag::KEEP_ALIVE, &[])
        .part(tag::FINISH, &sync::encode(&Finish { more: false, signature: vec![6; 64] }));
    writer.into_bytes()
}

fn token() -> Vec<u8> {
    let key = SigningKey::from_bytes(&[3; 32]);
    let token = crate::world::raw::token_of(&key, DEVICE, ProjectId([1; 16]), 1_772_323_200_000);
    token.trim_start_matches("Bearer ").as_bytes().to_vec()
}

fn json() -> Vec<Vec<u8>> {
    let claims = DeviceClaims { iss: DEVICE, aud: ProjectId([1; 16]), iat: 1, exp: 301 };
    let claims = serde_json::to_vec(&claims).expect("ids and numbers are JSON");
    let texts: [&[u8]; 6] = [
        br#"{"code":"ABCD-EFGH","public_key":"0303030303030303030303030303030303030303030303030303030303030303"}"#,
        br#"{"type":"about:blank","title":"x","status":404,"code":"not-found"}"#,
        br#"{"cases":[],"next":null}"#,
        b"languages/mlg",
        b"019c9d77-cc80-7001-8002-030405060708",
        b"S1:enumerator",
    ];
    texts.into_iter().map(<[u8]>::to_vec).chain([claims]).collect()
}
