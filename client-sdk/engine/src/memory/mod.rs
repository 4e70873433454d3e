//! Memory: the rows of the store, decoded as far as searches and the outbox need.
//!
//! It is only ever changed by applying writes, on opening and after each durable batch alike, so that memory is what
//! reopening the store would give.

pub(crate) mod outbox_row;
pub(crate) mod record_row;
pub(crate) mod roster;
pub(crate) mod rows;
pub(crate) mod sealed_rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fieldmerge_model::access::{Grant, Role, Roles};
use fieldmerge_protocol::sync::{self, Feed, Findings, Roster, RosterStatement};
use fieldmerge_protocol::{Actor, AreaId, DeviceId, RecordClass, RecordId};
use smol_str::SmolStr;

use crate::attach::rows::Attachments;
use crate::exchange::{Mark, MarkRow, PassedRow, read_mark};
use crate::forms::rows::BegunForm;
use crate::forms::{Forms, HeldForm};
use crate::store::{Snapshot, Table, Write};
use crate::{Enrolment, OpenError};
use outbox_row::OutboxRow;
use record_row::RecordRow;
use rows::{FrameKey, FrameRow, NoticeRow, State};
use sealed_rows::{CarriedRow, KeptRow};

/// The rows of `meta`.
pub(crate) const ENROLMENT: &[u8] = b"enrolment";
pub(crate) const STATE: &[u8] = b"state";
pub(crate) const ROSTER: &[u8] = b"roster";
pub(crate) const PARTIAL: &[u8] = b"partial";
pub(crate) const FORM_BEGUN: &[u8] = b"form_begun";
pub(crate) const FINDINGS: &[u8] = b"findings";

/// Whose log, where, of what, of which month.
pub(crate) type LogKey = (Actor, AreaId, RecordClass, SmolStr);

/// Everything that the device knows.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The forms that it has, and what records hold by them.
    pub(crate) forms: Arc<Forms>,
    /// The version of a form of which the beginning has arrived.
    pub(crate) form_begun: Option<BegunForm>,
    /// What the server found wrong with what this device wrote.
    pub(crate) findings: Findings,
    /// What stands for it.
    pub(crate) findings_check: Option<u32>,
    pub(crate) enrolment: Option<Enrolment>,
    pub(crate) state: Option<State>,
    pub(crate) roster: Roster,
    /// What the server signed of it, if it did.
    pub(crate) statement: Option<RosterStatement>,
    pub(crate) grants: Vec<Grant>,
    /// The roles that the people of a device hold.
    pub(crate) roles: HashMap<DeviceId, Roles>,
    pub(crate) records: BTreeMap<RecordId, RecordRow>,
    pub(crate) logs: HashMap<LogKey, RecordId>,
    pub(crate) log_entries: BTreeMap<(RecordId, u64), Arc<[u8]>>,
    pub(crate) outbox: BTreeMap<u64, OutboxRow>,
    /// The outbox numbers of each record.
    pub(crate) outgoing: HashMap<RecordId, BTreeSet<u64>>,
    pub(crate) frames: BTreeMap<FrameKey, FrameRow>,
    pub(crate) cursors: BTreeMap<Feed, u64>,
    pub(crate) carried: BTreeMap<Vec<u8>, CarriedRow>,
    pub(crate) receipts: BTreeMap<Vec<u8>, Arc<[u8]>>,
    pub(crate) notices: BTreeMap<u64, NoticeRow>,
    pub(crate) attachments: Attachments,
    pub(crate) dictionaries: BTreeMap<u32, Arc<[u8]>>,
    pub(crate) kept: BTreeMap<FrameKey, KeptRow>,
    /// Frames that another device passed and that were merged, by their keys among the carried ones.
    pub(crate) passed: BTreeMap<Vec<u8>, PassedRow>,
    /// Changes of records that the server has not confirmed.
    pub(crate) provisional: BTreeMap<Mark, MarkRow>,
    /// The beginning of the feed frame in which the last answer was cut.
    pub(crate) partial: Option<Arc<[u8]>>,
}

impl Memory {
    /// Reads a snapshot.
    pub(crate) fn open(snapshot: Snapshot) -> Result<Self, OpenError> {
        let mut memory = Self::default();
        for (table, key, value) in snapshot.rows {
            memory.apply(table, &key, Some(&value))?;
        }
        memory.settle_forms();
        Ok(memory)
    }

