//! The roster on a stage: who may do what, and the key that files are sealed to.

use std::collections::HashMap;

use fieldmerge_model::access::Roles;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::sync::Roster;

use crate::stage::Stage;
use crate::{Failure, memory};

impl Stage<'_> {
    pub(crate) fn roster(&self) -> &Roster {
        self.roster.as_ref().map_or(&self.memory.roster, |(roster, _)| roster)
    }

    /// The roles that the people of each device hold.
    pub(crate) fn roles(&self) -> &HashMap<DeviceId, Roles> {
        self.roster.as_ref().map_or(&self.memory.roles, |(_, roles)| roles)
    }

    /// Takes a roster. Whose decisions count may change with it, so records with a case are looked at again.
    pub(crate) fn set_roster(&mut self, roster: Roster) -> Result<(), Failure> {
        let roster = memory::roster::known(roster);
        let roles = memory::roles(&roster);
        if roles != *self.roles() {
            let judged = self.memory.records.iter().filter(|(_, row)| row.header.judged);
            for record in judged.map(|(record, _)| *record).collect::<Vec<_>>() {
                let doc = self.doc(record)?;
                self.set_doc(record, doc);
            }
        }
        self.roster = Some((roster, roles));
        Ok(())
    }

    /// The key to which files are sealed: what the last roster tells, once the server has signed for it.
    pub(crate) fn sealing_key(&self) -> Option<[u8; 32]> {
        let told = self.roster().sealing_key.filter(|_| !self.state.roster_unsigned);
        told.or_else(|| self.memory.enrolment.as_ref()?.sealing_key)
    }
}
