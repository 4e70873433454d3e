//! The whole API on one page.

use axum::Router;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::ApiError;
use super::{attachments, capabilities, cases, dataset, enrol, findings, health, layers, openapi, sync};
use crate::state::App;
use fieldmerge_protocol::problem::ProblemCode;

/// Every route with its documentation.
pub fn routes() -> OpenApiRouter<App> {
    short_routes().merge(sync_route())
}

fn sync_route() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sync::sync))
}

fn short_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(capabilities::show))
        .routes(routes!(enrol::enrol))
        .routes(routes!(attachments::progress, attachments::append, attachments::read))
        .routes(routes!(cases::list))
        .routes(routes!(findings::list))
        .routes(routes!(dataset::read))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(openapi::show))
}

/// The API, ready to serve.
pub fn router(app: &App) -> Router {
    let (short, _) = short_routes().split_for_parts();
    let (sync, _) = sync_route().split_for_parts();
    let short = layers::hurry(short.with_state(app.clone()), app);
    let router = short
        .merge(sync.with_state(app.clone()))
        .fallback(|| async { ApiError::new(ProblemCode::NotFound) })
        .method_not_allowed_fallback(|| async { ApiError::new(ProblemCode::MethodNotAllowed) });
    layers::apply(router, app)
}
