//! A life of a server: it ends in peace, or from one moment to the next.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fieldmerge_engine::Request;
use fieldmerge_server::failpoint::{die_here, has_died};
use fieldmerge_tests::database::Database;
use fieldmerge_tests::world::link::{InProcess, Link, Reply};
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::site::Site;
use tokio::runtime::Runtime;

use crate::dice::until_turn;
use crate::event::Death;

/// A server with a runtime of its own: when that is dropped, every task of the server stops where it stands.
#[derive(Debug)]
pub struct Life {
    runtime: Runtime,
    /// The server.
    pub site: Site,
    /// The way to it.
    link: InProcess,
}

impl Life {
    /// Begins one on what a database holds.
    pub fn begin(site: &Site, database: &Database, now_ms: i64, seed: u64) -> Self {
        let runtime = runtime();
        let site = runtime.block_on(site.reopen(database, now_ms, seed));
        let link = site.link();
        Self { runtime, site, link }
    }

    /// Posts a request.
    pub fn post(&self, request: &Request) -> Reply {
        self.runtime.block_on(self.link.clone().post(request))
    }

    /// Posts a request over which the server dies; nothing if it died before it had answered.
    pub fn post_until(self, death: Death, request: &Request) -> Option<Reply> {
        let mut link = self.link.clone();
        self.run_until(death, async |_| link.post(request).await)
    }

    /// Does something with it.
    pub fn run<T>(&self, work: impl AsyncFnOnce(&Site) -> T) -> T {
        self.runtime.block_on(work(&self.site))
    }

    /// Does something until it is done or the server is dead. From then on it does nothing any more.
    pub fn run_until<T>(self, death: Death, work: impl AsyncFnOnce(&Site) -> T) -> Option<T> {
        let turns = if let Death::Turn(turns) = death { turns } else { u32::MAX };
        die_here(death.point());
        let done =
            catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(until_turn(work(&self.site), turns))));
        let died = has_died();
        die_here(None);
        match done {
            Ok(done) => done.filter(|_| !died),
            Err(_) if died => None,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Ends it in peace: nobody is connected to its database any more.
    pub fn close(self) {
        self.runtime.block_on(self.site.app.close());
    }
}
