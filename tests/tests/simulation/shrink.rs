//! A world that ends badly is made smaller as long as it ends badly in the same way.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::event::{Event, Script};

/// At most so many worlds are tried.
const TRIES: u32 = 400;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What a world died of.
pub type Failure = String;

/// Runs a world, and gives what it died of.
pub fn outcome(world: impl FnOnce()) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(world)).map_err(|panic| text(&*panic))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// The rule that was broken, without the ids of those who broke it.
fn rule(failure: &str) -> String {
    let first = failure.lines().next().unwrap_or_default();
    let rule = first.split(':').next().unwrap_or_default();
    rule.chars().filter(|character| !character.is_ascii_digit()).take(60).collect()
}

/// The smallest world found that breaks the same rule.
pub fn shrink(script: &Script, failure: &str, run: impl Fn(&Script)) -> Script {
    hush();
    QUIET.set(true);
    let broken = rule(failure);
    let mut tries = 0;
    let mut fails = |script: &Script| {
        tries += 1;
        tries <= TRIES && outcome(|| run(script)).is_err_and(|failure| rule(&failure) == broken)
    };
    let mut least = script.clone();
    let mut step = least.events.len().div_ceil(2);
    while step > 0 {
        let mut at = 0;
        let before = least.events.len();
        while at < least.events.len() {
            let mut fewer = least.clone();
            fewer.events.drain(at..(at + step).min(least.events.len()));
            if fails(&fewer) { least = fewer } else { at += step }
        }
        if step > 1 || least.events.len() == before {
            step /= 2;
        }
    }
    while least.phones > 1 {
        let fewer = Script { phones: least.phones - 1, ..least.clone() };
        if !fails(&fewer) {
            break;
        }
        least = fewer;
    }
    for at in 0..least.events.len() {
        if let Some(simpler) = simpler(&least.events[at].1) {
            let mut simple = least.clone();
            simple.events[at].1 = simpler;
            if fails(&simple) {
                least = simple;
            }
        }
    }
    QUIET.set(false);
    least
}

/// The same event without its faults.
fn simpler(event: &Event) -> Option<Event> {
    let mut simple = event.clone();
    match &mut simple {
        Event::Save { fault, .. } => *fault = None,
        Event::Sync { budget, .. } => *budget = None,
        Event::Deliver { fate, fault, .. } => (*fate, *fault) = (crate::event::Fate::Whole, None),
        Event::Import { damage, fault, .. } => (*damage, *fault) = (None, None),
        Event::Compact { death } => *death = None,
        _ => return None,
    }
    (simple != *event).then_some(simple)
}

/// Panics of this thread are not printed while it is quiet.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
}
