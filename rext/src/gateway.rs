//! `rext gateway`: asks clients for certificates in front of a server that knows nothing of them.
//!
//! What is handed on, and what is not:
//!
//! | part of a message | what is done with it |
//! |---|---|
//! | `Host`, `:authority` | handed on in `Host`, as the client wrote it; one that is not clear is refused (400). A request of HTTP/1.0 without any is for the server name of its connection |
//! | path and query | handed on as they are; with `--require`, a path that could be read in two ways is refused (400) |
//! | `Connection` and what it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Transfer-Encoding`, `Upgrade` | removed in both directions (RFC 9110 section 7.6.1); `TE: trailers` is said anew |
//! | `Client-Cert`, `Client-Cert-Chain` | removed, and set for clients that are authenticated in a scope of `--client-cert` (RFC 9440) |
//! | `Forwarded`, `X-Forwarded-…`, `X-Real-IP` | removed, and set to what this proxy knows: it is the first, so what clients say of others is nothing to go by |
//! | `SSL-Client-…`, `X-SSL-…`, `X-Client-Cert…`, `X-Client-Verify…`, `X-Client-DN…`, `X-ARR-ClientCert`, `X-Amzn-Mtls-…`, `WL-Proxy-…`, `Remote-User` | removed from requests: other proxies tell of a client's certificate in these |
//! | `Proxy`, `X-Original-URL`, `X-Original-URI`, `X-Rewrite-URL` | removed from requests: some servers go by these in place of their configuration or of the target |
//! | `Via` | the proxy's own is added (RFC 9110 section 7.6.3) |
//! | bodies | streamed in both directions, no faster than they are read, without a limit on their length |
//! | trailers | handed on in both directions, without any of the fields above |
//! | transfer codings other than `chunked`, `CONNECT`, `TRACE` | refused (501) |
//! | `Upgrade` | not handed on, so the server behind answers as if nobody had asked (RFC 9110 section 7.8) |
//!
//! Names are compared without regard to case, and with all characters that are neither letters nor
//! digits alike: `x_ssl_cert` is removed as `X-SSL-Cert` is.

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
    /// The server in front.
    pub server: ServerArgs,
    /// The server behind, an http URL without a path
    #[arg(long, value_name = "URL", value_parser = upstream)]
    pub upstream: Uri,
    /// How long a connection to the server behind may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Let only clients that are authenticated in SCOPE through to paths that begin with PREFIX; may
    /// be given more than once, and the longest prefix counts
    #[arg(long, value_name = "PREFIX=SCOPE", value_parser = parse_demand)]
    pub require: Vec<PathDemand>,
    /// Pass on the certificates of clients that are authenticated in SCOPE, in the field Client-Cert
    /// (RFC 9440); may be given more than once
    #[arg(long, value_name = "SCOPE")]
    pub client_cert: Vec<String>,
    /// Pass on the rest of their chains, too, in Client-Cert-Chain
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

/// Do what `rext gateway` says, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Nothing that a client or the server behind does is an error.
pub async fn run(args: &GatewayArgs) -> Result<(), Failure> {
    server::run(&args.server, Proxy::new(args)).await
}

/// Hands requests on to the server behind.
struct Proxy {
    /// The scopes that options name, with these.
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
            // It is the client's.
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
            // Or else clients over HTTP/1.1 that are still sending do not see the answer. A body in
            // a coding that is not known is not looked at.
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
                // Whoever waits for the client's body gives up by itself.
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

    /// What is refused before anybody else hears of it.
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

    /// The request for the server behind.
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
        // First of all, since a client may name there what is set afterwards.
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
        // They are of no use to anybody behind.
        parts.extensions.clear();
        let (body, progress) = Relayed::with_progress(body);
        Ok((Request::from_parts(parts, body), progress))
    }

    /// The answer for the client.
    fn incoming(&self, answer: Response<hyper::body::Incoming>) -> Response<Body> {
        let (mut parts, body) = answer.into_parts();
        fields::remove_hop_by_hop(&mut parts.headers);
        fields::add_via(&mut parts.headers, parts.version);
        parts.version = Version::HTTP_11;
        Response::from_parts(parts, Body::new(Relayed::new(body)))
    }
}

/// What came of a request that got no answer.
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

/// Why a client does not get the answer of the server behind.
#[derive(Debug)]
enum Refusal {
    /// It is not who it must be.
    Denied(Denied),
    /// This is not clear about its request.
    Unclear(&'static str),
    /// Its method is not handed on.
    Method,
    /// Nor is its transfer coding; what follows it is not looked at.
    Coding,
    /// There is no answer; why not stays in the log.
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
