//! Writes the answer of a sync: welcome, receipts, feed frames as they are read, the signed end.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use fieldmerge_protocol::bundle::{BundleError, BundleWriter};
use fieldmerge_protocol::sync::{
    self, Dictionary, FeedFrame, Finish, FrameReceipt, ReceiptList, Receipts, Welcome, tag,
};
use fieldmerge_protocol::{DeviceId, ProjectId};
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::pull::Pull;
use crate::dictionary;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::keys::ServerSigner;
use crate::state::App;

/// How long the answer may be silent before it says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How many pages may wait for a slow reader: with the page size it bounds the memory of an answer.
const WAITING_PAGES: usize = 2;

/// An answer in the making.
pub struct Answer {
    project: ProjectId,
    signer: ServerSigner,
    hello: Vec<u8>,
    /// The dictionaries that the device holds, those of this answer included.
    held: BTreeSet<u32>,
    writer: BundleWriter,
    digest: Sha256,
}

impl Answer {
    /// Begins the answer to the request with this hello, of a device that holds these dictionaries.
    pub fn new(project: ProjectId, signer: ServerSigner, hello: Vec<u8>, held: Vec<u32>) -> Self {
        let held = held.into_iter().collect();
        Self { project, signer, hello, held, writer: BundleWriter::new(), digest: Sha256::new() }
    }

    /// Writes what comes before the feeds. Receipts are grouped by author and signed for each: a carrier hands them on.
    pub fn begin(&mut self, welcome: &Welcome, receipts: Vec<(DeviceId, FrameReceipt)>) {
        self.writer.part(tag::WELCOME, &sync::encode(welcome));
        let mut by_author: BTreeMap<DeviceId, Vec<FrameReceipt>> = BTreeMap::new();
        for (device, receipt) in receipts {
            by_author.entry(device).or_default().push(receipt);
        }
        for (device, receipts) in by_author {
            let list = sync::encode(&ReceiptList { device, receipts, log: welcome.log });
            let signature = self.signer.sign(&sync::receipts_text(self.project, &list)).to_vec();
            self.writer.part(tag::RECEIPTS, &sync::encode(&Receipts { list, signature }));
        }
    }

    /// Streams the rest: pages are read while earlier ones are sent.
    pub fn stream(self, app: App, pull: Pull) -> Body {
        failpoint("answer-begun");
        let (sender, receiver) = mpsc::channel(WAITING_PAGES);
        tokio::spawn(self.run(app, pull, sender));
        Body::from_stream(stream::unfold(receiver, |mut receiver| async {
            let chunk: Bytes = receiver.recv().await?;
            Some((Ok::<_, Infallible>(chunk), receiver))
        }))
    }

    async fn run(mut self, app: App, mut pull: Pull, sender: mpsc::Sender<Bytes>) {
        loop {
            match self.page(&app, &mut pull, &sender).await {
                Ok(frames) if frames.is_empty() => break,
                Ok(frames) => {
                    if let Err(error) = self.frames(&app, &frames).await {
                        self.fail(&app, &sender, error).await;
                        return;
                    }
                    if self.send(&app, &sender).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.fail(&app, &sender, error).await;
                    return;
                }
            }
        }
        let more = pull.has_more();
        let (number, bytes) = dictionary::built_in();
        // It can wait: what the device lacks comes first.
        if !more && !self.held.contains(number) {
            self.writer.part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(bytes, true)));
        }
        let before = self.take();
        let text = sync::answer_text(self.project, &self.hello, self.digest.clone().finalize().into(), more);
        let signature = self.signer.sign(&text).to_vec();
        self.writer.part(tag::FINISH, &sync::encode(&Finish { more, signature }));
        let last = self.take();
        let rest = Bytes::from([before, last].concat());
        app.metrics().sync.sent_bytes.inc_by(rest.len() as u64);
        _ = sender.send(rest).await;
        failpoint("answer-finished");
    }

    /// Writes feed frames, each behind the dictionary that it needs.
    async fn frames(&mut self, app: &App, frames: &[FeedFrame]) -> Result<(), ApiError> {
        for frame in frames {
            let number = frame.body.as_ref().map_or(0, |body| body.dictionary);
            if number != 0 && self.held.insert(number) {
                let mut tx = app.store().read().await?;
                let bytes = app.dictionaries().find(&mut tx, self.project, number).await?;
                tx.rollback().await?;
                let missing = BundleError::UnknownDictionary(number);
                let bytes = bytes.ok_or_else(|| ApiError::internal(missing))?;
                let current = number == dictionary::built_in().0;
                self.writer.part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(&bytes, current)));
            }
            self.writer.part(tag::FEED_FRAME, &sync::encode(frame));
        }
        Ok(())
    }

    /// The answer has begun and cannot go on.
    async fn fail(&mut self, app: &App, sender: &mpsc::Sender<Bytes>, error: ApiError) {
        error.log();
        let problem = serde_json::to_vec(&error.to_problem()).unwrap_or_default();
        self.writer.part(tag::PROBLEM, &problem);
        _ = self.send(app, sender).await;
    }

    /// Reads the next page; tells the device that the answer goes on when that takes long.
    async fn page(
        &mut self,
        app: &App,
        pull: &mut Pull,
        sender: &mpsc::Sender<Bytes>,
    ) -> Result<Vec<FeedFrame>, ApiError> {
        let mut reading = std::pin::pin!(pull.next_page(app.store(), app.tails()));
        loop {
            if let Ok(frames) = tokio::time::timeout(KEEP_ALIVE, &mut reading).await {
                return Ok(frames?);
            }
            self.writer.part(tag::KEEP_ALIVE, &[]);
            // A reader that has gone is noticed when the page is sent.
            _ = self.send(app, sender).await;
        }
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = self.writer.take();
        self.digest.update(&bytes);
        bytes
    }

    async fn send(
        &mut self,
        app: &App,
        sender: &mpsc::Sender<Bytes>,
    ) -> Result<(), mpsc::error::SendError<Bytes>> {
        let bytes = self.take();
        app.metrics().sync.sent_bytes.inc_by(bytes.len() as u64);
        sender.send(Bytes::from(bytes)).await
    }
}
