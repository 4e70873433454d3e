//! Makes the row of a record: what lists and searches need of it, and its state.

use std::sync::Arc;

use fieldmerge_model::cases;
use fieldmerge_model::form_rules::FormRules;
use fieldmerge_protocol::RecordId;

use crate::Failure;
use crate::doc::{Body, Doc};
use crate::memory::record_row::{Header, LogOf, RecordRow};
use crate::memory::roles_of;
use crate::search;
use crate::stage::Stage;

/// The row of a record as it is on a stage.
pub(crate) fn row(stage: &Stage<'_>, record: RecordId, doc: &Doc) -> Result<Arc<[u8]>, Failure> {
    let header = match &doc.body {
        Body::Record(merged) => {
            let identity = merged.identity().ok_or(Failure::Bug("a record without a first change"))?;
            let kind = stage.forms.types.find(&identity.record_type).map(|kind| &**kind);
            let rules = FormRules::new(kind, |device| roles_of(stage.roles(), device));
            let found = cases::cases(merged, &rules);
            Header {
                feed: doc.feed,
                record_type: identity.record_type,
                subject: identity.subject,
                search: search::key_of(kind, merged).into(),
                title: search::title_of(kind, merged).into(),
                open_cases: u32::try_from(found.iter().filter(|case| case.is_open()).count())
                    .unwrap_or(u32::MAX),
                judged: !found.is_empty(),
                log: None,
            }
        }
        Body::Log(log) => {
            let heading = log.heading().ok_or(Failure::Bug("a log without a first change"))?;
            Header {
                feed: doc.feed,
                record_type: heading.record_type.clone(),
                subject: None,
                search: "".into(),
                title: heading.month.as_str().into(),
                open_cases: 0,
                judged: false,
                log: Some(LogOf { writer: heading.actor, month: heading.month.clone() }),
            }
        }
    };
    debug_assert!(!doc.is_empty(), "record {record} has a first change");
    Ok(RecordRow::write(&header, &doc.to_bytes()))
}
