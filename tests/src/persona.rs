//! A device that speaks the protocol by hand: enrols, signs tokens, packs frames.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_model::log::NewLog;
use fieldmerge_model::record::{NewRecord, RecordState, Save};
use fieldmerge_protocol::api::{BUNDLE_MEDIA_TYPE, EnrolAnswer};
use fieldmerge_protocol::bundle::{BundleWriter, Entry, FrameDraft, Origin, Packing, PartReader};
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{self, Hello, ReceiptList, Receipts, tag};
use fieldmerge_protocol::{Actor, Change, Incarnation, Path, RecordClass, RecordId, Value};
use reqwest::{RequestBuilder, Response};
use serde_json::json;

use crate::server::{START_MS, Server};

/// An enrolled device.
#[derive(Debug)]
pub struct Persona {
    /// Its key.
    pub key: SigningKey,
    /// What enrolment told it.
    pub enrolled: EnrolAnswer,
    incarnation: Incarnation,
    packed: u64,
}

impl Persona {
    /// Enrols a device with these grants; the seed makes its key.
    pub async fn enrol(server: &Server, seed: u8, grants: &[&str]) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let code = server.code("Hery", grants).await;
        let body = json!({ "code": code, "public_key": public_key(&key) });
        let answer =
            server.post_json(&server.url("/v1/enrol"), &body).send().await.expect("the server answers");
        let text = answer.text().await.expect("a body arrives");
        let enrolled = serde_json::from_str(&text).expect("a fresh code enrols");
        Self { key, enrolled, incarnation: Incarnation([seed; 4]), packed: 0 }
    }

    /// The device's first person.
    pub fn actor(&self) -> Actor {
        Actor::new(self.enrolled.device, 0, self.incarnation)
    }

    /// A token for the project that the device belongs to, made at the server's time.
    pub fn token(&self) -> String {
        let now = START_MS / 1_000;
        self.token_with(&json!({
            "iss": self.enrolled.device, "aud": self.enrolled.project, "iat": now, "exp": now + 300
        }))
    }

    /// A token with these claims, signed by the device.
    pub fn token_with(&self, claims: &serde_json::Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "JWT" });
        let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    /// A request that brings nothing.
    pub fn empty_body(&self) -> Vec<u8> {
        self.body(&[])
    }

    /// A request with these frames.
    pub fn body(&self, frames: &[Vec<u8>]) -> Vec<u8> {
        let hello = Hello {
            incarnation: self.incarnation,
            packed: self.packed,
            receipted: 0,
            log: None,
            cursors: Vec::new(),
            roster: 0,
            now_ms: START_MS,
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
        let mut writer = BundleWriter::new();
        writer.part(tag::HELLO, &sync::encode(&hello));
        for frame in frames {
            writer.part(tag::FRAME, frame);
        }
        writer.part(tag::END, &[]);
        writer.into_bytes()
    }

    /// Packs and signs changes of one class of the server's area.
    pub fn frame(&mut self, server: &Server, class: RecordClass, changes: &[(RecordId, Change)]) -> Vec<u8> {
        self.packed += 1;
        let origin = Origin {
            project: self.enrolled.project,
            device: self.enrolled.device,
            incarnation: self.incarnation,
            number: self.packed,
            class,
            area: server.area,
        };
        let entries: Vec<Entry<'_>> = changes
            .iter()
            .map(|(record, change)| Entry { record: *record, change, hash: change.encode().1 })
            .collect();
        let draft = FrameDraft::pack(origin, &entries, &|_, _| None, Packing::default())
            .expect("changes of ours pack");
        let signature = self.key.sign(&draft.signing_bytes()).to_bytes();
        draft.finish(signature)
    }

    /// A sync request, not sent yet.
    pub fn sync(&self, server: &Server, body: Vec<u8>) -> RequestBuilder {
        server
            .post(&server.project_url("/sync"))
            .bearer_auth(self.token())
            .header("content-type", BUNDLE_MEDIA_TYPE)
            .body(body)
    }

    /// Pushes changes and asserts that every one was accepted.
    pub async fn push(&mut self, server: &Server, class: RecordClass, changes: &[(RecordId, Change)]) {
        let frame = self.frame(server, class, changes);
        let answer = self.sync(server, self.body(&[frame])).send().await.expect("the server answers");
        for receipt in receipts_of(answer).await.into_iter().flat_map(|list| list.receipts) {
            assert_eq!((receipt.status, receipt.exceptions), (sync::FrameStatus::Accepted, Vec::new()));
        }
    }

    /// The first change of a record of the server's area.
    pub fn new_record(
        &self,
        server: &Server,
        id: RecordId,
        record_type: &str,
        subject: Option<RecordId>,
        values: &[(&str, Value)],
    ) -> Change {
        let new = NewRecord {
            actor: self.actor(),
            time: START_MS,
            id,
            record_type: record_type.into(),
            area: server.area,
            subject,
            puts: puts(values),
        };
        new.build().expect("a small record")
    }

    /// A save on a record that the device knows by these changes.
    pub fn edit(&self, id: RecordId, known: &[Change], values: &[(&str, Value)]) -> Change {
        let mut state = RecordState::new(id);
        for change in known {
            state.accept(change, change.encode().1, fieldmerge_model::Provenance::default());
        }
        let save = Save { actor: self.actor(), time: START_MS, puts: puts(values), deletes: Vec::new() };
        state.build(&save).expect("a value is new")
    }

    /// The first change of a log of March 2026, with one entry about one person.
    pub fn new_log(
        &self,
        server: &Server,
        id: RecordId,
        record_type: &str,
        person: RecordId,
        entry: Vec<u8>,
    ) -> Change {
        let new = NewLog {
            actor: self.actor(),
            id,
            record_type: record_type.into(),
            area: server.area,
            month: "2026-03".into(),
        };
        let mut draft = new.draft().expect("a month");
        draft.person(person);
        draft.entry(entry);
        draft.build(START_MS).expect("a small log")
    }
}

/// The public half of a key as devices send it.
pub fn public_key(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes())
}

/// The receipts in the answer to a sync.
pub async fn receipts_of(answer: Response) -> Vec<ReceiptList> {
    let status = answer.status();
    let body = answer.bytes().await.expect("the answer arrives whole");
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(&body);
    let mut lists = Vec::new();
    while let Some(part) = reader.next_part().expect("the answer is a bundle") {
        if part.tag == tag::RECEIPTS {
            let receipts: Receipts = sync::decode(&part.payload).expect("receipts parse");
            lists.push(sync::decode(&receipts.list).expect("a list parses"));
        }
    }
    lists
}

fn puts(values: &[(&str, Value)]) -> Vec<(Path, Value)> {
    values.iter().map(|(path, value)| (Path::new(path).expect("a path"), value.clone())).collect()
}
