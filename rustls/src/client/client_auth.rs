pub use rustls_ext_wire::ClientStatus as ClientAuthStatus;
use rustls_ext_wire::{
    ClientNegotiation, CodePoints, Fault, HelloOffer, Message, Offer, Received, Version,
};

use super::client_conn::{ClientConfig, ClientConnectionData, UnbufferedClientConnection};
use crate::enums::ProtocolVersion;
use crate::msgs::client_auth::{of_flags, wire_version};
use crate::msgs::enums::ExtensionType;
use crate::msgs::handshake::NewSessionTicketPayloadTls13;

/// What a client says about its readiness to authenticate itself with a certificate.
///
/// The default is to say nothing, as upstream rustls does.
///
/// Servers are free to ignore an offer.  Make one only where a certificate is at hand without
/// asking a person or an off-board device (RCA-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAuthOffer {
    by: Offer,
    prefer_resumption: bool,
    tls12_certificate: Option<bool>,
    code_points: CodePoints,
}

impl ClientAuthOffer {
    /// Offer by these ways.
    pub fn new(offer: Offer) -> Self {
        Self {
            by: offer,
            ..Self::default()
        }
    }

    /// Offer by the `request_client_auth` TLS flag, which exists in TLS1.3 only.
    pub fn flag() -> Self {
        Self::new(Offer::FLAG)
    }

    /// Offer by the `client_authentication_request` extension (CARE), in TLS1.2 and TLS1.3.
    ///
    /// No server can say that it asks because of that; but it can say that it understands, see
    /// `client_auth_echoed()` of connections.
    pub fn care() -> Self {
        Self::new(Offer::CARE)
    }

    /// Offer by both.
    pub fn flag_and_care() -> Self {
        Self::new(Offer::BOTH)
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

    /// By which ways the offer is made.
    pub fn offer(&self) -> Offer {
        self.by
    }

    #[cfg(feature = "tls12")]
    pub(super) fn allows_certificate_under_tls12(&self) -> bool {
        self.tls12_certificate
            .unwrap_or(self.by.is_none())
    }

    /// Whether a session in which this client is `authenticated`, or not, may be resumed.
    pub(super) fn may_resume(&self, authenticated: bool) -> bool {
        authenticated || self.prefer_resumption || self.by.is_none()
    }

    pub(super) fn negotiation(&self) -> ClientNegotiation {
        ClientNegotiation::new(self.by, self.code_points())
    }

    /// What a connection looks for in messages.
    ///
    /// CARE was never given a code point.  So who does not use it takes what has that number for
    /// what upstream takes it for: an extension that nobody knows.
    pub(super) fn code_points(&self) -> CodePoints {
        if self.by.has_care() {
            self.code_points
        } else {
            self.code_points.without_care()
        }
    }

    /// Judges a ticket, which answers nothing.
    pub(super) fn receive_ticket(&self, nst: &NewSessionTicketPayloadTls13) -> Result<(), Fault> {
        let received = of_flags(&nst.extensions.tls_flags);
        self.negotiation()
            .on(Message::NewSessionTicket, Version::Tls13, received)
    }
}

impl ClientConfig {
    /// The offer of this config, else the one that its resolver carries.
    pub(super) fn offer_in_use(&self) -> &ClientAuthOffer {
        match self.client_auth_cert_resolver.client_auth_offer() {
            Some(carried) if self.client_auth_offer == ClientAuthOffer::default() => carried,
            _ => &self.client_auth_offer,
        }
    }
}

impl ClientConnectionData {
    /// What the next hello is to say.
    pub(super) fn offer_client_auth(&mut self, tls13: bool) -> HelloOffer {
        self.client_auth.hello(if tls13 {
            Version::Tls13
        } else {
            Version::Tls12
        })
    }

    /// Notes which extensions are before the server.
    pub(super) fn hello_is_sent(&mut self, sent: &[ExtensionType]) {
        self.client_auth.sent(Offer::new(
            sent.contains(&ExtensionType::TlsFlags),
            sent.contains(&ExtensionType::ClientAuthenticationRequest),
        ));
    }

    /// Judges what a message of the server's says of the offer, and takes note of it.
    pub(super) fn receive_offer(
        &mut self,
        message: Message,
        version: ProtocolVersion,
        received: Received<'_>,
    ) -> Result<(), Fault> {
        self.client_auth
            .on(message, wire_version(version), received)
    }
}

#[cfg(feature = "std")]
impl crate::conn::ConnectionCommon<ClientConnectionData> {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.core.data.client_auth.status()
    }

    /// Whether the server said that it understands an offer by CARE, whether or not it asks.
    pub fn client_auth_echoed(&self) -> bool {
        self.core.data.client_auth.echoed()
    }
}

impl UnbufferedClientConnection {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.inner
            .core
            .data
            .client_auth
            .status()
    }

    /// Whether the server said that it understands an offer by CARE, whether or not it asks.
    pub fn client_auth_echoed(&self) -> bool {
        self.inner
            .core
            .data
            .client_auth
            .echoed()
    }
}

#[cfg(feature = "std")]
impl crate::quic::ConnectionCommon<ClientConnectionData> {
    /// What became of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthStatus {
        self.data().client_auth.status()
    }

    /// Whether the server said that it understands an offer by CARE, whether or not it asks.
    pub fn client_auth_echoed(&self) -> bool {
        self.data().client_auth.echoed()
    }
}
