//! S15: sheets of attendance, pushed one by one.

use std::collections::BTreeMap;

use fieldmerge_model::log::{LogState, NewLog};
use fieldmerge_model::record::Provenance;
use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::bundle::{Frame, decode_body, resolve};
use fieldmerge_protocol::limits::MAX_FRAME_RAW_BYTES;
use fieldmerge_protocol::{Actor, ChangeHash, RecordClass, RecordId, Value};
use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::database::folder;

use super::Plan;
use super::author::{Author, Made};
use super::load::{self, PHONE_LEVEL};
use super::output::{Limit, Report, count, median, progress};
use super::rates::{self, DEVICES};
use super::sdk::{Phone, attended};
use super::site::{Kind, Site};

const SHEETS: usize = 26;
const WORKERS: usize = 40;
/// Bytes of an event on its way up.
const UP: Limit = Limit::AtMost(12.0);
/// Bytes of an event in the database.
const STORED: Limit = Limit::AtMost(60.0);
/// Events folded in a second.
const FOLDED: Limit = Limit::AtLeast(100_000.0);

/// Measures S15, if it is wanted.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants(15) {
        return;
    }
    progress("S15: attendance");
    on_the_link(report).await;
    in_frames(report).await;
    folded(plan, report).await;
}

/// A real phone signs and syncs sheet after sheet.
async fn on_the_link(report: &mut Report) {
    let site = Site::found(Kind::Sqlite, 1).await;
    let server = site.serve().await;
    let folder = folder();
    let mut phone = Phone::enrolled(&site, &server, 0, folder.path()).await;
    let workers = phone.register(WORKERS, false).await;
    phone.sync().await;
    let (mut bodies, mut all) = (0, 0);
    for sheet in 0..SHEETS {
        phone.sign_sheet(&workers, day(0, sheet)).await;
        let (done, traffic) = phone.sync().await;
        if sheet == 0 {
            let each = |bytes: u64| count(bytes) / count(WORKERS);
            report.figure(15, "up, first sheet, everything counted", each(traffic.up), "B", Limit::None);
        } else {
            bodies += done.bytes_up;
            all += traffic.up;
        }
    }
    let each = |bytes: u64| count(bytes) / count((SHEETS - 1) * WORKERS);
    report.figure(15, "up, later sheets, request bodies", each(bodies), "B", Limit::None);
    report.figure(15, "up, later sheets, everything counted", each(all), "B", Limit::None);
    server.stop().await;
}

/// What the sheets take as frames, ids and proofs in them.
async fn in_frames(report: &mut Report) {
    let site = Site::found(Kind::Sqlite, 1).await;
    let mut author = site.author(15, 0, &["S0:enumerator"]).await;
    let sheets = month(&mut author, 0);
    let known = sheets.iter().map(|made| (made.hash, (made.change.actor, made.change.seq))).collect();
    let lengths: Vec<usize> =
        sheets.iter().map(|sheet| frame(&mut author, std::slice::from_ref(sheet), &known).len()).collect();
    report.figure(15, "up, first sheet, frame", count(lengths[0]) / count(WORKERS), "B", Limit::None);
    let later: usize = lengths[1..].iter().sum();
    report.figure(15, "up, later sheets, frame", count(later) / count((SHEETS - 1) * WORKERS), "B", UP);
}

/// Sixteen devices push months of sheets: sheet by sheet, and a month in one request.
async fn folded(plan: &Plan, report: &mut Report) {
    let site = Site::found(Kind::Sqlite, DEVICES).await;
    let server = site.serve().await;
    let mut authors = site.authors(DEVICES, |index| index).await;
    let months = plan.size(4, 1);
    let events = count(DEVICES * months * SHEETS * WORKERS);
    let ways = [("sheet by sheet", 1, Limit::None), ("a month in a request", SHEETS, FOLDED)];
    for (way, (what, at_once, limit)) in ways.into_iter().enumerate() {
        let (mut rates, mut cpu) = (Vec::new(), Vec::new());
        let empty = site.database_bytes().await;
        let runs = plan.size(5, 3);
        for run in 0..runs {
            let first = (way * runs + run) * months;
            let work = load::prepare(authors, move |author| requests(author, first, months, at_once)).await;
            let before = server.cpu_seconds();
            let (back, run) = load::run(server.address, work).await;
            rates::check(run);
            cpu.push((server.cpu_seconds() - before) / events);
            rates.push(events / run.seconds);
            authors = back;
        }
        report.figure(15, &format!("accepted, {what}"), median(rates), "/s", limit);
        report.figure(15, &format!("server CPU of an event, {what}"), median(cpu) * 1e6, "us", Limit::None);
        let stored = count(site.database_bytes().await - empty) / (events * count(runs));
        report.figure(
            15,
            &format!("stored, {what}"),
            stored,
            "B",
            if at_once == 1 { STORED } else { Limit::None },
        );
    }
    server.stop().await;
    let mut author = authors.swap_remove(0);
    let frames: Vec<Vec<u8>> =
        (0..8).flat_map(|first| requests(&mut author, first, 1, SHEETS).concat()).collect();
    let rates = (0..plan.size(5, 3)).map(|_| in_memory(&frames)).collect();
    report.figure(15, "folded in memory, a month in a frame", median(rates), "/s", Limit::None);
}

