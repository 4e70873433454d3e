//! `GET /v1/capabilities`: what this server speaks, before a device sends anything.

use fieldmerge_protocol::api::Capabilities;
use fieldmerge_protocol::limits::Limits;

use super::Json;

/// What this server speaks and how much it takes.
#[utoipa::path(
    get, path = "/v1/capabilities", operation_id = "capabilities", tag = "devices",
    responses((status = 200, description = "Versions and limits", body = Capabilities)),
)]
pub async fn show() -> Json<Capabilities> {
    Json(Capabilities {
        server: env!("CARGO_PKG_VERSION").to_owned(),
        bundle_versions: vec![1],
        compressions: vec!["none".to_owned(), "zstd".to_owned()],
        limits: Limits::CURRENT,
    })
}
