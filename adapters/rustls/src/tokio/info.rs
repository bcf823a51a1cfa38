use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::pki_types::CertificateDer;

use super::stream::TlsStream;
use crate::client_auth::ClientAuth;

/// The facts about an accepted connection, for the handlers of its requests. Clones are cheap.
#[derive(Clone, Debug)]
pub struct ConnectionInfo(Arc<ConnectionData>);

#[derive(Debug)]
struct ConnectionData {
    peer: Option<SocketAddr>,
    server_name: Option<String>,
    version: Option<ProtocolVersion>,
    resumed: bool,
    auth: ClientAuth,
    chain: Option<Vec<CertificateDer<'static>>>,
}

impl ConnectionInfo {
    /// Collects the facts about a connection, and its peer's address.
    pub fn new<IO>(stream: &TlsStream<IO>, peer: impl Into<Option<SocketAddr>>) -> Self {
        let auth = stream.client_auth().clone();
        let chain = auth.decision().scope().and_then(|scope| stream.identity(scope.name()));
        Self(Arc::new(ConnectionData {
            peer: peer.into(),
            server_name: stream.connection().server_name().map(str::to_owned),
            version: stream.connection().protocol_version(),
            resumed: stream.is_resumed(),
            chain: chain.map(<[_]>::to_vec),
            auth,
        }))
    }

    /// Returns the client's address; `None` if it is unknown.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Returns the server name that the client sent (RFC 6066), in lower case; `None` without one.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// Returns the TLS version.
    pub fn tls_version(&self) -> Option<ProtocolVersion> {
        self.0.version
    }

    /// Returns true if the session is an earlier one. Its client authenticated in the connection that
    /// made the session.
    pub fn is_resumed(&self) -> bool {
        self.0.resumed
    }

    /// Returns the client's offer, and the decision with the scope.
    pub fn client_auth(&self) -> &ClientAuth {
        &self.0.auth
    }

    /// Returns the chain with which the client authenticated in `scope`, its own certificate first;
    /// `None` if it did not, or did so in another scope.
    pub fn identity(&self, scope: &str) -> Option<&[CertificateDer<'static>]> {
        let asked = self.0.auth.decision().scope()?;
        if asked.name() == scope { self.0.chain.as_deref() } else { None }
    }
}
