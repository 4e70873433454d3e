//! Requests and replies on their way, and the bundle files that go by other ways.

use fieldmerge_engine::{Failure, Imported, Input, Outcome};
use fieldmerge_protocol::bundle::{BundleWriter, PartReader};
use fieldmerge_protocol::exchange;
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{self, Dictionary, tag};
use fieldmerge_tests::world::link::Reply;
use fieldmerge_tests::world::phone::Died;

use crate::dice::Dice;
use crate::event::{Damage, DiskFault, Fate, Id};
use crate::world::{Cause, Flight, World};

impl World<'_> {
    /// Something that is under way arrives.
    pub fn deliver(&mut self, pick: u32, fate: Fate, fault: DiskFault, dice: &mut Dice) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.swap_remove(pick as usize % self.flights.len());
        if flight.reply.is_none() {
            self.deliver_request(flight, fate, dice);
        } else {
            self.deliver_reply(flight, fault, dice);
        }
    }

    fn deliver_request(&mut self, flight: Flight, fate: Fate, dice: &mut Dice) {
        self.tell((flight.phone, flight.life, "requests", flight.ghost));
        let request = &flight.request;
        let reply = match fate {
            Fate::RequestLost => Reply::Unreached,
            Fate::ServerDies(death) => {
                let posted = self.die_over(death, dice, |life| life.post_until(death, request));
                posted.unwrap_or(Reply::Cut(Vec::new()))
            }
            _ => self.life().post(request),
        };
        self.note_receipts(&reply);
        if matches!(reply, Reply::Whole(_)) {
            self.past.push((flight.phone, flight.request.clone()));
        }
        if fate == Fate::Doubled {
            self.flights.push(Flight { ghost: true, ..flight.clone() });
        }
        self.tally.count(match fate {
            Fate::Whole | Fate::ServerDies(_) => "request",
            Fate::RequestLost => "request lost",
            Fate::AnswerLost => "answer lost",
            Fate::AnswerCut(_) => "answer cut",
            Fate::Doubled => "request doubled",
            Fate::OtherVersion => "answer of another version",
        });
        let reply = match (fate, reply) {
            (Fate::AnswerLost, Reply::Whole(_)) => Reply::Cut(Vec::new()),
            (Fate::AnswerCut(share), Reply::Whole(bytes)) => {
                Reply::Cut(bytes[..bytes.len() * share as usize / 1_000].to_vec())
            }
            (Fate::OtherVersion, Reply::Whole(bytes)) => Reply::Cut(with_other_dictionary(&bytes)),
            (_, reply) => reply,
        };
        if !flight.ghost {
            self.flights.push(Flight { reply: Some(reply), ..flight });
        }
    }

    /// Compares what an answer says of frames with what was said of them before.
    pub fn note_receipts(&mut self, reply: &Reply) {
        let changed = self.book.note(reply);
        assert!(changed.is_empty(), "receipts are stable: {}", changed.join("\n"));
    }

    fn deliver_reply(&mut self, flight: Flight, fault: DiskFault, dice: &mut Dice) {
        let Flight { phone: id, life, request, reply, .. } = flight;
        let Some(member) = self.members.get_mut(&id).filter(|member| member.life == life) else { return };
        let Some(reply) = reply else { return };
        member.phone.reseed(dice.seed());
        member.phone.fault = fault;
        let step = member.phone.take(request.id, reply);
        self.tally.count(if fault.is_some() { "answer with a bad disk" } else { "answer" });
        self.follow(id, step);
    }

    pub fn export(&mut self, id: Id, file: Id, dice: &mut Dice) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.phone.reseed(dice.seed());
        match member.phone.ask(|ticket| Input::Export { ticket }) {
            Ok(Ok(Outcome::Exported { bytes, .. })) => _ = self.files.insert(file, bytes),
            Ok(Err(Failure::Busy | Failure::StoreFailed | Failure::NoSealingKey)) => {}
            Err(Died) => self.reborn(id),
            other => panic!("an export ends well: {other:?}"),
        }
    }

    pub fn import(&mut self, id: Id, file: Id, damage: Option<Damage>, fault: DiskFault, dice: &mut Dice) {
        let (Some(member), Some(bytes)) = (self.members.get_mut(&id), self.files.get(&file)) else { return };
        let mut bytes = bytes.clone();
        let length = bytes.len();
        match damage {
            Some(Damage::Cut(at)) => bytes.truncate(at as usize % length),
            Some(Damage::Flip(at)) => bytes[at as usize % length] ^= 1 << (at % 8),
            Some(Damage::Without(part)) => bytes = without_part(&bytes, part as usize),
            None => {}
        }
        if let Some(Damage::Flip(_)) = damage {
            self.causes.insert(Cause::Damaged);
        }
        self.tally.add("file damaged", u64::from(damage.is_some()));
        member.phone.reseed(dice.seed());
        member.phone.fault = fault;
        let done = member.phone.ask(|ticket| Input::Import { ticket, bytes });
        self.ledger.note_synced(&member.phone);
        self.tell((id, &done));
        match done {
            Ok(Ok(Outcome::Imported(Imported { frames, receipts, .. }))) => {
                self.tally.add("frame carried", frames as u64);
                self.tally.add("receipt carried back", receipts as u64);
            }
            Ok(Err(Failure::BadFile(_))) if damage.is_some() => {}
            Ok(Err(failure)) => {
                let expected = matches!(failure, Failure::StoreFailed | Failure::Busy);
                assert!(expected, "an import ends well: {failure:?}");
            }
            Err(Died) => self.reborn(id),
            Ok(Ok(other)) => panic!("an import ends with what was imported, not with {other:?}"),
        }
    }
}

