//! `GET /v1/projects/{project}/cases`: what waits for a person's judgement, and what was judged.

use axum::extract::State;
use fieldmerge_protocol::api::CasePage;
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::QueryHelp;
use super::{ApiError, Json, Query};
use crate::auth::Reader;
use crate::cases::{self, Cursor};
use crate::state::App;

/// What to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CaseQuery {
    /// `true` for open cases only; otherwise all.
    #[serde(default)]
    open: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// At most so many cases.
    #[param(minimum = 1, maximum = 500, default = 100)]
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_limit() -> u32 {
    100
}

impl QueryHelp for CaseQuery {
    const HELP: &'static str =
        "the parameters are open (true or false), after (`next` of the page before) and limit (1 to 500)";
}

/// Lists cases, oldest first.
///
/// A device sees those of the records that it may list; values that the reader may not see are withheld.
#[utoipa::path(
    get, path = "/v1/projects/{project}/cases", operation_id = "cases", tag = "headquarters",
    params(("project" = String, Path, description = "The project's id"), CaseQuery),
    responses(
        (status = 200, description = "A page of cases", body = CasePage),
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
    Query(query): Query<CaseQuery>,
) -> Result<Json<CasePage>, ApiError> {
    let wrong = || ApiError::new(ProblemCode::InvalidRequest).detail(CaseQuery::HELP);
    let after = query.after.map(|text| text.parse::<Cursor>()).transpose().map_err(|_| wrong())?;
    if !(1..=500).contains(&query.limit) {
        return Err(wrong());
    }
    Ok(Json(cases::page(&app, &reader, query.open, after, query.limit).await?))
}