/// Requests with the sheets of some months, so many sheets in each.
fn requests(author: &mut Author, first: usize, months: usize, at_once: usize) -> Vec<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    for number in first..first + months {
        let sheets = month(author, number);
        let known = sheets.iter().map(|made| (made.hash, (made.change.actor, made.change.seq))).collect();
        for some in sheets.chunks(at_once) {
            requests.push(vec![frame(author, some, &known)]);
        }
    }
    requests
}

fn frame(author: &mut Author, sheets: &[Made], known: &BTreeMap<ChangeHash, (Actor, u64)>) -> Vec<u8> {
    author.frame(RecordClass::Attendance, sheets, known, PHONE_LEVEL)
}

/// The sheets of a month, as one log.
fn month(author: &mut Author, number: usize) -> Vec<Made> {
    let workers: Vec<RecordId> = (0..WORKERS).map(|_| author.new_id()).collect();
    let id = author.new_id();
    let mut log = LogState::new(id);
    let (year, month, _) = day(number, 0).parts();
    (0..SHEETS)
        .map(|sheet| {
            let begun = NewLog {
                actor: author.actor(),
                id,
                record_type: "attendance".into(),
                area: author.area,
                month: format!("{year:04}-{month:02}").into(),
            };
            let mut draft =
                if log.is_empty() { begun.draft() } else { log.draft() }.expect("a log can be written");
            for worker in &workers {
                let mut entry = attended(author.people.below(12), day(number, sheet));
                entry.person = u32::try_from(draft.person(*worker)).expect("forty");
                let Value::Bytes(bytes) = Entry::from(entry).to_value() else {
                    unreachable!("entries are bytes")
                };
                draft.entry(bytes);
            }
            let change = draft.build(author.tick()).expect("a sheet is within all limits");
            let made = Made::new(id, change);
            log.accept(&made.change, made.hash, provenance(author));
            made
        })
        .collect()
}

fn provenance(author: &Author) -> Provenance {
    Provenance { incarnation: author.actor().incarnation(), frame: 1, position: 0, received_ms: 0 }
}

/// A working day of a month, counted from March 2024.
fn day(month: usize, sheet: usize) -> Date {
    let month = u32::try_from(month).expect("a few months") + 2;
    let year = 2024 + i32::try_from(month / 12).expect("a few years");
    Date::new(year, month % 12 + 1, u32::try_from(sheet).expect("26") + 1).expect("every month has 26 days")
}

/// Reads frames and folds their sheets into logs, as the server does between reading and writing. Events per second.
fn in_memory(frames: &[Vec<u8>]) -> f64 {
    let stopwatch = Stopwatch::start();
    let mut logs: BTreeMap<RecordId, LogState> = BTreeMap::new();
    for frame in frames {
        let frame = Frame::parse(frame).expect("a frame of ours");
        let raw = frame.inflate(&[], MAX_FRAME_RAW_BYTES).expect("a frame of ours");
        let packed = decode_body(&raw).expect("a frame of ours");
        let resolved = resolve(packed, &mut |record, actor, seq| logs.get(&record)?.find(actor, seq));
        for change in resolved {
            let log = logs.entry(change.record).or_insert_with(|| LogState::new(change.record));
            let incarnation = change.change.actor.incarnation();
            let provenance = Provenance { incarnation, frame: 1, position: 0, received_ms: 0 };
            log.accept(&change.change, change.hash.expect("the months are whole"), provenance);
        }
    }
    let events: u64 = logs.values().map(LogState::next_entry).sum();
    count(events) / stopwatch.elapsed().as_secs_f64()
}
