//! Honest inputs, from which fuzzers and mutants begin.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_model::log::{LogState, NewLog};
use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Save};
use fieldmerge_model::types::entry::{self, AttendanceEntry};
use fieldmerge_protocol::api::DeviceClaims;
use fieldmerge_protocol::bundle::{
    BundleWriter, Entry, FrameDraft, Origin, Packing, SealedDraft, encode_columns,
};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{
    self, Checkpoint, Cursor, Dictionary, Feed, FeedBody, FeedFrame, Finish, FrameReceipt, FrameRef,
    FrameStatus, Hello, ReceiptList, Receipts, Roster, Welcome, tag,
};
use fieldmerge_protocol::{
    Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, LogId, ProjectId, RecordClass, RecordId, Value,
    exchange,
};

use super::change::{RECORD, body_of};
use super::forms::{self, EXPRESSIONS};
use crate::synthetic::{People, path};
use crate::workbook::Parts;

/// Where honest changes belong.
pub const FEED: Feed = Feed { area: AreaId([9; 16]), class: RecordClass::Core };
/// The device that writes them.
pub const DEVICE: DeviceId = DeviceId([4; 10]);
/// Its project.
pub const PROJECT: ProjectId = ProjectId([1; 16]);
const LOG: LogId = LogId([5; 16]);

/// The device's key.
pub fn device_key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// The key that files are sealed to.
pub fn sealing_pair() -> SealingPair {
    SealingPair::derive(&[77; 32])
}

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

/// The history of a log: its changes with their hashes, with new persons and entries in each.
pub fn log_history(seed: u64) -> Vec<(Change, ChangeHash)> {
    let mut people = People::new(seed);
    let new = NewLog {
        actor: Actor([0x40; 16]),
        id: RECORD,
        record_type: "attendance".into(),
        area: FEED.area,
        month: "2026-03".into(),
    };
    let (mut log, mut all) = (LogState::new(RECORD), Vec::new());
    for time in 0..i64::from(1 + people.below(6)) {
        let begun = if all.is_empty() { new.clone().draft() } else { log.draft() };
        let mut draft = begun.expect("a log can be written");
        for _ in 0..=people.below(5) {
            let person = draft.person(RecordId([people.below(9).to_le_bytes()[0]; 16]));
            let person = u32::try_from(person).expect("a few");
            let day = "2026-03-02".parse().expect("a date");
            let attended = AttendanceEntry { person, ..AttendanceEntry::present(0, day, 4) };
            let Value::Bytes(bytes) = entry::Entry::from(attended).to_value() else {
                unreachable!("entries are bytes")
            };
            draft.entry(bytes);
        }
        let made = hashed(draft.build(1_772_323_200_000 + time).expect("a sheet is within all limits"));
        log.accept(&made.0, made.1, Provenance::default());
        all.push(made);
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
        "passed" => vec![frame(0), frame(1), sealed(0), sealed(1)],
        "bundle" => vec![request(), answer(1, None), file()],
        "answer" => answers(),
        "exchange" => vec![given(), exchange_file()],
        "change" => histories().flatten().map(|(change, _)| body_of(&change.encode().0).to_vec()).collect(),
        "history" => histories().map(|history| history_bytes(&history)).collect(),
        "cursor" => vec![b"WzE3NzIzMjMyMDAwMDAsIjAxOWM5ZDc3LWNjODAtNzAwMS04MDAyLTAzMDQwNTA2MDcwOCIsImZpZWxkX2NvbmZsaWN0IiwiYmlydGhfeWVhciJd".to_vec()],
        "token" => vec![token()],
        "json" => json(),
        "expression" => EXPRESSIONS.map(|text| text.as_bytes().to_vec()).to_vec(),
        "form" => vec![forms::honest()],
        "sheets" => vec![Parts::default().joined()],
        "workbook" => forms::workbooks(),
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
    // Stored bodies let a fuzzer see into them.
    framed(seed + 1, &entries, if seed.is_multiple_of(2) { 0 } else { 3 })
}

fn framed(number: u64, entries: &[Entry<'_>], level: i32) -> Vec<u8> {
    let origin = Origin {
        project: PROJECT,
        device: DEVICE,
        incarnation: Incarnation([2; 4]),
        number,
        class: FEED.class,
        area: FEED.area,
    };
    let packing = Packing { level, ..Packing::default() };
    let draft = FrameDraft::pack(origin, entries, &|_, _| None, packing).expect("a few changes fit");
    let signature = device_key().sign(&draft.signing_bytes()).to_bytes();
    draft.finish(signature)
}

fn request() -> Vec<u8> {
    let hello = Hello {
        incarnation: Incarnation([2; 4]),
        packed: 1,
        receipted: 0,
        log: Some(LOG),
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
        life: None,
        unsure: None,
        unused: None,
        forms: None,
        findings: None,
        withdraws: None,
    };
    let mut writer = BundleWriter::new();
    writer.part(tag::HELLO, &sync::encode(&hello)).part(tag::FRAME, &frame(0)).part(tag::END, &[]);
    writer.into_bytes()
}

/// Answers that say different things of the device; whoever takes them signs them.
fn answers() -> Vec<Vec<u8>> {
    let roster = super::device::roster();
    let said = |tells: fn(&mut Welcome), roster| answer_with(1, Some(tells), roster);
    vec![
        answer(1, None),
        answer(3, Some(roster.clone())),
        said(|welcome| welcome.stale = true, None),
        said(|welcome| welcome.lost = Some(true), Some(roster)),
        said(|welcome| welcome.backed_up_ms = Some(i64::MAX), None),
    ]
}

/// An answer with so many feed frames behind those that the device holds.
pub fn answer(frames: u64, roster: Option<Roster>) -> Vec<u8> {
    answer_with(frames, None, roster)
}

fn answer_with(frames: u64, tells: Option<fn(&mut Welcome)>, roster: Option<Roster>) -> Vec<u8> {
    let receipt = FrameReceipt {
        frame: FrameRef { incarnation: Incarnation([2; 4]), number: 1 },
        status: FrameStatus::Accepted,
        exceptions: Vec::new(),
        code: None,
        digest: [8; 8],
    };
    let list = ReceiptList { device: DEVICE, receipts: vec![receipt], log: LOG };
    let receipts = Receipts { list: sync::encode(&list), signature: vec![6; 64] };
    let mut welcome = Welcome {
        log: LOG,
        now_ms: 1_772_323_200_000,
        committed: 0,
        stale: false,
        roster,
        lost: None,
        backed_up_ms: None,
        life: None,
        taken: None,
    };
    if let Some(tells) = tells {
        tells(&mut welcome);
    }
    let mut writer = BundleWriter::new();
    writer
        .part(tag::WELCOME, &sync::encode(&welcome))
        .part(tag::RECEIPTS, &sync::encode(&receipts))
        .part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(&[1, 2, 3, 4, 5, 6, 7, 8], true)));
    let mut at = 0;
    for seed in 0..frames {
        let frame = feed_frame(seed, at);
        at = frame.to;
        writer
            .part(tag::FEED_FRAME, &sync::encode(&frame))
            .part(tag::CHECKPOINT, &sync::encode(&Checkpoint { signature: vec![6; 64] }));
    }
    writer
        .part(tag::KEEP_ALIVE, &[])
        .part(tag::FINISH, &sync::encode(&Finish { more: false, signature: vec![6; 64] }));
    writer.into_bytes()
}

