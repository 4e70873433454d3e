//! Writes what a push decided. Everything here happens after all reads and locks of the transaction.

use std::collections::BTreeMap;

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_model::record::Provenance;
use fieldmerge_protocol::bundle::{Compression, Entry, compress, encode_body};
use fieldmerge_protocol::sync::{self, Exception, Feed, FrameReceipt, FrameRef, Outcome};
use fieldmerge_protocol::{DeviceId, ProjectId, RecordId};
use fieldmerge_store::feeds::Positions;
use fieldmerge_store::held::HeldChange;
use fieldmerge_store::proofs::Proof;
use fieldmerge_store::quarantine::Quarantined;
use fieldmerge_store::segments::SegmentHead;
use fieldmerge_store::{
    StoreError, Tx, attachments, cases, dictionaries, entries, feeds, held, proofs, quarantine, records,
    segments,
};
use sha2::{Digest, Sha256};

use super::frames::Envelope;
use super::merge::{Item, Merge, Refused, Run, Settled, Slot, Source};
use super::{At, Judged, Plan, Push, Pushed, rows, stored};
use crate::dictionary::DictionaryBytes;
use crate::failpoint::failpoint;
use crate::ids::Ids;

/// zstd level of frames that the server encodes anew: they are few and are read by every phone of the feed.
const LEVEL: i32 = 9;

/// The most bytes of a body that the server encodes anew, before compression: with its head it fits into a part.
const MAX_SEGMENT_RAW_BYTES: usize = 512 << 10;

/// Writes all of it, in a life of the log, and tells the receipts.
pub async fn all(
    tx: &mut Tx,
    push: &Push<'_>,
    life: u64,
    plan: Plan,
    mut merge: Merge,
) -> Result<Pushed, StoreError> {
    let mut pushed = Pushed {
        accepted: merge.runs.iter().map(|run| run.items.len() as u64).sum(),
        held: merge.newly_held.len() as u64,
        quarantined: (merge.refused.len() + plan.quarantine.len()) as u64,
        ..Pushed::default()
    };
    // A record that is new has no cases yet.
    let had_cases = merge.records.iter().filter(|(_, working)| working.changed && working.row.is_some());
    let had_cases: Vec<RecordId> = had_cases.map(|(id, _)| *id).collect();
    let known_cases = cases::of_records(tx, push.project, &had_cases).await?;

    let envelopes: BTreeMap<At, &Envelope> =
        plan.judged.iter().filter_map(|judged| Some((judged.at, judged.fresh.as_deref()?))).collect();
    (pushed.life, pushed.given) = place(tx, push, life, &mut merge).await?;
    failpoint("positions-given");
    for run in &merge.runs {
        append(tx, push, run, &envelopes).await?;
        failpoint("segment-appended");
    }
    keep_dictionaries(tx, push, &envelopes).await?;
    let derived = rows::derive(push, &merge, known_cases);
    records::upsert(tx, push.project, &derived.records).await?;
    attachments::set_references(tx, push.project, &derived.referring, &derived.references).await?;
    failpoint("records-written");
    entries::insert(tx, push.project, &derived.entries).await?;
    failpoint("entries-written");
    cases::upsert(tx, push.project, &derived.cases).await?;
    failpoint("cases-written");
    write_held(tx, push, &merge.newly_held).await?;
    failpoint("held-written");
    let mut taken = plan.judged;
    settle(tx, push.project, merge.settled, &mut taken).await?;
    for refused in merge.refused {
        quarantine::insert(tx, push.project, &quarantined(push.ids, push.now_ms, refused)?).await?;
    }
    for (source, code, at) in plan.quarantine {
        let payload = &push.arrivals[at.arrival].frames[at.frame];
        quarantine_frame(tx, push, source, code, payload).await?;
    }
    pushed.receipts = write_proofs(tx, push, pushed.life, taken).await?;
    failpoint("proofs-written");
    Ok(pushed)
}

/// Takes positions for every run, all feeds by one call, and notes them in the states and for the life of the log. Gives
/// the life whose they are, and the positions of each feed.
async fn place(
    tx: &mut Tx,
    push: &Push<'_>,
    life: u64,
    merge: &mut Merge,
) -> Result<(u64, BTreeMap<Feed, Positions>), StoreError> {
    let mut counts: BTreeMap<Feed, u64> = BTreeMap::new();
    for run in &merge.runs {
        *counts.entry(run.feed).or_default() += run.items.len() as u64;
    }
    let counts: Vec<(Feed, u64)> = counts.into_iter().collect();
    let given = feeds::advance_all(tx, push.project, &counts).await?;
    let given: BTreeMap<Feed, Positions> = counts.iter().map(|(feed, _)| *feed).zip(given).collect();
    let life = push.lives.give(tx, (push.project, life), &given, (push.ids, push.now_ms)).await?;
    let mut next: BTreeMap<Feed, u64> =
        given.iter().map(|(feed, positions)| (*feed, positions.from)).collect();
    for run in &mut merge.runs {
        let head = next.get_mut(&run.feed).expect("every feed of a run was advanced");
        run.from = *head;
        for item in &run.items {
            *head += 1;
            let provenance = Provenance {
                incarnation: item.source.frame.incarnation,
                frame: item.source.frame.number,
                position: *head,
                received_ms: item.source.received_ms,
            };
            let working =
                merge.records.get_mut(&item.record).expect("accepted changes belong to loaded records");
            working.position = *head;
            let (actor, seq) = (item.change.actor, item.change.seq);
            match &mut working.slot {
                Slot::Record(state) => _ = state.set_provenance(actor, seq, provenance),
                Slot::Log(log) => _ = log.set_provenance(actor, seq, provenance),
                Slot::Absent => {}
            }
        }
    }
    Ok((life, given))
}

