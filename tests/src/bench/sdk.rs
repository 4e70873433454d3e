//! A real device, the SDK and its store, behind a link that counts.

use std::path::Path;

use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::{AbsenceReason, AttendanceEntry};
use fieldmerge_sdk::{
    AreaId, Clock, Device, Edit, LogEntry, NewRecord, Options, RecordEdit, RecordId, SyncEnd, SyncOptions,
    SyncReport,
};
use fieldmerge_server::Clock as ServerClock;
use fieldmerge_tests::synthetic::People;
use fieldmerge_tests::world::proxy::{Conditions, Proxy, Traffic};

use super::server::Server;
use super::site::Site;

/// More syncs than any link of the bench makes necessary.
const MOST_SYNCS: usize = 200;
/// When its owner begins to work: 2 March 2026, 07:00.
const START_MS: i64 = 1_772_434_800_000;

/// A phone in the field.
pub struct Phone {
    /// The device.
    pub device: Device,
    /// The area where it works.
    pub area: AreaId,
    clock: Clock,
    /// Its way to the server.
    pub link: Proxy,
    people: People,
    now_ms: i64,
}

impl Phone {
    /// Enrols a phone as an enumerator of an area, and syncs it once.
    pub async fn enrolled(site: &Site, server: &Server, area: usize, folder: &Path) -> Self {
        let phone = Self::enrolled_without_sync(site, server, area, folder).await;
        phone.sync().await;
        phone
    }

    /// Enrols a phone that holds nothing yet.
    pub async fn enrolled_without_sync(site: &Site, server: &Server, area: usize, folder: &Path) -> Self {
        let link = Proxy::open(server.address, Conditions::default()).await;
        let clock = Clock::fixed(ServerClock::System.now_ms());
        let options = Options { clock: clock.clone(), seed: Some([9; 32]), ..Options::default() };
        let device = Device::open_with(folder, options).await.expect("a new device opens");
        let code = site.code("phone", &[&format!("S{area}:enumerator")]).await;
        device.enrol(&link.url(), &code).await.expect("a fresh code enrols");
        let area = site.areas[area];
        Self { device, area, clock, link, people: People::new(77), now_ms: START_MS }
    }

    /// Syncs; gives the report, and every byte that passed.
    pub async fn sync(&self) -> (SyncReport, Traffic) {
        self.link.take();
        self.clock.set_ms(ServerClock::System.now_ms());
        let report = self.device.sync(SyncOptions::default()).await.expect("the link holds");
        (report, self.link.take())
    }

    /// Syncs again and again until everything was sent and read; gives the reports, and every byte that passed.
    pub async fn sync_to_the_end(&self) -> (Vec<SyncReport>, Traffic) {
        self.link.take();
        self.clock.set_ms(ServerClock::System.now_ms());
        let mut reports = Vec::new();
        for _ in 0..MOST_SYNCS {
            let report =
                self.device.try_sync(SyncOptions::default()).await.expect("nothing but the link fails");
            let over = report.end == SyncEnd::Complete;
            assert!(
                over || report.end == SyncEnd::Offline,
                "a bad link is no other failure: {:?}",
                report.end
            );
            reports.push(report);
            if over {
                return (reports, self.link.take());
            }
        }
        panic!("{MOST_SYNCS} syncs did not come to an end");
    }

    /// A few minutes later.
    fn tick(&mut self) {
        self.now_ms += 240_000 + i64::from(self.people.below(360_000));
        self.clock.set_ms(self.now_ms);
    }

    /// Registers so many workers, one save each, with or without the inclusion questions.
    pub async fn register(&mut self, count: usize, with_observation: bool) -> Vec<RecordId> {
        let mut workers = Vec::with_capacity(count);
        for _ in 0..count {
            self.tick();
            let mut worker = NewRecord::new("worker", self.area);
            // The device numbers its cards itself.
            for (path, value) in
                self.people.worker().into_iter().filter(|(path, _)| path.as_str() != "worker_number")
            {
                worker = worker.set(path.as_str(), value);
            }
            let worker = self.device.records().create(worker).await.expect("the answers fit the form");
            if with_observation {
                let mut observation = NewRecord::new("observation", self.area).about(worker);
                for (path, value) in self.people.observation() {
                    observation = observation.set(path.as_str(), value);
                }
                self.device.records().create(observation).await.expect("the answers fit the form");
            }
            workers.push(worker);
        }
        workers
    }

    /// Edits one field of each of these workers.
    pub async fn edit(&mut self, workers: &[RecordId]) {
        for worker in workers {
            self.tick();
            let number = self.people.below(10_000_000);
            let edit = match number % 4 {
                0 => RecordEdit::new(*worker).set("phone", format!("+26133{number:07}")),
                1 => RecordEdit::new(*worker).set("residence_village", format!("Ampasika-{}", number % 40)),
                2 => RecordEdit::new(*worker).set("birth_year", 1900 + i64::from(number % 59)),
                _ => RecordEdit::new(*worker).set("known_as", format!("Bema-{}", number % 300)),
            };
            self.device.records().edit(edit).await.expect("the edit fits the form");
        }
    }

    /// Signs the attendance sheet of one day; a person in twelve is absent.
    pub async fn sign_sheet(&mut self, workers: &[RecordId], day: Date) {
        self.now_ms = i64::from(day.days()) * 86_400_000 + 15 * 3_600_000;
        self.tick();
        let entries = workers
            .iter()
            .map(|worker| LogEntry { subject: *worker, entry: attended(self.people.below(12), day).into() });
        let edit = Edit::Append { area: self.area, person: 0, entries: entries.collect() };
        self.device.save(vec![edit]).await.expect("the sheet is saved");
    }
}

/// One line of a sheet. Who it is about is set by whoever writes it into a log.
pub fn attended(die: u32, day: Date) -> AttendanceEntry {
    match die {
        0 => AttendanceEntry::absent(0, day, Some(AbsenceReason::Health)),
        1 => AttendanceEntry::present(0, day, 2),
        _ => AttendanceEntry::present(0, day, 4),
    }
}
