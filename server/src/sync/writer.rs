//! Writes the answer of a sync: welcome, receipts, feed frames as they are read, the signed end.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use fieldmerge_protocol::bundle::{BundleError, BundleWriter};
use fieldmerge_protocol::sync::{
    self, Checkpoint, Checkpoints, Dictionary, FeedFrame, Finish, FrameReceipt, Partial, ReceiptList,
    Receipts, Welcome, tag,
};
use fieldmerge_protocol::{DeviceId, LogId, ProjectId};
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};

use super::commit::Receipted;
use super::pull::Pull;
use crate::dictionary::Trained;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::keys::ServerSigner;
use crate::state::App;

/// How many pages may wait for a slow reader: with the page size it bounds the memory of an answer.
const WAITING_PAGES: usize = 2;

/// An answer that is waited for.
pub struct Opening {
    begun: oneshot::Receiver<Result<(), ApiError>>,
    chunks: mpsc::Receiver<Bytes>,
}

impl Opening {
    /// The body of the answer, once there is something of it; or why there is none.
    pub async fn body(self) -> Result<Body, ApiError> {
        self.begun.await.map_err(ApiError::internal)??;
        Ok(Body::from_stream(stream::unfold(self.chunks, |mut chunks| async {
            let chunk: Bytes = chunks.recv().await?;
            Some((Ok::<_, Infallible>(chunk), chunks))
        })))
    }
}

/// An answer in the making.
pub struct Answer {
    app: App,
    begun: Option<oneshot::Sender<Result<(), ApiError>>>,
    chunks: mpsc::Sender<Bytes>,
    writer: BundleWriter,
    checkpoints: Checkpoints,
}

/// What the device holds already.
#[derive(Debug)]
pub struct Holds {
    /// Dictionaries, those of this answer included.
    pub dictionaries: BTreeSet<u32>,
    /// The beginning of a frame, until that frame has been met.
    pub begun: Option<Partial>,
    /// The dictionary that it is to pack with, which it may lack.
    pub current: Option<Arc<Trained>>,
}

/// The device does not listen any more.
pub struct Gone;

/// Writes receipts, grouped by author and signed for each.
pub fn put_receipts(
    writer: &mut BundleWriter,
    project: ProjectId,
    signer: &ServerSigner,
    log: LogId,
    receipts: Receipted,
) {
    let mut by_author: BTreeMap<DeviceId, Vec<FrameReceipt>> = BTreeMap::new();
    for (device, receipt) in receipts {
        by_author.entry(device).or_default().push(receipt);
    }
    for (device, receipts) in by_author {
        let list = sync::encode(&ReceiptList { device, receipts, log });
        let signature = signer.sign(&sync::receipts_text(project, &list)).to_vec();
        writer.part(tag::RECEIPTS, &sync::encode(&Receipts { list, signature }));
    }
}

impl Answer {
    /// An answer, and the end at which it is waited for.
    pub fn new(app: App) -> (Self, Opening) {
        let (sender, begun) = oneshot::channel();
        let (chunks, receiver) = mpsc::channel(WAITING_PAGES);
        let (writer, checkpoints) = (BundleWriter::new(), Checkpoints::default());
        let answer = Self { app, begun: Some(sender), chunks, writer, checkpoints };
        (answer, Opening { begun, chunks: receiver })
    }

    /// Writes what comes before the feeds. Receipts are grouped by author and signed for each: a carrier hands them on.
    pub fn begin(
        &mut self,
        project: ProjectId,
        signer: &ServerSigner,
        welcome: &Welcome,
        receipts: Receipted,
    ) {
        self.writer.part(tag::WELCOME, &sync::encode(welcome));
        put_receipts(&mut self.writer, project, signer, welcome.log, receipts);
        failpoint("answer-begun");
    }

    /// Sends pages while the next ones are read, and at last the end, signed for the request with this hello.
    pub async fn finish(mut self, signer: &ServerSigner, hello: &[u8], mut holds: Holds, mut pull: Pull) {
        let app = self.app.clone();
        loop {
            match self.alive(pull.next_page(app.store(), app.tails())).await {
                Ok(frames) if frames.is_empty() => break,
                Ok(frames) => {
                    if let Err(error) = self.frames((signer, hello), &mut pull, &frames, &mut holds).await {
                        return self.fail(error).await;
                    }
                    if self.send().await.is_err() {
                        return;
                    }
                }
                Err(error) => return self.fail(error.into()).await,
            }
        }
        let more = pull.has_more();
        // It can wait: what the device lacks comes first.
        let lacks = |trained: &&Arc<Trained>| !holds.dictionaries.contains(&trained.number);
        if let Some(trained) = holds.current.as_ref().filter(|_| !more).filter(lacks) {
            self.writer.part(tag::DICTIONARY, &trained.part);
        }
        let text = sync::answer_text(pull.project, hello, self.writer.digest(), more);
        let signature = signer.sign(&text).to_vec();
        self.writer.part(tag::FINISH, &sync::encode(&Finish { more, signature }));
        if self.send().await.is_ok() {
            failpoint("answer-finished");
        }
    }