    /// Applies the writes of a durable batch.
    pub(crate) fn commit(&mut self, writes: &[Write]) -> Result<(), OpenError> {
        writes.iter().try_for_each(|write| self.apply(write.table, &write.key, write.value.as_ref()))?;
        if writes.iter().any(|write| write.table == Table::Forms) {
            self.settle_forms();
        }
        Ok(())
    }

    fn settle_forms(&mut self) {
        if !self.forms.all.is_empty() {
            Arc::make_mut(&mut self.forms).settle();
            self.records.values_mut().for_each(RecordRow::unlist);
        }
    }

    fn apply(&mut self, table: Table, key: &[u8], value: Option<&Arc<[u8]>>) -> Result<(), OpenError> {
        let corrupt = || OpenError::Corrupt { table: table.name() };
        match table {
            Table::Meta => return self.apply_meta(key, value),
            Table::Records => {
                let record = RecordId::try_from(key).map_err(|_| corrupt())?;
                self.apply_record(record, value.map(RecordRow::read).transpose()?);
            }
            Table::LogEntries => {
                let (record, seq) = key.split_at_checked(16).ok_or_else(corrupt)?;
                let record = RecordId::try_from(record).map_err(|_| corrupt())?;
                put(&mut self.log_entries, (record, number(seq).ok_or_else(corrupt)?), value.map(Arc::clone));
            }
            Table::Outbox => {
                let number = number(key).ok_or_else(corrupt)?;
                let row: Option<OutboxRow> =
                    value.map(|value| rows::read(table.name(), value)).transpose()?;
                self.apply_outgoing(number, row);
            }
            Table::Frames => {
                let key = rows::read_frame_key(key).ok_or_else(corrupt)?;
                put(&mut self.frames, key, value.map(|value| rows::read(table.name(), value)).transpose()?);
            }
            Table::Cursors => {
                let feed: Feed = rows::read(table.name(), key)?;
                let position = value.map(|value| number(value).ok_or_else(corrupt)).transpose()?;
                put(&mut self.cursors, feed, position);
            }
            Table::Carried => {
                let row = value.map(|value| CarriedRow::read(value)).transpose()?;
                put(&mut self.carried, key.to_vec(), row);
            }
            Table::Kept => {
                let key = rows::read_frame_key(key).ok_or_else(corrupt)?;
                put(&mut self.kept, key, value.map(|value| rows::read(table.name(), value)).transpose()?);
            }
            Table::Receipts => put(&mut self.receipts, key.to_vec(), value.map(Arc::clone)),
            Table::Dictionaries => {
                let number = key.try_into().map(u32::from_be_bytes).map_err(|_| corrupt())?;
                put(&mut self.dictionaries, number, value.map(Arc::clone));
            }
            Table::Attachments => self.attachments.apply(key, value)?,
            Table::References => self.attachments.apply_reference(key, value.is_some())?,
            Table::Passed => {
                let row = value.map(|value| rows::read(table.name(), value)).transpose()?;
                put(&mut self.passed, key.to_vec(), row);
            }
            Table::Provisional => {
                let row = value.map(|value| rows::read(table.name(), value)).transpose()?;
                put(&mut self.provisional, read_mark(key).ok_or_else(corrupt)?, row);
            }
            Table::Forms => {
                let number = number(key).ok_or_else(corrupt)?;
                let held =
                    value.map(|value| rows::read(table.name(), value).map(HeldForm::of)).transpose()?;
                put(&mut Arc::make_mut(&mut self.forms).all, number, held);
            }
            Table::Notices => {
                let number = number(key).ok_or_else(corrupt)?;
                put(
                    &mut self.notices,
                    number,
                    value.map(|value| rows::read(table.name(), value)).transpose()?,
                );
            }
        }
        Ok(())
    }

