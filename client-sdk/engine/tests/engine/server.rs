//! A server in memory: as much of one as a device can notice.

mod feeds;
mod held;
mod inspect;
mod regroup;
mod roster;
mod sealed;

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use fieldmerge_model::access::{self, Grant};
use fieldmerge_model::log::LogState;
use fieldmerge_model::pack::himo_types;
use fieldmerge_model::record::{Identity, Provenance, RecordState, Verdict};
use fieldmerge_protocol::bundle::{
    BundleWriter, Frame, PartReader, PassedFrame, changes_digest, decode_body, resolve,
};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{
    self, Checkpoint, Checkpoints, Dictionary, Exception, Feed, Finish, FramePlace, FrameReceipt, FrameRef,
    FrameStatus, Hello, Outcome, ReceiptList, Receipts, Welcome, tag,
};
use fieldmerge_protocol::{
    Actor, AreaId, Change, ChangeHash, DeviceId, LifeId, LogId, ProjectId, RecordClass, RecordId,
};

use crate::files::Files;

#[derive(Debug, Clone)]
enum Body {
    Record(RecordState),
    Log(LogState),
}

#[derive(Debug, Clone)]
struct Fed {
    record: RecordId,
    change: Change,
    hash: ChangeHash,
    author: DeviceId,
}