    /// Waits for something that the answer needs, and tells the device that the answer is coming when that takes long.
    /// To be called only when the whole request has been read.
    pub async fn alive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let silence = self.app.config().keep_alive;
        loop {
            if let Ok(done) = tokio::time::timeout(silence, &mut work).await {
                return done;
            }
            // Who has pages left to read needs no sign of life, and to wait for it would hold up the work.
            if self.chunks.capacity() > 0 {
                self.writer.part(tag::KEEP_ALIVE, &[]);
                // A reader that has gone is noticed when the next part is sent.
                _ = self.send().await;
            }
        }
    }

    /// Ends the answer with a problem: as its status if nothing of it was sent, else as its last part.
    pub async fn fail(mut self, error: ApiError) {
        if let Some(begun) = self.begun.take() {
            _ = begun.send(Err(error));
            return;
        }
        error.log();
        let problem = serde_json::to_vec(&error.to_problem()).unwrap_or_default();
        self.writer.part(tag::PROBLEM, &problem);
        _ = self.send().await;
    }

    /// Writes feed frames of a page, which are of one feed, each behind the dictionary that it needs. Of the one that the
    /// device holds the beginning of it gets the rest. The feed is left out from the first frame on that nobody could read.
    async fn frames(
        &mut self,
        (signer, hello): (&ServerSigner, &[u8]),
        pull: &mut Pull,
        frames: &[FeedFrame],
        holds: &mut Holds,
    ) -> Result<(), ApiError> {
        for frame in frames {
            let number = frame.body.as_ref().map_or(0, |body| body.dictionary);
            if !self.dictionary(pull.project, number, holds).await? {
                let error: &dyn std::error::Error = &BundleError::UnknownDictionary(number);
                tracing::error!(
                    error.chain = %error, project = %pull.project, area = %frame.feed.area,
                    class = ?frame.feed.class, "a feed is left out of an answer"
                );
                self.app.metrics().sync.left_out.inc();
                pull.leave_out(frame.feed);
                break;
            }
            let payload = sync::encode(frame);
            self.prove_before(payload.len(), (signer, hello), pull.project);
            let place = (frame.feed, frame.from, frame.to);
            let begun = holds.begun.take_if(|begun| (begun.feed, begun.from, begun.to) == place);
            match begun.as_ref().and_then(|begun| begun.rest(&payload)) {
                Some(rest) => self.writer.part(tag::FEED_REST, rest),
                None => self.writer.part(tag::FEED_FRAME, &payload),
            };
        }
        Ok(())
    }

    /// Proves what was written, where so much more of it is to be proven that a cut would cost too much.
    pub fn prove_before(
        &mut self,
        bytes: usize,
        (signer, hello): (&ServerSigner, &[u8]),
        project: ProjectId,
    ) {
        if self.checkpoints.before(bytes) {
            let text = sync::checkpoint_text(project, hello, self.writer.digest());
            let signature = signer.sign(&text).to_vec();
            self.part(tag::CHECKPOINT, &sync::encode(&Checkpoint { signature }));
        }
    }

    /// Writes a part.
    pub fn part(&mut self, tag: u8, payload: &[u8]) {
        self.writer.part(tag, payload);
    }

    /// Writes a dictionary that the device lacks; false if it is gone.
    async fn dictionary(
        &mut self,
        project: ProjectId,
        number: u32,
        holds: &mut Holds,
    ) -> Result<bool, ApiError> {
        if number == 0 || holds.dictionaries.contains(&number) {
            return Ok(true);
        }
        if let Some(trained) = holds.current.as_ref().filter(|trained| trained.number == number) {
            self.writer.part(tag::DICTIONARY, &trained.part);
        } else {
            let mut tx = self.app.store().read().await?;
            let bytes = self.app.dictionaries().stored(&mut tx, project, number).await?;
            tx.rollback().await?;
            let Some(bytes) = bytes else { return Ok(false) };
            self.writer.part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(&bytes, false)));
        }
        holds.dictionaries.insert(number);
        Ok(true)
    }

    /// Sends what was written.
    pub async fn send(&mut self) -> Result<(), Gone> {
        if let Some(begun) = self.begun.take() {
            begun.send(Ok(())).map_err(|_| Gone)?;
        }
        self.chunks.send(Bytes::from(self.writer.take())).await.map_err(|_| Gone)
    }
}
