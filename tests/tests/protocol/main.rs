//! The examples of PROTOCOL.md: each is what the code writes, and the code reads it back.
//!
//! An example is a fenced block ```` ```json NAME ```` with `bytes` in hexadecimal beside what they say. A later version
//! may add examples; these stay, because devices in the field hold such bytes.

mod codes;
mod forms;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_protocol::bundle::{
    Compression, Entry, FrameDraft, FrameHeader, Origin, Packing, SealedDraft, SealedFrame, changes_digest,
    decode_body, encode_body,
};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{
    self, Cursor, Exception, Feed, FramePlace, FrameRange, FrameReceipt, FrameRef, FrameStatus, HeldRoles,
    Hello, Outcome, Partial, ReceiptList, Roster, RosterDevice, RosterMember, RosterStatement, SignedRoster,
    Welcome,
};
use fieldmerge_protocol::{
    Action, Actor, AreaId, Change, DeviceId, Incarnation, LifeId, LogId, Op, Path, ProjectId, RecordClass,
    RecordId, Value, exchange,
};
use serde_json::{Value as Json, json};

const TEXT: &str = include_str!("../../../protocol/PROTOCOL.md");

const DEVICE: DeviceId = DeviceId([0xd1; 10]);
const INCARNATION: Incarnation = Incarnation([0x1c; 4]);
const AREA: AreaId = AreaId([0xa1; 16]);
const PROJECT: ProjectId = ProjectId([0x91; 16]);
const RECORD: RecordId = RecordId([0x01, 0x9c, 0x9d, 0x77, 0xcc, 0x80, 0x70, 1, 0x80, 2, 3, 4, 5, 6, 7, 8]);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn bytes(text: &Json) -> Vec<u8> {
    let text = text.as_str().expect("bytes are a text");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// The example of this name.
fn example(name: &str) -> Json {
    let fence = format!("```json {name}\n");
    let (_, rest) = TEXT.split_once(&fence).unwrap_or_else(|| panic!("PROTOCOL.md has no example {name}"));
    let (block, _) = rest.split_once("\n```").expect("a fence ends");
    serde_json::from_str(block).unwrap_or_else(|error| panic!("the example {name} is not JSON: {error}"))
}

fn assert_example(name: &str, written: &Json) {
    assert_eq!(&example(name), written, "the example {name} should be:\n{written:#}");
}

fn put(path: &str, value: Value) -> Op {
    Op {
        path: Path::new(path).expect("a path of the protocol"),
        action: Action::Put(value),
        pred: Vec::new(),
    }
}

fn change() -> Change {
    Change {
        actor: Actor::new(DEVICE, 0, INCARNATION),
        seq: 1,
        start_op: 1,
        time: 1_772_168_400_000,
        deps: Vec::new(),
        ops: vec![
            put("_id", Value::Bytes(RECORD.0.to_vec())),
            put("_type", Value::str("worker")),
            put("_area", Value::Bytes(AREA.0.to_vec())),
            put("birth_year", Value::Int(1991)),
            put("languages/mlg", Value::Bool(true)),
        ],
    }
}

#[test]
fn ids() {
    let actor = Actor::new(DEVICE, 258, INCARNATION);
    let feed = Feed { area: AREA, class: RecordClass::Core };
    assert_example(
        "ids",
        &json!({
            "device": DEVICE, "person": actor.person(), "incarnation": INCARNATION, "actor": actor,
            "area": AREA, "class": "core", "feed as CBOR": hex(&sync::encode(&feed)),
        }),
    );
}

#[test]
fn a_change() {
    let change = change();
    let (chunk, hash) = change.encode();
    assert_example("change", &json!({ "bytes": hex(&chunk), "hash": hash.to_string() }));
    let (read, read_hash) = Change::decode(&bytes(&example("change")["bytes"])).expect("the example decodes");
    assert_eq!((read, read_hash), (change, hash));
}

#[test]
fn a_body_and_its_frame_header() {
    let change = change();
    let (_, hash) = change.encode();
    let body = encode_body(&[Entry { record: RECORD, change: &change, hash }], &|_, _| None)
        .expect("one change fits");
    let header = FrameHeader {
        origin: Origin {
            project: PROJECT,
            device: DEVICE,
            incarnation: INCARNATION,
            number: 7,
            class: RecordClass::Core,
            area: AREA,
        },
        compression: Compression::Stored,
        dictionary: 0,
        count: 1,
        raw_len: u32::try_from(body.len()).expect("a short body"),
        changes_digest: changes_digest([hash]),
    };
    assert_example("frame", &json!({ "header": hex(&header.to_bytes()), "body": hex(&body) }));
    let written = example("frame");
    assert_eq!(FrameHeader::from_bytes(&bytes(&written["header"])), Ok(header));
    let packed = decode_body(&bytes(&written["body"])).expect("the example decodes");
    assert_eq!(packed.len(), 1);
    assert_eq!((packed[0].record, &packed[0].change.ops), (RECORD, &change.ops));
}

/// The feed that the messages name.
const CORE: Feed = Feed { area: AREA, class: RecordClass::Core };
/// The life that they name.
const LIFE: Option<LifeId> = Some(LifeId([0x11; 8]));

#[test]
fn the_messages_of_a_sync() {
    let hello = Hello {
        incarnation: INCARNATION,
        packed: 7,
        receipted: 6,
        log: Some(LogId([0x10; 16])),
        cursors: vec![Cursor { feed: CORE, position: 300 }],
        roster: 2,
        now_ms: 1_772_168_400_000,
        budget_bytes: None,
        recover: None,
        unsettled: None,
        telemetry: None,
        dictionaries: None,
        partial: None,
        roster_issued_ms: None,
        life: None,
        unsure: None,
        unused: None,
        forms: None,
        findings: None,
        withdraws: None,
    };
    let welcome = Welcome {
        log: LogId([0x10; 16]),
        now_ms: 1_772_168_400_500,
        committed: 7,
        stale: false,
        roster: None,
        lost: None,
        backed_up_ms: None,
        life: None,
        taken: None,
    };
    let hello_of_life = Hello { log: None, life: LIFE, ..hello.clone() };
    let frame = FrameRef { incarnation: INCARNATION, number: 7 };
    let withdraws = Some(vec![FramePlace { frame, index: 3 }]);
    let that_withdraws = Hello { withdraws, ..hello_of_life.clone() };
    let taken = Some(vec![FrameRange { incarnation: INCARNATION, first: 1, last: 6 }]);
    let welcome_of_life = Welcome { life: LIFE, taken, ..welcome.clone() };
    let code = Some("not-granted".to_owned());
    let exceptions = vec![Exception { index: 3, outcome: Outcome::Quarantined, code }];
    let receipt =
        FrameReceipt { frame, status: FrameStatus::Accepted, exceptions, code: None, digest: [0xd1; 8] };
    let receipts = ReceiptList { device: DEVICE, receipts: vec![receipt], log: LogId([0x10; 16]) };
    let partial = Partial { feed: CORE, from: 300, to: 400, bytes: 5_000, digest: [0xd1; 16] };
    assert_example(
        "messages",
        &json!({
            "partial": hex(&sync::encode(&partial)),
            "hello": hex(&sync::encode(&hello)),
            "welcome": hex(&sync::encode(&welcome)),
            "hello with a life": hex(&sync::encode(&hello_of_life)),
            "hello that withdraws": hex(&sync::encode(&that_withdraws)),
            "welcome with a life": hex(&sync::encode(&welcome_of_life)),
            "receipt list": hex(&sync::encode(&receipts)),
            "signed for receipts": hex(&sync::receipts_text(PROJECT, b"list")),
            "signed at a checkpoint": hex(&sync::checkpoint_text(PROJECT, b"hello", [7; 32])),
            "signed at the end": hex(&sync::answer_text(PROJECT, b"hello", [7; 32], true)),
        }),
    );
    let written = example("messages");
    assert_eq!(sync::decode(&bytes(&written["hello"])), Ok(hello));
    assert_eq!(sync::decode(&bytes(&written["hello with a life"])), Ok(hello_of_life));
    assert_eq!(sync::decode(&bytes(&written["hello that withdraws"])), Ok(that_withdraws));
    assert_eq!(sync::decode(&bytes(&written["welcome with a life"])), Ok(welcome_of_life));
    assert_eq!(sync::decode(&bytes(&written["partial"])), Ok(partial));
    assert_eq!(sync::decode(&bytes(&written["welcome"])), Ok(welcome));
    assert_eq!(sync::decode(&bytes(&written["receipt list"])), Ok(receipts));
}

#[test]
fn a_signed_roster_and_a_file_for_another_device() {
    let server = SigningKey::from_bytes(&[0x5e; 32]);
    let receiver = SigningKey::from_bytes(&[0x4e; 32]);
    let statement = RosterStatement {
        version: 2,
        issued_ms: 1_772_168_400_000,
        expires_ms: 1_774_760_400_000,
        areas: vec![AreaId([0xa0; 16]), AREA],
        members: vec![RosterMember {
            device: DEVICE,
            key: receiver.verifying_key().to_bytes(),
            number: 1,
            label: "Lalao".to_owned(),
            roles: 3,
            grants: vec![HeldRoles { area: 1, roles: 3 }],
        }],
    };
    let bytes_signed = sync::encode(&statement);
    let text = sync::roster_text(PROJECT, &bytes_signed);
    let signed = SignedRoster { statement: bytes_signed, signature: server.sign(&text).to_bytes().to_vec() };
    assert_example(
        "roster",
        &json!({
            "statement": hex(&signed.statement),
            "signed": hex(&text),
            "server's secret key": hex(server.as_bytes()),
            "part": hex(&sync::encode(&signed)),
        }),
    );
    let read: SignedRoster = sync::decode(&bytes(&example("roster")["part"])).expect("the example decodes");
    assert_eq!(read.verify(PROJECT, &server.verifying_key().to_bytes()), Some(statement));

    let contents = b"what another device gives";
    let file = exchange::write(PROJECT, DEVICE, &receiver.verifying_key(), contents, [0x2a; 32]);
    assert_example(
        "exchange",
        &json!({
            "receiver's secret key": hex(receiver.as_bytes()),
            "random": hex(&[0x2a; 32]),
            "contents": hex(contents),
            "file": hex(&file.expect("the receiver has a key")),
        }),
    );
    let opened = exchange::open(PROJECT, DEVICE, &receiver, &bytes(&example("exchange")["file"]));
    assert_eq!(opened.as_deref(), Ok(&contents[..]));
}

#[test]
fn a_signed_roster_costs_no_more_than_one_that_is_not() {
    let id = |n: u8| DeviceId([n.wrapping_mul(37), n, 3, 4, 5, 6, 7, 8, 9, n ^ 0x5a]);
    let label = |n: u8| format!("Rasoanirina {n}");
    let key = |n: u8| [n; 32];
    let plain: Vec<RosterDevice> = (0..50)
        .map(|n| RosterDevice {
            device: id(n),
            number: n.into(),
            label: label(n),
            key: key(n).to_vec(),
            roles: vec!["enumerator".to_owned(), "supervisor".to_owned()],
        })
        .collect();
    let member = |n: u8| RosterMember {
        device: id(n),
        key: key(n),
        number: n.into(),
        label: label(n),
        roles: 3,
        grants: vec![HeldRoles { area: 1, roles: 3 }],
    };
    let statement = sync::encode(&RosterStatement {
        version: 100,
        issued_ms: 1_772_168_400_000,
        expires_ms: 1_774_760_400_000,
        areas: vec![AreaId([0xa0; 16]), AREA],
        members: (0..50).map(member).collect(),
    });
    let signed = sync::encode(&SignedRoster { statement, signature: vec![0; 64] }).len();
    let plain = sync::encode(&Roster { version: 100, devices: plain, ..Roster::default() }).len();
    println!("50 devices: {signed} bytes signed, {plain} bytes not signed");
    assert!(signed < plain, "{signed} {plain}");
}

#[test]
fn a_message_with_keys_of_a_later_version_is_read() {
    let mut later = sync::encode(&Welcome {
        log: LogId([0x10; 16]),
        now_ms: 1,
        committed: 0,
        stale: true,
        roster: None,
        lost: None,
        backed_up_ms: None,
        life: None,
        taken: None,
    });
    // A definite map: one entry more, with a key that nobody knows yet.
    later[0] += 1;
    later.extend_from_slice(&[0x18, 99, 0x63, b'n', b'e', b'w']);
    let read: Welcome = sync::decode(&later).expect("unknown keys are skipped");
    assert!(read.stale);
}

/// What draws nothing is drawn for no other seal.
const DRAWN: [u8; 32] = [0x5e; 32];

#[test]
fn a_sealed_frame() {
    let change = change();
    let (_, hash) = change.encode();
    let origin = Origin {
        project: PROJECT,
        device: DEVICE,
        incarnation: INCARNATION,
        number: 7,
        class: RecordClass::Core,
        area: AREA,
    };
    let key = SigningKey::from_bytes(&[0x5d; 32]);
    let pair = SealingPair::derive(&[0x5c; 32]);
    let entries = [Entry { record: RECORD, change: &change, hash }];
    // Without the C library a body is stored, so that these bytes are the same for every build.
    let packing = Packing { level: 0, ..Packing::default() };
    let draft = FrameDraft::pack(origin, &entries, &|_, _| None, packing).expect("one change fits");
    let signature = key.sign(&draft.signing_bytes()).to_bytes();
    let frame = draft.finish(signature);
    let draft = SealedDraft::seal(&frame, &pair.public, DRAWN).expect("a frame is sealed");
    let sealed = draft.finish(key.sign(&draft.signing_bytes()).to_bytes());
    assert_example(
        "sealed",
        &json!({
            "device key": hex(key.verifying_key().as_bytes()), "frame": hex(&frame), "sealed": hex(&sealed),
            "sealing key": hex(&pair.public), "its secret": hex(&pair.secret), "random": hex(&DRAWN),
            "signed for the sealing key": hex(&sync::sealing_key_text(PROJECT, &pair.public)),
        }),
    );
    let written = bytes(&example("sealed")["sealed"]);
    let read = SealedFrame::parse(&written).expect("the example reads");
    read.verify(&key.verifying_key()).expect("its author signed it");
    let secret = bytes(&example("sealed")["its secret"]).try_into().expect("32 bytes");
    assert_eq!(read.open(&secret), Ok(frame.clone()));
    assert_eq!(sealed.len(), frame.len() + 156);
}
