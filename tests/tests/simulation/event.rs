//! What happens in a world, event by event. A world is its events: fewer of them are a world too.

use std::fmt::Write;

use fieldmerge_server::failpoint;
use fieldmerge_tests::world::phone::StoreFault;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// The number of a phone, a file or a twin in its world.
pub type Id = u32;

/// What happens to a phone's disk, after so many more batches.
pub type DiskFault = Option<(u32, StoreFault)>;

/// One thing that happens. What names somebody or something that is not there happens to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Somebody saves.
    Save { phone: Id, fault: DiskFault },
    /// A phone begins to sync, with at most so many bytes of feeds in each answer.
    Sync { phone: Id, budget: Option<u64> },
    /// Something that is under way arrives, whatever else left before it.
    Deliver { pick: u32, fate: Fate, fault: DiskFault },
    /// A phone is switched off and on.
    Restart { phone: Id },
    /// A phone is backed up.
    BackUp { phone: Id },
    /// A phone goes back to its backup.
    Restore { phone: Id },
    /// A phone is cloned: two with one key go on working.
    Clone { phone: Id, twin: Id },
    /// A phone's clock is wrong by so much.
    Skew { phone: Id, by_ms: i64 },
    /// A phone writes a bundle file.
    Export { phone: Id, file: Id },
    /// A phone takes a bundle file, damaged or not. File 0 belongs to another project.
    Import { phone: Id, file: Id, damage: Option<Damage>, fault: DiskFault },
    /// A phone passes another one what it has for the server, where there is no network.
    Pass { phone: Id, to: Id, damage: bool, fault: DiskFault },
    /// Headquarters has what was put aside for this reason taken again, and gives the grants for it.
    Replay { code: String },
    /// Somebody looks through the outbox of a phone and has written anew what the server put aside.
    Settle { phone: Id },
    /// A device joins.
    Enrol { phone: Id },
    /// A device is revoked.
    Revoke { phone: Id },
    /// A device is given a role in an area, or has it withdrawn.
    Grant { phone: Id, grant: String, give: bool },
    /// The project has a new area.
    Area { code: String },
    /// The next version of a form is published.
    Publish { death: Option<Death> },
    /// The server compacts.
    Compact { death: Option<Death> },
    /// The server looks for what was held too long, after so many days.
    Expire { days: u32 },
    /// The server's clock is wrong by so much.
    ServerSkew { by_ms: i64 },
    /// The server dies while it does nothing.
    ServerDies,
    /// The server is backed up.
    ServerBackUp,
    /// The server goes back to its backup; its operator gives it a new log, or forgets to.
    ServerRestore { told: bool },
    /// Everybody is left in peace until nothing moves, and all is compared.
    Peace,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// It ends early.
    Cut(u32),
    /// A bit is another one.
    Flip(u32),
    /// One of its parts is missing.
    Without(u32),
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Both arrive.
    Whole,
    /// The request is lost.
    RequestLost,
    /// The request arrives, is worked on, and its answer is lost.
    AnswerLost,
    /// This share of the answer arrives, in thousandths.
    AnswerCut(u32),
    /// The request arrives, and arrives again later.
    Doubled,
    /// The request arrives; the answer is one of a server of another version, with its own dictionary, and is cut.
    OtherVersion,
    /// The server dies over it.
    ServerDies(Death),
}

/// Where a server dies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum Death {
    /// When everybody in it has had so many turns.
    Turn(u32),
    /// At this of the points of a sync, at the so-manieth time.
    Sync(usize, u32),
    /// At this of the points of a compaction, at the so-manieth time.
    Compaction(usize, u32),
}

impl Death {
    /// The failpoint.
    pub fn point(self) -> Option<(&'static str, u32)> {
        match self {
            Self::Turn(_) => None,
            Self::Sync(point, count) => Some((failpoint::SYNC[point], count)),
            Self::Compaction(point, count) => Some((failpoint::COMPACTION[point], count)),
        }
    }
}

impl Event {
    /// The word by which it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Save { .. } => "save",
            Self::Sync { .. } => "sync",
            Self::Deliver { .. } => "deliver",
            Self::Restart { .. } => "restart",
            Self::BackUp { .. } => "back-up",
            Self::Restore { .. } => "restore",
            Self::Clone { .. } => "clone",
            Self::Skew { .. } => "skew",
            Self::Export { .. } => "export",
            Self::Import { .. } => "import",
            Self::Pass { .. } => "pass",
            Self::Replay { .. } => "replay",
            Self::Settle { .. } => "settle",
            Self::Enrol { .. } => "enrol",
            Self::Revoke { .. } => "revoke",
            Self::Grant { .. } => "grant",
            Self::Area { .. } => "area",
            Self::Publish { .. } => "publish",
            Self::Compact { .. } => "compact",
            Self::Expire { .. } => "expire",
            Self::ServerSkew { .. } => "server-skew",
            Self::ServerDies => "server-dies",
            Self::ServerBackUp => "server-back-up",
            Self::ServerRestore { .. } => "server-restore",
            Self::Peace => "peace",
        }
    }
}

/// A world before it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Fixes what the events draw.
    pub seed: u64,
    /// How many phones there are at the beginning.
    pub phones: Id,
    /// What happens, with the number that each event's dice have.
    pub events: Vec<(u32, Event)>,
}

/// The first number of phones that join later; that of clones is the number of their event.
pub const LATER: Id = 1_000;

/// The grants that come and go.
const GRANTS: [&str; 5] =
    ["S1:enumerator", "S2:enumerator", "S1:supervisor", "S2:supervisor", "S3:enumerator"];