/// A feed frame with the history of a record of its own.
fn feed_frame(seed: u64, from: u64) -> FeedFrame {
    let (record, (change, hash)) = worker(seed);
    let entries = [Entry { record, change: &change, hash }];
    let raw = encode_columns(&entries, &|_, _| None).expect("one change fits");
    let raw_bytes = u32::try_from(raw.len()).expect("a short body");
    let body = FeedBody { compression: 0, dictionary: 0, raw_bytes, count: 1, bytes: raw };
    FeedFrame { feed: FEED, from, to: from + 1, received_ms: 1_772_323_200_000, body: Some(body) }
}

/// A record that the device made, by its first change.
fn worker(seed: u64) -> (RecordId, (Change, ChangeHash)) {
    let id = RecordId([0x30 + seed.to_le_bytes()[0]; 16]);
    let new = NewRecord {
        actor: Actor::new(DEVICE, 0, Incarnation([2; 4])),
        time: 1_772_323_200_000,
        id,
        record_type: "worker".into(),
        area: FEED.area,
        subject: None,
        puts: People::new(seed).worker(),
    };
    (id, hashed(new.build().expect("a record can be made")))
}

/// A frame as it goes through other hands.
fn sealed(seed: u64) -> Vec<u8> {
    let draft = SealedDraft::seal(&frame(seed), &sealing_pair().public, [9; 32]).expect("a frame is sealed");
    draft.finish(device_key().sign(&draft.signing_bytes()).to_bytes())
}

fn file() -> Vec<u8> {
    let mut writer = BundleWriter::new();
    writer.part(tag::SEALED_FRAME, &sealed(0)).part(tag::SEALED_FRAME, &sealed(1)).part(tag::END, &[]);
    writer.into_bytes()
}

/// What a device gives another one.
fn given() -> Vec<u8> {
    let roster = super::device::roster().signed.expect("it is signed");
    let mut writer = BundleWriter::new();
    writer.part(tag::SIGNED_ROSTER, &sync::encode(&roster));
    for seed in 0..2 {
        let (record, (change, hash)) = worker(seed);
        let entries = [Entry { record, change: &change, hash }];
        writer.part(tag::FRAME, &framed(seed + 20, &entries, 0));
    }
    writer.part(tag::SEALED_FRAME, &sealed(4)).part(tag::END, &[]);
    writer.into_bytes()
}

fn exchange_file() -> Vec<u8> {
    let (me, key) = super::device::receiver();
    exchange::write(PROJECT, me, &key, &given(), [7; 32]).expect("it is sealed")
}

fn token() -> Vec<u8> {
    let key = device_key();
    let token = crate::world::raw::token_of(&key, DEVICE, PROJECT, 1_772_323_200_000);
    token.trim_start_matches("Bearer ").as_bytes().to_vec()
}

fn json() -> Vec<Vec<u8>> {
    let claims = DeviceClaims { iss: DEVICE, aud: PROJECT, iat: 1, exp: 301 };
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
