//! What the answer of a server, and the file of another device, may do to a device.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use fieldmerge_engine::{Edit, Enrolment, Input, Request, SyncOptions, Table};
use fieldmerge_model::access::{Role, Roles};
use fieldmerge_model::pack::HIMO;
use fieldmerge_protocol::bundle::{BundleWriter, Frame, PartReader};
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{
    self, Checkpoint, Feed, FeedFrame, Finish, HeldRoles, ReceiptList, Receipts, Roster, RosterArea,
    RosterGrant, RosterMember, RosterStatement, SignedRoster, Welcome, tag,
};
use fieldmerge_protocol::{AreaId, DeviceId, RecordId, exchange};

use super::seeds::{self, DEVICE, FEED, PROJECT, device_key};
use crate::synthetic::People;
use crate::world::link::Reply;
use crate::world::phone::{Phone, Step};

const ME: DeviceId = DeviceId([6; 10]);
const ROOT: AreaId = AreaId([8; 16]);
const NOW_MS: i64 = 1_772_323_200_000;
/// What one frame may come to on the device: its body before compression, in rows, twice over.
const MAX_FRAME_BYTES: usize = 16 << 20;

fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[11; 32])
}

/// A device that has synced once, and holds a change that the server has not acknowledged.
static DEVICE_OF_ALL: LazyLock<Phone> = LazyLock::new(|| {
    let mut phone = enrolled();
    let request = begin(&mut phone);
    let answer = signed(&seeds::answer(1, Some(roster())), &request);
    let step = phone.take(request.id, Reply::Whole(answer)).expect("its battery is full");
    let report = step.report.expect("the sync ends");
    assert_eq!((report.received, report.problems.len()), (1, 0), "{report:?}");
    let values = People::new(9).worker().into_iter().filter(|(path, _)| path.as_str() != "worker_number");
    let edit = Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area: FEED.area,
        subject: None,
        person: 0,
        values: values.collect(),
    };
    phone.save(vec![edit]).expect("its battery is full").expect("it is saved");
    phone
});

