use alloc::vec::Vec;

pub use rustls_ext_wire::ClientStatus as ClientAuthOfferStatus;
use rustls_ext_wire::{
    ClientNegotiation, CodePoints, Fault, HelloOffer, MAX_ORIGIN_BYTES, Message, Offer, Received,
    Version, WriteOriginsError, write_origin_hint,
};

use super::client_conn::{ClientConfig, ClientConnectionData, UnbufferedClientConnection};
use crate::enums::ProtocolVersion;
use crate::msgs::client_auth::{of_flags, wire_version};
use crate::msgs::enums::ExtensionType;
use crate::msgs::handshake::NewSessionTicketPayloadTls13;

/// A client's offer to authenticate itself with a certificate.
///
/// The default makes no offer, as upstream rustls.
///
/// Servers are free to ignore an offer.  Make one only if a certificate is available without asking
/// a person or an off-board device (RCA-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAuthOffer {
    by: Offer,
    /// The body of the extension with origins; empty without them.
    origins: Vec<u8>,
    prefer_resumption: bool,
    tls12_certificate: Option<bool>,
    code_points: CodePoints,
}

impl ClientAuthOffer {
    /// Offers in these ways.
    ///
    /// Origins are set by [`with_origins()`](Self::with_origins) only: `offer` has no list.
    pub fn new(offer: Offer) -> Self {
        Self {
            by: offer.with_origins(false),
            ..Self::default()
        }
    }

    /// Offers by the `request_client_auth` TLS flag, which exists only in TLS1.3.
    pub fn flag() -> Self {
        Self::new(Offer::FLAG)
    }

    /// Offers by the `client_authentication_request` extension (CARE), in TLS1.2 and TLS1.3.
    ///
    /// A server cannot acknowledge that it requests a certificate because of CARE.  But it can
    /// declare that it understands CARE: see `client_auth_echoed()` of connections.
    pub fn care() -> Self {
        Self::new(Offer::CARE)
    }

    /// Offers in both ways.
    pub fn flag_and_care() -> Self {
        Self::new(Offer::BOTH)
    }

    /// Also hints at the origins in which this client has an identity, such as
    /// `spiffe://example.org`, in TLS1.3 (draft-rosomakho-tls-wimse-cert-hint).
    ///
    /// A hint is an offer by itself: `ClientAuthOffer::default().with_origins(["spiffe://a.example"])?`
    /// makes no other one (WIO-5).  It lets a server of several trust domains request the right
    /// certificate.  Any observer can read it, unless Encrypted Client Hello is used.
    ///
    /// # Errors
    /// [`WriteOriginsError`], for an empty list, for a string that is no origin, and for a list of
    /// which a server would ignore a part: more than 16 origins or 4,096 bytes (WIO-8).
    ///
    /// [`WriteOriginsError`]: crate::ext_wire::WriteOriginsError
    pub fn with_origins<S: AsRef<str>>(
        mut self,
        origins: impl IntoIterator<Item = S>,
    ) -> Result<Self, WriteOriginsError> {
        let mut buffer = [0; MAX_ORIGIN_BYTES];
        self.origins = write_origin_hint(origins, &mut buffer)?.to_vec();
        self.by = self.by.with_origins(true);
        Ok(self)
    }

    /// Uses these code points, both in sent and in received messages.
    pub fn with_code_points(mut self, code_points: CodePoints) -> Self {
        self.code_points = code_points;
        self
    }

    /// Also resumes sessions in which this client did not authenticate.
    ///
    /// By default, a client that offers to authenticate does not resume these sessions, since a
    /// server cannot request a certificate when it resumes (RES-8).  Call this if speed matters
    /// more.
    pub fn prefer_resumption(mut self) -> Self {
        self.prefer_resumption = true;
        self
    }

    /// Sets whether a certificate may be sent under TLS1.2, where it is not encrypted.
    ///
    /// By default, a client that makes an offer does not send it, and a client that makes no offer
    /// does, as in upstream rustls.  If not allowed, the client answers requests under TLS1.2 with
    /// an empty list (CARE-5).
    pub fn with_certificate_under_tls12(mut self, allowed: bool) -> Self {
        self.tls12_certificate = Some(allowed);
        self
    }

