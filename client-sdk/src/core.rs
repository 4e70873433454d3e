//! The engine and what it is driven with: its effects performed one by one, until nothing is left to do.

use std::collections::VecDeque;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{Effect, Engine, Failure, Input, Outcome, Ticket};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::attachments::Files;
use crate::clock::Clock;
use crate::error::Error;
use crate::forms::DeviceWorld;
use crate::store::Store;

/// The engine with its store, its key, its clock and its source of randomness.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) key: SigningKey,
    pub(crate) files: Files,
    store: Store,
    clock: Clock,
    rng: ChaCha20Rng,
    tickets: Ticket,
}

impl Core {
    pub(crate) fn new(
        engine: Engine,
        (store, files): (Store, Files),
        key: SigningKey,
        clock: Clock,
        rng: ChaCha20Rng,
    ) -> Self {
        Self { engine, key, files, store, clock, rng, tickets: 0 }
    }

    /// What a form asks of the device while it is filled.
    pub(crate) fn world(&mut self, offset_minutes: i32) -> DeviceWorld {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let enrolment = self.engine.status().enrolment;
        let device = enrolment.map(|enrolment| (enrolment.device, enrolment.label));
        DeviceWorld::new(self.clock.clone(), offset_minutes, ChaCha20Rng::from_seed(seed), device)
    }

    /// Takes an input and performs every effect that concerns the store, the files or the key. The others are returned.
    pub(crate) async fn drive(&mut self, input: Input) -> Vec<Effect> {
        let mut inputs = VecDeque::from([input]);
        let mut left = Vec::new();
        while let Some(input) = inputs.pop_front() {
            for effect in self.engine.step(self.clock.now_ms(), &mut self.rng, input) {
                match effect {
                    Effect::Store(batch) => inputs.push_back(match self.store.write(&batch).await {
                        Ok(()) => Input::Stored { batch: batch.id },
                        Err(_) => Input::StoreFailed { batch: batch.id },
                    }),
                    // What is left here is found when the device is opened the next time.
                    Effect::Discard { hash } => self.files.delete(hash).await,
                    Effect::Sign(request) => {
                        let sign = |message: &Vec<u8>| self.key.sign(message).to_bytes();
                        let signatures = request.messages.iter().map(sign).collect();
                        inputs.push_back(Input::Signed { id: request.id, signatures });
                    }
                    other => left.push(other),
                }
            }
        }
        left
    }

    /// Leaves nothing in the store of what was deleted.
    pub(crate) async fn forget_log(&mut self) {
        self.store.forget_log().await;
    }

    /// Drives a request of the host to its outcome.
    pub(crate) async fn ask(&mut self, request: impl FnOnce(Ticket) -> Input) -> Result<Outcome, Error> {
        self.tickets += 1;
        let ticket = self.tickets;
        let effects = self.drive(request(ticket)).await;
        let outcome = effects.into_iter().find_map(|effect| match effect {
            Effect::Done { ticket: done, result } if done == ticket => Some(result),
            _ => None,
        });
        outcome.ok_or(Error::NoOutcome)?.map_err(|failure: Failure| Error::Engine(failure))
    }
}
