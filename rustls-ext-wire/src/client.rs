//! A client's side of the negotiation, without a TLS stack.

use crate::care::check_care;
use crate::code_points::CodePoints;
use crate::fault::Fault;
use crate::flag_set::FlagSet;
use crate::offer::{Offer, Received, Version};
use crate::table::{Message, check};

/// What became of a client's offer to authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientStatus {
    /// No offer was put before the server, and it did not ask for a certificate.
    #[default]
    NotOffered,
    /// An offer was sent. The server did not (yet) ask for a certificate; it never does when it
    /// resumes a session.
    Offered,
    /// The server asked for a certificate, and said that it did so because of the offer (RCA-2).
    Acknowledged,
    /// The server asked for a certificate, and did not say that the offer was the reason: there was
    /// none, it was made by CARE, which has no such word, the server has another reason (RCA-3), or
    /// it follows an older draft.
    AskedWithoutAcknowledgement,
}

/// One connection of a client: what to put into its hello, and what to make of what comes back.
///
/// The TLS stack drives it: [`hello`](Self::hello) for every ClientHello that is for the server,
/// then [`on`](Self::on) for every message of the server's that may have extensions, whether or not
/// one of the two is in it.
///
/// ```
/// use rustls_ext_wire::{ClientNegotiation, ClientStatus, CodePoints, Message, Offer, Received, Version};
///
/// let mut client = ClientNegotiation::new(Offer::FLAG, CodePoints::default());
/// let flags = client.hello(Version::Tls13).flags();
/// let body = flags.body().expect("an extension to send");
///
/// // The server asks, and says why.
/// let request = Received { tls_flags: Some(body), care: None };
/// client.on(Message::CertificateRequest, Version::Tls13, request)?;
/// assert_eq!(client.status(), ClientStatus::Acknowledged);
/// # Ok::<(), rustls_ext_wire::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientNegotiation {
    code_points: CodePoints,
    wants: Offer,
    /// What is before the server.
    sent: Offer,
    echoed: bool,
    status: ClientStatus,
}

impl ClientNegotiation {
    /// A client that makes this offer; nothing is sent yet.
    #[must_use]
    pub const fn new(offer: Offer, code_points: CodePoints) -> Self {
        // Without a number, there is nothing to send.
        let care = offer.has_care() && code_points.care().is_some();
        Self {
            code_points,
            wants: Offer::new(offer.has_flag(), care),
            sent: Offer::NONE,
            echoed: false,
            status: ClientStatus::NotOffered,
        }
    }

    /// What a ClientHello says whose highest version is `highest`, the first and the second alike
    /// (FLAGS-12).
    ///
    /// Under Encrypted Client Hello this goes into the inner hello, and nothing of it into the
    /// outer one (FLAGS-13); see [`sent`](Self::sent).
    pub fn hello(&mut self, highest: Version) -> HelloOffer {
        // FLAGS-9: there is nobody to read the flag.
        let flag = self.wants.has_flag() && highest == Version::Tls13;
        self.sent(Offer::new(flag, self.wants.has_care()));
        HelloOffer { offer: self.sent, code_points: self.code_points }
    }

    /// The hello that is before the server is another one, with this offer: the outer one of
    /// Encrypted Client Hello, which has none, or the inner one after all.
    pub fn sent(&mut self, offer: Offer) {
        self.sent = offer;
        self.status =
            if offer.is_none() { ClientStatus::NotOffered } else { ClientStatus::Offered };
    }

    /// Judge, and take note of, what `received` of a message of the server's.
    ///
    /// `message` is never ClientHello or the client's Certificate.
    ///
    /// # Errors
    /// Whatever ends the handshake, with its alert.
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
            self.echoed = true;
        }
        if message == Message::CertificateRequest {
            self.status = if self.sent.has_flag() && sent.is_subset(&flags) {
                ClientStatus::Acknowledged
            } else {
                ClientStatus::AskedWithoutAcknowledgement
            };
        }
        Ok(())
    }

    /// What became of the offer so far.
    #[must_use]
    pub const fn status(&self) -> ClientStatus {
        self.status
    }

    /// What is before the server.
    #[must_use]
    pub const fn offer(&self) -> Offer {
        self.sent
    }

    /// Whether the server said that it understands CARE, whether or not it asks (CARE-3).
    #[must_use]
    pub const fn echoed(&self) -> bool {
        self.echoed
    }

    fn sent_flags(&self) -> FlagSet {
        HelloOffer { offer: self.sent, code_points: self.code_points }.flags()
    }
}

/// What a ClientHello says of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloOffer {
    offer: Offer,
    code_points: CodePoints,
}

impl HelloOffer {
    /// The flags to send in `tls_flags`. The empty set is not sent (FLAGS-8); see
    /// [`FlagSet::body`].
    #[must_use]
    pub fn flags(&self) -> FlagSet {
        if self.offer.has_flag() {
            FlagSet::single(self.code_points.request_client_auth())
        } else {
            FlagSet::EMPTY
        }
    }

    /// The number of the extension `client_authentication_request` to send, with an empty body
    /// (CARE-1); `None` for none.
    #[must_use]
    pub fn care(&self) -> Option<u16> {
        self.code_points.care().filter(|_| self.offer.has_care())
    }
}
