use rustls_ext_wire::{CodePoints, FlagSet};

#[cfg(feature = "std")]
use super::client_conn::ClientConnectionData;
use super::client_conn::UnbufferedClientConnection;
use crate::msgs::enums::ExtensionType;
use crate::msgs::tls_flags::TlsFlags;

/// What a client says about its readiness to authenticate itself with a certificate.
///
/// The default is to say nothing, as upstream rustls does.
///
/// Servers are free to ignore an offer.  Make one only where a certificate is at hand without
/// asking a person or an off-board device (RCA-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAuthOffer {
    flag: bool,
    prefer_resumption: bool,
    tls12_certificate: Option<bool>,
    pub(crate) code_points: CodePoints,
}

impl ClientAuthOffer {
    /// Offer by the `request_client_auth` TLS flag, which exists in TLS1.3 only.
    pub fn flag() -> Self {
        Self {
            flag: true,
            ..Self::default()
        }
    }

    /// Use these code points, in what is sent and in what is understood.
    pub fn with_code_points(mut self, code_points: CodePoints) -> Self {
        self.code_points = code_points;
        self
    }

    /// Resume also sessions in which this client did not authenticate.
    ///
    /// Whoever offers to authenticate does not resume these, since resuming one keeps a server
    /// from asking (RES-8); unless speed matters more.
    pub fn prefer_resumption(mut self) -> Self {
        self.prefer_resumption = true;
        self
    }

    /// Whether a certificate may be sent under TLS1.2, where everybody on the way can read it.
    ///
    /// The default is no for those who make an offer, and yes for those who make none, since that
    /// is what upstream rustls does.  If not, requests under TLS1.2 get an empty answer (CARE-5).
    pub fn with_certificate_under_tls12(mut self, allowed: bool) -> Self {
        self.tls12_certificate = Some(allowed);
        self
    }

    #[cfg(feature = "tls12")]
    pub(super) fn allows_certificate_under_tls12(&self) -> bool {
        self.tls12_certificate
            .unwrap_or(!self.flag)
    }

    /// Whether a session in which this client is `authenticated`, or not, may be resumed.
    pub(super) fn may_resume(&self, authenticated: bool) -> bool {
        authenticated || self.prefer_resumption || !self.flag
    }

    /// The flags to put in a ClientHello that offers TLS1.3.
    pub(super) fn flags(&self) -> FlagSet {
        match self.flag {
            true => FlagSet::single(self.code_points.request_client_auth()),
            false => FlagSet::EMPTY,
        }
    }

    pub(super) fn extension(&self) -> Option<TlsFlags> {
        TlsFlags::new(&self.flags(), self.code_points)
    }
}

/// What became of a client's offer to authenticate itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthStatus {
    /// No offer was put before the server, and it did not ask for a certificate.
    #[default]
    NotOffered,
    /// An offer was sent.  The server did not (yet) ask for a certificate; it never does when it
    /// resumes a session.
    Offered,
    /// The server asked for a certificate, and said that it did so because of the offer (RCA-2).
    Acknowledged,
    /// The server asked for a certificate, and did not say that the offer was the reason: there
    /// was none, the server has another reason (RCA-3), or it follows an older draft.
    AskedWithoutAcknowledgement,
}

impl ClientAuthStatus {
    /// What holds once it is known which extensions are before the server.
    pub(super) fn after_hello(sent: &[ExtensionType]) -> Self {
        match sent.contains(&ExtensionType::TlsFlags) {
            true => Self::Offered,
            false => Self::NotOffered,
        }
    }
}

#[cfg(feature = "std")]
impl crate::conn::ConnectionCommon<ClientConnectionData> {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.core.data.client_auth_status
    }
}

impl UnbufferedClientConnection {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.inner.core.data.client_auth_status
    }
}

#[cfg(feature = "std")]
impl crate::quic::ConnectionCommon<ClientConnectionData> {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.data().client_auth_status
    }
}
