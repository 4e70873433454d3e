//! What can be asked of the device.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A Fieldmerge device without a screen.
///
/// It works in its folder without any link; `sync` brings what was written to the server and reads what is new.
#[derive(Debug, Parser)]
#[command(
    name = "fieldmerge-device",
    version,
    after_help = "\
Begin:
  fieldmerge-device --folder hery enrol http://127.0.0.1:7400 CODE
  fieldmerge-device --folder hery sync
  fieldmerge-device --folder hery register S1 family_name=Rasoanirina given_names=Voahangy sex=female birth_year=1991
  fieldmerge-device --folder hery attend S1 2026-03-02 RECORD RECORD
  fieldmerge-device --folder hery conflicts

A record is named by its id, or by any part of a name or number that only it has.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not on this device (or no device there),
4 no link (nothing is lost), 5 refused."
)]
pub struct Cli {
    /// The folder that holds the device; `enrol` makes it.
    #[arg(
        long,
        value_name = "DIR",
        env = "FIELDMERGE_DEVICE",
        default_value = "fieldmerge-device",
        global = true
    )]
    pub folder: PathBuf,

    /// Print JSON instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,

    /// Let the device's clock be wrong by so many seconds.
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub clock: Option<i64>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a project with a one-time code.
    Enrol {
        /// The enrolment link, which also says which server to trust; or the server's address.
        #[arg(value_name = "LINK or SERVER")]
        server: String,
        /// The code, where the server's address is given.
        code: Option<String>,
    },
    /// Register a worker.
    Register {
        /// The code of the site.
        area: String,
        /// Answers, such as `sex=female` or `languages/mlg=true`.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Make a record of any type, such as `observation` or `assignment`.
    Create {
        /// The name of the record type.
        record_type: String,
        /// The code of the site.
        area: String,
        /// The person that it is about.
        #[arg(long, value_name = "RECORD")]
        about: Option<String>,
        /// Answers.
        #[arg(value_name = "FIELD=VALUE")]
        values: Vec<String>,
    },
    /// Note answers that this device may write and not read back, such as those of the Washington Group.
    ///
    /// They leave the device when the server has them; a correction is another observation.
    Observe {
        /// The code of the site.
        area: String,
        /// The worker.
        worker: String,
        /// Answers, such as `wg_seeing=2` or `displacement_status=host`.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Change a record. An empty value clears the answer.
    Edit {
        /// The record.
        record: String,
        /// Answers.
        #[arg(value_name = "FIELD=VALUE")]
        values: Vec<String>,
        /// Put a member into a set, such as `languages/mlg`.
        #[arg(long, value_name = "SET/CODE")]
        add: Vec<String>,
        /// Take a member out of a set.
        #[arg(long, value_name = "SET/CODE")]
        remove: Vec<String>,
    },
    /// Put a photo or another file into a field of a record.
    ///
    /// The file is copied to the device at once. `sync` sends it after the records, thumbnails before originals, and goes
    /// on where it was cut.
    Attach(Attach),
    /// List photos and other files: which are here, which wait to be sent, which have not come yet.
    Attachments,
    /// Write a photo or another file of a record into a file; fetch it before, if it is not here.
    Fetch {
        /// Its hash, which `attachments` and `show` show.
        attachment: String,
        /// The file to write.
        file: PathBuf,
    },
    /// Log a day of one or more workers: one sheet.
    Attend {
        /// The code of the site.
        area: String,
        /// The day, as 2026-03-02.
        date: String,
        /// The workers.
        #[arg(value_name = "RECORD", required = true)]
        workers: Vec<String>,
        /// Share of a day: 0.25, 0.5, 0.75 or 1.
        #[arg(long, default_value_t = 1.0)]
        fraction: f64,
        /// They were absent.
        #[arg(long)]
        absent: bool,
    },
    /// Log a payment.
    Pay(Pay),
    /// Decide a conflict.
    Decide {
        /// The record.
        record: String,
        /// The field.
        field: String,
        /// The value: one of the candidates or another.
        value: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Propose a value for a conflict that two persons must agree on.
    Propose {
        /// The record.
        record: String,
        /// The field.
        field: String,
        /// The value.
        value: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List records, newest first.
    List {
        /// Only this type.
        #[arg(long = "type", value_name = "TYPE")]
        record_type: Option<String>,
        /// At most so many; 0 shows all.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Find records by parts of names, numbers or telephone numbers.
    Find {
        /// What to look for.
        text: String,
    },
    /// Show one record with its values, conflicts and entries.
    Show {
        /// The record.
        record: String,
    },
    /// List the conflicts that wait for a decision.
    Conflicts,
    /// Show which answers that this device wrote break a rule of their form, as the server found, and what to do.
    ///
    /// The server takes everything and judges it some time later; a later `sync` brings what it found.
    #[command(after_help = "\
Examples:
  fieldmerge-device findings --language fr
  fieldmerge-device edit RECORD sex=female      mends one; it is gone after a sync or two")]
    Findings {
        /// The language of the texts, where the form has it, such as `fr`; its own otherwise.
        #[arg(long, default_value = "")]
        language: String,
    },
    /// Show what has not left the device.
    Outbox,
    /// Settle a change that the server has put aside or holds: give it up, or write it again on the record as it is now.
    Settle {
        /// The number that `outbox` shows.
        number: u64,
        /// What to do with it.
        how: How,
    },
    /// Show what the device did on its own, and take it as read.
    Notices,
    /// The forms that the device asks by: the latest version of each.
    Forms,
    /// Fill a form: show what it asks after these answers, or save them.
    Fill(Fill),
    /// Show what the device knows of itself.
    Status,
    /// Send what was written, read what is new.
    Sync {
        /// Spend at most so many bytes, up and down; what is urgent goes first, the rest waits for the next sync.
        #[arg(long, value_name = "BYTES")]
        spend: Option<u64>,
    },
    /// Carry bundle files for devices that have no link.
    #[command(subcommand)]
    Carry(Carry),
    /// Exchange work with a device that is at hand, without a network.
    ///
    /// Each of the two gives a file and takes the other's. What is taken is shown at once, marked as not confirmed by the
    /// server yet, and goes to the server with the next sync of either. Both must have synced in the last 30 days.
    #[command(
        subcommand,
        after_help = "\
When Hery and Lalao meet:
  fieldmerge-device --folder hery exchange give --to Lalao for-lalao.fmx
  fieldmerge-device --folder lalao exchange take for-lalao.fmx
  fieldmerge-device --folder lalao exchange give --to Hery for-hery.fmx
  fieldmerge-device --folder hery exchange take for-hery.fmx

The file goes by whatever road there is: cable, Bluetooth, a memory card. Only the device that it is for can
read it. What that device may not read is not in it: `carry export` brings that to the server."
    )]
    Exchange(Exchange),
}

/// How a change is settled.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum How {
    /// Give it up: the record goes on without it.
    Dismiss,
    /// Send it again as it is where it may pass now, else write what it says as a new change.
    Repair,
}

/// A file for a record.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge-device create identity S1 --about Rakoto
  fieldmerge-device attach RECORD photo face.jpg --thumbnail face-small.jpg

Pictures are not looked into: make the file small first (at most 16 MiB), and the thumbnail a few kilobytes. Others see
the thumbnail after their next sync, and the original when they fetch it.")]
pub struct Attach {
    /// The record.
    pub record: String,
    /// The field, such as `photo`.
    pub field: String,
    /// The file.
    pub file: PathBuf,
    /// A small picture of it.
    #[arg(long, value_name = "FILE")]
    pub thumbnail: Option<PathBuf>,
}

/// A form to fill.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge-device forms
  fieldmerge-device fill himo_worker consent_given=yes                 shows what is asked next
  fieldmerge-device fill himo_attendance site=Iarintsena 'status[2]=absent' --save S1

A question marked * must be answered. What the form says of an answer is shown below it. Nothing is written without --save,
and nothing that the form complains of without --incomplete: then the server says so later, too.")]
pub struct Fill {
    /// The id of the form, such as `himo_worker`.
    pub form: String,
    /// Answers in their order: of a choice its name or its label, of several their names with spaces between. `NAME[2]` is the
    /// second question of that name, `REPEAT=+` adds an instance, `QUESTION=@FILE` attaches a file.
    #[arg(value_name = "QUESTION=ANSWER")]
    pub answers: Vec<String>,
    /// Open this record with it, instead of making a new one.
    #[arg(long, value_name = "RECORD")]
    pub record: Option<String>,
    /// The person that a new record is about.
    #[arg(long, value_name = "RECORD")]
    pub about: Option<String>,
    /// What else is known: `email`, `phonenumber`, `username`, `start-geopoint`.
    #[arg(long = "know", value_name = "NAME=TEXT")]
    pub known: Vec<String>,
    /// The language of the texts, where the form has it, such as `fr`; its own otherwise.
    #[arg(long, default_value = "")]
    pub language: String,
    /// Save what was answered; new records are made in the area of this code.
    #[arg(long, value_name = "AREA")]
    pub save: Option<String>,
    /// Save although the form complains of something.
    #[arg(long, requires = "save")]
    pub incomplete: bool,
}

/// A payment.
#[derive(Debug, clap::Args)]
pub struct Pay {
    /// The code of the site.
    pub area: String,
    /// The worker.
    pub worker: String,
    /// What was handed over, in the smallest unit of the project's currency.
    pub amount: i64,
    /// The first day of the period.
    #[arg(long, value_name = "DATE")]
    pub from: String,
    /// The last day of the period.
    #[arg(long, value_name = "DATE")]
    pub to: String,
    /// The day on which it was handed over; the last day of the period unless given.
    #[arg(long, value_name = "DATE")]
    pub on: Option<String>,
}

/// Bundle files.
#[derive(Debug, Clone, Subcommand)]
pub enum Carry {
    /// Write what this device has for the server into a file; an older bundle of that name gives way.
    #[command(after_help = "\
Example:
  fieldmerge-device --folder hery carry export /media/stick/hery.fmb

Everything in the file is sealed: who finds it learns which devices wrote how much, and nothing of whom or what. Hand it
to anybody with a device of this project, or to the server itself: `fieldmerge admin bundle take`.")]
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Take another device's file: its frames go along with the next sync, and receipts for this device are applied.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Show for whom this device carries how much, since when, and what became of what it carried.
    List,
}

/// Files between two devices.
#[derive(Debug, Clone, Subcommand)]
pub enum Exchange {
    /// Write a file for one other device; an older one of that name gives way.
    Give {
        /// The other device: its label, its number, or its id, as `status` lists them.
        #[arg(long, value_name = "DEVICE")]
        to: String,
        /// The file.
        file: PathBuf,
    },
    /// Take a file that another device made for this one.
    Take {
        /// The file.
        file: PathBuf,
    },
}
