//! What follows an answer: the next round, a round anew, or the end.

use super::answer::AfterAnswer;
use super::{MAX_RESTARTS, Phase, kept};
use crate::engine::{Engine, Then, Turn};
use crate::stage::Stage;
use crate::{Effect, Failure, SyncEnd, SyncProblem, carry, exchange, repair};

impl Engine {
    /// What was read is durable.
    pub(crate) fn answered(&mut self, after: AfterAnswer, turn: &mut Turn<'_>) {
        match after {
            AfterAnswer::ReadOn => {}
            AfterAnswer::End(end) => self.end_sync(Some(end), turn),
            AfterAnswer::Restart => self.restart(turn),
            AfterAnswer::Next { more } => {
                if let Err(failure) = self.next_round(more, turn) {
                    self.end_sync(Some(SyncEnd::Failed(failure)), turn);
                }
            }
        }
    }

    fn restart(&mut self, turn: &mut Turn<'_>) {
        let Some(session) = &mut self.session else { return };
        session.restarts += 1;
        if session.restarts > MAX_RESTARTS {
            self.end_sync(Some(SyncEnd::Failed(Failure::Bug("too many copies of this device"))), turn);
            return;
        }
        if let Phase::Answer(answer) = &session.phase
            && !answer.is_over()
        {
            turn.effects.push(Effect::Cancel { request: answer.request });
        }
        session.proven = true;
        session.sent.clear();
        session.carried.clear();
        session.offered.clear();
        session.asked.clear();
        session.committed = None;
        session.phase = Phase::Pack;
    }

    /// A round is complete: repairs what the answer asked for, and goes on or ends.
    fn next_round(&mut self, more: bool, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let Phase::Answer(answer) = &session.phase else { return Ok(()) };
        let (recovered, stalled) = (answer.recover && !answer.reread, more && !answer.progress);
        session.proven = true;
        session.committed = answer.committed;
        // Frames came through, now or in the request that was cut before it was answered.
        if answer.receipts > 0 {
            self.link.grow();
        }
        session.phase = Phase::Pack;
        if more && !stalled {
            return Ok(());
        }
        let mut stage = Stage::new(&self.memory)?;
        if stage.state.recover && !recovered && !stalled {
            // The next round asks for what was lost.
            return Ok(());
        }
        if recovered && !stalled {
            stage.state.recover = false;
            if std::mem::take(&mut stage.state.repairing) {
                session.report.repaired += repair::rewrite(&mut stage, turn)?;
            }
        }
        exchange::retry(&mut stage)?;
        let staged = stage.finish()?;
        self.write(staged, Then::RoundDone { stalled }, turn);
        Ok(())
    }

    /// Goes on with what is left to send, or ends the sync.
    pub(crate) fn round_done(&mut self, stalled: bool, turn: &mut Turn<'_>) {
        if self.has_unsent() {
            if self.session.as_ref().is_some_and(|session| session.starved) {
                self.end_sync(Some(SyncEnd::Spent), turn);
            }
            return;
        }
        if let Some(session) = self.session.as_mut().filter(|_| stalled) {
            session.report.problems.push(SyncProblem { code: "no-progress", feed: None });
        }
        if let Err(failure) = self.tidy(stalled, turn) {
            self.end_sync(Some(SyncEnd::Failed(failure)), turn);
        }
    }

    /// Everything was sent and read: settles what other devices passed, forgets what the device may not hold any more,
    /// and ends the sync.
    fn tidy(&mut self, stalled: bool, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let mut stage = Stage::new(&self.memory)?;
        if let Some(session) = self.session.as_mut().filter(|_| !stalled) {
            let unread = session.report.problems.iter().filter_map(|problem| problem.feed).collect();
            exchange::reread(&mut stage, &unread);
            let judged = |key: &[u8]| session.judged.contains(key) || session.carried.contains(key);
            let offers = super::restored::offer_unread(&mut stage)?;
            if exchange::settle(&mut stage, turn, judged, &unread)? || offers {
                // Own changes are offered again, or written anew after the round in which nothing is left to read.
                session.committed = None;
                let staged = stage.finish()?;
                self.write(staged, Then::Again, turn);
                return Ok(());
            }
        }
        if self.memory.outbox.is_empty() {
            stage.state.full_hashes = false;
        }
        super::restored::purge(&mut stage, turn)?;
        carry::expire(&mut stage, turn.now_ms);
        kept::bound(&mut stage, turn.now_ms);
        stage.set_partial(None);
        if let Some(session) = &mut self.session {
            session.phase = Phase::Store;
            carry::drop_strangers(&mut stage, &session.carried);
        }
        let staged = stage.finish()?;
        self.write(staged, Then::RecordsOver, turn);
        Ok(())
    }
}
