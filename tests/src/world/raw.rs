//! Requests made by hand, as no phone of ours would make them.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use fieldmerge_protocol::api::{BUNDLE_MEDIA_TYPE, DeviceClaims};
use fieldmerge_protocol::bundle::{
    BundleWriter, Entry, FrameDraft, FrameHeader, Origin, Packing, PartReader, PassedFrame, SealedDraft,
};
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use fieldmerge_protocol::sync::{
    self, Checkpoint, Dictionary, Feed, FeedFrame, Findings, Finish, FrameReceipt, FrameRef, Hello,
    ReceiptList, Receipts, Welcome, tag,
};
use fieldmerge_protocol::{Actor, Change, ChangeHash, DeviceId, Incarnation, ProjectId, RecordId};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::link::Answer;
use super::phone::Phone;
use super::site::{PROJECT, Site};

/// The value of `Authorization` that a phone would send at this time of the server.
pub fn token(phone: &Phone, server_ms: i64) -> String {
    let enrolment = phone.enrolment();
    token_of(phone.key(), enrolment.device, enrolment.project, server_ms)
}

/// The same of a key.
pub fn token_of(key: &SigningKey, device: DeviceId, project: ProjectId, server_ms: i64) -> String {
    let iat = server_ms.div_euclid(1_000);
    let claims = DeviceClaims { iss: device, aud: project, iat, exp: iat + 300 };
    let claims = serde_json::to_vec(&claims).expect("claims are JSON");
    let header = br#"{"alg":"EdDSA","typ":"JWT"}"#;
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A device whose requests are made by hand.
#[derive(Debug, Clone)]
pub struct Author {
    /// Its key.
    pub key: SigningKey,
    /// Its id.
    pub device: DeviceId,
    /// Its project.
    pub project: ProjectId,
    /// What it writes under.
    pub incarnation: Incarnation,
    /// The number of its last frame.
    pub packed: u64,
    server_key: VerifyingKey,
}

impl Author {
    /// A device with grants such as `S1:enumerator`.
    pub async fn enrolled(site: &Site, label: &str, seed: u8, grants: &[&str]) -> Self {
        Self::enrolled_in(site, PROJECT, label, seed, grants).await
    }

    /// The same for a project with another code.
    pub async fn enrolled_in(site: &Site, project: &str, label: &str, seed: u8, grants: &[&str]) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let enrolment = site.enrol_in(project, label, key.verifying_key().to_bytes(), grants).await;
        let server_key = VerifyingKey::from_bytes(&enrolment.server_key).expect("the server's key is a key");
        let (device, project) = (enrolment.device, enrolment.project);
        Self { key, device, project, incarnation: Incarnation([seed; 4]), packed: 0, server_key }
    }

    /// Its first person.
    pub fn actor(&self) -> Actor {
        Actor::new(self.device, 0, self.incarnation)
    }

    /// Where a frame with this number comes from.
    pub fn origin(&self, feed: Feed, number: u64) -> Origin {
        let Self { project, device, incarnation, .. } = *self;
        Origin { project, device, incarnation, number, class: feed.class, area: feed.area }
    }

    /// The next frame, with whole hashes.
    pub fn frame(&mut self, feed: Feed, changes: &[(RecordId, Change)]) -> Vec<u8> {
        self.packed += 1;
        self.frame_numbered(self.packed, feed, changes)
    }

    /// A frame with a number of its own.
    pub fn frame_numbered(&self, number: u64, feed: Feed, changes: &[(RecordId, Change)]) -> Vec<u8> {
        let hashes: Vec<ChangeHash> = changes.iter().map(|(_, change)| change.encode().1).collect();
        let entries: Vec<Entry<'_>> = changes
            .iter()
            .zip(hashes)
            .map(|((record, change), hash)| Entry { record: *record, change, hash })
            .collect();
        let packing = Packing { level: 3, ..Packing::default() };
        let draft = FrameDraft::pack(self.origin(feed, number), &entries, &|_, _| None, packing);
        let draft = draft.expect("what this test packs can be packed");
        let signature = self.key.sign(&draft.signing_bytes()).to_bytes();
        draft.finish(signature)
    }

    /// Whether its server signed this.
    pub fn check(&self, text: &[u8], signature: &[u8]) {
        check(self, text, signature);
    }

    /// A frame sealed to a key.
    pub fn seal(&self, frame: &[u8], key: &[u8; 32], random: u8) -> Vec<u8> {
        let draft = SealedDraft::seal(frame, key, [random; 32]).expect("what this test seals is a frame");
        draft.finish(self.key.sign(&draft.signing_bytes()).to_bytes())
    }

    /// A frame of any header over any bytes, signed all the same.
    pub fn forge(&self, header: &FrameHeader, body: &[u8]) -> Vec<u8> {
        let header = header.to_bytes();
        let body_hash: [u8; 32] = Sha256::digest(body).into();
        let text = [b"fieldmerge-frame-v1\0".as_slice(), &header, &body_hash].concat();
        let signature = self.key.sign(&text).to_bytes();
        let length = u8::try_from(header.len()).expect("a header is short");
        let mut frame = if length < 0x80 { vec![length] } else { vec![length, 1] };
        frame.extend([header.as_slice(), &signature, &[0], body].concat());
        frame
    }

    /// What it says of itself.
    pub fn hello(&self) -> Hello {
        Hello {
            incarnation: self.incarnation,
            packed: self.packed,
            receipted: 0,
            log: None,
            cursors: Vec::new(),
            roster: 0,
            now_ms: 0,
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
        }
    }

    /// Sends frames and reads what is said to them.
    pub async fn push(&self, post: &Post, frames: &[Vec<u8>]) -> Told {
        self.say(post, &self.hello(), frames).await.expect("the request is well formed")
    }

    /// Asks how frames stand now.
    pub async fn ask(&self, post: &Post, frames: &[u64]) -> Told {
        let asked = frames.iter().map(|number| FrameRef { incarnation: self.incarnation, number: *number });
        let hello = Hello { unsettled: Some(asked.collect()), ..self.hello() };
        self.say(post, &hello, &[]).await.expect("the request is well formed")
    }

    /// Sends a hello and frames.
    pub async fn say(
        &self,
        post: &Post,
        hello: &Hello,
        frames: &[Vec<u8>],
    ) -> Result<Told, (u16, ProblemCode)> {
        let hello = sync::encode(hello);
        let answer = post.bundle(&self.token(post), &bundle(&hello, frames)).await;
        if answer.status != 200 {
            let problem: Problem =
                serde_json::from_slice(&answer.body).expect("every refusal is a problem document");
            return Err((answer.status, problem.code));
        }
        assert!(answer.complete, "the whole answer came");
        Ok(Told::read(self, &hello, &answer.body))
    }

    /// The value of `Authorization`.
    pub fn token(&self, post: &Post) -> String {
        token_of(&self.key, self.device, self.project, post.server_ms)
    }
}