    fn apply_meta(&mut self, key: &[u8], value: Option<&Arc<[u8]>>) -> Result<(), OpenError> {
        if key == PARTIAL {
            self.partial = value.map(Arc::clone);
        }
        if key == FORM_BEGUN {
            self.form_begun = value.map(|value| rows::read("meta", value)).transpose()?;
        }
        if key == FINDINGS {
            let findings: Option<Findings> = value.map(|value| rows::read("meta", value)).transpose()?;
            self.findings = findings.unwrap_or_default();
            self.findings_check = value.and_then(|part| self.findings.check(part));
        }
        let Some(value) = value else { return Ok(()) };
        match key {
            ENROLMENT => self.enrolment = Some(rows::read("meta", value)?),
            STATE => self.state = Some(rows::read("meta", value)?),
            ROSTER => {
                let roster: Roster = sync::decode(value).map_err(|_| OpenError::Corrupt { table: "meta" })?;
                self.set_roster(roster::known(roster));
            }
            // A later version may keep more; it is left alone.
            _ => {}
        }
        Ok(())
    }

    fn set_roster(&mut self, roster: Roster) {
        self.grants = grants(&roster);
        self.roles = roles(&roster);
        self.statement = roster.signed.as_ref().and_then(|signed| sync::decode(&signed.statement).ok());
        self.roster = roster;
    }

    fn apply_record(&mut self, record: RecordId, row: Option<RecordRow>) {
        let before = match row {
            Some(row) => {
                if let Some(key) = log_key(&row) {
                    self.logs.insert(key, record);
                }
                self.records.insert(record, row)
            }
            None => self.records.remove(&record),
        };
        // A log keeps its key for as long as it lives; only a deleted one has to be forgotten.
        if let Some(key) = before.as_ref().and_then(log_key)
            && !self.records.contains_key(&record)
            && self.logs.get(&key) == Some(&record)
        {
            self.logs.remove(&key);
        }
    }

    fn apply_outgoing(&mut self, number: u64, row: Option<OutboxRow>) {
        let before = match row {
            Some(row) => {
                self.outgoing.entry(row.record).or_default().insert(number);
                self.outbox.insert(number, row)
            }
            None => self.outbox.remove(&number),
        };
        if let Some(before) = before
            && !self.outbox.contains_key(&number)
            && let Some(numbers) = self.outgoing.get_mut(&before.record)
        {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.outgoing.remove(&before.record);
            }
        }
    }

    /// The roles of the people of this device, in whichever area. Before the first roster nobody knows, and so nothing is
    /// forbidden.
    pub(crate) fn own_roles(&self) -> Roles {
        if self.roster.version == 0 {
            Roles::ALL
        } else {
            self.grants.iter().map(|grant| grant.role).collect()
        }
    }

    /// The root area of the project, once the device is enrolled.
    pub(crate) fn root_area(&self) -> Option<AreaId> {
        self.enrolment.as_ref().map(|enrolment| enrolment.root_area)
    }

    /// Whether a change of this record is not confirmed by the server.
    pub(crate) fn is_provisional(&self, record: RecordId) -> bool {
        let all = (record, Actor([0; 16]), 0)..=(record, Actor([255; 16]), u64::MAX);
        self.provisional.range(all).next().is_some()
    }

    /// Whether a change of this record has no final receipt.
    pub(crate) fn is_pending(&self, record: RecordId) -> bool {
        self.outgoing.contains_key(&record)
    }
}

/// The grants of a roster; a role that this build does not know grants nothing here.
pub(crate) fn grants(roster: &Roster) -> Vec<Grant> {
    let known = |grant: &sync::RosterGrant| Some(Grant { area: grant.area, role: grant.role.parse().ok()? });
    roster.grants.iter().filter_map(known).collect()
}

/// The roles of the devices of a roster.
pub(crate) fn roles(roster: &Roster) -> HashMap<DeviceId, Roles> {
    let all = |names: &[String]| {
        let known = names.iter().filter_map(|name| name.parse::<Role>().ok());
        known.fold(Roles::NONE, |all, role| all.union(Roles::of(role)))
    };
    roster.devices.iter().map(|device| (device.device, all(&device.roles))).collect()
}

/// The roles of a device, for the rules of conflicts.
pub(crate) fn roles_of(roles: &HashMap<DeviceId, Roles>, device: DeviceId) -> Roles {
    roles.get(&device).copied().unwrap_or(Roles::NONE)
}

fn log_key(row: &RecordRow) -> Option<LogKey> {
    let log = row.header.log.clone()?;
    Some((log.writer, row.header.feed.area, row.header.feed.class, log.month))
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
