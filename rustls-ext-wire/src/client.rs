//! The client's side of the negotiation, for TLS stacks to drive.

use crate::care::check_care;
use crate::code_points::CodePoints;
use crate::fault::Fault;
use crate::flag_set::FlagSet;
use crate::offer::{Offer, Received, Version};
use crate::origin::check_origin_hint;
use crate::table::{Message, check};

/// The outcome of a client's offer to authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientStatus {
    /// The server received no offer, and did not request a certificate.
    #[default]
    NotOffered,
    /// An offer was sent. The server has not requested a certificate (yet); it never does when it
    /// resumes a session.
    Offered,
    /// The server requested a certificate, and acknowledged that it did so because of the offer
    /// (RCA-2).
    Acknowledged,
    /// The server requested a certificate without an acknowledgement: there was no offer, it was
    /// made by CARE or by origins, which have no acknowledgement, the server has another reason (RCA-3), or the
    /// server follows an older draft.
    AskedWithoutAcknowledgement,
}

/// The negotiation on one connection of a client: the offer to put into its ClientHello, and the
/// checks of the server's messages.
///
/// The TLS stack calls [`hello`](Self::hello) for every ClientHello that the server will evaluate,
/// then [`on`](Self::on) for every message of the server that may have extensions, whether or not
/// it contains one of them.
///
/// ```
/// use rustls_ext_wire::{ClientNegotiation, ClientStatus, CodePoints, Message, Offer, Received, Version};
///
/// let mut client = ClientNegotiation::new(Offer::FLAG, CodePoints::default());
/// let flags = client.hello(Version::Tls13).flags();
/// let body = flags.body().expect("an extension to send");
///
/// // The server requests a certificate, and acknowledges the offer.
/// let request = Received { tls_flags: Some(body), ..Received::default() };
/// client.on(Message::CertificateRequest, Version::Tls13, request)?;
/// assert_eq!(client.status(), ClientStatus::Acknowledged);
/// # Ok::<(), rustls_ext_wire::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientNegotiation {
    code_points: CodePoints,
    wants: Offer,
    /// The offer in the ClientHello that the server evaluates.
    sent: Offer,
    echoed: bool,
    status: ClientStatus,
}

impl ClientNegotiation {
    /// Makes a client with this offer; nothing is sent yet.
    #[must_use]
    pub const fn new(offer: Offer, code_points: CodePoints) -> Self {
        // Without a number, there is nothing to send.
        let care = offer.has_care() && code_points.care().is_some();
        let origins = offer.has_origins() && code_points.origin_hint().is_some();
        Self {
            code_points,
            wants: Offer::new(offer.has_flag(), care).with_origins(origins),
            sent: Offer::NONE,
            echoed: false,
            status: ClientStatus::NotOffered,
        }
    }

    /// Returns the offer to put into a ClientHello whose highest version is `highest`, the same in
    /// the first and the second ClientHello (FLAGS-12).
    ///
    /// With Encrypted Client Hello, it goes only into the inner ClientHello, and no part of it into
    /// the outer one (FLAGS-13); see [`sent`](Self::sent).
    pub fn hello(&mut self, highest: Version) -> HelloOffer {
        // FLAGS-9, WIO-7: only TLS 1.3 servers read the flag and the origins.
        let tls13 = highest == Version::Tls13;
        let offer = Offer::new(self.wants.has_flag() && tls13, self.wants.has_care());
        self.sent(offer.with_origins(self.wants.has_origins() && tls13));
        HelloOffer { offer: self.sent, code_points: self.code_points }
    }

    /// Records that the server evaluates another ClientHello, with this offer: with Encrypted
    /// Client Hello, the outer one, which has no offer, instead of the inner one, or the inner one
    /// after all.
    pub fn sent(&mut self, offer: Offer) {
        self.sent = offer;
        self.status =
            if offer.is_none() { ClientStatus::NotOffered } else { ClientStatus::Offered };
    }

    /// Checks and records the extensions that were `received` in a message of the server.
    ///
    /// `message` is never ClientHello or the client's Certificate.
    ///
    /// # Errors
    /// Any fault that ends the handshake, with its alert.
    pub fn on(
        &mut self,
        message: Message,
        version: Version,
        received: Received<'_>,
    ) -> Result<(), Fault> {
        let sent = self.sent_flags();
        let flags = match received.tls_flags {
            None => FlagSet::EMPTY,
            Some(body) => {
                let flags = FlagSet::decode(body)?;
                let answered = match message {
                    Message::NewSessionTicket => &FlagSet::EMPTY,
                    _ => &sent,
                };
                check(message, &flags, answered, &self.code_points)?;
                flags
            }
        };
        if let Some(body) = received.care {
            check_care(message, version, body, self.sent.has_care())?;
        }
        if let Some(body) = received.origin_hint {
            check_origin_hint(message, version, body)?;
        }
        self.echoed |= received.care.is_some();
        if message == Message::CertificateRequest {
            self.status = if self.sent.has_flag() && sent.is_subset(&flags) {
                ClientStatus::Acknowledged
            } else {
                ClientStatus::AskedWithoutAcknowledgement
            };
        }
        Ok(())
    }

    /// Returns the outcome of the offer so far.
    #[must_use]
    pub const fn status(&self) -> ClientStatus {
        self.status
    }

    /// Returns the offer in the ClientHello that the server evaluates.
    #[must_use]
    pub const fn offer(&self) -> Offer {
        self.sent
    }

    /// Returns true if the server has declared that it understands CARE, whether it requests a
    /// certificate or not (CARE-3).
    #[must_use]
    pub const fn echoed(&self) -> bool {
        self.echoed
    }

    fn sent_flags(&self) -> FlagSet {
        HelloOffer { offer: self.sent, code_points: self.code_points }.flags()
    }
}

/// The offer in a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloOffer {
    offer: Offer,
    code_points: CodePoints,
}

impl HelloOffer {
    /// Returns the flags to send in `tls_flags`. An empty set is not sent (FLAGS-8); see
    /// [`FlagSet::body`].
    #[must_use]
    pub fn flags(&self) -> FlagSet {
        if self.offer.has_flag() {
            FlagSet::single(self.code_points.request_client_auth())
        } else {
            FlagSet::EMPTY
        }
    }

    /// Returns the number of the extension `client_authentication_request` to send, with an empty
    /// body (CARE-1); `None` to send none.
    #[must_use]
    pub fn care(&self) -> Option<u16> {
        self.code_points.care().filter(|_| self.offer.has_care())
    }

    /// Returns the number of the extension `workload_identifier_origin_hint` to send, with the body
    /// that [`write_origin_hint`](crate::write_origin_hint) has written, the same in both
    /// ClientHellos (WIO-7); `None` to send none.
    #[must_use]
    pub fn origin_hint(&self) -> Option<u16> {
        self.code_points.origin_hint().filter(|_| self.offer.has_origins())
    }
}
