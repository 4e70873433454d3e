//! What must hold at every quiet point. Each check has a name, and tells what differs.

use std::collections::BTreeSet;

use fieldmerge_engine::{Request, SyncEnd, Table};
use fieldmerge_protocol::{RecordClass, Value};
use fieldmerge_server::verify::verify;
use fieldmerge_tests::world::census::{Allowed, Census};
use fieldmerge_tests::world::link::Reply;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::raw;
use fieldmerge_tests::world::replica::{of_phone, states_of_phone};
use fieldmerge_tests::world::site::{PROJECT, Site};
use fieldmerge_tests::world::work::{Kept, Mark, amounts, doubled};

use crate::dice::Dice;
use crate::forms;
use crate::world::{Cause, World};

/// What must hold whenever everybody is at rest.
pub fn at_rest(world: &mut World<'_>) {
    let census = take(world);
    rows_are_what_automerge_makes_of_the_changes(world);
    nothing_saved_is_lost(world, &census);
    nothing_is_doubled(&census);
    replicas_are_equal(world, &census, true);
    forms_have_arrived(world);
    receipts_stand(world);
    what_waits_is_explained(world, &census);
    nobody_is_alarmed_in_vain(world);
}

/// What must hold besides when everybody may again what was withdrawn.
pub fn at_the_end(world: &mut World<'_>, dice: &mut Dice) {
    old_requests_change_nothing(world);
    let census = take(world);
    for code in &census.quarantined {
        world.tally.count(&format!("put aside: {code}"));
    }
    world.tally.add("changes", census.changes() as u64);
    world.tally.add("held at the end", census.held as u64);
    replicas_are_equal(world, &census, false);
    a_new_phone_reads_all(world, &census, dice);
}

fn take(world: &World<'_>) -> Census {
    world.life().run(async |site: &Site| Census::take(site.app.store(), site.project).await)
}

fn none(name: &str, found: &[String]) {
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
}

fn rows_are_what_automerge_makes_of_the_changes(world: &World<'_>) {
    let report = world.life().run(async |site: &Site| verify(&site.app, Some(PROJECT)).await);
    let report = report.expect("it can be verified");
    assert!(report.is_good(), "rows are what automerge makes of the changes:\n{}", report.text());
}

/// What a phone has confirmed the server has, or, where it may not take it, the phone still.
fn nothing_saved_is_lost(world: &World<'_>, census: &Census) {
    let lost = world.ledger.lost(census).into_iter();
    let lost = lost.filter(|kept| !waits(world, kept) && !stays_sealed(world, kept));
    let outboxes = |kept: &Kept| {
        let of = world.members.values().filter(|member| member.phone.label.starts_with(&kept.phone));
        let waits = of.flat_map(|member| {
            let waits = member.phone.engine().outbox().changes.into_iter();
            waits.map(|change| format!("\n  {}: {change:?}", member.phone.label)).collect::<Vec<_>>()
        });
        waits.collect::<String>()
    };
    let lost: Vec<String> = lost.map(|kept| format!("{kept:?}{}", outboxes(kept))).collect();
    none("nothing saved is lost", &lost);
}

/// Whether a mark that was never acknowledged still stands on a phone of whose outbox the server takes not all.
fn waits(world: &World<'_>, kept: &Kept) -> bool {
    let mut saved_it = world.members.values().filter(|member| member.phone.label == kept.phone);
    saved_it.any(|member| {
        let waits = !kept.acknowledged && !member.phone.engine().outbox().changes.is_empty();
        waits && holds(&member.phone, &kept.mark)
    })
}

/// Whether it is an observation that a copy of a device keeps sealed. Where another copy used its number on a server that
/// had lost the frame, the server puts what is sealed under this number aside.
fn stays_sealed(world: &World<'_>, kept: &Kept) -> bool {
    let is_observation = matches!(&kept.mark, Mark::Written(_, path, _) if path.as_str() == "observed_on");
    let copies = world.members.values().filter(|member| member.copied && member.phone.label == kept.phone);
    let mut keeps = copies.map(|member| member.phone.shelf().table(Table::Kept).count() > 0);
    is_observation && world.restores > 0 && keeps.any(|keeps| keeps)
}

fn holds(phone: &Phone, mark: &Mark) -> bool {
    match mark {
        Mark::Written(record, path, value) => {
            let is_written =
                states_of_phone(phone).any(|(id, state)| id == *record && state.was_written(path, value));
            is_written || waits_with(phone, value)
        }
        Mark::Paid(amount) => {
            let is_paid = |id| {
                let view = phone.engine().get(id);
                view.is_some_and(|view| view.summary.feed.class == RecordClass::Payment)
            };
            let logs = of_phone(phone).into_iter().filter(|(id, _)| is_paid(*id));
            logs.flat_map(|(_, replica)| amounts(&replica.entries)).any(|paid| paid == *amount)
        }
    }
}

