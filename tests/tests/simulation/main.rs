//! Seeded worlds of phones and a server in which everything that can fail does.
//!
//! A seed draws a list of events: who saves what, when who syncs, which request, answer, phone, disk or server is lost
//! over it, who carries whose files, who is cloned, restored or revoked, which forms change, when the server compacts,
//! dies at one of its failpoints or goes back to a backup, and whose clock jumps by years. At quiet points, several in
//! each world, everybody is left in peace until nothing moves any more, and then all must hold the same: nothing that
//! was confirmed is lost, nothing is doubled or skipped, the rows are what the segments and automerge say, and every
//! receipt stands.
//!
//! A failing world is shrunk to few events and printed. `SEED=17 cargo test -p fieldmerge-tests --test simulation` runs
//! one again, `SEEDS=5000` more of them, `PHONES=300 STEPS=9000 SEEDS=1` a large one, `SCRIPT=file` a list of events,
//! `TRACE=1` tells each event. A seed fixes every draw. What it cannot fix is how far a database came in the instant in
//! which the server is killed between two failpoints, so a world that failed there may need a few runs. A shrunk world
//! that is worth keeping goes into `kept/`. What happened in all worlds of a run is printed in one line at its end.

mod book;
mod checks;
mod delivery;
mod dice;
mod event;
mod forms;
mod kept;
mod life;
mod peace;
mod server;
mod shrink;
mod tally;
mod template;
mod world;

use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::world::seeds::{self, runtime};

use crate::event::{Id, Script};
use crate::tally::{Tally, Total};
use crate::template::Template;
use crate::world::World;

const AGAIN: &str = "cargo test -p fieldmerge-tests --test simulation";

/// How large a world is.
#[derive(Debug, Clone, Copy)]
struct Size {
    phones: Id,
    steps: u32,
}

/// A world of a few phones.
fn small(seed: u64) -> Size {
    let phones = 3 + Id::try_from(seed % 4).expect("a few");
    Size { phones, steps: 180 }
}

#[test]
fn worlds_on_sqlite_end_in_agreement() {
    run("simulation on SQLite", Kind::Sqlite, 6, 0, 120, small);
}

#[test]
fn worlds_on_postgres_end_in_agreement() {
    run("simulation on PostgreSQL", Kind::Postgres, 6, 100_000, 25, small);
}

#[test]
fn a_world_of_thirty_phones_ends_in_agreement() {
    run("thirty phones on SQLite", Kind::Sqlite, 30, 200_000, 1, |_| Size { phones: 30, steps: 900 });
}

/// Runs the worlds of many seeds, or larger ones where `PHONES` and `STEPS` say so. `phones` is how many there are at most
/// at the beginning of one.
fn run(name: &str, kind: Kind, phones: Id, first: u64, count: u64, size: impl Fn(u64) -> Size + Sync) {
    let set =
        |name: &str| seeds::number(name).map(|number| u32::try_from(number).expect("a number of 32 bits"));
    let (set_phones, set_steps) = (set("PHONES"), set("STEPS"));
    let template = Template::make(kind, set_phones.unwrap_or(phones));
    let (total, watch) = (Total::default(), Stopwatch::start());
    seeds::run(first, count, AGAIN, |seed| {
        let Size { phones, steps } = size(seed);
        let (phones, steps) = (set_phones.unwrap_or(phones), set_steps.unwrap_or(steps));
        let script = std::env::var("SCRIPT").map_or_else(
            |_| Script::draw(seed, phones, steps),
            |file| Script::read(&std::fs::read_to_string(file).expect("the script can be read")),
        );
        match shrink::outcome(|| total.add(&world(&template, &script))) {
            Ok(()) => {}
            Err(failure) => {
                let least = shrink::shrink(&script, &failure, |script| _ = world(&template, script));
                panic!(
                    "{failure}\nThe least world found that ends so has {} events:\n{}",
                    least.events.len(),
                    least.text()
                );
            }
        }
    });
    total.print(name, watch.elapsed());
}

/// Runs a world; panics if it ends in disagreement.
fn world(template: &Template, script: &Script) -> Tally {
    let database = runtime().block_on(template.database.copy());
    let mut world = World::begin(template, database, script);
    world.note_versions();
    for (number, event) in &script.events {
        world.act(*number, event);
    }
    world.end();
    world.tally.add("steps", script.events.len() as u64);
    world.tally.add("receipts compared", world.book.len() as u64);
    if let Some(life) = world.life.take() {
        life.close();
    }
    world.tally
}
