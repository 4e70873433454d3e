//! What the server sends: feed frames, and the dictionary that they need.

use fieldmerge_protocol::bundle::{BundleWriter, Compression, Entry, compress, encode_body};
use fieldmerge_protocol::sync::{self, Dictionary, Feed, FeedBody, FeedFrame, Hello, tag};
use fieldmerge_protocol::{Actor, ChangeHash, DeviceId, Incarnation, RecordId};

use super::{Fed, Server};

/// Some bytes that records of the tests hold, and others for each seed.
fn made(seed: u8) -> Vec<u8> {
    let paths = "_id_type_area_subjectfamily_namegiven_namesbirth_yearworkerattendanceRakoto";
    [&[seed; 64], paths.as_bytes()].concat()
}

impl Server {
    /// From now on devices pack with another dictionary. What was known before is known still.
    pub(crate) fn train(&mut self, seed: u8) {
        self.dictionaries.push(made(seed));
    }

    /// Writes the dictionary of the feed frames, if the device does not name it.
    pub(super) fn put_dictionary(&self, hello: &Hello, writer: &mut BundleWriter) {
        let held = hello.dictionaries.as_deref().unwrap_or_default();
        if let Some(current) = self.dictionaries.last()
            && !held.contains(&Dictionary::number(current))
        {
            writer.part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(current, true)));
        }
    }

    /// Writes a frame, or the rest of the one that the device holds the beginning of.
    pub(super) fn write_frame(
        &self,
        writer: &mut BundleWriter,
        hello: &Hello,
        frame: &FeedFrame,
        payload: &[u8],
    ) {
        let named = hello
            .partial
            .as_ref()
            .filter(|begun| (begun.feed, begun.from, begun.to) == (frame.feed, frame.from, frame.to));
        if let Some(rest) = named.and_then(|begun| begun.rest(payload)) {
            self.resumed.set(self.resumed.get() + 1);
            writer.part(tag::FEED_REST, rest);
        } else {
            writer.part(tag::FEED_FRAME, payload);
        }
    }

    pub(super) fn feed_frames(
        &self,
        feed: Feed,
        changes: &[Fed],
        cursor: u64,
        own: Option<(DeviceId, Incarnation)>,
    ) -> Vec<FeedFrame> {
        let mut frames = Vec::new();
        let mut at = usize::try_from(cursor).expect("small").min(changes.len());
        while at < changes.len() {
            let own = |fed: &Fed| Some((fed.author, fed.change.actor.incarnation())) == own;
            let is_own = own(&changes[at]);
            let run = changes[at..].iter().take_while(|fed| own(fed) == is_own).count();
            let count = if is_own { run } else { run.min(self.frame_changes) };
            let body = (!is_own).then(|| self.feed_body(&changes[at..at + count], &changes[..at]));
            frames.push(FeedFrame { feed, from: at as u64, to: (at + count) as u64, received_ms: 7, body });
            at += count;
        }
        frames
    }

    fn feed_body(&self, changes: &[Fed], before: &[Fed]) -> FeedBody {
        let entries: Vec<Entry<'_>> = changes
            .iter()
            .map(|fed| Entry { record: fed.record, change: &fed.change, hash: fed.hash })
            .collect();
        let acknowledged = |record: RecordId, hash: &ChangeHash| -> Option<(Actor, u64)> {
            let known = before.iter().find(|fed| fed.record == record && fed.hash == *hash)?;
            Some((known.change.actor, known.change.seq))
        };
        let raw = encode_body(&entries, &acknowledged).expect("accepted changes can be packed");
        let dictionary = self.dictionaries.last().map_or(&[][..], Vec::as_slice);
        let (compression, bytes) = compress(&raw, 3, dictionary).expect("compresses");
        let is_named = compression == Compression::Zstd && !dictionary.is_empty();
        FeedBody {
            compression: compression.number(),
            dictionary: if is_named { Dictionary::number(dictionary) } else { 0 },
            raw_bytes: u32::try_from(raw.len()).expect("small"),
            count: u32::try_from(changes.len()).expect("small"),
            bytes: bytes.into_owned(),
        }
    }
}