    /// Returns the ways in which the offer is made.
    pub fn offer(&self) -> Offer {
        self.by
    }

    #[cfg(feature = "tls12")]
    pub(super) fn allows_certificate_under_tls12(&self) -> bool {
        self.tls12_certificate
            .unwrap_or(self.by.is_none())
    }

    /// Whether a session may be resumed in which this client was `authenticated`, or was not.
    pub(super) fn may_resume(&self, authenticated: bool) -> bool {
        authenticated || self.prefer_resumption || self.by.is_none()
    }

    pub(super) fn negotiation(&self) -> ClientNegotiation {
        ClientNegotiation::new(self.by, self.code_points())
    }

    /// The code points that a connection recognizes in messages.
    ///
    /// CARE and the origin hint have no code points yet.  So a client that does not use one of them
    /// treats an extension with its number as unknown, as upstream does.
    pub(super) fn code_points(&self) -> CodePoints {
        let mut code_points = self.code_points;
        if !self.by.has_care() {
            code_points = code_points.without_care();
        }
        if !self.by.has_origins() {
            code_points = code_points.without_origin_hint();
        }
        code_points
    }

    /// The body of the extension with origins, if they are part of the offer.
    pub(crate) fn origin_hint(&self) -> Option<&[u8]> {
        self.by
            .has_origins()
            .then_some(&self.origins)
            .map(Vec::as_slice)
    }

    /// Checks a ticket, which does not answer any message.
    pub(super) fn receive_ticket(&self, nst: &NewSessionTicketPayloadTls13) -> Result<(), Fault> {
        let received = of_flags(&nst.extensions.tls_flags);
        self.negotiation()
            .on(Message::NewSessionTicket, Version::Tls13, received)
    }
}

impl ClientConfig {
    /// The offer of this config, or else the one that its resolver carries.
    pub(super) fn offer_in_use(&self) -> &ClientAuthOffer {
        match self
            .client_auth_cert_resolver
            .client_auth_offer()
        {
            Some(carried) if self.client_auth_offer == ClientAuthOffer::default() => carried,
            _ => &self.client_auth_offer,
        }
    }
}

impl ClientConnectionData {
    /// The offer to put into the next ClientHello.
    pub(super) fn offer_client_auth(&mut self, tls13: bool) -> HelloOffer {
        self.client_auth.hello(if tls13 {
            Version::Tls13
        } else {
            Version::Tls12
        })
    }

    /// Records the extensions of the ClientHello that the server evaluates.
    pub(super) fn hello_is_sent(&mut self, sent: &[ExtensionType]) {
        let offer = Offer::new(
            sent.contains(&ExtensionType::TlsFlags),
            sent.contains(&ExtensionType::ClientAuthenticationRequest),
        );
        let origins = sent.contains(&ExtensionType::WorkloadIdentifierOriginHint);
        self.client_auth
            .sent(offer.with_origins(origins));
    }

    /// Checks and records the extensions of a server's message.
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
    /// Returns the outcome of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthOfferStatus {
        self.core.data.client_auth.status()
    }

    /// Returns true if the server has declared that it understands CARE offers, whether it requests
    /// a certificate or not.
    pub fn client_auth_echoed(&self) -> bool {
        self.core.data.client_auth.echoed()
    }
}

impl UnbufferedClientConnection {
    /// Returns the outcome of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthOfferStatus {
        self.inner
            .core
            .data
            .client_auth
            .status()
    }

    /// Returns true if the server has declared that it understands CARE offers, whether it requests
    /// a certificate or not.
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
    /// Returns the outcome of the offer to authenticate, [`ClientConfig::client_auth_offer`].
    ///
    /// [`ClientConfig::client_auth_offer`]: crate::ClientConfig::client_auth_offer
    pub fn client_auth_status(&self) -> ClientAuthOfferStatus {
        self.data().client_auth.status()
    }

    /// Returns true if the server has declared that it understands CARE offers, whether it requests
    /// a certificate or not.
    pub fn client_auth_echoed(&self) -> bool {
        self.data().client_auth.echoed()
    }
}
