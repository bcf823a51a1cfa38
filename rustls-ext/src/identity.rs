use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientAuth, ClientAuthStatus, ServerConnectionData};
use rustls::{CommonState, ConnectionCommon};

/// A client that proved possession of a certificate which counts in the requested scope.
///
/// There is no way to get a `PeerIdentity` for a connection whose certificate counts only in
/// another scope.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PeerIdentity<'a> {
    /// The certificates as the client sent them, the end-entity certificate first; never empty.
    pub chain: &'a [CertificateDer<'a>],
    /// True if the proof was given on an earlier connection, which this one resumes.
    pub resumed: bool,
    /// When the proof was given, by this server's clock.
    pub authenticated_at: UnixTime,
}

impl<'a> PeerIdentity<'a> {
    /// Returns the client of `connection` if it is authenticated in `scope`.
    ///
    /// Returns `None` during the handshake, and on connections of a config without a policy. Over
    /// QUIC, `quic::HandshakeData::peer_identity` does the same.
    pub fn from_connection(
        connection: &'a ConnectionCommon<ServerConnectionData>,
        scope: &str,
    ) -> Option<Self> {
        let common: &CommonState = connection;
        match common.is_handshaking() {
            true => None,
            false => Self::under(connection.client_auth()?, common.peer_certificates()?, scope),
        }
    }

    /// Returns the client that `auth` describes and that sent `chain`, if it is authenticated in
    /// `scope`.
    ///
    /// The handshake must be complete.
    pub(crate) fn under(
        auth: &ClientAuth,
        chain: &'a [CertificateDer<'a>],
        scope: &str,
    ) -> Option<Self> {
        match auth.status() {
            ClientAuthStatus::Authenticated { resumed, at }
                if !chain.is_empty()
                    && auth.decision().demand().is_some_and(|demand| demand.scope() == scope) =>
            {
                Some(Self { chain, resumed, authenticated_at: at })
            }
            _ => None,
        }
    }
}
