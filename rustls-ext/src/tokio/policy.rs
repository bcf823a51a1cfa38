use std::error::Error as StdError;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::server::{ClientAuthDecision, ClientHello};

use crate::{Policy, PolicyError};

/// Why a policy could not decide. The connection is then closed, so that no client is admitted by
/// mistake.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Decides for each connection whether to request a certificate; the decision may be asynchronous.
pub trait AsyncPolicy: Send + Sync {
    /// Decides for the client at `peer` that sent `hello`. The address is `None` if the connection
    /// has none, for example over a Unix domain socket.
    ///
    /// `hello` has the TLS version that the config of the [`Acceptor`](super::Acceptor) chooses,
    /// and contains flags only if that is TLS 1.3 (FLAGS-9). It has no version if the handshake is
    /// going to fail because client and server have no version in common.
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send;

    /// Returns the rules for requests on open connections, if there are any. By default, there are
    /// none, and no certificates are requested on open connections.
    #[cfg(feature = "http")]
    fn host_policy(&self) -> Option<&dyn crate::http::server::HostPolicy> {
        None
    }
}

impl AsyncPolicy for Policy {
    async fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<ClientAuthDecision, BoxError> {
        if self.needs_peer_address() && peer.is_none() {
            Err(PolicyError::NeedsPeerAddress.into())
        } else {
            Ok(self.decide(hello, peer))
        }
    }

    #[cfg(feature = "http")]
    fn host_policy(&self) -> Option<&dyn crate::http::server::HostPolicy> {
        Some(self)
    }
}

impl<P: AsyncPolicy> AsyncPolicy for Arc<P> {
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send {
        P::decide(self, hello, peer)
    }

    #[cfg(feature = "http")]
    fn host_policy(&self) -> Option<&dyn crate::http::server::HostPolicy> {
        P::host_policy(self)
    }
}

/// The data of a [`ClientHello`], as an owned copy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HelloInfo {
    /// The server name (RFC 6066), in lower case.
    pub server_name: Option<String>,
    /// The application protocols (RFC 7301), in order of preference.
    pub alpn: Vec<Vec<u8>>,
    /// True if the client offers to authenticate.
    pub offered: bool,
    /// The TLS version of the connection; `None` if client and server have none in common.
    pub version: Option<ProtocolVersion>,
    /// The distinguished names in `certificate_authorities` (RFC 8446 section 4.2.4), in DER.
    pub certificate_authorities: Vec<Vec<u8>>,
}

impl From<&ClientHello<'_>> for HelloInfo {
    fn from(hello: &ClientHello<'_>) -> Self {
        Self {
            server_name: hello.server_name().map(str::to_owned),
            alpn: hello.alpn().map(|list| list.map(<[u8]>::to_vec).collect()).unwrap_or_default(),
            offered: hello.offers_client_auth(),
            version: hello.version(),
            certificate_authorities: hello
                .certificate_authorities()
                .unwrap_or_default()
                .iter()
                .map(|name| name.as_ref().to_vec())
                .collect(),
        }
    }
}

/// Makes a policy from a function.
///
/// ```
/// use rustls_ext::rustls::server::ClientAuthDecision;
/// use rustls_ext::tokio::policy_fn;
///
/// let policy = policy_fn(|_hello, _peer| async { Ok(ClientAuthDecision::None) });
/// # let _ = policy;
/// ```
pub fn policy_fn<F, Fut>(decide: F) -> PolicyFn<F>
where
    F: Fn(HelloInfo, Option<SocketAddr>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ClientAuthDecision, BoxError>> + Send,
{
    PolicyFn(decide)
}

/// The policy that [`policy_fn`] makes.
#[derive(Clone, Debug)]
pub struct PolicyFn<F>(F);

impl<F, Fut> AsyncPolicy for PolicyFn<F>
where
    F: Fn(HelloInfo, Option<SocketAddr>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ClientAuthDecision, BoxError>> + Send,
{
    fn decide(
        &self,
        hello: &ClientHello<'_>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<ClientAuthDecision, BoxError>> + Send {
        (self.0)(hello.into(), peer)
    }
}
