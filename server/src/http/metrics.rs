//! `GET /metrics`, on a listener of its own.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::METRICS_MEDIA_TYPE;
use crate::state::App;

/// The routes of the metrics listener.
pub fn router(app: &App) -> Router {
    Router::new().route("/metrics", get(show)).with_state(app.clone())
}

async fn show(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, METRICS_MEDIA_TYPE)], app.metrics().to_text())
}
