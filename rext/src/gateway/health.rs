//! The health endpoint of the gateway itself.

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Method, Response, StatusCode, header};

/// Responds to a request for the endpoint: 200 while the gateway serves, 503 while it stops.
pub(super) fn respond(method: &Method, draining: bool) -> Response<Body> {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match (method, draining) {
        (&Method::GET | &Method::HEAD, false) => (StatusCode::OK, no_store, "ok\n").into_response(),
        (&Method::GET | &Method::HEAD, true) => {
            (StatusCode::SERVICE_UNAVAILABLE, no_store, "stopping\n").into_response()
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response(),
    }
}
