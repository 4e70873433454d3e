//! Steps 0 to 17 of the worked scenario: two phones, two weeks without a network, one sync each.

use std::collections::BTreeMap;

use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::{
    AttendanceEntry, AttendanceStatus, Confirmation, Entry, PayChannel, PaymentEntry,
};
use fieldmerge_protocol::{AreaId, RecordId, Value};
use fieldmerge_sdk::{
    ClientError, Clock, Device, LogEntry, NewRecord, RecordEdit, SyncEnd, SyncOptions, SyncReport,
};

use super::link::Link;
use super::scenario::{Attendance, Scenario, Worker, date};
use super::{DemoError, office};
use crate::clock::Clock as ServerClock;

const DAY_MS: i64 = 86_400_000;
/// How many bytes the link that breaks lets pass, up and down together: in the middle of what A has to tell.
pub const BREAKS_AFTER: i64 = 2_000;
/// 27 February 2026, 08:00 in Antananarivo.
pub const START_MS: i64 = 1_772_168_400_000;

/// One phone of the story.
pub struct Phone {
    /// The device.
    pub device: Device,
    /// Its clock.
    pub clock: Clock,
}

/// What the story needs, and what it knows at its end.
pub struct Story {
    scenario: Scenario,
    /// Enumerator Hery, at site S1.
    pub a: Phone,
    /// Enumerator Lalao, at site S2.
    pub b: Phone,
    /// The server's clock, which goes with the story.
    server: ServerClock,
    areas: BTreeMap<String, AreaId>,
    /// The worksites by the codes of their areas.
    pub sites: BTreeMap<String, RecordId>,
    /// The person records by their names in the scenario.
    pub people: BTreeMap<String, RecordId>,
    /// The assignment of each person.
    pub assignments: BTreeMap<String, RecordId>,
}

/// What one step did, for whoever watches.
pub type Tell<'a> = &'a mut dyn FnMut(&str);

