//! `GET /v1/projects/{project}/findings`: what is wrong with records by the rules of their forms.

use axum::extract::State;
use fieldmerge_protocol::api::FindingPage;
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::QueryHelp;
use super::{ApiError, Json, Query};
use crate::auth::Reader;
use crate::findings::{self, Cursor, Wanted};
use crate::state::App;

/// What to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// `true` for what stands only; otherwise also what was mended.
    #[serde(default)]
    open: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// At most so many findings.
    #[param(minimum = 1, maximum = 500, default = 100)]
    #[serde(default = "default_limit")]
    limit: u32,
    /// The code of the language of the texts, such as `fr`; where the form does not have it they are in its own.
    language: Option<String>,
}

fn default_limit() -> u32 {
    100
}

impl QueryHelp for FindingQuery {
    const HELP: &'static str = "the parameters are open (true or false), after (`next` of the page before), limit (1 to 500) \
                                and language (such as fr)";
}

/// Lists findings, oldest first.
///
/// The server judges records in the background by the forms that wrote them, some time after it took them. A device sees
/// those of the records that it may list.
#[utoipa::path(
    get, path = "/v1/projects/{project}/findings", operation_id = "findings", tag = "headquarters",
    params(("project" = String, Path, description = "The project's id"), FindingQuery),
    responses(
        (status = 200, description = "A page of findings", body = FindingPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: not the project of the key or device", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(("device" = []), ("key" = [])),
)]
pub async fn list(
    State(app): State<App>,
    reader: Reader,
    Query(query): Query<FindingQuery>,
) -> Result<Json<FindingPage>, ApiError> {
    let wrong = || ApiError::new(ProblemCode::InvalidRequest).detail(FindingQuery::HELP);
    let FindingQuery { open, after, limit, language } = query;
    let after = after.map(|text| text.parse::<Cursor>()).transpose().map_err(|_| wrong())?;
    if !(1..=500).contains(&limit) {
        return Err(wrong());
    }
    let wanted = Wanted { open_only: open, after, limit, language };
    Ok(Json(findings::page(&app, &reader, wanted).await?))
}
