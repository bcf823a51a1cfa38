//! A server's side of the negotiation, without a TLS stack.

use crate::care::{check_care, echo_in};
use crate::code_points::CodePoints;
use crate::fault::Fault;
use crate::flag_set::FlagSet;
use crate::offer::{Offer, Received, Version};
use crate::table::{Message, check};

/// Whether a server asks for a certificate, and why.
// Closed, since stacks make it: the acknowledgement depends on nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asks {
    /// It does not.
    #[default]
    No,
    /// Because the client offered one (RCA-2).
    BecauseOffered,
    /// For another reason: it always asks, or asks on this host name (RCA-3).
    ForAnotherReason,
}

/// One connection of a server: what the client's hello says, and what to answer.
///
/// The TLS stack drives it: [`on_client_hello`](Self::on_client_hello) for the first and the second
/// hello, once the version is chosen; then it decides, and asks here what to send.
///
/// ```
/// use rustls_ext_wire::{Asks, CodePoints, Offer, Received, ServerNegotiation, Version};
///
/// let mut server = ServerNegotiation::new(CodePoints::default());
/// let body = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// server.on_client_hello(Version::Tls13, Received { tls_flags: Some(&body), care: None })?;
/// assert_eq!(server.offer(), Offer::FLAG);
///
/// // The server asks because of that, and says so in its CertificateRequest.
/// server.asks(Asks::BecauseOffered);
/// assert_eq!(server.acknowledgement().body(), Some(&body[..]));
/// # Ok::<(), rustls_ext_wire::Fault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNegotiation {
    code_points: CodePoints,
    hello: Option<Hello>,
    asks: Asks,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hello {
    version: Version,
    /// Empty if there are none.
    flags: FlagSet,
    care: bool,
}

impl ServerNegotiation {
    /// A server that has not seen a hello.
    #[must_use]
    pub const fn new(code_points: CodePoints) -> Self {
        Self { code_points, hello: None, asks: Asks::No }
    }

    /// Judge, and take note of, what a ClientHello says, `version` being the one that was chosen.
    ///
    /// Flags are for TLS 1.3 only: under another version they are not even looked at (FLAGS-9).
    ///
    /// # Errors
    /// Whatever ends the handshake, with its alert; for a second hello also that it differs from
    /// the first (FLAGS-12).
    pub fn on_client_hello(
        &mut self,
        version: Version,
        received: Received<'_>,
    ) -> Result<(), Fault> {
        let mut flags = FlagSet::EMPTY;
        if let (Some(body), Version::Tls13) = (received.tls_flags, version) {
            flags = FlagSet::decode(body)?;
            check(Message::ClientHello, &flags, &FlagSet::EMPTY, &self.code_points)?;
        }
        if let Some(body) = received.care {
            check_care(Message::ClientHello, version, body, false)?;
        }
        let hello = Hello { version, flags, care: received.care.is_some() };
        match &self.hello {
            Some(first) if *first != hello => Err(Fault::SecondHelloDiffers),
            _ => {
                self.hello = Some(hello);
                Ok(())
            }
        }
    }

    /// The numbers on the wire.
    #[must_use]
    pub const fn code_points(&self) -> CodePoints {
        self.code_points
    }

    /// By which ways the client offers to authenticate.
    #[must_use]
    pub fn offer(&self) -> Offer {
        self.hello.as_ref().map_or(Offer::NONE, |hello| {
            Offer::new(hello.flags.contains(self.code_points.request_client_auth()), hello.care)
        })
    }

    /// The flags of the hello; empty if there are none, or if they do not count (FLAGS-9).
    #[must_use]
    pub fn flags(&self) -> &FlagSet {
        self.hello.as_ref().map_or(&FlagSet::EMPTY, |hello| &hello.flags)
    }

    /// Whether the server asks this client for a certificate, and why. A server that resumes a
    /// session does not.
    pub fn asks(&mut self, asks: Asks) {
        self.asks = asks;
    }

    /// Whether to put an empty `client_authentication_request` into `message`, so that the client
    /// knows that this server understands it, whether or not it asks (CARE-3).
    #[must_use]
    pub fn echoes_care_in(&self, message: Message) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.care && message == echo_in(hello.version))
    }

    /// The flags to put into a CertificateRequest of TLS 1.3; the empty set is not sent (FLAGS-8).
    ///
    /// `request_client_auth` if the client offered by the flag, and that is why the server asks
    /// (RCA-2, RCA-3, RCA-4).
    #[must_use]
    pub fn acknowledgement(&self) -> FlagSet {
        match self.asks {
            Asks::BecauseOffered if self.offer().has_flag() => {
                FlagSet::single(self.code_points.request_client_auth())
            }
            _ => FlagSet::EMPTY,
        }
    }

    /// Judge what an entry of the client's Certificate has in it (TLS 1.3).
    ///
    /// # Errors
    /// Whatever ends the handshake, with its alert.
    pub fn on_client_certificate(&self, received: Received<'_>) -> Result<(), Fault> {
        const CERTIFICATE: Message = Message::ClientCertificate;
        if let Some(body) = received.tls_flags {
            let flags = FlagSet::decode(body)?;
            check(CERTIFICATE, &flags, &self.acknowledgement(), &self.code_points)?;
        }
        if let Some(body) = received.care {
            check_care(CERTIFICATE, Version::Tls13, body, false)?;
        }
        Ok(())
    }
}