impl Story {
    /// Two enrolled phones that have synced once, after headquarters has said what the project is.
    pub async fn new(office: &Device, a: Phone, b: Phone, server: ServerClock) -> Result<Self, ClientError> {
        let scenario = Scenario::load();
        let sites = office::describe(office, &scenario).await?;
        for phone in [&a, &b] {
            phone.clock.set_ms(START_MS);
            phone.device.sync(SyncOptions::default()).await?;
        }
        let status = a.device.status().await;
        let areas = status.areas.iter().map(|area| (area.code.clone(), area.area)).collect();
        let (people, assignments) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { scenario, a, b, server, areas, sites, people, assignments })
    }

    /// What people call each person and assignment of the story.
    pub fn names(&self) -> BTreeMap<RecordId, String> {
        let people = self.people.iter().map(|(name, record)| (*record, name.clone()));
        let assignments =
            self.assignments.iter().map(|(name, record)| (*record, format!("{name}, assignment")));
        people.chain(assignments).collect()
    }

    /// Everything up to the last sync.
    pub async fn tell(&mut self, link: &Link, tell: Tell<'_>) -> Result<(), DemoError> {
        self.register_before_the_network_ends(tell).await?;
        self.work_offline(tell).await?;
        self.edit_offline(tell).await?;
        self.come_back(link, tell).await
    }

    /// Step 0: A registers W02 to W12, B registers W13 to W24; both sync; the network ends.
    pub async fn register_before_the_network_ends(&mut self, tell: Tell<'_>) -> Result<(), ClientError> {
        let workers: Vec<Worker> = self.scenario.workers.clone();
        for worker in workers.iter().filter(|worker| worker.id.starts_with('W') && worker.id != "W01") {
            self.register(worker).await?;
        }
        for phone in [&self.a, &self.b, &self.a] {
            phone.device.sync(SyncOptions::default()).await?;
        }
        tell("27 Feb  A registers W02 to W12, B registers W13 to W24; both sync; the network ends.");
        Ok(())
    }

    /// Steps 1 to 5 and 11 to 14: registrations, attendance and pay of two weeks.
    pub async fn work_offline(&mut self, tell: Tell<'_>) -> Result<(), ClientError> {
        let find = |id: &str| self.scenario.workers.iter().find(|worker| worker.id == id).cloned();
        let (w01, r25, r26) = (find("W01"), find("R25"), find("R26"));
        self.set_clocks(1);
        if let Some(worker) = &w01 {
            self.register(worker).await?;
        }
        tell("28 Feb  A, offline, registers W01.");
        self.set_clocks(6);
        for worker in [&r25, &r26].into_iter().flatten() {
            self.register(worker).await?;
        }
        tell("5 Mar   B, offline, registers R25 (the same woman as W01) and R26 (born 2012).");
        for (name, phone) in [("A", &self.a), ("B", &self.b)] {
            let mut days: BTreeMap<&str, Vec<&Attendance>> = BTreeMap::new();
            for day in self.scenario.attendance.iter().filter(|day| day.device == name) {
                days.entry(&day.date).or_default().push(day);
            }
            for (day, seen) in days {
                phone.clock.set_ms(i64::from(date(day).days()) * DAY_MS + 16 * 3_600_000);
                self.sign_sheet(phone, &seen).await?;
            }
        }
        tell("14 Mar  A and B have logged 267 days; of W02 on 6 March one says present, the other absent.");
        self.pay().await?;
        tell("14 Mar  A and B have logged the pay of the first week; B pays W02 a second time.");
        Ok(())
    }

    /// Steps 6 to 10, 14 and 15: edits of the same records on both phones.
    pub async fn edit_offline(&mut self, tell: Tell<'_>) -> Result<(), ClientError> {
        self.set_clocks(13);
        // Step 15: from here on B's clock is a year ahead. Nothing may depend on it.
        self.b.clock.set_ms(self.b.clock.now_ms() + 365 * DAY_MS);
        let person = |id: &str| RecordEdit::new(self.people[id]);
        let assignment = |id: &str| RecordEdit::new(self.assignments[id]);
        let of_a = [
            person("W03").set("birth_year", 2002),
            assignment("W09").set("wage_rate", 6_500),
            person("W07").set("sex", "female"),
            person("W12").add("languages", "mlg"),
            person("W02").set("phone", "+261340000202"),
        ];
        let of_b = [
            person("W03").set("birth_year", 2004),
            assignment("W09").set("wage_rate", 7_000),
            person("W07").set("birth_year", 1998),
            person("W12").add("languages", "fra"),
            person("W02").set("phone", "+261340000202"),
            assignment("W10").set("assignment_status", "withdrawn"),
        ];
        for edit in of_a {
            self.a.device.records().edit(edit).await?;
        }
        for edit in of_b {
            self.b.device.records().edit(edit).await?;
        }
        tell(
            "14 Mar  Both edit W03's birth year, W09's wage, W07, W12's languages, W02's phone; B withdraws W10.",
        );
        tell("        B's clock is a year ahead.");
        Ok(())
    }

    /// Steps 16 and 17: A syncs over a link that breaks, then again; B syncs; A reads what B brought.
    pub async fn come_back(&mut self, link: &Link, tell: Tell<'_>) -> Result<(), DemoError> {
        self.a.clock.set_ms(START_MS + 16 * DAY_MS);
        self.b.clock.set_ms(START_MS + (17 + 365) * DAY_MS);
        self.server.advance_ms(START_MS + 16 * DAY_MS - self.server.now_ms());
        link.allow(BREAKS_AFTER);
        let cut = self.a.device.try_sync(SyncOptions::default()).await?;
        if cut.end != SyncEnd::Offline {
            return Err(DemoError::LinkHeld);
        }
        tell(&format!("15 Mar  A syncs; the link breaks after {BREAKS_AFTER} bytes. Nothing is lost."));
        link.allow(i64::MAX);
        let again = self.a.device.sync(SyncOptions::default()).await?;
        tell(&format!("15 Mar  A tries again: {}", summary(&again)));
        self.server.advance_ms(DAY_MS);
        let of_b = self.b.device.sync(SyncOptions::default()).await?;
        tell(&format!("16 Mar  B syncs: {}", summary(&of_b)));
        let last = self.a.device.sync(SyncOptions::default()).await?;
        tell(&format!("16 Mar  A syncs once more: {}", summary(&last)));
        Ok(())
    }

    /// Both clocks on one of the days after the first, at eight in the morning.
    fn set_clocks(&self, days: i64) {
        for phone in [&self.a, &self.b] {
            phone.clock.set_ms(START_MS + days * DAY_MS);
        }
    }

    fn phone_of(&self, device: &str) -> &Phone {
        if device == "A" { &self.a } else { &self.b }
    }

    /// Registers a worker as the app does: core, observation, assignment.
    async fn register(&mut self, worker: &Worker) -> Result<(), ClientError> {
        let area = self.areas[&worker.site];
        let pcode = self.scenario.communes[&worker.site].clone();
        let records = self.phone_of(&worker.device).device.records();
        let exact = !worker.birth_approximate && worker.birth.len() == 10;
        let mut core = NewRecord::new("worker", area)
            .set("family_name", worker.family_name.as_str())
            .set("given_names", worker.given_names.as_str())
            .set("sex", worker.sex.as_str())
            .set("birth_year", Value::Int(worker.birth_year()))
            .set("birth_precision", if exact { "day" } else { "estimated" })
            .set("age_evidence", "declared")
            .set("residence_pcode", pcode)
            .set("residence_village", worker.village.as_str());
        if exact {
            core = core.set("birth_date", worker.birth.as_str());
        }
        if let Some(phone) = &worker.phone {
            core = core.set("phone", phone.as_str());
        }
        let person = records.create(core).await?;
        let mut seen = NewRecord::new("observation", area)
            .about(person)
            .set("wg_respondent", "self")
            .set("displacement_status", worker.displacement_status.as_str());
        for (question, answer) in WG_QUESTIONS.into_iter().zip(&worker.wg_ss) {
            seen = seen.set(question, answer.to_string());
        }
        records.create(seen).await?;
        self.people.insert(worker.id.clone(), person);
        if worker.id == "R26" {
            // Born 2012: nobody assigns work before the age evidence has been looked at.
            return Ok(());
        }
        let contract = NewRecord::new("assignment", area)
            .about(person)
            .set("site_id", Value::Bytes(self.sites[&worker.site].0.to_vec()))
            .set("assignment_status", "active")
            .set("isco08", "9312")
            .set("icse18", "43")
            .set("pay_basis", "day")
            .set("wage_rate", Value::Int(self.scenario.wage_mga))
            .set("contract_start", "2026-03-02")
            .set("contract_end", "2026-03-14");
        let assignment = self.phone_of(&worker.device).device.records().create(contract).await?;
        self.assignments.insert(worker.id.clone(), assignment);
        Ok(())
    }

    /// One day of one phone: a sheet for each site.
    async fn sign_sheet(&self, phone: &Phone, seen: &[&Attendance]) -> Result<(), ClientError> {
        let mut sheets: BTreeMap<AreaId, Vec<LogEntry>> = BTreeMap::new();
        for day in seen {
            let entry = AttendanceEntry {
                status: if day.status == "present" {
                    AttendanceStatus::Present
                } else {
                    AttendanceStatus::Absent
                },
                ..AttendanceEntry::present(0, date(&day.date), day.quarters())
            };
            let subject = self.people[&day.worker];
            sheets
                .entry(self.areas[&day.site])
                .or_default()
                .push(LogEntry { subject, entry: Entry::Attendance(entry) });
        }
        for (area, entries) in sheets {
            phone.device.add_entries(area, entries).await?;
        }
        Ok(())
    }

    /// The pay that was handed over before the phones came back; B hands W02 hers a second time.
    async fn pay(&self) -> Result<(), ClientError> {
        let last = date("2026-03-14");
        for payment in &self.scenario.payments {
            let Some(paid_on) = payment.paid_on.as_deref().map(date).filter(|day| *day <= last) else {
                continue;
            };
            let Some(worker) = self.scenario.workers.iter().find(|worker| worker.id == payment.worker) else {
                continue;
            };
            let phone = if payment.id.ends_with("-bis") { &self.b } else { self.phone_of(&worker.device) };
            phone.clock.set_ms(i64::from(paid_on.days()) * DAY_MS + 17 * 3_600_000);
            let period_end = date(&payment.period_end);
            let entry = PaymentEntry {
                person: 0,
                period_start: Date::from_days(i64::from(period_end.days()) - 5).unwrap_or(period_end),
                period_end,
                gross: payment.paid,
                deductions: 0,
                deduction_reason: None,
                paid_on,
                channel: PayChannel::Cash,
                confirmed: Some(Confirmation::Signature),
                reverses: None,
            };
            let subject = self.people[&payment.worker];
            let area = self.areas[&worker.site];
            phone.device.add_entry(area, LogEntry { subject, entry: Entry::Payment(entry) }).await?;
        }
        Ok(())
    }
}

const WG_QUESTIONS: [&str; 6] =
    ["wg_seeing", "wg_hearing", "wg_walking", "wg_remembering", "wg_selfcare", "wg_communicating"];

fn summary(report: &SyncReport) -> String {
    let requests = if report.requests == 1 { "request" } else { "requests" };
    format!(
        "{} changes accepted, {} received, {} {requests}, {} bytes up, {} bytes down.",
        report.accepted, report.received, report.requests, report.bytes_up, report.bytes_down
    )
}
