//! Checks everything stored against the changes it was made from.
//!
//! What is checked, in one snapshot: every change of every record encodes to its hash; Automerge, given the changes, sees
//! the registers that we see; rows, cases and entries are what a rebuild gives; the frames of every feed stand without
//! gaps, decode, and hold the changes that the records name; every proof is signed by its device; every attachment that is
//! stored has its hash.

mod attachments;
mod frames;
mod proofs;
mod records;

use std::collections::BTreeMap;

use fieldmerge_protocol::{ChangeHash, DeviceId, Incarnation, ProjectId};
use fieldmerge_store::projects::{self, Project};
use fieldmerge_store::{StoreError, Tx, quarantine};
use serde::Serialize;

use crate::admin::{self, AdminError};
use crate::state::App;

/// Differences that are told one by one; beyond it they are only counted.
const MAX_TOLD: usize = 100;

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The project is not known.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One for each project.
    pub projects: Vec<ProjectReport>,
}

/// What was found in one project.
#[derive(Debug, Default, Serialize)]
pub struct ProjectReport {
    /// The project's code.
    pub project: String,
    /// Records, logs included.
    pub records: u64,
    /// Changes of those records.
    pub changes: u64,
    /// Entries of logs.
    pub entries: u64,
    /// Cases, open and closed.
    pub cases: u64,
    /// Frames at rest.
    pub frames: u64,
    /// Proofs.
    pub proofs: u64,
    /// Attachments that were stored.
    pub attachments: u64,
    /// Those of them whose bytes are gone. It is no difference: the devices that have them may bring them again.
    pub attachments_missing: u64,
    /// How often records name an attachment that has not arrived. It is no difference either.
    pub attachments_expected: u64,
    /// How many differences there are.
    pub difference_count: u64,
    /// What was put aside and nobody has resolved. It is no difference.
    pub quarantined: u64,
    /// The first of them. They name ids and paths, never values.
    pub differences: Vec<String>,
}

impl Report {
    /// Whether all is as it should be.
    pub fn is_good(&self) -> bool {
        self.projects.iter().all(|project| project.difference_count == 0)
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for project in &self.projects {
            lines.push(format!(
                "{}: {} records, {} changes, {} entries, {} cases, {} frames, {} proofs; {} differences",
                project.project,
                project.records,
                project.changes,
                project.entries,
                project.cases,
                project.frames,
                project.proofs,
                project.difference_count
            ));
            lines.extend(project.attachments_text());
            if project.quarantined > 0 {
                lines.push(format!(
                    "  {} put aside, waiting for a person: fieldmerge admin quarantine list {}",
                    project.quarantined, project.project
                ));
            }
            lines.extend(project.differences.iter().map(|difference| format!("  {difference}")));
        }
        lines.push(
            if self.is_good() { "All is as it should be." } else { "There are differences." }.to_owned(),
        );
        lines.join("\n")
    }
}

impl ProjectReport {
    fn attachments_text(&self) -> Option<String> {
        let Self { attachments, attachments_missing, attachments_expected, project, .. } = self;
        (attachments + attachments_expected > 0).then(|| {
            format!(
                "  {attachments} attachments stored, {attachments_missing} of them missing, {attachments_expected} \
                 not arrived: fieldmerge admin attachments {project}"
            )
        })
    }

    fn differs(&mut self, what: impl FnOnce() -> String) {
        self.difference_count += 1;
        if self.differences.len() < MAX_TOLD {
            self.differences.push(what());
        }
    }
}

/// The changes that came in each frame, by the frame's own number: what its author signed for.
type BySource = BTreeMap<(DeviceId, Incarnation, u64), Vec<ChangeHash>>;

/// Verifies one project, or all.
pub async fn verify(app: &App, project: Option<&str>) -> Result<Report, VerifyError> {
    let mut tx = app.store().read().await?;
    let chosen = match project {
        Some(name) => vec![admin::project(&mut tx, name).await?],
        None => projects::list(&mut tx).await?,
    };
    let mut report = Report::default();
    for project in chosen {
        report.projects.push(verify_project(app, &mut tx, &project).await?);
    }
    tx.rollback().await?;
    Ok(report)
}

async fn verify_project(app: &App, tx: &mut Tx, project: &Project) -> Result<ProjectReport, StoreError> {
    let mut report = ProjectReport { project: project.code.clone(), ..ProjectReport::default() };
    let by_source = records::verify(tx, project, &mut report).await?;
    frames::verify(tx, project.id, &mut report).await?;
    proofs::verify(tx, project.id, &by_source, &mut report).await?;
    attachments::verify(tx, app.objects(), project.id, &mut report).await?;
    report.quarantined = quarantine::count(tx, project.id).await?;
    Ok(report)
}

/// How a record is named in a difference.
fn record_name(project: ProjectId, id: impl std::fmt::Display) -> String {
    format!("record {id} of project {project}")
}