/// Appends the segment of a run: the frame as it came where all of it went to one feed, else encoded anew.
async fn append(
    tx: &mut Tx,
    push: &Push<'_>,
    run: &Run,
    envelopes: &BTreeMap<At, &Envelope>,
) -> Result<(), StoreError> {
    if let Some(envelope) = run.whole.and_then(|at| envelopes.get(&at)) {
        let head = SegmentHead {
            compression: envelope.compression,
            dictionary: envelope.dictionary,
            raw_bytes: envelope.raw_len,
            ..head(run, run.from, &run.items)
        };
        return segments::append(tx, push.project, &head, &envelope.body).await;
    }
    let mut from = run.from;
    let mut parts = vec![run.items.as_slice()];
    while let Some(items) = parts.pop() {
        let list: Vec<Entry<'_>> = items.iter().map(entry).collect();
        let body = match encode_body(&list, &|_, _| None) {
            Ok(body) if body.len() <= MAX_SEGMENT_RAW_BYTES => body,
            // With whole hashes it is longer than it came, and may be too long to be sent on.
            _ if items.len() > 1 => {
                let (first, second) = items.split_at(items.len() / 2);
                parts.extend([second, first]);
                continue;
            }
            _ => encode(&list, "segments")?,
        };
        let (compression, bytes) =
            compress(&body, LEVEL, &[]).unwrap_or((Compression::Stored, body.as_slice().into()));
        let raw_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let head = SegmentHead { compression: compression.number(), raw_bytes, ..head(run, from, items) };
        segments::append(tx, push.project, &head, &bytes).await?;
        from = head.to;
    }
    Ok(())
}

/// Keeps the dictionaries without which the frames that were taken cannot be read.
async fn keep_dictionaries(
    tx: &mut Tx,
    push: &Push<'_>,
    envelopes: &BTreeMap<At, &Envelope>,
) -> Result<(), StoreError> {
    let needed = envelopes.iter().filter_map(|(at, envelope)| {
        let bytes = push.arrivals[at.arrival].dictionaries.get(&envelope.dictionary)?;
        Some((envelope.dictionary, bytes))
    });
    let needed: BTreeMap<u32, &DictionaryBytes> = needed.collect();
    for (number, bytes) in needed {
        dictionaries::keep(tx, push.project, number, bytes).await?;
    }
    Ok(())
}

fn head(run: &Run, from: u64, items: &[Item]) -> SegmentHead {
    let source = run.items[0].source;
    SegmentHead {
        feed: run.feed,
        from,
        to: from + items.len() as u64,
        count: u32::try_from(items.len()).unwrap_or(u32::MAX),
        source: Some(stored(&source)),
        received_ms: source.received_ms,
        compression: 0,
        dictionary: 0,
        raw_bytes: 0,
        body_bytes: 0,
    }
}

fn entry(item: &Item) -> Entry<'_> {
    Entry { record: item.record, change: &item.change, hash: item.hash }
}

