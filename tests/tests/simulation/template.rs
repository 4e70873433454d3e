//! A project with enrolled phones, of which each world gets a copy.

use fieldmerge_engine::{Input, Outcome};
use fieldmerge_server::admin::projects;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::site::{START_MS, Site};
use fieldmerge_tests::world::work::{Ledger, Work};

/// What the phones may do, by turns.
pub const GRANTS: [&[&str]; 3] = [
    &["S1:enumerator", "S1:supervisor", "S2:enumerator", "S2:supervisor"],
    &["S1:enumerator", "S1:supervisor", "S2:enumerator", "S2:supervisor"],
    &["S1:enumerator", "all:payroll"],
];

/// The grants of the phone of a number.
pub fn grants_of(phone: u32) -> &'static [&'static str] {
    GRANTS[phone as usize % GRANTS.len()]
}

/// The beginning of worlds.
#[derive(Debug)]
pub struct Template {
    /// What the server holds.
    pub database: Database,
    /// The server; it is closed.
    pub site: Site,
    /// The phones.
    pub phones: Vec<Phone>,
    /// A bundle file of a phone of another project.
    pub foreign: Vec<u8>,
}

impl Template {
    /// Makes it, with so many phones.
    pub fn make(kind: Kind, phones: u32) -> Self {
        runtime().block_on(async {
            let database = Database::new(kind).await;
            let site = Site::found(&database, 1, &["S1", "S2"]).await;
            let mut enrolled = Vec::new();
            for number in 0..phones {
                let label = format!("phone {number}");
                enrolled.push(site.phone(&label, u64::from(number) + 1, grants_of(number)).await);
            }
            for round in 0..2 {
                for (number, phone) in (0_u32..).zip(&mut enrolled) {
                    let areas = if number % 3 == 2 { &site.areas[..1] } else { &site.areas[..] };
                    let first = i64::from(100 * number + 10 * round);
                    let mut work = Work::new(first.cast_unsigned(), first, areas);
                    for _ in 0..3 {
                        work.save(phone, &mut Ledger::default()).expect("nothing fails yet");
                    }
                    phone.sync(&mut site.link()).await.expect("nothing fails yet");
                }
            }
            let foreign = foreign_file(&site).await;
            site.app.close().await;
            Self { database, site, phones: enrolled, foreign }
        })
    }
}

async fn foreign_file(site: &Site) -> Vec<u8> {
    let other = projects::create(&site.app, "OTHER", "Another one").await.expect("a project is made");
    let (enrol, forms) =
        (async |key| site.enrol_in("OTHER", "stranger", key, &["all:enumerator"]).await, site.forms().await);
    let mut phone = Phone::enrolled("stranger", 999, START_MS, &forms, enrol).await;
    let mut work = Work::new(999, 0, &[other.root_area]);
    work.save(&mut phone, &mut Ledger::default()).expect("nothing fails yet");
    match phone.ask(|ticket| Input::Export { ticket }) {
        Ok(Ok(Outcome::Exported { bytes, frames: 1, .. })) => bytes,
        other => panic!("one frame goes into a file: {other:?}"),
    }
}
