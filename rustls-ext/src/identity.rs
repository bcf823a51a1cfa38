use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientAuth, ClientAuthStatus, ServerConnectionData};
use rustls::{CommonState, ConnectionCommon};

/// A client that proved to hold a certificate which counts in the scope that was asked about.
///
/// There is no way to get one for a connection whose certificate counts in another scope only.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PeerIdentity<'a> {
    /// The certificates as the client sent them, its own first; never empty.
    pub chain: &'a [CertificateDer<'a>],
    /// Whether the proof was given on an earlier connection, which this one resumes.
    pub resumed: bool,
    /// When the proof was given, by this server's clock.
    pub authenticated_at: UnixTime,
}

impl<'a> PeerIdentity<'a> {
    /// The client of `connection`, if it is authenticated in `scope`.
    ///
    /// `None` during the handshake, and on connections of a config without a policy. Over QUIC,
    /// `quic::HandshakeData::peer_identity` is the same.
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

    /// The client that `auth` is about and that sent `chain`, if it is authenticated in `scope`.
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
