//! `rext gateway`: a reverse proxy that requests client certificates for a server without TLS
//! client authentication.
//!
//! How the parts of a message are handled:
//!
//! | part of a message | handling |
//! |---|---|
//! | `Host`, `:authority` | passed on in `Host`, as the client wrote it; an ambiguous one is refused (400). An HTTP/1.0 request without a host is for the server name of its connection |
//! | path and query | passed on unchanged; with `--require`, an ambiguous path is refused (400) |
//! | `Connection` and the fields that it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Transfer-Encoding`, `Upgrade` | removed in both directions (RFC 9110 section 7.6.1); `TE: trailers` is sent anew |
//! | `Client-Cert`, `Client-Cert-Chain` | removed, and set for clients that are authenticated in a scope of `--client-cert` (RFC 9440) |
//! | `Forwarded`, `X-Forwarded-…`, `X-Real-IP` | removed, and set to what this proxy knows of the connection. The client's values are not trusted, since no other proxy is in front of this one |
//! | `SSL-Client-…`, `X-SSL-…`, `X-Client-Cert…`, `X-Client-Verify…`, `X-Client-DN…`, `X-ARR-ClientCert`, `X-Amzn-Mtls-…`, `WL-Proxy-…`, `Remote-User` | removed from requests: other proxies use them for the client's certificate |
//! | `Proxy`, `X-Original-URL`, `X-Original-URI`, `X-Rewrite-URL` | removed from requests: some servers use them in place of their configuration or of the target |
//! | `Via` | the proxy's own is added (RFC 9110 section 7.6.3) |
//! | bodies | streamed in both directions, no faster than they are read, without a limit on their length |
//! | trailers | passed on in both directions, without any of the fields above |
//! | transfer codings other than `chunked`, `CONNECT`, `TRACE` | refused (501) |
//! | `Upgrade` | not passed on; the server behind responds without an upgrade (RFC 9110 section 7.8) |
//!
//! Field names are compared without regard to case, and with all characters that are neither letters
//! nor digits treated as equal: `x_ssl_cert` is removed like `X-SSL-Cert`.

use clap::Args;
use command_line::values::seconds;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_ext::Policy;
use rustls_ext::http::client_cert::ClientCertLayer;
use rustls_ext::http::server::{Caller, Denied, read_unread};
use rustls_ext::{causes, with_causes};
use tokio::time::{Instant, timeout_at};
use tower::service_fn;
use tower::util::BoxCloneService;
use tracing::warn;

use crate::debug_info::DebugInfo;
use crate::server::ServerArgs;
use crate::server::{self, App, Stalled};
use command_line::Failure;

mod body;
mod fields;
mod paths;

pub use paths::PathDemand;
use paths::parse_demand;

use body::{Progress, Relayed};

/// The read buffer of a connection to the server behind, in bytes, which is also the maximum size of a
/// response's head. Each unfinished request of a client has up to three of them.
const UPSTREAM_BUFFER: usize = 16 * 1024;

/// Options of `rext gateway`.
#[derive(Clone, Debug, Args)]
pub struct GatewayArgs {
    #[command(flatten)]
    /// The server for clients.
    pub server: ServerArgs,
    /// The server behind the gateway, an http URL without a path
    #[arg(long, value_name = "URL", value_parser = upstream)]
    pub upstream: Uri,
    /// The time limit for connecting to the server behind
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Require that clients are authenticated in SCOPE for paths that begin with PREFIX; may be
    /// given more than once, and the longest prefix applies
    #[arg(long, value_name = "PREFIX=SCOPE", value_parser = parse_demand)]
    pub require: Vec<PathDemand>,
    /// Pass on the certificates of clients that are authenticated in SCOPE, in the field
    /// Client-Cert (RFC 9440); may be given more than once
    #[arg(long, value_name = "SCOPE")]
    pub client_cert: Vec<String>,
    /// Also pass on the rest of their chains, in Client-Cert-Chain
    #[arg(long, requires = "client_cert")]
    pub client_cert_chain: bool,
}

fn upstream(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|err| format!("not a URL: {err}"))?;
    let no_user = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), uri.host(), uri.path_and_query().map(|path| path.as_str())) {
        (Some("http"), Some(host), None | Some("/")) if !host.is_empty() && no_user => Ok(uri),
        _ => Err("not an http URL that consists of a host and an optional port".into()),
    }
}

/// Runs `rext gateway`, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Misbehaviour of clients or of the server behind is no error.
pub async fn run(args: &GatewayArgs) -> Result<(), Failure> {
    server::run(&args.server, Proxy::new(args)).await
}