/// Encodes changes with full hashes, so that they can be read without anybody's state. Changes that came in a frame fit
/// into one again, so this fails only for what was stored wrong.
fn encode(list: &[Entry<'_>], table: &'static str) -> Result<Vec<u8>, StoreError> {
    encode_body(list, &|_, _| None).map_err(|_| {
        let key = list.first().map_or_else(String::new, |entry| entry.record.to_string());
        StoreError::Corrupt { table, column: "body", key }
    })
}

async fn write_held(tx: &mut Tx, push: &Push<'_>, items: &[Item]) -> Result<(), StoreError> {
    for item in items {
        let change = HeldChange {
            record: item.record,
            actor: item.change.actor,
            seq: item.change.seq,
            source: stored(&item.source),
            frame_index: item.place,
            received_ms: item.source.received_ms,
            needs: item.change.deps.iter().flat_map(|hash| hash.0).collect(),
            body: encode(&[entry(item)], "held")?,
        };
        if !held::insert(tx, push.project, &change).await? {
            held::remove(tx, push.project, change.record, change.actor, change.seq).await?;
            held::insert(tx, push.project, &change).await?;
        }
    }
    Ok(())
}

/// Takes what is held no longer off that list, and corrects the receipts of the frames that brought these changes.
pub(super) async fn settle(
    tx: &mut Tx,
    project: ProjectId,
    settled: Vec<Settled>,
    taken: &mut [Judged],
) -> Result<(), StoreError> {
    // By frame, in one order for everybody: others may settle changes of the same frames at the same time.
    let mut by_frame: BTreeMap<(DeviceId, FrameRef), Vec<Settled>> = BTreeMap::new();
    for change in settled {
        if change.outcome != Outcome::Held {
            held::remove(tx, project, change.record, change.actor, change.seq).await?;
        }
        by_frame.entry((change.source.device, change.source.frame)).or_default().push(change);
    }
    for changes in by_frame.into_values() {
        let source = changes[0].source;
        let fresh = taken.iter_mut().find(|judged| judged.source == source && judged.fresh.is_some());
        if let Some(receipt) = fresh.and_then(|judged| judged.receipt.as_mut()) {
            correct(receipt, &changes);
        } else if let Some(proof) = proofs::find_for_update(tx, project, stored(&source)).await?
            && let Ok(mut receipt) = sync::decode::<FrameReceipt>(&proof.receipt)
        {
            correct(&mut receipt, &changes);
            proofs::set_receipt(tx, project, stored(&source), &sync::encode(&receipt)).await?;
        }
    }
    Ok(())
}

fn correct(receipt: &mut FrameReceipt, changes: &[Settled]) {
    for change in changes {
        receipt.exceptions.retain(|exception| exception.index != change.place);
        if change.outcome != Outcome::Accepted {
            let code = change.code.map(String::from);
            receipt.exceptions.push(Exception { index: change.place, outcome: change.outcome, code });
        }
    }
    receipt.exceptions.sort_by_key(|exception| exception.index);
}

pub(super) fn quarantined(ids: &Ids, now_ms: i64, refused: Refused) -> Result<Quarantined, StoreError> {
    let Refused { item, code } = refused;
    Ok(Quarantined {
        id: ids.uuid(now_ms),
        code: code.into(),
        reason: String::new(),
        source: Some(stored(&item.source)),
        frame_index: Some(item.place),
        record: Some(item.record),
        actor: Some(item.change.actor),
        seq: Some(item.change.seq),
        received_ms: now_ms,
        resolved_ms: None,
        resolution: None,
        body: encode(&[entry(&item)], "quarantine")?,
    })
}

/// Keeps a whole frame. Its id follows from its bytes, so that the same bytes sent again are kept once.
async fn quarantine_frame(
    tx: &mut Tx,
    push: &Push<'_>,
    source: Option<Source>,
    code: QuarantineCode,
    payload: &[u8],
) -> Result<(), StoreError> {
    let digest = Sha256::digest(payload);
    let bytes = digest[..16].try_into().expect("a SHA-256 has more than 16 bytes");
    let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    if quarantine::find(tx, push.project, id).await?.is_some() {
        return Ok(());
    }
    let item = Quarantined {
        id,
        code: code.into(),
        reason: String::new(),
        source: source.as_ref().map(stored),
        frame_index: None,
        record: None,
        actor: None,
        seq: None,
        received_ms: push.now_ms,
        resolved_ms: None,
        resolution: None,
        body: payload.to_vec(),
    };
    quarantine::insert(tx, push.project, &item).await
}

/// Writes the proofs of the frames that were taken now.
async fn write_proofs(
    tx: &mut Tx,
    push: &Push<'_>,
    life: u64,
    judged: Vec<Judged>,
) -> Result<Vec<Vec<(DeviceId, FrameReceipt)>>, StoreError> {
    let mut receipts = vec![Vec::new(); push.arrivals.len()];
    let mut new = Vec::new();
    for Judged { at, source, receipt, fresh } in judged {
        let sender = push.arrivals[at.arrival].sender;
        let receipt = receipt.expect("every frame was judged");
        if let Some(envelope) = fresh {
            let proof = envelope.proof;
            let cosigned =
                proof.cosignatures.iter().flat_map(|c| c.person.to_be_bytes().into_iter().chain(c.signature));
            new.push(Proof {
                source: stored(&source),
                digest: envelope.digest,
                signature: proof.signature.into_iter().chain(cosigned).collect(),
                header: [proof.header.as_slice(), &proof.body_hash].concat(),
                receipt: sync::encode(&receipt),
                carrier: sender.filter(|sender| source.device != *sender),
                received_ms: source.received_ms,
                life,
            });
        }
        receipts[at.arrival].push((source.device, receipt));
    }
    proofs::insert(tx, push.project, &new).await?;
    Ok(receipts)
}
