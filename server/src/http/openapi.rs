//! `GET /openapi.json`: the API as a document, made from the routes themselves.

use fieldmerge_protocol::api::{AsOf, DeviceClaims};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use super::{Json, router};

/// The document without the routes.
pub fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Fieldmerge")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Offline-first data collection that merges itself. Errors are RFC 9457 problem documents with a stable \
             `code`; apps decide by the code.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    // What stands in headers is in no body, and has its schema here.
    let mut components = ComponentsBuilder::new().schema_from::<AsOf>().schema_from::<DeviceClaims>().build();
    let bearer = |description: &str, format: &str| {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(description.to_owned());
        scheme.bearer_format = Some(format.to_owned());
        SecurityScheme::Http(scheme)
    };
    components.add_security_scheme(
        "device",
        bearer("A JWT (EdDSA) that the device signs for this request; its claims are `DeviceClaims`", "JWT"),
    );
    components.add_security_scheme(
        "key",
        bearer("A key made by `fieldmerge admin key new`, beginning with `fmk_`", "fmk"),
    );
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// The whole document.
pub fn document() -> OpenApi {
    router::routes().into_openapi()
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "operation",
    responses((status = 200, description = "This document", body = Object)),
)]
pub async fn show() -> Json<OpenApi> {
    Json(document())
}
