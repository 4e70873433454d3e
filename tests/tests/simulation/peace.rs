//! Everybody is left in peace until nothing moves, and all is compared.

use fieldmerge_engine::{Input, OutboxState, Settlement, SyncEnd, SyncOptions};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_tests::world::phone::Step;
use fieldmerge_tests::world::replica::may_write;

use crate::checks;
use crate::dice::Dice;
use crate::event::Id;
use crate::world::World;

/// After so many rounds of syncs in peace nothing may move any more.
const ROUNDS: u32 = 16;

impl World<'_> {
    /// A quiet point. What is still under way arrives after it, and nobody waits for it.
    pub fn peace(&mut self, dice: &mut Dice) {
        self.flights.retain(|flight| flight.reply.is_none());
        for flight in &mut self.flights {
            flight.ghost = true;
        }
        self.settle(dice);
        self.recovering = false;
        self.tally.count("quiet point");
        checks::at_rest(self);
    }

    /// The end of the world: everybody may again what was withdrawn, and nothing may wait any more.
    pub fn end(&mut self) {
        let mut dice = Dice::of(self.seed, u32::MAX);
        self.give_back();
        self.peace(&mut dice);
        checks::at_the_end(self, &mut dice);
    }

    /// Everybody syncs until nothing moves; then people look through their outboxes, and all begins anew.
    fn settle(&mut self, dice: &mut Dice) {
        let ids: Vec<Id> = self.members.keys().copied().collect();
        for id in &ids {
            self.members.get_mut(id).expect("it is there").phone.restart();
            self.reborn(*id);
        }
        for round in 0.. {
            let mut moved = 0;
            for id in &ids {
                moved += self.sync_in_peace(*id, dice);
            }
            if moved == 0 {
                moved = ids.iter().map(|id| self.look_through_outbox(*id, dice.seed())).sum();
            }
            if moved == 0 {
                return;
            }
            assert!(round < ROUNDS, "in peace all comes to rest: after {ROUNDS} rounds changes still move");
        }
    }

    /// Gives how many things moved.
    fn sync_in_peace(&mut self, id: Id, dice: &mut Dice) -> u64 {
        let member = self.members.get_mut(&id).expect("it is there");
        member.phone.reseed(dice.seed());
        let begun = member.phone.drive(Input::Sync(SyncOptions::default()));
        let mut step = begun.map(Step::of).expect("nobody dies in peace");
        let report = loop {
            if let Some(report) = step.report {
                break report;
            }
            let request = step.send.expect("a sync that is not over asks for a request");
            let reply = self.life().post(&request);
            self.note_receipts(&reply);
            let member = self.members.get_mut(&id).expect("it is there");
            step = member.phone.take(request.id, reply).expect("nobody dies in peace");
        };
        self.tell((id, &report));
        let member = &self.members[&id];
        self.ledger.note_synced(&member.phone);
        if self.revoked.contains(&member.device) {
            let told = matches!(report.end, SyncEnd::Refused { code: Some(ProblemCode::DeviceRevoked), .. });
            assert!(told, "a revoked device is told so: {}: {:?}", member.phone.label, report.end);
            return 0;
        }
        assert_eq!(report.end, SyncEnd::Complete, "a sync in peace ends well: {}", member.phone.label);
        report.sent + report.received + report.repaired + report.delivered
    }

    /// A person has written anew what the server put aside, and what it holds, without waiting for what that waits for.
    /// Gives how many changes.
    pub fn look_through_outbox(&mut self, id: Id, seed: u64) -> u64 {
        let Some(member) = self.members.get_mut(&id) else { return 0 };
        if self.revoked.contains(&member.device) {
            return 0;
        }
        member.phone.reseed(seed);
        let is_due =
            |state: &OutboxState| matches!(state, OutboxState::Quarantined { .. } | OutboxState::Held);
        let outbox = member.phone.engine().outbox().changes;
        let due =
            outbox.iter().filter(|change| is_due(&change.state) && may_write(&member.phone, change.feed));
        // Of two copies that wrote anew what the server may not be asked for, one came first.
        let stands =
            |state: &OutboxState| matches!(state, OutboxState::Quarantined { code } if code == "second-root");
        let due: Vec<(u64, bool)> = due.map(|change| (change.number, stands(&change.state))).collect();
        let mut settled = 0;
        for (number, stands) in due {
            let how = if stands { Settlement::Dismiss } else { Settlement::Repair };
            let Ok(done) = member.phone.ask(|ticket| Input::Settle { ticket, number, how }) else {
                self.reborn(id);
                break;
            };
            settled += u64::from(done.is_ok());
        }
        self.tally.add("settled by a person", settled);
        settled
    }
}
