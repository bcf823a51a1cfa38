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
//! | `Forwarded`, `X-Forwarded-…`, `X-Real-IP` | removed, and set to the facts that this proxy knows: it is the first proxy, so the client's own values are not trusted |
//! | `SSL-Client-…`, `X-SSL-…`, `X-Client-Cert…`, `X-Client-Verify…`, `X-Client-DN…`, `X-ARR-ClientCert`, `X-Amzn-Mtls-…`, `WL-Proxy-…`, `Remote-User` | removed from requests: other proxies use them for the client's certificate |
//! | `Proxy`, `X-Original-URL`, `X-Original-URI`, `X-Rewrite-URL` | removed from requests: some servers use them in place of their configuration or of the target |
//! | `Via` | the proxy's own is added (RFC 9110 section 7.6.3) |
//! | bodies | streamed in both directions, no faster than they are read, without a limit on their length |
//! | trailers | passed on in both directions, without any of the fields above |
//! | transfer codings other than `chunked`, `CONNECT`, `TRACE` | refused (501) |
//! | `Upgrade` | not passed on; the server behind answers without it (RFC 9110 section 7.8) |
//!
//! Case is ignored in names, and all characters that are neither letters nor digits are equal:
//! `x_ssl_cert` is removed like `X-SSL-Cert`.

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
use rustls_ext::rustls::ServerConnection;
use rustls_ext::{causes, with_causes};
use tokio::time::{Instant, timeout_at};
use tower::service_fn;
use tower::util::BoxCloneService;
use tracing::warn;

use crate::server::ServerArgs;
use crate::server::{self, App, Stalled};
use command_line::Failure;

mod body;
mod fields;
mod paths;

pub use paths::PathDemand;
use paths::parse_demand;

use body::{Progress, Relayed};

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
        _ => Err("not an http URL of a host and, where it is not 80, a port".into()),
    }
}

/// Runs `rext gateway`, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Faults of clients or of the server behind are not errors.
pub async fn run(args: &GatewayArgs) -> Result<(), Failure> {
    server::run(&args.server, Proxy::new(args)).await
}

/// Passes requests on to the server behind.
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
    patience: Duration,
}

impl Proxy {
    fn new(args: &GatewayArgs) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(args.connect_timeout));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(args.server.idle_timeout)
            // Keeps the client's `Host`.
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
            patience: args.server.idle_timeout,
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

    fn service(&self, _: &ServerConnection, peer: SocketAddr) -> Self::Service {
        let relay = self.relay.clone();
        let service = service_fn(move |request| {
            let relay = relay.clone();
            async move { Ok(relay.answer(request, peer).await.into_response()) }
        });
        BoxCloneService::new(service)
    }
}

impl Relay {
    async fn answer(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Refusal> {
        if let Err(refusal) = self.judge(&request) {
            // Otherwise clients over HTTP/1.1 that are still sending do not receive the response. A
            // body in an unknown coding is not read.
            if !matches!(refusal, Refusal::Coding) {
                let (parts, body) = request.into_parts();
                read_unread(&parts.headers, body).await;
            }
            return Err(refusal);
        }
        let (request, progress) = self.outgoing(request, peer)?;
        let line = format!("{} {}", request.method(), request.uri().path());
        let failed = |status: StatusCode, reason: &dyn std::fmt::Display| {
            let upstream = &self.upstream;
            warn!(%peer, %upstream, request = line, %reason, status = status.as_u16(), "no answer");
            Refusal::Failed(status)
        };

        let mut answer = std::pin::pin!(self.client.request(request));
        let answer = loop {
            let deadline = progress.last() + self.patience;
            match timeout_at(deadline, answer.as_mut()).await {
                Ok(answer) => break answer,
                // The reader of the client's body has its own time limit.
                Err(_) if progress.waits() => tokio::select! {
                    answer = answer.as_mut() => break answer,
                    () = progress.changes() => {}
                },
                Err(_) if progress.last() + self.patience > Instant::now() => {}
                Err(_) => {
                    let reason =
                        format!("nothing came from the server behind for {:?}", self.patience);
                    return Err(failed(StatusCode::GATEWAY_TIMEOUT, &reason));
                }
            }
        };
        match answer {
            Ok(answer) => Ok(self.incoming(answer)),
            Err(err) => {
                let (status, reason) = judge(&err);
                Err(failed(status, &reason))
            }
        }
    }

    /// Refuses requests that are not passed on at all.
    fn judge<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        // Any other coding would be lost with the field (RFC 9112 section 6.1).
        let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).into_iter();
        let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if codings.next().is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some() {
            return Err(Refusal::Coding);
        }
        if self.demands.is_empty() {
            return Ok(());
        }
        let path = paths::Path::parse(request.uri().path())
            .ok_or(Refusal::Unclear("a path with more than one reading"))?;
        if let Some(scope) = path.demand(&self.demands) {
            Caller::of(request.extensions())?.require(scope)?;
        }
        Ok(())
    }

    /// Makes the request for the server behind.
    fn outgoing(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> Result<(Request<Outgoing>, Arc<Progress>), Refusal> {
        let bad = || Refusal::Unclear("a target that cannot be handed on");
        let (mut parts, body) = request.into_parts();
        let host = match (parts.uri.authority(), parts.headers.get(header::HOST)) {
            (Some(authority), _) => HeaderValue::try_from(authority.as_str()).map_err(|_| bad())?,
            (None, Some(host)) => host.clone(),
            // HTTP/1.0, for the server name of the connection.
            (None, None) => {
                let host = Caller::of(&parts.extensions)?.host().ok_or_else(bad)?;
                HeaderValue::try_from(host).map_err(|_| bad())?
            }
        };
        let takes_trailers = fields::takes_trailers(&parts.headers);
        // This comes first, since a client may name fields there that are set afterwards.
        fields::remove_hop_by_hop(&mut parts.headers);
        self.certificates.apply(&mut parts);
        fields::set_forwarded(&mut parts.headers, peer, &host);
        fields::add_via(&mut parts.headers, parts.version);
        parts.headers.insert(header::HOST, host);
        if takes_trailers {
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
    fn incoming(&self, answer: Response<hyper::body::Incoming>) -> Response<Body> {
        let (mut parts, body) = answer.into_parts();
        fields::remove_hop_by_hop(&mut parts.headers);
        fields::add_via(&mut parts.headers, parts.version);
        parts.version = Version::HTTP_11;
        Response::from_parts(parts, Body::new(Relayed::new(body)))
    }
}

/// The status and log text for a request that got no response.
fn judge(err: &(dyn Error + 'static)) -> (StatusCode, String) {
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
enum Refusal {
    /// The client is not authenticated as required, or the request is refused for its host.
    Denied(Denied),
    /// This part of its request is ambiguous.
    Unclear(&'static str),
    /// Its method is not passed on.
    Method,
    /// Its transfer coding is not passed on; the data after its head is not read.
    Coding,
    /// There is no response; only the log contains the reason.
    Failed(StatusCode),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let (status, line) = match self {
            Self::Denied(denied) => return denied.into_response(),
            Self::Unclear(what) => (StatusCode::BAD_REQUEST, what),
            Self::Method => (StatusCode::NOT_IMPLEMENTED, "this method is not handed on"),
            Self::Coding => {
                let close = [(header::CONNECTION, "close")];
                return (StatusCode::NOT_IMPLEMENTED, close, "not chunked\n").into_response();
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
