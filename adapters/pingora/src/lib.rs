//! A reverse proxy on Pingora that requests client certificates from exactly the clients that offer
//! one.
//!
//! Pingora's own listeners make the same certificate request on all connections, and show a program
//! only the certificate, not the scope in which it counts. So [`serve`] accepts connections with a
//! [`Listener`] of rustls-ext, which decides by policy, and passes each stream on to Pingora's
//! [`HttpProxy`] as a [`Connection`]. [`Gateway`] is a [`ProxyHttp`] that denies requests by scope,
//! and forwards the certificates of authenticated clients in `Client-Cert` (RFC 9440). A program
//! with a `ProxyHttp` of its own calls [`admit`] in its `request_filter`, and [`set_client_cert`] in
//! its `upstream_request_filter`.

mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, header};
use pingora::Result;
use pingora::apps::ServerApp;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{HttpProxy, ProxyHttp, Session};
use pingora::server::ShutdownWatch;
use pingora::upstreams::peer::HttpPeer;
use rustls_ext::Live;
use rustls_ext::http::client_cert::{CLIENT_CERT, CLIENT_CERT_CHAIN, client_cert, fold};
use rustls_ext::http::server::{Caller, CallerLayer, ConnectionInfo, Denied, Identity};
use rustls_ext::tokio::{Acceptor, Listener};
use tokio::net::TcpListener;

pub use connection::Connection;

/// Accepts connections under the setup of `live` that is current at the time, and serves their
/// requests with `proxy`, until `shutdown` changes.
///
/// The setup's application protocols must be `h2`, `http/1.1`, or both. Make the proxy with
/// [`http_proxy`](pingora::proxy::http_proxy). To run this in a
/// [`Server`](pingora::server::Server), call it in a
/// [`BackgroundService`](pingora::services::background::BackgroundService).
pub async fn serve<P>(
    tcp: TcpListener,
    live: Live,
    proxy: Arc<HttpProxy<P>>,
    mut shutdown: ShutdownWatch,
) where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
{
    // Sets TCP_NODELAY, and limits handshakes in number and duration.
    let mut listener = Listener::new(tcp, Acceptor::from_live(live.clone()));
    let callers = CallerLayer::new(live);
    loop {
        let (tls, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.changed() => break,
        };
        let info = ConnectionInfo::from_tls(tls.get_ref().1, peer);
        let connection = Connection::new(tls, callers.clone().with_connection(info));
        let (proxy, shutdown) = (proxy.clone(), shutdown.clone());
        tokio::spawn(async move { proxy.process_new(Box::new(connection), &shutdown).await });
    }
    // Ends the connections that wait for another request.
    proxy.cleanup().await;
}

/// Returns the caller of a request.
///
/// # Errors
/// As for [`CallerLayer::admit`]; [`Denied::NoConnection`] if the request has not come through
/// [`serve`].
pub fn admit(session: &Session) -> Result<Caller, Denied> {
    let digest = session.digest().and_then(|digest| digest.proxy_digest.as_ref());
    let data = digest.and_then(|digest| digest.user_data.as_ref());
    let callers: Option<&CallerLayer> = data.and_then(|data| data.downcast_ref());
    // Pingora has already refused a target whose host is not that of `Host`.
    callers.ok_or(Denied::NoConnection)?.admit(session.req_header())
}

/// Removes `Client-Cert` and `Client-Cert-Chain` of the client, in every spelling, and sets
/// `Client-Cert` if the client is authenticated.
///
/// Pingora removes the fields that `Connection` names before `upstream_request_filter`, so a client
/// cannot have this one removed.
///
/// # Errors
/// If Pingora cannot insert the field.
pub fn set_client_cert(request: &mut RequestHeader, identity: Option<&Identity>) -> Result<()> {
    let own = [CLIENT_CERT, CLIENT_CERT_CHAIN];
    let sent = |name: &HeaderName| own.iter().any(|own| *own == *fold(name.as_str()));
    let names: Vec<HeaderName> =
        request.headers.keys().filter(|name| sent(name)).cloned().collect();
    for name in &names {
        request.remove_header(name);
    }
    match identity.and_then(|identity| client_cert(identity.chain().first()?)) {
        Some(value) => request.insert_header(CLIENT_CERT, value),
        None => Ok(()),
    }
}

/// A proxy for one server behind it. All paths except the public ones require that the client is
/// authenticated in one scope.
#[derive(Clone, Debug)]
pub struct Gateway {
    upstream: SocketAddr,
    scope: String,
    public: Vec<String>,
}

impl Gateway {
    /// Forwards requests to the HTTP server at `upstream`, from clients that are authenticated in
    /// `scope`.
    pub fn new(upstream: SocketAddr, scope: impl Into<String>) -> Self {
        Self { upstream, scope: scope.into(), public: Vec::new() }
    }

    /// Forwards requests for this path from all clients.
    ///
    /// Only this spelling of the path is public, so that another spelling cannot bypass the
    /// requirement.
    pub fn public(mut self, path: impl Into<String>) -> Self {
        self.public.push(path.into());
        self
    }

    fn check(&self, session: &Session) -> Result<Option<Identity>, Denied> {
        let caller = admit(session)?;
        let path = session.req_header().raw_path().split(|byte| *byte == b'?').next();
        if !self.public.iter().any(|public| Some(public.as_bytes()) == path) {
            caller.require(&self.scope)?;
        }
        Ok(caller.identity(&self.scope))
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    /// The client, if it is authenticated in the scope.
    type CTX = Option<Identity>;

    fn new_ctx(&self) -> Self::CTX {
        None
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        match self.check(session) {
            Ok(identity) => {
                *ctx = identity;
                Ok(false)
            }
            Err(denied) => deny(session, denied).await.map(|()| true),
        }
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        set_client_cert(request, ctx.as_ref())
    }
}

/// Responds with the status of a denial, and its challenge if it has one.
///
/// # Errors
/// If the connection fails.
pub async fn deny(session: &mut Session, denied: Denied) -> Result<()> {
    read_unread(session).await;
    let (parts, ()) = denied.response(()).into_parts();
    let mut response = ResponseHeader::from(parts);
    response.set_content_length(0)?;
    session.write_response_header(Box::new(response), true).await
}

/// Reads some of a body that is not used, or clients over HTTP/1.1 that are still sending do not
/// receive the response. Not if the client waits for a permission to send it.
async fn read_unread(session: &mut Session) {
    const LIMIT: usize = 8 * 1024 * 1024;
    if session.req_header().headers.contains_key(header::EXPECT) {
        return;
    }
    let read = async {
        let mut bytes = 0;
        while let Ok(Some(data)) = session.as_downstream_mut().read_request_body().await {
            bytes += data.len();
            if bytes > LIMIT {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
}
