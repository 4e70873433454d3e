//! Prints what registrations, edits and attendance events cost in bytes and time.
//!
//! `cargo run --release -p fieldmerge-protocol --example sizes`. The records are made up from lists; the seed is
//! fixed, so the sizes are the same at every run. Times are for comparing, not for quoting.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a report that measures time")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small made-up numbers")]

#[path = "sizes/made_up.rs"]
mod made_up;

use std::collections::HashMap;
use std::time::Instant;

use fieldmerge_protocol::bundle::{self, Entry, FrameDraft, Origin, Packing};
use fieldmerge_protocol::change::Encoder;
use fieldmerge_protocol::{
    Actor, AreaId, ChangeHash, DeviceId, Incarnation, ProjectId, RecordClass, RecordId,
};

use made_up::{Author, Kept};

fn main() {
    registrations();
    edits();
    attendance();
    times();
}

/// Header, signature and co-signature count of a frame.
fn pack(kept: &[Kept], class: RecordClass, known: &HashMap<ChangeHash, (Actor, u64)>) -> (usize, usize) {
    let entries = entries(kept);
    let acknowledged = |_: RecordId, hash: &ChangeHash| known.get(hash).copied();
    let origin = Origin {
        project: ProjectId([1; 16]),
        device: DeviceId([2; 10]),
        incarnation: Incarnation([3; 4]),
        number: 40,
        class,
        area: AreaId([4; 16]),
    };
    let raw = bundle::encode_body(&entries, &acknowledged).expect("within the limits");
    check(&entries, &raw, known);
    let draft =
        FrameDraft::pack(origin, &entries, &acknowledged, Packing::default()).expect("within the limits");
    let frame = draft.finish([0; 64]);
    let parsed = bundle::Frame::parse(&frame).expect("a frame");
    (parsed.body.len(), frame.len())
}

fn entries(kept: &[Kept]) -> Vec<Entry<'_>> {
    kept.iter().map(|kept| Entry { record: kept.record, change: &kept.change, hash: kept.hash }).collect()
}