/// What headquarters has taken again, in vain or not.
const REPLAYED: [&str; 8] = [
    "not-granted",
    "not-granted",
    "not-granted",
    "held-expired",
    "held-expired",
    "forked",
    "second-root",
    "device-revoked",
];

impl Script {
    /// Draws a world.
    pub fn draw(seed: u64, phones: Id, steps: u32) -> Self {
        let mut known: Vec<Id> = (0..phones).collect();
        let mut files: Vec<Id> = vec![0];
        let mut events = Vec::new();
        for number in 1..=steps {
            let event = if number % (steps / 3) == 0 {
                Event::Peace
            } else {
                draw(&mut Dice::of(!seed, number), number, &known, &files)
            };
            match &event {
                Event::Clone { twin, .. } => known.push(*twin),
                Event::Enrol { phone } => known.push(*phone),
                Event::Export { file, .. } => files.push(*file),
                _ => {}
            }
            events.push((number, event));
        }
        Self { seed, phones, events }
    }

    /// As text: a line for each event.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}\n", self.seed, self.phones);
        for (number, event) in &self.events {
            let event = serde_json::to_string(event).expect("an event is JSON");
            writeln!(text, "{number} {event}").expect("text can be written to");
        }
        text
    }

    /// Reads the text.
    pub fn read(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split_once(' ').expect("a line has two parts"));
        let (seed, phones) = lines.next().expect("a world begins with its seed and its phones");
        let number = |text: &str| text.parse().expect("a number");
        let event = |text: &str| serde_json::from_str(text).expect("an event reads");
        Self {
            seed: seed.parse().expect("a seed"),
            phones: number(phones),
            events: lines.map(|(at, what)| (number(at), event(what))).collect(),
        }
    }
}

fn draw(dice: &mut Dice, number: u32, known: &[Id], files: &[Id]) -> Event {
    let phone = *dice.pick(known);
    match dice.below(1_000) {
        0..180 => Event::Save { phone, fault: disk_fault(dice, 8) },
        180..345 => {
            let budget = dice.percent(10).then(|| u64::from(dice.below(2_000)));
            Event::Sync { phone, budget }
        }
        345..355 => Event::Publish { death: dice.percent(30).then(|| turn(dice)) },
        355..385 => {
            Event::Pass { phone, to: *dice.pick(known), damage: dice.percent(10), fault: disk_fault(dice, 6) }
        }
        385..400 => Event::Replay { code: (*dice.pick(&REPLAYED)).to_owned() },
        400..795 => Event::Deliver { pick: dice.below(1_000), fate: fate(dice), fault: disk_fault(dice, 4) },
        795..810 => Event::Compact { death: dice.percent(30).then(|| compaction_death(dice)) },
        810..818 => Event::Restart { phone },
        818..835 => Event::BackUp { phone },
        835..843 => Event::Restore { phone },
        843..846 => Event::Clone { phone, twin: LATER + number },
        846..858 => Event::Skew { phone, by_ms: dice.skew_ms() },
        858..885 => Event::Export { phone, file: number },
        885..925 => Event::Import {
            phone,
            // Mostly one of the last: what is older has mostly arrived.
            file: if dice.percent(60) {
                *dice.pick(&files[files.len().saturating_sub(2)..])
            } else {
                *dice.pick(files)
            },
            damage: dice.percent(40).then(|| damage(dice)),
            fault: disk_fault(dice, 6),
        },
        925..937 => Event::Settle { phone },
        937..940 => Event::Enrol { phone: LATER + number },
        940..943 => Event::Revoke { phone },
        943..960 => Event::Grant { phone, grant: (*dice.pick(&GRANTS)).to_owned(), give: dice.percent(50) },
        960..963 => Event::Area { code: "S3".to_owned() },
        963..969 => Event::Expire { days: *dice.pick(&[1, 91, 400]) },
        969..976 => Event::ServerSkew { by_ms: dice.skew_ms() / 4 },
        976..984 => Event::ServerDies,
        984..993 => Event::ServerBackUp,
        _ => Event::ServerRestore { told: dice.percent(30) },
    }
}

fn disk_fault(dice: &mut Dice, percent: u32) -> DiskFault {
    let faults = [StoreFault::Full, StoreFault::DiesBefore, StoreFault::DiesAfter];
    dice.percent(percent).then(|| (dice.below(4), *dice.pick(&faults)))
}

fn fate(dice: &mut Dice) -> Fate {
    match dice.below(100) {
        0..5 => Fate::RequestLost,
        5..12 => Fate::AnswerLost,
        12..20 => Fate::AnswerCut(dice.below(1_000)),
        20..25 => Fate::Doubled,
        25..27 => Fate::OtherVersion,
        27..36 => Fate::ServerDies(if dice.percent(40) {
            turn(dice)
        } else {
            Death::Sync(dice.below(16) as usize, 1 + dice.below(3))
        }),
        _ => Fate::Whole,
    }
}

fn damage(dice: &mut Dice) -> Damage {
    match dice.below(4) {
        0 => Damage::Cut(dice.below(1 << 20)),
        1 => Damage::Flip(dice.below(1 << 20)),
        _ => Damage::Without(dice.below(8)),
    }
}

fn compaction_death(dice: &mut Dice) -> Death {
    if dice.percent(40) { turn(dice) } else { Death::Compaction(dice.below(4) as usize, 1 + dice.below(2)) }
}

/// Mostly early.
fn turn(dice: &mut Dice) -> Death {
    let most = 1 << dice.below(12);
    Death::Turn(dice.below(most))
}
