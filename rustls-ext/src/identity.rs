use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{ClientAuthStatus, ServerConnectionData};
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
    /// `None` during the handshake, and on connections of a config without a policy.
    pub fn of(connection: &'a ConnectionCommon<ServerConnectionData>, scope: &str) -> Option<Self> {
        let auth = connection.client_auth()?;
        let common: &CommonState = connection;
        match auth.status() {
            ClientAuthStatus::Authenticated { resumed, at }
                if !common.is_handshaking()
                    && auth.decision().demand().is_some_and(|demand| demand.scope() == scope) =>
            {
                Some(Self {
                    chain: common.peer_certificates().filter(|chain| !chain.is_empty())?,
                    resumed,
                    authenticated_at: at,
                })
            }
            _ => None,
        }
    }
}