fn enrolled() -> Phone {
    let enrolment = Enrolment {
        project: PROJECT,
        project_code: "TEST".to_owned(),
        device: ME,
        number: 1,
        label: "phone".to_owned(),
        server_key: server_key().verifying_key().to_bytes(),
        sealing_key: Some(seeds::sealing_pair().public),
        root_area: ROOT,
        address: "http://127.0.0.1".to_owned(),
        server_ms: NOW_MS,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without IO");
    runtime.block_on(Phone::enrolled("phone", 1, NOW_MS, &HIMO.versions(), async |_| enrolment))
}

/// Who receives exchange files, and its key.
pub fn receiver() -> (DeviceId, VerifyingKey) {
    (ME, enrolled().key().verifying_key())
}

/// The roster of a project with this device and the one that writes.
pub fn roster() -> Roster {
    let role = Role::Supervisor;
    let member = |device, number, key: VerifyingKey| RosterMember {
        device,
        key: key.to_bytes(),
        number,
        label: format!("phone {number}"),
        roles: Roles::of(role).bits(),
        grants: vec![HeldRoles { area: 1, roles: Roles::of(role).bits() }],
    };
    let statement = RosterStatement {
        version: 2,
        issued_ms: NOW_MS,
        expires_ms: NOW_MS + 86_400_000,
        areas: vec![ROOT, FEED.area],
        members: vec![member(ME, 1, receiver().1), member(DEVICE, 2, device_key().verifying_key())],
    };
    let area = |area, code: &str| RosterArea { area, code: code.to_owned(), name: code.to_owned() };
    Roster {
        version: 2,
        areas: vec![area(ROOT, "ROOT"), area(FEED.area, "S1")],
        devices: Vec::new(),
        grants: vec![RosterGrant { area: FEED.area, role: role.name().to_owned() }],
        sealing_key: Some(seeds::sealing_pair().public),
        signed: Some(sign_roster(sync::encode(&statement))),
    }
}

fn sign_roster(statement: Vec<u8>) -> SignedRoster {
    let signature = server_key().sign(&sync::roster_text(PROJECT, &statement)).to_bytes().to_vec();
    SignedRoster { statement, signature }
}

/// Any bytes as an answer: as it is, which no server signed; and with every signature made good.
pub fn answer(bytes: &[u8]) {
    let mut phone = DEVICE_OF_ALL.copy(2);
    let before = Standing::of(&phone);
    let request = begin(&mut phone);
    give(&mut phone, &request, bytes.to_vec());
    let after = Standing::of(&phone);
    assert_eq!((&after.values, &after.unsent), (&before.values, &before.unsent), "nobody signed for it");
    before.holds_cursors_of(&after);
    check(&phone, bytes);

    let mut phone = DEVICE_OF_ALL.copy(3);
    let request = begin(&mut phone);
    let answer = signed(bytes, &request);
    give(&mut phone, &request, answer.clone());
    let after = Standing::of(&phone);
    let told = parts(&answer);
    if !told.iter().any(|(tag, payload)| *tag == tag::RECEIPTS && is_for_me(payload)) {
        assert!(before.unsent.iter().all(|record| after.unsent.contains(record)), "nothing was acknowledged");
    }
    for (feed, at) in &after.cursors {
        let frames = told.iter().filter_map(|(_, payload)| sync::decode::<FeedFrame>(payload).ok());
        let ends = frames.filter(|frame| frame.feed == *feed).map(|frame| frame.to);
        assert!(ends.chain(before.cursors.get(feed).copied()).any(|end| end == *at), "no frame ends at {at}");
    }
    check(&phone, bytes);
}

/// Any bytes as the file of another device, and as what is in one: as they are, and with the signatures of server and
/// author made good. It never moves a cursor, and acknowledges nothing.
pub fn exchange(bytes: &[u8]) {
    let opened = exchange::open(PROJECT, ME, DEVICE_OF_ALL.key(), bytes).ok();
    for contents in [Some(bytes.to_vec()), Some(signed_contents(bytes)), opened].into_iter().flatten() {
        let mut phone = DEVICE_OF_ALL.copy(4);
        let before = Standing::of(&phone);
        let size = contents.len();
        let taken = phone.ask(|ticket| Input::Take { ticket, contents }).expect("its battery is full");
        let after = Standing::of(&phone);
        assert_eq!((&after.cursors, &after.unsent), (&before.cursors, &before.unsent), "{taken:?} of {size}");
        check(&phone, bytes);
    }
}

fn is_for_me(receipts: &[u8]) -> bool {
    let list = sync::decode::<Receipts>(receipts)
        .and_then(|Receipts { list, .. }| sync::decode::<ReceiptList>(&list));
    list.is_ok_and(|list| list.device == ME)
}

/// What must not change without a signature.
struct Standing {
    cursors: BTreeMap<Feed, u64>,
    /// Own changes that the server has not acknowledged, by their records.
    unsent: Vec<RecordId>,
    /// Records with the values that they show.
    values: BTreeMap<RecordId, Vec<String>>,
}

impl Standing {
    fn of(phone: &Phone) -> Self {
        let engine = phone.engine();
        let mut unsent: Vec<RecordId> = engine.outbox().changes.iter().map(|change| change.record).collect();
        unsent.sort_unstable();
        let shown = |record| {
            let view = engine.get(record).expect("it is listed");
            view.values
                .iter()
                .map(|value| format!("{} {:?} {:?}", value.path, value.value, value.beside))
                .collect()
        };
        let listed = engine.list(&fieldmerge_engine::ListQuery::default());
        let values = listed.iter().map(|line| (line.record, shown(line.record))).collect();
        Self { cursors: engine.status().cursors.into_iter().collect(), unsent, values }
    }

    /// A cursor goes back at most.
    fn holds_cursors_of(&self, after: &Self) {
        for (feed, at) in &after.cursors {
            assert!(self.cursors.get(feed).is_some_and(|before| at <= before), "{feed:?} moved to {at}");
        }
    }
}

/// What is on disk is bounded, and opens as what the device shows.
fn check(phone: &Phone, bytes: &[u8]) {
    let rows = |phone: &Phone| -> usize {
        Table::ALL
            .iter()
            .flat_map(|table| phone.shelf().table(*table))
            .map(|(key, row)| key.len() + row.len())
            .sum()
    };
    let frames = parts(bytes).iter().filter(|(tag, _)| matches!(*tag, tag::FEED_FRAME | tag::FRAME)).count();
    let most = rows(&DEVICE_OF_ALL) + 2 * bytes.len() + (frames + 1) * MAX_FRAME_BYTES;
    assert!(rows(phone) <= most, "{} bytes of rows", rows(phone));
    let (shown, opened) = (Standing::of(phone), Standing::of(&phone.copy(5)));
    assert_eq!((shown.cursors, shown.unsent, shown.values), (opened.cursors, opened.unsent, opened.values));
}

fn begin(phone: &mut Phone) -> Request {
    let effects = phone.drive(Input::Sync(SyncOptions::default())).expect("its battery is full");
    Step::of(effects).send.expect("a sync begins with a request")
}

fn give(phone: &mut Phone, request: &Request, answer: Vec<u8>) {
    phone.take(request.id, Reply::Whole(answer)).expect("its battery is full");
}

/// The parts of a bundle, up to where it breaks.
fn parts(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(bytes);
    let parts = std::iter::from_fn(|| reader.next_part().ok().flatten());
    parts.map(|part| (part.tag, part.payload)).collect()
}

/// The answer with every signature in it made by the server, for this request.
fn signed(bytes: &[u8], request: &Request) -> Vec<u8> {
    let hello = parts(&request.body).swap_remove(0).1;
    let sign = |text: &[u8]| server_key().sign(text).to_bytes().to_vec();
    let mut writer = BundleWriter::new();
    for (tag, payload) in parts(bytes) {
        let payload = match tag {
            tag::WELCOME => sync::decode::<Welcome>(&payload).map(|mut welcome| {
                if let Some(roster) = &mut welcome.roster {
                    roster.signed = roster.signed.take().map(|signed| sign_roster(signed.statement));
                }
                sync::encode(&welcome)
            }),
            tag::RECEIPTS => sync::decode::<Receipts>(&payload).map(|Receipts { list, .. }| {
                let signature = sign(&sync::receipts_text(PROJECT, &list));
                sync::encode(&Receipts { list, signature })
            }),
            tag::CHECKPOINT => {
                let signature = sign(&sync::checkpoint_text(PROJECT, &hello, writer.digest()));
                Ok(sync::encode(&Checkpoint { signature }))
            }
            tag::FINISH => sync::decode::<Finish>(&payload).map(|Finish { more, .. }| {
                let signature = sign(&sync::answer_text(PROJECT, &hello, writer.digest(), more));
                sync::encode(&Finish { more, signature })
            }),
            _ => Ok(payload.clone()),
        }
        .unwrap_or(payload);
        writer.part(tag, &payload);
    }
    writer.into_bytes()
}

/// What is in a file, with the roster signed by the server and frames by their author.
fn signed_contents(bytes: &[u8]) -> Vec<u8> {
    let mut writer = BundleWriter::new();
    for (tag, payload) in parts(bytes) {
        let payload = match tag {
            tag::SIGNED_ROSTER => sync::decode::<SignedRoster>(&payload)
                .map_or(payload, |signed| sync::encode(&sign_roster(signed.statement))),
            tag::FRAME => signed_frame(payload),
            _ => payload,
        };
        writer.part(tag, &payload);
    }
    writer.into_bytes()
}

fn signed_frame(mut payload: Vec<u8>) -> Vec<u8> {
    let Ok(frame) = Frame::parse(&payload) else { return payload };
    let header = frame.header.to_bytes();
    let text = [b"fieldmerge-frame-v1\0".as_slice(), &header, &frame.body_hash()].concat();
    let signature = device_key().sign(&text).to_bytes();
    let at = header.len() + if header.len() < 0x80 { 1 } else { 2 };
    payload[at..at + signature.len()].copy_from_slice(&signature);
    payload
}