/// The application of `rext gateway`: passes requests on to the server behind.
struct Proxy {
    /// The scopes that options name, each with its option.
    scopes: Vec<(&'static str, String)>,
    relay: Arc<Relay>,
}

type Outgoing = Relayed<Body>;

struct Relay {
    client: Client<HttpConnector, Outgoing>,
    upstream: Uri,
    demands: Vec<PathDemand>,
    certificates: ClientCertLayer,
    idle_timeout: Duration,
}

impl Proxy {
    fn new(args: &GatewayArgs) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(args.connect_timeout));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_read_buf_exact_size(UPSTREAM_BUFFER)
            .pool_idle_timeout(args.server.idle_timeout)
            // `Host` stays as the client sent it.
            .set_host(false)
            .build(connector);
        let certificates = ClientCertLayer::new(&args.client_cert);
        let certificates =
            if args.client_cert_chain { certificates.with_chain() } else { certificates };
        let required = args.require.iter().map(|demand| ("--require", demand.scope.clone()));
        let passed_on = args.client_cert.iter().map(|scope| ("--client-cert", scope.clone()));
        let relay = Relay {
            client,
            upstream: args.upstream.clone(),
            demands: args.require.clone(),
            certificates,
            idle_timeout: args.server.idle_timeout,
        };
        Self { scopes: required.chain(passed_on).collect(), relay: Arc::new(relay) }
    }
}

impl App for Proxy {
    type Service = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

    fn check(&self, policy: &Policy) -> Result<(), Failure> {
        match self.scopes.iter().find(|(_, scope)| policy.challenge(scope).is_none()) {
            Some((option, scope)) => {
                Err(Failure::option(option, scope, "the policy has no such scope"))
            }
            None => Ok(()),
        }
    }

    fn service(&self, info: &DebugInfo) -> Self::Service {
        let peer = info.peer;
        let relay = self.relay.clone();
        let service = service_fn(move |request| {
            let relay = relay.clone();
            async move { Ok(relay.respond(request, peer).await.into_response()) }
        });
        BoxCloneService::new(service)
    }
}

