//! S11: how much is served of what is stored.

use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::sync::Feed;

use super::author::{Answered, Author};
use super::http::Connection;
use super::load;
use super::output::{Limit, Report, count, progress};
use super::rates::DEVICES;
use super::server::Server;
use super::site::Site;

/// Where cursors stand in the first segment of each feed: between the segments as they came, and inside a compacted one.
const INSIDE: u64 = 1_000;
/// How often the last changes of each feed are asked for.
const SMALL_PULLS: usize = 20;

/// New devices read all that a server holds, before and after it is compacted.
pub async fn run(site: &Site, server: &Server, report: &mut Report) {
    progress("S11: devices read all");
    let grants: Vec<String> = (0..DEVICES).map(|index| format!("S{index}:enumerator")).collect();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let mut reader = site.author(300, 0, &grants).await;
    let (rate, _) = pull(server, &mut reader).await;
    report.figure(11, "frames of 100 as stored, a second of CPU", rate, "/s", Limit::AtLeast(1_000_000.0));

    progress("S11: compaction");
    site.compact().await;
    let mut reader = site.author(301, 0, &grants).await;
    let (rate, bytes) = pull(server, &mut reader).await;
    report.figure(11, "compacted, a second of CPU", rate, "/s", Limit::AtLeast(1_000_000.0));
    report.figure(11, "compacted, bytes of a change", bytes, "B", Limit::None);

    let heads = reader.cursors.clone();
    for area in &site.areas {
        reader.cursors.insert(Feed { area: *area, class: RecordClass::Core }, INSIDE);
    }
    let (rate, bytes) = pull(server, &mut reader).await;
    let limit = Limit::AtLeast(200_000.0);
    report.figure(11, "compacted, cursors inside a frame, a second of CPU", rate, "/s", limit);
    report.figure(11, "compacted, cursors inside a frame, bytes of a change", bytes, "B", Limit::None);

    // The dearest case: all of a segment is opened for its last changes.
    let before = server.cpu_seconds();
    for _ in 0..SMALL_PULLS {
        reader.cursors = heads.iter().map(|(feed, head)| (*feed, head - 1)).collect();
        pull(server, &mut reader).await;
    }
    let each = (server.cpu_seconds() - before) / count(SMALL_PULLS * heads.len());
    report.figure(11, "compacted, CPU for the last change of a feed", each * 1e3, "ms", Limit::None);
}

/// Reads until there is nothing more; gives the changes for each second of the server's CPU time, and the bytes of each.
async fn pull(server: &Server, reader: &mut Author) -> (f64, f64) {
    let mut connection = Connection::to(server.address).await;
    let before = server.cpu_seconds();
    let mut answered = Answered::default();
    loop {
        load::exchange(&mut connection, reader, &[], &mut answered).await;
        if !answered.more {
            break;
        }
    }
    let changes = count(answered.pulled);
    (changes / (server.cpu_seconds() - before), count(answered.bytes) / changes)
}
