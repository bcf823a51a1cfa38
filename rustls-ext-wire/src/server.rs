//! The server's side of the negotiation, for TLS stacks to drive.

use crate::care::{check_care, echo_in};
use crate::code_points::CodePoints;
use crate::fault::Fault;
use crate::flag_set::FlagSet;
use crate::offer::{Offer, Received, Version};
use crate::origin::{OriginHintError, Origins, check_origin_hint};
use crate::table::{Message, check};

/// Whether a server requests a certificate, and why.
// Closed, since stacks construct it: the acknowledgement depends on nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asks {
    /// It does not request a certificate.
    #[default]
    No,
    /// It requests one because the client offered (RCA-2).
    BecauseOffered,
    /// It requests one for another reason: always, or because of this host name (RCA-3).
    ForAnotherReason,
}

/// The negotiation on one connection of a server: the client's offer, and the extensions to answer
/// with.
///
/// The TLS stack calls [`on_client_hello`](Self::on_client_hello) for the first and the second
/// ClientHello, once the version is chosen. Then the stack decides, and this type provides the
/// flags and extensions to send.
///
/// ```
/// use rustls_ext_wire::{Asks, CodePoints, Offer, Received, ServerNegotiation, Version};
///
/// let mut server = ServerNegotiation::new(CodePoints::default());
/// let body = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// server.on_client_hello(Version::Tls13, Received { tls_flags: Some(&body), ..Received::default() })?;
/// assert_eq!(server.offer(), Offer::FLAG);
///
/// // The server requests a certificate because of that, and acknowledges the offer.
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
    origins: Option<ListDigest>,
}

impl ServerNegotiation {
    /// Makes a server that has not received a ClientHello.
    #[must_use]
    pub const fn new(code_points: CodePoints) -> Self {
        Self { code_points, hello: None, asks: Asks::No }
    }

    /// Checks and records the offer in a ClientHello; `version` is the chosen version.
    ///
    /// Flags are for TLS 1.3 only: under another version they are ignored, even if malformed
    /// (FLAGS-9). So are origins.
    ///
    /// Of the origins, length and a digest are kept for the comparison with a second ClientHello
    /// (WIO-7). A client that finds two lists of the same digest gains nothing: it could have sent
    /// either of them at once, and neither proves anything (WIO-4). Decide by the list of the
    /// ClientHello that you check.
    ///
    /// # Errors
    /// Any fault that ends the handshake, with its alert; for a second ClientHello also if it
    /// differs from the first (FLAGS-12, WIO-7).
    pub fn on_client_hello(
        &mut self,
        version: Version,
        received: Received<'_>,
    ) -> Result<(), Fault> {
        // Most clients send none of these, and a set of flags is large to copy.
        if let (None, Received { tls_flags: None, care: None, origin_hint: None }) =
            (&self.hello, received)
        {
            let (flags, care, origins) = (FlagSet::EMPTY, false, None);
            self.hello = Some(Hello { version, flags, care, origins });
            return Ok(());
        }
        let mut flags = FlagSet::EMPTY;
        if let (Some(body), Version::Tls13) = (received.tls_flags, version) {
            flags = FlagSet::decode(body)?;
            check(Message::ClientHello, &flags, &FlagSet::EMPTY, &self.code_points)?;
        }
        if let Some(body) = received.care {
            check_care(Message::ClientHello, version, body, false)?;
        }
        let mut origins = None;
        if let (Some(body), Version::Tls13) = (received.origin_hint, version) {
            origins = Some(ListDigest::of(Origins::decode(body)?));
        }
        let hello = Hello { version, flags, care: received.care.is_some(), origins };
        match &self.hello {
            Some(first) if *first == hello => Ok(()),
            Some(first) if Hello { origins, ..first.clone() } == hello => {
                Err(OriginHintError::Changed.into())
            }
            Some(_) => Err(Fault::SecondHelloDiffers),
            None => {
                self.hello = Some(hello);
                Ok(())
            }
        }
    }

    /// Returns the numbers on the wire.
    #[must_use]
    pub const fn code_points(&self) -> CodePoints {
        self.code_points
    }

    /// Returns the ways in which the client offers to authenticate.
    #[must_use]
    pub fn offer(&self) -> Offer {
        self.hello.as_ref().map_or(Offer::NONE, |hello| {
            let flag = hello.flags.contains(self.code_points.request_client_auth());
            Offer::new(flag, hello.care).with_origins(hello.origins.is_some())
        })
    }

    /// Returns the flags of the ClientHello; empty if there are none, or if they do not count
    /// (FLAGS-9).
    #[must_use]
    pub fn flags(&self) -> &FlagSet {
        self.hello.as_ref().map_or(&FlagSet::EMPTY, |hello| &hello.flags)
    }

    /// Records whether the server requests a certificate from this client, and why. A server that
    /// resumes a session does not.
    pub fn asks(&mut self, asks: Asks) {
        self.asks = asks;
    }

    /// Returns true if an empty `client_authentication_request` must be put into `message`, so that
    /// the client knows that this server understands CARE, whether it requests a certificate or not
    /// (CARE-3).
    #[must_use]
    pub fn echoes_care_in(&self, message: Message) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.care && message == echo_in(hello.version))
    }

    /// Returns the flags for a CertificateRequest of TLS 1.3; an empty set is not sent (FLAGS-8).
    ///
    /// They contain `request_client_auth` if the client offered by the flag, and the server
    /// requests a certificate for that reason (RCA-2, RCA-3, RCA-4).
    #[must_use]
    pub fn acknowledgement(&self) -> FlagSet {
        match self.asks {
            Asks::BecauseOffered if self.offer().has_flag() => {
                FlagSet::single(self.code_points.request_client_auth())
            }
            _ => FlagSet::EMPTY,
        }
    }

    /// Checks the extensions in an entry of the client's Certificate (TLS 1.3).
    ///
    /// # Errors
    /// Any fault that ends the handshake, with its alert.
    pub fn on_client_certificate(&self, received: Received<'_>) -> Result<(), Fault> {
        const CERTIFICATE: Message = Message::ClientCertificate;
        if let Some(body) = received.tls_flags {
            let flags = FlagSet::decode(body)?;
            check(CERTIFICATE, &flags, &self.acknowledgement(), &self.code_points)?;
        }
        if let Some(body) = received.care {
            check_care(CERTIFICATE, Version::Tls13, body, false)?;
        }
        if let Some(body) = received.origin_hint {
            check_origin_hint(CERTIFICATE, Version::Tls13, body)?;
        }
        Ok(())
    }
}

/// Length and digest (64-bit FNV-1a) of a list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ListDigest {
    length: usize,
    digest: u64,
}

impl ListDigest {
    fn of(origins: Origins<'_>) -> Self {
        let step = |digest: u64, byte: &u8| {
            (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        };
        let body = origins.body();
        Self { length: body.len(), digest: body.iter().fold(0xcbf2_9ce4_8422_2325, step) }
    }
}