impl World<'_> {
    /// A phone passes another one what it has for the server.
    pub fn pass(&mut self, id: Id, to: Id, damage: bool, fault: DiskFault, dice: &mut Dice) {
        let Some(receiver) = self.members.get(&to).map(|member| member.phone.enrolment()) else { return };
        let Some(member) = self.members.get_mut(&id) else { return };
        member.phone.reseed(dice.seed());
        let mut bytes = match member.phone.ask(|ticket| Input::Give { ticket, to: receiver.device }) {
            Ok(Ok(Outcome::Given { bytes, .. })) => bytes,
            Ok(Err(
                Failure::Busy
                | Failure::StoreFailed
                | Failure::NoRoster
                | Failure::RosterExpired
                | Failure::UnknownDevice,
            )) => return,
            Err(Died) => return self.reborn(id),
            other => panic!("a phone gives: {other:?}"),
        };
        if damage {
            let at = dice.below(1 << 20) as usize % bytes.len();
            bytes[at] ^= 1 << (at % 8);
        }
        let Some(member) = self.members.get_mut(&to) else { return };
        let opened = exchange::open(receiver.project, receiver.device, member.phone.key(), &bytes);
        assert_eq!(opened.is_err(), damage, "what was damaged does not open");
        let Ok(contents) = opened else { return };
        member.phone.reseed(dice.seed());
        member.phone.fault = fault;
        let done = member.phone.ask(|ticket| Input::Take { ticket, contents });
        self.ledger.note_synced(&member.phone);
        self.tell((id, to, &done));
        match done {
            Ok(Ok(Outcome::Taken { changes, .. })) => self.tally.add("change passed", changes),
            Ok(Err(Failure::Busy | Failure::StoreFailed)) => {}
            Err(Died) => self.reborn(to),
            other => panic!("a phone takes: {other:?}"),
        }
    }
}

/// The beginning of an answer, and a dictionary to pack with that our server does not know.
fn with_other_dictionary(answer: &[u8]) -> Vec<u8> {
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(answer);
    let mut writer = BundleWriter::new();
    if let Some(welcome) = reader.next_part().expect("an answer of our server is a bundle") {
        writer.part(welcome.tag, &welcome.payload);
    }
    let other = b"worker family_name given_names known_as sex birth_year residence_village".repeat(40);
    writer.part(tag::DICTIONARY, &sync::encode(&Dictionary::pack(&other, true)));
    writer.into_bytes()
}

/// A bundle that lacks one of its parts, but never the last.
fn without_part(bytes: &[u8], missing: usize) -> Vec<u8> {
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(bytes);
    let mut parts = Vec::new();
    while let Some(part) = reader.next_part().expect("files of our phones read") {
        parts.push(part);
    }
    if parts.len() > 1 {
        parts.remove(missing % (parts.len() - 1));
    }
    let mut writer = BundleWriter::new();
    for part in parts {
        writer.part(part.tag, &part.payload);
    }
    writer.into_bytes()
}