/// Whether a change that waits in the outbox writes a text: where another copy's change stands in its place, the record of
/// the phone is without it.
fn waits_with(phone: &Phone, value: &Value) -> bool {
    let Value::Str(text) = value else { return false };
    let says = |row: &[u8]| row.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    phone.shelf().table(Table::Outbox).any(|(_, row)| says(row))
}

fn nothing_is_doubled(census: &Census) {
    assert_eq!(doubled(census), Vec::<i64>::new(), "nothing is doubled");
}

/// What each phone may read it holds as the server does: nothing is skipped.
fn replicas_are_equal(world: &World<'_>, census: &Census, waiting: bool) {
    let heard = world.members.values().filter(|member| !world.revoked.contains(&member.device));
    // What the server lost its author brings again, unless something keeps the author from it.
    let kept_from = [Cause::Copied, Cause::Withdrawn, Cause::Revoked, Cause::Expired];
    let doubted = world.restores > 0 && kept_from.iter().any(|cause| world.causes.contains(cause));
    let differences: Vec<String> = heard
        .flat_map(|member| {
            census.differences(&member.phone, Allowed { restored: member.copied, waiting, doubted })
        })
        .collect();
    none("replicas are equal", &differences);
}

/// Each phone has the versions of forms that the server has, under the same numbers.
fn forms_have_arrived(world: &World<'_>) {
    let heard = world.members.values().filter(|member| !world.revoked.contains(&member.device));
    let held = |phone: &Phone| -> Vec<String> {
        let forms = phone.engine().forms().into_iter();
        forms.map(|form| forms::named(form.number, &form.id, &form.version)).collect()
    };
    let differing = heard.filter(|member| held(&member.phone) != world.published);
    let differing: Vec<String> = differing
        .map(|member| format!("{}: {:?}, not {:?}", member.phone.label, held(&member.phone), world.published))
        .collect();
    none("forms have arrived", &differing);
}

fn receipts_stand(world: &World<'_>) {
    let unlike = world.life().run(async |site: &Site| world.book.unlike_now(site).await);
    none("receipts are given again", &unlike);
}

/// Honest phones and files that are whole give a server no reason to put anything aside, or to wait for anything.
fn what_waits_is_explained(world: &World<'_>, census: &Census) {
    let has = |cause| world.causes.contains(&cause);
    let codes: BTreeSet<&str> = census.quarantined.iter().map(String::as_str).collect();
    let unexplained: Vec<String> = codes
        .into_iter()
        .filter(|code| !match *code {
            "forked" | "digest-mismatch" | "second-root" => has(Cause::Copied),
            "not-granted" => has(Cause::Withdrawn),
            "device-revoked" => has(Cause::Revoked),
            "held-expired" => has(Cause::Expired),
            "bad-signature"
            | "does-not-open"
            | "unknown-sealing-key"
            | "malformed-frame"
            | "unknown-device"
            | "wrong-project" => has(Cause::Damaged),
            _ => false,
        })
        .map(str::to_owned)
        .collect();
    none("what is put aside is explained", &unexplained);
    let explained = has(Cause::Copied) || has(Cause::Withdrawn) || has(Cause::Revoked);
    assert!(explained || census.held == 0, "what is held is explained: {} changes are held", census.held);
}

/// A phone reads everything again once for each time that the server was restored, and never without that.
fn nobody_is_alarmed_in_vain(world: &World<'_>) {
    let alarms = |phone: &Phone| {
        phone.engine().notices().iter().filter(|notice| notice.code == "server-restored").count()
    };
    let members = world.members.values().filter(|member| alarms(&member.phone) > world.restores);
    let vain: Vec<String> = members
        .map(|member| format!("{}: {} of {}", member.phone.label, alarms(&member.phone), world.restores))
        .collect();
    none("nobody is alarmed in vain", &vain);
}

/// Old requests arrive once more: what everybody holds is still what the server has.
fn old_requests_change_nothing(world: &mut World<'_>) {
    let past: Vec<_> = world.past.iter().rev().take(6).cloned().collect();
    for (id, request) in past {
        let Some(member) = world.members.get(&id) else { continue };
        let server_ms = world.life().site.app.now_ms();
        let authorization = raw::token(&member.phone, server_ms);
        let again = Request { authorization, ..request };
        let reply = world.life().post(&again);
        let is_heard = !world.revoked.contains(&member.device);
        assert_eq!(matches!(reply, Reply::Whole(_)), is_heard, "an old request is answered: {reply:?}");
        world.note_receipts(&reply);
    }
}

fn a_new_phone_reads_all(world: &World<'_>, census: &Census, dice: &mut Dice) {
    let grants = ["S1:enumerator", "S1:supervisor", "S2:supervisor"];
    let seed = dice.seed();
    let (fresh, end) = world.life().run(async |site: &Site| {
        let mut fresh = site.phone("new", seed, &grants).await;
        let report = fresh.sync(&mut site.link()).await.expect("nothing fails any more");
        (fresh, report.end)
    });
    assert_eq!(end, SyncEnd::Complete, "a new phone reads all");
    none("a new phone reads all", &census.differences(&fresh, Allowed::default()));
}