#[derive(Debug, Clone)]
struct Known {
    key: VerifyingKey,
    number: u32,
    grants: Vec<Grant>,
    revoked: bool,
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    key: SigningKey,
    pub(crate) project: ProjectId,
    pub(crate) root: AreaId,
    pub(crate) site: AreaId,
    pub(crate) log: LogId,
    /// The life of the log that it tells.
    pub(crate) life: Option<LifeId>,
    pub(crate) roster: u64,
    /// Its clock, counted from where the tests begin.
    pub(crate) clock_ms: i64,
    devices: BTreeMap<DeviceId, Known>,
    frames: BTreeMap<(DeviceId, FrameRef), ([u8; 32], FrameReceipt)>,
    records: BTreeMap<RecordId, (Feed, Body)>,
    feeds: BTreeMap<Feed, Vec<Fed>>,
    held: Vec<(RecordId, Change, ChangeHash, DeviceId)>,
    /// The changes of frames that were not simply accepted.
    places: BTreeMap<(DeviceId, FramePlace), ChangeHash>,
    /// Every frame part that ever came, by author and number: content must never differ.
    pub(crate) seen: BTreeMap<(DeviceId, FrameRef), BTreeSet<Vec<u8>>>,
    /// Refuses changes of this class with this code, as a server that grants nothing would.
    pub(crate) refuses: Option<(RecordClass, &'static str)>,
    /// Answers frames that need what it does not know, instead of resolving them.
    pub(crate) forgets: bool,
    /// The dictionaries that it knows; the last is the one to pack with.
    pub(crate) dictionaries: Vec<Vec<u8>>,
    pub(crate) requests: usize,
    /// How many changes stand in one feed frame: few, so that cuts fall between frames.
    pub(crate) frame_changes: usize,
    /// How often the rest of a frame was enough.
    pub(crate) resumed: std::cell::Cell<usize>,
    /// The keys that files are sealed to, the newest last.
    pub(crate) sealing: Vec<SealingPair>,
    /// Until when a backup holds everything.
    pub(crate) backed_up_ms: Option<i64>,
    /// The attachments that it holds.
    pub(crate) files: Files,
    /// Sends frames grouped anew at each request, drawn from this seed.
    pub(crate) regroups: Option<u64>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            key: SigningKey::from_bytes(&[9; 32]),
            project: ProjectId([1; 16]),
            root: AreaId([2; 16]),
            site: AreaId([3; 16]),
            log: LogId([4; 16]),
            life: None,
            roster: 1,
            clock_ms: 0,
            devices: BTreeMap::new(),
            frames: BTreeMap::new(),
            records: BTreeMap::new(),
            feeds: BTreeMap::new(),
            held: Vec::new(),
            places: BTreeMap::new(),
            seen: BTreeMap::new(),
            refuses: None,
            forgets: false,
            dictionaries: Vec::new(),
            requests: 0,
            frame_changes: 3,
            resumed: std::cell::Cell::default(),
            sealing: vec![SealingPair::derive(&[77; 32])],
            backed_up_ms: None,
            files: Files::default(),
            regroups: None,
        }
    }

    /// Whether a token is this device's and of this time.
    pub(crate) fn admits(&self, authorization: &str, now_ms: i64) -> Result<DeviceId, i64> {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
        let token = authorization.strip_prefix("Bearer ").expect("a bearer token");
        let (text, signature) = token.rsplit_once('.').expect("a JWT has three parts");
        let claims = BASE64.decode(text.split_once('.').expect("a header").1).expect("base64url");
        let claims: fieldmerge_protocol::api::DeviceClaims = serde_json::from_slice(&claims).expect("claims");
        let signature =
            Signature::from_slice(&BASE64.decode(signature).expect("base64url")).expect("64 bytes");
        self.devices[&claims.iss].key.verify_strict(text.as_bytes(), &signature).expect("the device signed");
        assert_eq!(claims.aud, self.project);
        let fits = claims.iat <= now_ms / 1_000 + 60 && claims.exp >= now_ms / 1_000 - 60;
        if fits { Ok(claims.iss) } else { Err(now_ms) }
    }

    /// Answers a whole request. Of one that was cut it takes the frames that arrived whole.
    pub(crate) fn answer(&mut self, device: DeviceId, body: &[u8], now_ms: i64) -> Option<Vec<u8>> {
        self.requests += 1;
        let now_ms = now_ms + self.clock_ms;
        let mut reader = PartReader::new(1 << 20);
        reader.feed(body);
        let (mut hello, mut frames, mut whole) = (None, Vec::new(), false);
        while let Some(part) = reader.next_part().expect("a request is a bundle") {
            match part.tag {
                tag::HELLO => hello = Some(part.payload),
                tag::FRAME | tag::SEALED_FRAME => frames.push(part.payload),
                tag::END => whole = true,
                _ => {}
            }
        }
        let hello_bytes = hello?;
        let hello: Hello = sync::decode(&hello_bytes).expect("a hello");
        let committed = self.committed(device, &hello);
        let stale = committed > hello.packed;
        let head = |feed: &Feed| self.feeds.get(feed).map_or(0, |changes| changes.len() as u64);
        let beyond = hello.cursors.iter().any(|cursor| cursor.position > head(&cursor.feed));
        let other_log = hello.log.is_some_and(|log| log != self.log || beyond);
        let lost = other_log || committed < hello.receipted;
        for place in hello.withdraws.iter().flatten().filter(|_| !stale && !lost) {
            self.withdraw(device, *place);
        }
        let mut receipts: BTreeMap<DeviceId, Vec<FrameReceipt>> = BTreeMap::new();
        for payload in frames.iter().filter(|_| !stale && !lost) {
            if let Some((author, receipt)) = self.frame(payload) {
                receipts.entry(author).or_default().push(receipt);
            }
        }
        if !whole {
            return None;
        }
        for frame in hello.unsettled.iter().flatten() {
            if let Some(receipt) = self.receipt_again(device, *frame) {
                receipts.entry(device).or_default().push(receipt);
            }
        }
        let roster = self.roster_for(device, &hello, now_ms);
        let lost = lost.then_some(true);
        let welcome = Welcome {
            log: self.log,
            now_ms,
            committed,
            stale,
            roster,
            lost,
            backed_up_ms: self.backed_up_ms,
            life: self.life,
            taken: None,
        };
        Some(self.compose(device, &hello, &hello_bytes, receipts, &welcome))
    }

    fn committed(&self, device: DeviceId, hello: &Hello) -> u64 {
        let own = self
            .frames
            .keys()
            .filter(|(author, frame)| *author == device && frame.incarnation == hello.incarnation);
        own.map(|(_, frame)| frame.number).max().unwrap_or_default()
    }

    fn compose(
        &self,
        device: DeviceId,
        hello: &Hello,
        hello_bytes: &[u8],
        receipts: BTreeMap<DeviceId, Vec<FrameReceipt>>,
        welcome: &Welcome,
    ) -> Vec<u8> {
        let mut writer = BundleWriter::new();
        writer.part(tag::WELCOME, &sync::encode(welcome));
        for (device, receipts) in receipts {
            let list = sync::encode(&ReceiptList { device, receipts, log: self.log });
            let signature = self.key.sign(&sync::receipts_text(self.project, &list)).to_bytes().to_vec();
            writer.part(tag::RECEIPTS, &sync::encode(&Receipts { list, signature }));
        }
        writer.part(tag::KEEP_ALIVE, &[]);
        self.put_dictionary(hello, &mut writer);
        let own = (hello.recover != Some(true)).then_some((device, hello.incarnation));
        let mut left = hello.budget_bytes.unwrap_or(u64::MAX);
        let mut more = false;
        let mut checkpoints = Checkpoints::default();
        for (feed, changes) in &self.feeds {
            let grants = &self.devices[&device].grants;
            if !access::may_read(grants, self.root, feed.area, feed.class) {
                continue;
            }
            let known = hello.log == Some(self.log);
            let cursor =
                hello.cursors.iter().find(|cursor| known && cursor.feed == *feed).map_or(0, |c| c.position);
            for frame in self.frames_of(*feed, changes, cursor, own) {
                let size = frame.body.as_ref().map_or(0, |body| body.bytes.len() as u64);
                if left == 0 {
                    more = true;
                    break;
                }
                left = left.saturating_sub(size);
                let payload = sync::encode(&frame);
                if checkpoints.before(payload.len()) {
                    let text = sync::checkpoint_text(self.project, hello_bytes, writer.digest());
                    let signature = self.key.sign(&text).to_bytes().to_vec();
                    writer.part(tag::CHECKPOINT, &sync::encode(&Checkpoint { signature }));
                }
                self.write_frame(&mut writer, hello, &frame, &payload);
            }
        }
        let text = sync::answer_text(self.project, hello_bytes, writer.digest(), more);
        let signature = self.key.sign(&text).to_bytes().to_vec();
        writer.part(tag::FINISH, &sync::encode(&Finish { more, signature }));
        writer.into_bytes()
    }

    fn frame(&mut self, payload: &[u8]) -> Option<(DeviceId, FrameReceipt)> {
        if let Ok(PassedFrame::Sealed(sealed)) = PassedFrame::parse(payload) {
            return self.sealed(&sealed);
        }
        let frame = Frame::parse(payload).expect("a frame");
        let origin = frame.header.origin;
        let reference = FrameRef { incarnation: origin.incarnation, number: origin.number };
        let key = self.devices.get(&origin.device)?.key;
        frame.verify(&key).expect("the author signed");
        self.seen.entry((origin.device, reference)).or_default().insert(payload.to_vec());
        let digest = frame.header.changes_digest;
        let whole = |status, code: &str| FrameReceipt {
            frame: reference,
            status,
            exceptions: Vec::new(),
            code: Some(code.to_owned()),
            digest: sync::short_digest(&digest),
        };
        if self.devices[&origin.device].revoked {
            return Some((origin.device, whole(FrameStatus::Quarantined, "device-revoked")));
        }
        if let Some((known, receipt)) = self.frames.get(&(origin.device, reference)) {
            let forked = FrameReceipt {
                status: FrameStatus::Forked,
                exceptions: Vec::new(),
                digest: sync::short_digest(&digest),
                ..receipt.clone()
            };
            let again = self.receipt_again(origin.device, reference)?;
            return Some((origin.device, if *known == digest { again } else { forked }));
        }
        let number = frame.header.dictionary;
        let known = self.dictionaries.iter().find(|bytes| Dictionary::number(bytes) == number);
        if number != 0 && known.is_none() {
            return Some((origin.device, whole(FrameStatus::Unresolved, "unknown-dictionary")));
        }
        let raw = frame.inflate(known.map_or(&[], Vec::as_slice), 1 << 20).expect("inflates");
        let packed = decode_body(&raw).expect("decodes");
        let forgets = std::mem::take(&mut self.forgets);
        let resolved =
            resolve(packed, &mut |record, actor, seq| self.find(record, actor, seq).filter(|_| !forgets));
        let mut receipt = FrameReceipt {
            frame: reference,
            status: FrameStatus::Accepted,
            exceptions: Vec::new(),
            code: None,
            digest: sync::short_digest(&digest),
        };
        if resolved.iter().any(|change| change.hash.is_none()) {
            receipt.status = FrameStatus::Unresolved;
        } else {
            assert_eq!(changes_digest(resolved.iter().filter_map(|change| change.hash)), digest);
            for (index, change) in (0..).zip(resolved) {
                let hash = change.hash.expect("all are resolved");
                let (outcome, code) =
                    self.offer(change.record, &change.change, hash, origin.device, origin.class);
                if outcome != Outcome::Accepted {
                    self.places.insert((origin.device, FramePlace { frame: reference, index }), hash);
                    receipt.exceptions.push(Exception { index, outcome, code: code.map(str::to_owned) });
                }
            }
        }
        self.frames.insert((origin.device, reference), (digest, receipt.clone()));
        Some((origin.device, receipt))
    }

    fn find(&self, record: RecordId, actor: Actor, seq: u64) -> Option<ChangeHash> {
        match &self.records.get(&record)?.1 {
            Body::Record(state) => state.find(actor, seq),
            Body::Log(log) => log.find(actor, seq),
        }
    }

    fn offer(
        &mut self,
        record: RecordId,
        change: &Change,
        hash: ChangeHash,
        author: DeviceId,
        class: RecordClass,
    ) -> (Outcome, Option<&'static str>) {
        if let Some((_, code)) = self.refuses.filter(|(refused, _)| *refused == class) {
            return (Outcome::Quarantined, Some(code));
        }
        let (feed, mut body) = if let Some(known) = self.records.get(&record) {
            known.clone()
        } else {
            let Some(identity) = Identity::read(change) else {
                self.held.push((record, change.clone(), hash, author));
                return (Outcome::Held, None);
            };
            let class = himo_types().find(&identity.record_type).expect("a known type").class;
            let body = if class.is_log() {
                Body::Log(LogState::new(record))
            } else {
                Body::Record(RecordState::new(record))
            };
            (Feed { area: identity.area, class }, body)
        };
        let verdict = match &mut body {
            Body::Record(state) => state.accept(change, hash, Provenance::default()),
            Body::Log(log) => log.accept(change, hash, Provenance::default()),
        };
        match verdict {
            Verdict::Applied => {
                self.records.insert(record, (feed, body));
                let new = Fed { record, change: change.clone(), hash, author };
                self.feeds.entry(feed).or_default().push(new);
                self.release(record);
                (Outcome::Accepted, None)
            }
            Verdict::Duplicate => (Outcome::Duplicate, None),
            Verdict::Forked => (Outcome::Forked, None),
            Verdict::Held { .. } => {
                self.held.push((record, change.clone(), hash, author));
                (Outcome::Held, None)
            }
            Verdict::Refused(refusal) => (Outcome::Quarantined, Some(refusal.code())),
        }
    }
}
