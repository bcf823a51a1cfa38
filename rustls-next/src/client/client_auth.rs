pub use rustls_ext_wire::ClientStatus as ClientAuthOfferStatus;
use rustls_ext_wire::{ClientNegotiation, CodePoints, Message, Offer, Received, Version};

use super::{ClientConfig, ClientSide};
use crate::common_state::{Event, Output};
use crate::enums::ProtocolVersion;
use crate::error::Error;
use crate::msgs::client_auth::{Care, TlsFlags, wire_version};
use crate::msgs::{ClientExtensions, ExtensionType, NewSessionTicketPayloadTls13};

/// A client's offer to authenticate itself with a certificate.
///
/// The default makes no offer, as upstream rustls.
///
/// Servers are free to ignore an offer.  Make one only if a certificate is available without asking
/// a person or an off-board device (RCA-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAuthOffer {
    by: Offer,
    tls12_certificate: Option<bool>,
    code_points: CodePoints,
}

impl ClientAuthOffer {
    /// Offers in these ways.
    pub fn new(offer: Offer) -> Self {
        Self {
            by: offer,
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
    /// declare that it understands CARE: see [`ClientSide::client_auth_echoed()`].
    pub fn care() -> Self {
        Self::new(Offer::CARE)
    }

    /// Offers in both ways.
    pub fn flag_and_care() -> Self {
        Self::new(Offer::BOTH)
    }

    /// Uses these code points, both in sent and in received messages.
    pub fn with_code_points(mut self, code_points: CodePoints) -> Self {
        self.code_points = code_points;
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

    pub(super) fn allows_certificate_under_tls12(&self) -> bool {
        self.tls12_certificate
            .unwrap_or(self.by.is_none())
    }

    /// Puts the offer into a ClientHello.
    pub(super) fn put_into(&self, exts: &mut ClientExtensions<'_>, tls13: bool) {
        let highest = match tls13 {
            true => Version::Tls13,
            false => Version::Tls12,
        };
        let hello = self.negotiation().hello(highest);
        exts.tls_flags = TlsFlags::new(&hello.flags(), self.code_points);
        exts.care = hello
            .care()
            .map(|_| Care::new(self.code_points));
    }

    fn negotiation(&self) -> ClientNegotiation {
        ClientNegotiation::new(self.by, self.code_points())
    }

    /// The code points that a connection recognizes in messages.
    ///
    /// CARE was never assigned a code point.  So a client that does not use CARE treats an
    /// extension with that number as unknown, as upstream does.
    fn code_points(&self) -> CodePoints {
        match self.by.has_care() {
            true => self.code_points,
            false => self.code_points.without_care(),
        }
    }

    /// Checks a ticket, which does not answer any message.
    pub(super) fn receive_ticket(&self, nst: &NewSessionTicketPayloadTls13) -> Result<(), Error> {
        let received = nst.extensions.client_auth();
        Ok(self
            .negotiation()
            .on(Message::NewSessionTicket, Version::Tls13, received)?)
    }
}

impl ClientConfig {
    pub(super) fn code_points(&self) -> CodePoints {
        self.client_auth_offer.code_points()
    }
}

impl Default for ClientAuth {
    fn default() -> Self {
        Self(ClientAuthOffer::default().negotiation())
    }
}

/// The state of the offer, and the checks of the server's answers to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAuth(ClientNegotiation);

impl ClientAuth {
    /// After the ClientHello that the server evaluates, which has these extensions.
    pub(super) fn new(config: &ClientConfig, sent: &[ExtensionType]) -> Self {
        let mut negotiation = config.client_auth_offer.negotiation();
        negotiation.sent(Offer::new(
            sent.contains(&ExtensionType::TlsFlags),
            sent.contains(&ExtensionType::ClientAuthenticationRequest),
        ));
        Self(negotiation)
    }

    /// Checks and records the extensions of a server's message.
    pub(super) fn receive(
        &mut self,
        message: Message,
        version: ProtocolVersion,
        received: Received<'_>,
    ) -> Result<(), Error> {
        Ok(self
            .0
            .on(message, wire_version(version), received)?)
    }

    /// True if the server acknowledged the offer.
    pub(super) fn acknowledged(&self) -> bool {
        self.0.status() == ClientAuthOfferStatus::Acknowledged
    }

    /// Tells the user of the connection.
    pub(super) fn report(&self, output: &mut dyn Output<'_>) {
        output.emit(Event::ClientAuthOffer(self.0));
    }
}

impl ClientSide {
    /// Returns the outcome of the offer to authenticate, [`ClientConfig::client_auth_offer`], once
    /// the handshake is complete.
    pub fn client_auth_status(&self) -> ClientAuthOfferStatus {
        self.client_auth
            .map_or(ClientAuthOfferStatus::NotOffered, |it| it.status())
    }

    /// Returns true if the server has declared that it understands CARE offers, whether it requests
    /// a certificate or not.
    pub fn client_auth_echoed(&self) -> bool {
        self.client_auth
            .is_some_and(|it| it.echoed())
    }
}
