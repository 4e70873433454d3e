//! `GET /health` and `GET /ready`, for whoever restarts and routes.

use axum::extract::State;
use fieldmerge_protocol::api::Health;
use fieldmerge_protocol::problem::Problem;

use super::{ApiError, Json};
use crate::state::App;

/// The process is alive.
///
/// Says nothing of the database, so that a database that is away restarts no server.
#[utoipa::path(
    get, path = "/health", tag = "operation",
    responses((status = 200, description = "The process is alive", body = Health)),
)]
pub async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// The server takes requests.
///
/// The database answers, and nobody told the server to stop.
#[utoipa::path(
    get, path = "/ready", tag = "operation",
    responses(
        (status = 200, description = "The database answers", body = Health),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    app.check_ready().await?;
    Ok(Json(Health { status: "ok".to_owned() }))
}
