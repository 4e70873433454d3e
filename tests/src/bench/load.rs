//! Many devices that push at a time.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fieldmerge_protocol::RecordClass;
use fieldmerge_server::Clock;
use fieldmerge_server::clock::Stopwatch;

use super::author::{Answered, Author};
use super::http::Connection;

/// The zstd level at which phones pack.
pub const PHONE_LEVEL: i32 = 19;
/// A level that costs little, for what is only to be there.
pub const FAST_LEVEL: i32 = 1;

/// What one device has to do: one request after another.
#[derive(Debug)]
pub enum Work {
    /// Requests of frames that were packed and signed before.
    Ready(Vec<Vec<Vec<u8>>>),
    /// So many requests, each of so many registrations that are made, packed and signed meanwhile.
    Make {
        /// Requests.
        requests: usize,
        /// Registrations in each.
        batch: usize,
        /// The zstd level.
        level: i32,
    },
}

/// What the devices did together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    /// From the first request to the end of the last answer.
    pub seconds: f64,
    /// What the answers said, added up.
    pub answered: Answered,
}

/// Lets every device do its work, all at the same time, and gives the devices back.
pub async fn run(server: SocketAddr, work: Vec<(Author, Work)>) -> (Vec<Author>, Run) {
    let stopwatch = Stopwatch::start();
    let tasks: Vec<_> =
        work.into_iter().map(|(author, work)| tokio::spawn(push(server, author, work))).collect();
    let mut authors = Vec::with_capacity(tasks.len());
    let mut run = Run::default();
    for task in tasks {
        let (author, answered) = task.await.expect("a device of the bench does not fail");
        authors.push(author);
        run.answered.frames += answered.frames;
        run.answered.exceptions += answered.exceptions;
        run.answered.pulled += answered.pulled;
    }
    run.seconds = stopwatch.elapsed().as_secs_f64();
    (authors, run)
}

async fn push(server: SocketAddr, mut author: Author, work: Work) -> (Author, Answered) {
    let mut connection = Connection::to(server).await;
    let mut answered = Answered::default();
    match work {
        Work::Ready(requests) => {
            for frames in requests {
                exchange(&mut connection, &mut author, &frames, &mut answered).await;
            }
        }
        Work::Make { requests, batch, level } => {
            for _ in 0..requests {
                let frame = registration_frame(&mut author, batch, level);
                exchange(&mut connection, &mut author, &[frame], &mut answered).await;
            }
        }
    }
    (author, answered)
}

/// One request and its answer.
pub async fn exchange(
    connection: &mut Connection,
    author: &mut Author,
    frames: &[Vec<u8>],
    answered: &mut Answered,
) {
    let request = author.request(frames, Clock::System.now_ms());
    let mut reader = Author::reader();
    let mut step = Answered::default();
    connection
        .post(&request, |bytes| {
            reader.feed(bytes);
            author.read(&mut reader, &mut step);
        })
        .await;
    answered.frames += step.frames;
    answered.exceptions += step.exceptions;
    answered.pulled += step.pulled;
    answered.bytes += step.bytes;
    answered.more = step.more;
}

/// A frame with so many new registrations.
pub fn registration_frame(author: &mut Author, batch: usize, level: i32) -> Vec<u8> {
    let made = author.register(batch);
    author.frame(RecordClass::Core, &made, &BTreeMap::new(), level)
}

/// Has every device prepare its work, on all processors.
pub async fn prepare(
    authors: Vec<Author>,
    make: impl Fn(&mut Author) -> Vec<Vec<Vec<u8>>> + Clone + Send + 'static,
) -> Vec<(Author, Work)> {
    let tasks: Vec<_> = authors
        .into_iter()
        .map(|mut author| {
            let make = make.clone();
            tokio::task::spawn_blocking(move || {
                let requests = make(&mut author);
                (author, Work::Ready(requests))
            })
        })
        .collect();
    let mut work = Vec::with_capacity(tasks.len());
    for task in tasks {
        work.push(task.await.expect("packing does not fail"));
    }
    work
}
