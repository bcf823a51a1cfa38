//! `rext gateway`: a reverse proxy that requests client certificates for a server without TLS
//! client authentication.
//!
//! The servers behind are given by `--upstream`, or by routes in the policy file: see [`config`].
//!
//! How the parts of a message are handled:
//!
//! | part of a message | handling |
//! |---|---|
//! | `Host`, `:authority` | passed on as the client wrote it; an ambiguous one is refused (400), and one without a route (421). An HTTP/1.0 request without a host is for the server name of its connection |
//! | path and query | passed on unchanged; a path is refused (400) if the server behind may read it in a way that is for another route or needs another scope, and a path without a route (404) |
//! | `Connection` and the fields that it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Transfer-Encoding`, `Upgrade` | removed in both directions (RFC 9110 section 7.6.1); `TE: trailers` is sent anew |
//! | `Client-Cert`, `Client-Cert-Chain` | removed, and set for clients that are authenticated in a scope of `--client-cert` (RFC 9440) |
//! | fields that only a gateway may set, such as `Forwarded` and `X-SSL-…` | removed from requests, and set to what this gateway knows: see [`REMOVED_BY_DEFAULT`] and [`FieldsConfig`] |
//! | fields in `[gateway.fields.set]` | removed, and set from the certificates of clients: see `templates` |
//! | `Via` | the proxy's own is added (RFC 9110 section 7.6.3) |
//! | `Cookie` | several lines become one for servers in HTTP/1.1 (RFC 9113 section 8.2.3) |
//! | `Content-Length` | equal lines become one; different ones are refused (400, 502) |
//! | `Content-Length` with `Transfer-Encoding` | refused in requests (400); in responses the coding decides, and the connection is not used again (RFC 9112 section 6.3) |
//! | bodies | streamed in both directions, no faster than they are read, without a limit on their length, for all methods |
//! | trailers | passed on in both directions, without the fields that only a gateway may set. HTTP/1.1 needs their names in `Trailer`: a request with others is refused (400), and a response with others ends without its last chunk, if the client sent `TE: trailers` |
//! | `Expect: 100-continue` | passed on; the gateway itself sends 100 when it reads the body for the server behind, after its own checks |
//! | responses 100, 102 and 103 of servers behind | dropped |
//! | transfer codings other than `chunked`, `TRACE` | refused (501; 502 in responses) |
//! | `Upgrade`, extended `CONNECT` for WebSocket (RFC 8441) | passed on to servers in HTTP/1.1 for the protocols that the route allows, by default WebSocket; otherwise the server behind responds without an upgrade (RFC 9110 section 7.8) |
//!
//! Field names are compared without regard to case, and with all characters that are neither letters
//! nor digits treated as equal: `x_ssl_cert` is removed like `X-SSL-Cert`. The table `[gateway.fields]`
//! changes which fields are removed.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use clap::Args;
use command_line::Failure;
use command_line::values::seconds;
use http::{Request, Response, Uri};
use rustls_ext::{Files, Live, LoadError, Policy};
use tower::Service;

use crate::debug_info::DebugInfo;
use crate::server::{self, App, Loaded, ServerArgs};
use crate::tls;

mod body;
pub mod config;
mod connect;
mod fields;
mod health;
mod lengths;
mod outbound;
mod paths;
mod pool;
mod pools;
mod rejection;
mod relay;
mod routes;
mod table;
mod templates;
mod upgrade;
mod upstream;

use config::{GatewayConfig, MAX_CONNECTIONS, MAX_WAITING, TABLE};
use fields::Peer;
pub use fields::{ClientAddress, ClientField, FieldsConfig, FieldsError, REMOVED_BY_DEFAULT};
use paths::parse_demand;
pub use paths::{Ambiguous, PathDemand, PrefixError};
use pools::Pools;
use table::Table;
pub use templates::Value;

/// Options of `rext gateway`.
#[derive(Clone, Debug, Args)]
pub struct GatewayArgs {
    #[command(flatten)]
    /// The server for clients.
    pub server: ServerArgs,
    /// The server behind the gateway, an http URL without a path. Without this option, the policy
    /// file has a table `[gateway]` with routes
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub upstream: Option<Uri>,
    /// The time limit for connecting to the server behind, and for waiting until a connection to it
    /// is free
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Require that clients are authenticated in SCOPE for paths that begin with PREFIX; may be
    /// given more than once. The longest prefix applies; if the servers behind may read a path in
    /// different ways, the requirements of all of them apply
    #[arg(long, value_name = "PREFIX=SCOPE", value_parser = parse_demand, requires = "upstream")]
    pub require: Vec<PathDemand>,
    /// Pass on the certificates of clients that are authenticated in SCOPE, in the field
    /// Client-Cert (RFC 9440); may be given more than once
    #[arg(long, value_name = "SCOPE", requires = "upstream")]
    pub client_cert: Vec<String>,
    /// Also pass on the rest of their chains, in Client-Cert-Chain
    #[arg(long, requires = "client_cert")]
    pub client_cert_chain: bool,
    /// The maximum number of open connections to each server behind. An HTTP/2 connection carries up
    /// to 100 requests
    #[arg(long, value_name = "CONNECTIONS", default_value_t = MAX_CONNECTIONS,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub upstream_connections: u32,
    /// How many requests wait for a connection to each server behind; further ones get 503
    #[arg(long, value_name = "REQUESTS", default_value_t = MAX_WAITING,
          value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub upstream_waiting: u32,
}

