//! `fieldmerge admin device`.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use fieldmerge_store::projects::Area;
use serde::Serialize;
use uuid::Uuid;

use super::qr;
use crate::App;
use crate::admin::codes::{self, CodeRequest, ShownCode};
use crate::admin::devices::{self, KnownDevice};
use crate::admin::{GrantText, code_of};
use crate::cli::output::{moment, parse_duration, table};
use crate::cli::{Failure, Output};
use crate::sync::seen::Told;

/// Invite, list and revoke devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Make a one-time code, by which one device enrols.
    #[command(after_help = "\
Examples:
  fieldmerge admin device code ROADS Hery --grant S1:enumerator --grant S1:supervisor
  fieldmerge admin device code ROADS \"Pay office\" --grant all:payroll --expires 2h \\
      --url https://fieldmerge.example.org

The area `all` is the whole project. The code is shown once; whoever has it can enrol one device with these grants.")]
    Code(CodeArgs),
    /// List the devices of a project.
    List {
        /// The project, by code or id.
        project: String,
    },
    /// Revoke a device: its next request is refused.
    Revoke {
        /// The project, by code or id.
        project: String,
        /// The device, by number or id.
        device: String,
    },
}

/// What the code is for.
#[derive(Debug, clap::Args)]
pub struct CodeArgs {
    /// The project, by code or id.
    project: String,

    /// What the device will be called: usually who carries it.
    label: String,

    /// A role in an area; give it as often as needed. Roles: enumerator, supervisor, payroll, protection, adjudicator, …
    #[arg(long = "grant", value_name = "AREA:ROLE", required = true)]
    grants: Vec<GrantText>,

    /// A person who will use the device, by id; give it as often as needed.
    #[arg(long = "person", value_name = "ID")]
    people: Vec<Uuid>,

    /// How long the code works.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_duration)]
    expires: i64,

    /// The address by which devices reach this server.
    #[arg(
        long,
        value_name = "URL",
        env = "FIELDMERGE_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:7400"
    )]
    url: String,
}

#[derive(Debug, Serialize)]
struct Invitation {
    code: String,
    enrol: String,
    project: String,
    server_key: String,
    expires_ms: i64,
}

/// From here on a clock is wrong and not only late.
const ODD_CLOCK_MS: i64 = 5 * 60_000;

#[derive(Debug, Serialize)]
struct Row {
    number: u64,
    id: String,
    label: String,
    grants: Vec<String>,
    last_seen_ms: Option<i64>,
    revoked_ms: Option<i64>,
    /// What the device told of itself at its last sync.
    telemetry: Option<Told>,
    /// How often it began to write anew: it was restored from a backup, is one of two copies, or had to repair something.
    restarts: u64,
    /// When it wrote first after the last of these.
    restarted_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Revoked {
    revoked: bool,
}

impl DeviceCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Code(args) => {
                let CodeArgs { project, label, grants, people, expires, url } = args;
                let request = CodeRequest { project, label, people, grants, lives_ms: expires };
                let invitation = Invitation::of(&codes::create(app, &request).await?, &url);
                output.show(&invitation, Invitation::text)
            }
            Self::List { project } => {
                let (known, areas) = devices::list(app, &project).await?;
                let rows: Vec<Row> = known.into_iter().map(|device| Row::of(device, &areas)).collect();
                output.show(&rows, |rows| list_text(rows))
            }
            Self::Revoke { project, device } => {
                let revoked = devices::revoke(app, &project, &device).await?;
                output.show(&Revoked { revoked }, |_| {
                    let how = if revoked { "is revoked" } else { "had been revoked before" };
                    format!("The device {device} {how}.")
                })
            }
        }
    }
}

impl Invitation {
    fn of(shown: &ShownCode, url: &str) -> Self {
        let server_key = URL_SAFE_NO_PAD.encode(shown.server_key);
        Self {
            enrol: enrol_url(url, &shown.code, &server_key),
            code: shown.code.clone(),
            project: shown.project.code.clone(),
            server_key,
            expires_ms: shown.expires_ms,
        }
    }