impl Relay {
    async fn respond(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Rejection> {
        let checked = self.check(&request);
        let checked = match checked {
            Ok(None) => Ok(()),
            Ok(Some((caller, scope))) => caller.ask(scope).await.map(drop).map_err(Rejection::from),
            Err(rejection) => Err(rejection),
        };
        if let Err(rejection) = checked {
            // Otherwise HTTP/1.1 clients that are still sending do not receive the response. A body
            // in an unknown coding cannot be read.
            if !matches!(rejection, Rejection::Coding) {
                let (parts, body) = request.into_parts();
                read_unread(&parts.headers, body).await;
            }
            return Err(rejection);
        }
        let (request, progress) = self.outgoing(request, peer)?;
        let line = format!("{} {}", request.method(), request.uri().path());
        let failed = |status: StatusCode, reason: &dyn std::fmt::Display| {
            let upstream = &self.upstream;
            warn!(%peer, %upstream, request = line, %reason, status = status.as_u16(), "no response");
            Rejection::Failed(status)
        };

        let mut response = std::pin::pin!(self.client.request(request));
        let response = loop {
            let deadline = progress.last() + self.idle_timeout;
            match timeout_at(deadline, response.as_mut()).await {
                Ok(response) => break response,
                // The reader of the client's body has its own time limit.
                Err(_) if progress.is_awaited() => tokio::select! {
                    response = response.as_mut() => break response,
                    () = progress.no_longer_awaited() => {}
                },
                Err(_) if progress.last() + self.idle_timeout > Instant::now() => {}
                Err(_) => {
                    let reason =
                        format!("the server behind sent no response for {:?}", self.idle_timeout);
                    return Err(failed(StatusCode::GATEWAY_TIMEOUT, &reason));
                }
            }
        };
        match response {
            Ok(response) => Ok(self.incoming(response)),
            Err(err) => {
                let (status, reason) = status_and_reason(&err);
                Err(failed(status, &reason))
            }
        }
    }

    /// Checks that a request may be passed on. Returns the scope in which its caller must be
    /// authenticated, if there is one.
    fn check<B>(&self, request: &Request<B>) -> Result<Option<(Caller, &str)>, Rejection> {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return Err(Rejection::Method);
        }
        // Any other coding would be lost with the field (RFC 9112 section 6.1).
        let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).into_iter();
        let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if codings.next().is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some() {
            return Err(Rejection::Coding);
        }
        if self.demands.is_empty() {
            return Ok(None);
        }
        let path = paths::Path::parse(request.uri().path())
            .ok_or(Rejection::Ambiguous("the path has more than one interpretation"))?;
        let Some(scope) = path.demand(&self.demands) else { return Ok(None) };
        Ok(Some((Caller::of(request.extensions())?.clone(), scope)))
    }

    /// Makes the request for the server behind.
    fn outgoing(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> Result<(Request<Outgoing>, Arc<Progress>), Rejection> {
        let bad = || Rejection::Ambiguous("the request's target or host is invalid");
        let (mut parts, body) = request.into_parts();
        let host = match (parts.uri.authority(), parts.headers.get(header::HOST)) {
            (Some(authority), _) => HeaderValue::try_from(authority.as_str()).map_err(|_| bad())?,
            (None, Some(host)) => host.clone(),
            // HTTP/1.0 without a host: the request is for the connection's server name.
            (None, None) => {
                let host = Caller::of(&parts.extensions)?.host().ok_or_else(bad)?;
                HeaderValue::try_from(host).map_err(|_| bad())?
            }
        };
        let accepts_trailers = fields::accepts_trailers(&parts.headers);
        // Before the proxy sets its own fields, since a client may name those in `Connection`.
        fields::remove_hop_by_hop(&mut parts.headers);
        self.certificates.apply(&mut parts);
        fields::set_forwarded(&mut parts.headers, peer, &host);
        fields::add_via(&mut parts.headers, parts.version);
        parts.headers.insert(header::HOST, host);
        if accepts_trailers {
            parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        let path = parts.uri.path_and_query().cloned();
        let mut uri = self.upstream.clone().into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        parts.uri = Uri::from_parts(uri).map_err(|_| bad())?;
        parts.version = Version::HTTP_11;
        // The server behind cannot use them.
        parts.extensions.clear();
        let (body, progress) = Relayed::with_progress(body);
        Ok((Request::from_parts(parts, body), progress))
    }

    /// Makes the response for the client.
    fn incoming(&self, response: Response<hyper::body::Incoming>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        fields::remove_hop_by_hop(&mut parts.headers);
        fields::add_via(&mut parts.headers, parts.version);
        parts.version = Version::HTTP_11;
        Response::from_parts(parts, Body::new(Relayed::new(body)))
    }
}

/// Returns the status code for a client whose request got no response, and the reason for the log.
fn status_and_reason(err: &(dyn Error + 'static)) -> (StatusCode, String) {
    let mut status = StatusCode::BAD_GATEWAY;
    for err in causes(err) {
        let timed_out = |err: &io::Error| err.kind() == io::ErrorKind::TimedOut;
        if err.is::<Stalled>() {
            status = StatusCode::REQUEST_TIMEOUT;
        } else if err.downcast_ref().is_some_and(timed_out) {
            status = StatusCode::GATEWAY_TIMEOUT;
        }
    }
    (status, with_causes(err))
}

/// Why a client does not get the response of the server behind.
#[derive(Debug)]
enum Rejection {
    /// The client is not authenticated as required, or the request is refused for its host.
    Denied(Denied),
    /// A part of its request is ambiguous or invalid, for this reason.
    Ambiguous(&'static str),
    /// Its method is not passed on.
    Method,
    /// Its transfer coding is not passed on; the data after its head is not read.
    Coding,
    /// There is no response; only the log contains the reason.
    Failed(StatusCode),
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response<Body> {
        let (status, line) = match self {
            Self::Denied(denied) => return denied.into_response(),
            Self::Ambiguous(reason) => (StatusCode::BAD_REQUEST, reason),
            Self::Method => {
                (StatusCode::NOT_IMPLEMENTED, "this proxy does not pass on CONNECT and TRACE")
            }
            Self::Coding => {
                let close = [(header::CONNECTION, "close")];
                return (
                    StatusCode::NOT_IMPLEMENTED,
                    close,
                    "this proxy supports no transfer coding other than chunked\n",
                )
                    .into_response();
            }
            Self::Failed(status) => (status, status.canonical_reason().unwrap_or_default()),
        };
        (status, format!("{line}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://app"] {
            assert!(upstream(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "app:80",
            "https://app",
            "http://app/x",
            "http://app/?q",
            "http://u@app",
            "http://",
        ] {
            assert!(upstream(bad).is_err(), "{bad}");
        }
    }
}