fn http_url(text: &str) -> Result<Uri, String> {
    match table::upstream_url(text)? {
        uri if uri.scheme_str() == Some("http") => Ok(uri),
        _ => Err("an https upstream needs a route in the policy file, with its authorities".into()),
    }
}

/// Runs `rext gateway`, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If a file or an option is unusable. Misbehaviour of clients or of the server behind is no error.
pub async fn run(args: &GatewayArgs) -> Result<(), Failure> {
    if args.upstream.is_none() && args.server.policy_file.is_none() {
        let missing = "no server behind is given: use --upstream, or --policy-file with a table \
                       [gateway]";
        return Err(Failure::Usage(missing.into()));
    }
    server::run(&args.server, Gateway(Arc::new(Proxy::new(args)))).await
}

/// The application of `rext gateway`: passes requests on to the servers behind.
struct Gateway(Arc<Proxy>);

/// The data that all connections share.
struct Proxy {
    args: GatewayArgs,
    idle_timeout: Duration,
    /// The connections to the servers behind, across reloads.
    pools: Pools,
    /// Set once everything is loaded.
    live: OnceLock<Live>,
    draining: AtomicBool,
}

impl Proxy {
    fn new(args: &GatewayArgs) -> Self {
        Self {
            args: args.clone(),
            idle_timeout: args.server.idle_timeout,
            pools: Pools::default(),
            live: OnceLock::new(),
            draining: AtomicBool::new(false),
        }
    }

    /// The routes that belong with the current policy.
    fn table(&self) -> Option<Arc<Table>> {
        self.live.get()?.current().data()
    }

    fn load(&self, files: &mut Files, policy_file: Option<&Path>) -> Result<Loaded, LoadError> {
        let args = &self.args;
        let Some(path) = policy_file else {
            let upstream = args.upstream.as_ref().ok_or("--upstream is missing")?;
            return Ok(Loaded::data(table::from_options(args, upstream, &self.pools)?));
        };
        let (policy, table) =
            files.policy_and_table::<GatewayConfig>(path, tls::provider(), TABLE)?;
        let table = match (&args.upstream, table) {
            (Some(upstream), None) => table::from_options(args, upstream, &self.pools)?,
            (None, Some(table)) => table::from_file(args, &table, &policy, files, &self.pools)?,
            (Some(_), Some(table)) => {
                let problem = "the table [gateway] and the option --upstream exclude each other: \
                               remove one of them";
                return Err(table.error(table.offset(), problem).into());
            }
            (None, None) => {
                let path = path.display();
                let problem = format!(
                    "{path}: no table [gateway] with the servers behind; add one, or use --upstream"
                );
                return Err(problem.into());
            }
        };
        Ok(Loaded::data(table).with_policy(policy))
    }
}

impl App for Gateway {
    type Service = Responder;

    fn load(&self, files: &mut Files, policy_file: Option<&Path>) -> Result<Loaded, LoadError> {
        self.0.load(files, policy_file)
    }

    fn check(&self, policy: &Policy) -> Result<(), Failure> {
        let args = &self.0.args;
        let required = args.require.iter().map(|demand| ("--require", &demand.scope));
        let passed_on = args.client_cert.iter().map(|scope| ("--client-cert", scope));
        match required.chain(passed_on).find(|(_, scope)| policy.challenge(scope).is_none()) {
            Some((option, scope)) => {
                Err(Failure::option(option, scope, "the policy has no such scope"))
            }
            None => Ok(()),
        }
    }

    fn command(&self) -> &'static str {
        "gateway"
    }

    fn started(&self, live: &Live) {
        let _ = self.0.live.set(live.clone());
    }

    fn connections(&self) -> usize {
        self.0.table().map_or(0, |table| table.routes.max_connections())
    }

    fn stopping(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    fn service(&self, info: &DebugInfo) -> Self::Service {
        Responder { proxy: self.0.clone(), peer: Arc::new(Peer::new(info.peer)) }
    }
}

/// Responds to the requests of one connection.
#[derive(Clone)]
struct Responder {
    proxy: Arc<Proxy>,
    peer: Arc<Peer>,
}

impl Service<Request<Body>> for Responder {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.proxy.clone().respond(request, self.peer.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://app"] {
            assert!(http_url(good).is_ok(), "{good}");
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
            assert!(http_url(bad).is_err(), "{bad}");
        }
    }
}
