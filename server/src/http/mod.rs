//! The HTTP API. `router.rs` lists it on one page; a noun has one file.

pub mod attachments;
pub mod capabilities;
pub mod cases;
pub mod dataset;
pub mod enrol;
pub mod extract;
pub mod findings;
pub mod health;
pub mod layers;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod router;
pub mod serve;
pub mod sync;

use axum::http::HeaderName;

pub use extract::{Json, Path, Query};
pub use problem::ApiError;
pub use router::router;
pub use serve::serve;

/// The header that carries the id of a request, made here or by the proxy in front.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
