//! A server that is killed, by SIGKILL and without warning, at every step of its work and at any other moment.
//!
//! Each run starts the real program, lets three phones work and sync at once, and kills it at a point drawn from
//! those of `failpoint.rs` or at a random moment, up to three times. Compactions run beside it, in processes of their own
//! that are killed at points of theirs. Then a last server runs in peace, and all must
//! hold the same: nothing that was saved is lost or doubled, a phone that read all the time and one that begins now
//! hold every record, `fieldmerge verify` finds nothing, and the rows are what the segments say.
//!
//! `SEED=17 cargo test -p fieldmerge-tests --test crash` runs one again; the seed fixes who saves what and where the
//! server dies, the system fixes who comes first.

mod disk;
mod points;
mod run;

use fieldmerge_tests::database::Kind;
use fieldmerge_tests::world::seeds;

use crate::run::Template;

const AGAIN: &str = "cargo test -p fieldmerge-tests --test crash";

#[test]
fn two_hundred_killed_servers_on_sqlite_lose_nothing() {
    let template = Template::make(Kind::Sqlite);
    seeds::run(0, 200, AGAIN, |seed| run::run(&template, seed));
}

#[test]
fn two_hundred_killed_servers_on_postgres_lose_nothing() {
    let template = Template::make(Kind::Postgres);
    seeds::run(100_000, 200, AGAIN, |seed| run::run(&template, seed));
}
