//! `rext serve`: an HTTP server under a policy.

use clap::Args;
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode, Version, header};
use tower::service_fn;
use tower::util::BoxCloneService;

use crate::debug_info::DebugInfo;
use crate::server::ServerArgs;
use crate::server::{self, App};
use crate::site::Site;
use crate::site::{SiteArgs, host};
use command_line::Failure;

/// Options of `rext serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    /// The server.
    pub server: ServerArgs,
    /// Serve a small site under HOST, where people and agents log in with certificates of the
    /// policy's scopes "users" and "staff"
    #[arg(long, value_name = "HOST", value_parser = host, requires = "policy_file")]
    pub site: Option<String>,
    #[command(flatten)]
    /// Options of the site.
    pub site_args: SiteArgs,
}

/// Runs `rext serve`, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Faults of clients are not errors.
pub async fn run(args: &ServeArgs) -> Result<(), Failure> {
    match &args.site {
        Some(host) => server::run(&args.server, Site::new(host, &args.site_args)).await,
        None => server::run(&args.server, Debug).await,
    }
}

/// Responds with the properties of the connection.
struct Debug;

impl App for Debug {
    type Service = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

    fn service(&self, info: &DebugInfo) -> Self::Service {
        let info = Arc::new(info.clone());
        BoxCloneService::new(service_fn(move |request| {
            std::future::ready(Ok(respond(&info, &request)))
        }))
    }
}

fn respond(info: &DebugInfo, request: &Request<Body>) -> Response<Body> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => (
            StatusCode::OK,
            "text/plain",
            Body::from("GET /debug returns the properties of this connection\n"),
        ),
        (&Method::GET | &Method::HEAD, "/debug") => {
            let info = DebugInfo { protocol: protocol(request.version()), ..info.clone() };
            // Enough for most, so that it is allocated once.
            let mut json = Vec::with_capacity(512);
            match serde_json::to_writer(&mut json, &info) {
                Ok(()) => {
                    json.push(b'\n');
                    (StatusCode::OK, "application/json", json.into())
                }
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", Body::empty()),
            }
        }
        (_, "/" | "/debug") => {
            (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET and HEAD are allowed\n".into())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", "not found\n".into()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// The version of a request, as the debug page has it.
fn protocol(version: Version) -> Cow<'static, str> {
    match version {
        Version::HTTP_2 => "HTTP/2.0".into(),
        Version::HTTP_11 => "HTTP/1.1".into(),
        other => format!("{other:?}").into(),
    }
}