    fn text(&self) -> String {
        let picture = qr::picture(&self.enrol).unwrap_or_default();
        let expires = moment(self.expires_ms);
        format!("{picture}\nCode    {}\nEnrol   {}\nExpires {expires}", self.code, self.enrol)
    }
}

/// What the QR code says: where the server is, which key it has, and the code.
fn enrol_url(url: &str, code: &str, server_key: &str) -> String {
    let mut query = String::new();
    for (name, value) in [("url", url), ("code", code), ("key", server_key)] {
        let separator = if query.is_empty() { '?' } else { '&' };
        query.push(separator);
        query.push_str(name);
        query.push('=');
        percent_encode(&mut query, value);
    }
    format!("fieldmerge://enrol{query}")
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn percent_encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

impl Row {
    fn of(known: KnownDevice, areas: &[Area]) -> Self {
        let KnownDevice { device, grants, begun } = known;
        let begun = begun.filter(|begun| begun.incarnations > 1);
        let standing = grants.iter().filter(|grant| grant.withdrawn_ms.is_none());
        Self {
            number: device.number,
            id: device.id.to_string(),
            label: device.label,
            grants: standing.map(|grant| format!("{}:{}", code_of(areas, grant.area), grant.role)).collect(),
            last_seen_ms: device.last_seen_ms,
            revoked_ms: device.revoked_ms,
            telemetry: device.telemetry.and_then(|told| serde_json::from_str(&told).ok()),
            restarts: begun.map_or(0, |begun| begun.incarnations - 1),
            restarted_ms: begun.map(|begun| begun.last_ms),
        }
    }
}

/// What deserves attention of what a device told: with what it came, and what is short there.
fn attention(told: &Told) -> String {
    let mut said = String::new();
    if let Some(count @ 1..) = told.outbox_changes {
        let _ = write!(said, ", came with {count} to send");
    }
    if let Some(hours @ 1..) = told.oldest_unsent_s.map(|age_s| age_s / 3_600) {
        let _ = write!(said, " of up to {hours} h ago");
    }
    if let Some(free) = told.free_bytes {
        let _ = write!(said, ", {} MiB free", free >> 20);
    }
    if let Some(offset_ms) = told.clock_offset_ms.filter(|offset_ms| offset_ms.abs() > ODD_CLOCK_MS) {
        let _ = write!(said, ", its clock is {} minutes off", offset_ms.abs() / 60_000);
    }
    said
}

/// Whether it wrote anew, as a device does that was restored or copied, and when.
fn restarts(row: &Row) -> String {
    let times = if row.restarts == 1 { "once".to_owned() } else { format!("{} times", row.restarts) };
    row.restarted_ms.map(|at| format!(", began anew {times}, last {}", moment(at))).unwrap_or_default()
}

fn list_text(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let state = match (row.revoked_ms, row.last_seen_ms) {
            (Some(at), _) => format!("revoked {}", moment(at)),
            (None, Some(at)) => {
                let told = row.telemetry.as_ref().map(attention);
                format!("seen {}{}{}", moment(at), told.unwrap_or_default(), restarts(row))
            }
            (None, None) => "never seen".to_owned(),
        };
        vec![row.number.to_string(), row.label.clone(), row.grants.join(" "), state, row.id.clone()]
    };
    let none = "No device has enrolled: `fieldmerge admin device code` invites one.";
    table(&["NO", "LABEL", "GRANTS", "STATE", "ID"], &rows.iter().map(cells).collect::<Vec<_>>(), none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enrolment_address_keeps_its_parts_apart() {
        let url = enrol_url("https://x.org/a?b=c&d", "AAAA-BBBB", "k_-");
        assert_eq!(url, "fieldmerge://enrol?url=https%3A%2F%2Fx.org%2Fa%3Fb%3Dc%26d&code=AAAA-BBBB&key=k_-");
    }
}