/// The body of a request.
pub fn bundle(hello: &[u8], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = BundleWriter::new();
    writer.part(tag::HELLO, hello);
    for frame in frames {
        writer.part(PassedFrame::parse(frame).map_or(tag::FRAME, |frame| frame.tag()), frame);
    }
    writer.part(tag::END, &[]);
    writer.into_bytes()
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The first part.
    pub welcome: Welcome,
    /// Receipts with the devices that they are for.
    pub receipts: Vec<(DeviceId, FrameReceipt)>,
    /// What the device lacked.
    pub feeds: Vec<FeedFrame>,
}

impl Told {
    /// Reads an answer and checks its signatures.
    pub fn read(author: &Author, hello: &[u8], body: &[u8]) -> Self {
        let mut reader = PartReader::new(4 << 20);
        reader.feed(body);
        let (mut welcome, mut receipts, mut feeds, mut finished) = (None, Vec::new(), Vec::new(), false);
        while let Some(part) = reader.next_part().expect("an answer is a bundle") {
            assert!(!finished, "nothing follows the last part");
            match part.tag {
                tag::WELCOME => welcome = Some(sync::decode(&part.payload).expect("a welcome reads")),
                tag::RECEIPTS => receipts.extend(receipts_of(author, &part.payload)),
                tag::FEED_FRAME => feeds.push(sync::decode(&part.payload).expect("a feed frame reads")),
                tag::FINISH => {
                    let finish: Finish = sync::decode(&part.payload).expect("an end reads");
                    let text = sync::answer_text(author.project, hello, reader.digest_before(), finish.more);
                    check(author, &text, &finish.signature);
                    finished = true;
                }
                tag::CHECKPOINT => {
                    let proof: Checkpoint = sync::decode(&part.payload).expect("a checkpoint reads");
                    let text = sync::checkpoint_text(author.project, hello, reader.digest_before());
                    check(author, &text, &proof.signature);
                }
                tag::DICTIONARY => {
                    let sent: Dictionary = sync::decode(&part.payload).expect("a dictionary reads");
                    sent.unpack().expect("a dictionary unpacks");
                }
                tag::FINDINGS => {
                    let _findings: Findings = sync::decode(&part.payload).expect("findings read");
                }
                other => panic!("a part with tag {other}"),
            }
        }
        assert!(finished, "an answer has an end");
        Self { welcome: welcome.expect("an answer begins with a welcome"), receipts, feeds }
    }

    /// The one receipt for a request with one frame.
    pub fn receipt(&self) -> &FrameReceipt {
        let [(_, receipt)] = &self.receipts[..] else { panic!("not one receipt: {:?}", self.receipts) };
        receipt
    }
}

fn receipts_of(author: &Author, payload: &[u8]) -> Vec<(DeviceId, FrameReceipt)> {
    let Receipts { list, signature } = sync::decode(payload).expect("receipts read");
    check(author, &sync::receipts_text(author.project, &list), &signature);
    let ReceiptList { device, receipts, .. } = sync::decode(&list).expect("a list of receipts reads");
    receipts.into_iter().map(|receipt| (device, receipt)).collect()
}

fn check(author: &Author, text: &[u8], signature: &[u8]) {
    let signature = signature.try_into().expect("a signature has 64 bytes");
    author.server_key.verify_strict(text, &signature).expect("the server has signed this");
}

/// Where requests made by hand go.
#[derive(Debug, Clone, Copy)]
pub struct Post {
    /// The server.
    pub to: SocketAddr,
    /// The project in the address.
    pub project: ProjectId,
    /// The server's clock, for tokens.
    pub server_ms: i64,
}

impl Post {
    /// Posts a bundle.
    pub async fn bundle(&self, token: &str, body: &[u8]) -> Answer {
        let length = format!("Content-Length: {}\r\n", body.len());
        self.raw(&[&format!("Authorization: {token}\r\nContent-Type: {BUNDLE_MEDIA_TYPE}\r\n{length}")], body)
            .await
    }

    /// Posts with header lines of its own, each with its line end.
    pub async fn raw(&self, headers: &[&str], body: &[u8]) -> Answer {
        let head = format!(
            "POST /v1/projects/{}/sync HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{}\r\n",
            self.project,
            headers.concat()
        );
        let mut stream = TcpStream::connect(self.to).await.expect("the server listens");
        // A server that has heard enough closes; what it said before that counts.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(&answer).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&answer)))
    }
}