fn check(entries: &[Entry<'_>], raw: &[u8], known: &HashMap<ChangeHash, (Actor, u64)>) {
    let packed = bundle::decode_body(raw).expect("decodes");
    let by_number: HashMap<(Actor, u64), Vec<ChangeHash>> =
        known.iter().fold(HashMap::new(), |mut map, (hash, key)| {
            map.entry(*key).or_default().push(*hash);
            map
        });
    // Without a store the example only checks what needs none.
    let resolved = bundle::resolve(packed, &mut |_, actor, seq| {
        by_number.get(&(actor, seq)).filter(|found| found.len() == 1).map(|found| found[0])
    });
    for (entry, resolved) in entries.iter().zip(&resolved) {
        assert_eq!(entry.record, resolved.record);
        assert_eq!(entry.change.ops, resolved.change.ops);
        assert!(resolved.hash.is_none_or(|hash| hash == entry.hash));
    }
}

fn row(what: &str, count: usize, per: usize, kept: &[Kept], body: usize, frame: usize) {
    let mut encoder = Encoder::new();
    let plain: Vec<u8> = kept.iter().flat_map(|kept| encoder.encode(&kept.change).0.to_vec()).collect();
    let plain = zstd::bulk::compress(&plain, 19).expect("compresses").len();
    let each = |bytes: usize| bytes as f64 / (count * per) as f64;
    let raw = bundle::encode_body(&entries(kept), &|_, _| None).map_or(0, |raw| raw.len());
    println!(
        "{what:<34}{count:>6}{:>10.1}{:>10.1}{:>10.1}{:>10.1}",
        each(body),
        each(frame),
        each(plain),
        each(raw)
    );
}

fn registrations() {
    println!("bytes per item (zstd-19)                    body     frame  plain-19  raw-full-deps");
    for count in [1, 10, 100, 1_000] {
        let mut author = Author::new(7, 1);
        let kept: Vec<Kept> = (0..count).map(|_| author.register(45)).collect();
        let (body, frame) = pack(&kept, RecordClass::Core, &HashMap::new());
        row("registration, 45 operations", count, 1, &kept, body, frame);
    }
    for count in [1, 10, 100, 1_000] {
        let mut author = Author::new(7, 1);
        let kept: Vec<Kept> = (0..count).map(|_| author.register(30)).collect();
        let (body, frame) = pack(&kept, RecordClass::Core, &HashMap::new());
        row("registration, 30 operations", count, 1, &kept, body, frame);
    }
}

fn edits() {
    for (what, fields) in [("edit of 1 field", 1), ("edit of 1 to 3 fields", 3)] {
        for count in [1, 10, 100, 1_000] {
            let mut author = Author::new(7, 1);
            let mut other = Author::new(8, 2);
            let base: Vec<Kept> = (0..count).map(|_| author.register(45)).collect();
            let known = base.iter().map(|kept| (kept.hash, (kept.change.actor, kept.change.seq))).collect();
            let own: Vec<Kept> = base.iter().map(|kept| author.edit(kept, fields)).collect();
            let (body, frame) = pack(&own, RecordClass::Core, &known);
            row(&format!("{what}, own record"), count, 1, &own, body, frame);
            let kept: Vec<Kept> = base.iter().map(|kept| other.edit(kept, fields)).collect();
            let (body, frame) = pack(&kept, RecordClass::Core, &known);
            row(&format!("{what}, other's record"), count, 1, &kept, body, frame);
            let both: Vec<Kept> = base.into_iter().zip(own).flat_map(|(base, own)| [base, own]).collect();
            let (body, frame) = pack(&both, RecordClass::Core, &known);
            row(&format!("new and {what}"), count, 1, &both, body, frame);
        }
    }
}

fn attendance() {
    let mut author = Author::new(7, 1);
    let sheets: Vec<Kept> = author.sheets(26, 40);
    let known: HashMap<_, _> =
        sheets.iter().map(|kept| (kept.hash, (kept.change.actor, kept.change.seq))).collect();
    let mut total = (0, 0);
    for (index, sheet) in sheets.iter().enumerate() {
        let one = std::slice::from_ref(sheet);
        let (body, frame) = pack(one, RecordClass::Attendance, &known);
        if index == 0 {
            row("attendance, first sheet, an event", 1, 40, one, body, frame);
        } else {
            total = (total.0 + body, total.1 + frame);
        }
    }
    row("attendance, later sheets, an event", 25, 40, &sheets[1..], total.0, total.1);
    let (body, frame) = pack(&sheets, RecordClass::Attendance, &known);
    row("attendance, all sheets at once", 26, 40, &sheets, body, frame);
}

fn times() {
    println!(
        "\nmicroseconds per change            count    encode    decode  +resolve   zstd-19    zstd-9    zstd-3"
    );
    for count in [1, 10, 100, 1_000] {
        let mut author = Author::new(7, 1);
        let base: Vec<Kept> = (0..count).map(|_| author.register(45)).collect();
        let known: HashMap<_, _> =
            base.iter().map(|kept| (kept.hash, (kept.change.actor, kept.change.seq))).collect();
        let edits: Vec<Kept> = base.iter().map(|kept| author.edit(kept, 3)).collect();
        for (what, kept) in [("registration", &base), ("edit of 1 to 3 fields", &edits)] {
            let entries = entries(kept);
            let acknowledged = |_: RecordId, hash: &ChangeHash| known.get(hash).copied();
            let raw = bundle::encode_body(&entries, &acknowledged).expect("within the limits");
            let encode =
                time(count, || bundle::encode_body(&entries, &acknowledged).map_or(0, |raw| raw.len()));
            let decode = time(count, || bundle::decode_body(&raw).map_or(0, |packed| packed.len()));
            let whole = time(count, || {
                let packed = bundle::decode_body(&raw).expect("decodes");
                bundle::resolve(packed, &mut |_, _, _| Some(ChangeHash([0; 32]))).len()
            });
            let zstd =
                |level| time(count, || zstd::bulk::compress(&raw, level).map_or(0, |small| small.len()));
            println!(
                "{what:<34}{count:>6}{encode:>10.2}{decode:>10.2}{whole:>10.2}{:>10.2}{:>10.2}{:>10.2}",
                zstd(19),
                zstd(9),
                zstd(3)
            );
        }
    }
}

/// Microseconds per change: the least of some runs, which other work on the machine disturbs least.
fn time(count: usize, mut run: impl FnMut() -> usize) -> f64 {
    let rounds = 1_000_usize.div_ceil(count).clamp(1, 100);
    (0..25)
        .map(|_| {
            let start = Instant::now();
            let mut sum = 0;
            for _ in 0..rounds {
                sum += std::hint::black_box(run());
            }
            std::hint::black_box(sum);
            start.elapsed().as_secs_f64() * 1e6 / (rounds * count) as f64
        })
        .fold(f64::INFINITY, f64::min)
}
