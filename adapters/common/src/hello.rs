//! The ClientHello for which a server decides.

use std::fmt;

use rustls_ext_wire::{
    Answer, ClientHello, CodePoints, Fault, Offer, Scan, ScanError, ServerNegotiation, Version,
};

/// A ClientHello and its offer to authenticate.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    client_hello: ClientHello<'a>,
    offer: Offer,
}

impl<'a> Hello<'a> {
    /// Parses the body of the message, without its header. `best` is the server's highest version.
    ///
    /// # Errors
    /// [`Refusal`] if the server must refuse it.
    pub fn read(
        bytes: &'a [u8],
        scan: &Scan,
        code_points: CodePoints,
        best: Version,
    ) -> Result<Self, Refusal> {
        let client_hello = match scan.body(bytes) {
            Answer::Hello { hello, .. } => hello,
            Answer::Malformed(error) => return Err(Refusal::Hello(error)),
            Answer::Incomplete { .. } | Answer::NotTls(_) => return Err(Refusal::Unknown),
        };
        // FLAGS-9: under TLS 1.2, flags are ignored.
        let version = if client_hello.offers_tls13() { best } else { Version::Tls12 };
        let mut negotiation = ServerNegotiation::new(code_points);
        negotiation.on_client_hello(version, client_hello.received()).map_err(Refusal::Offer)?;
        Ok(Self { client_hello, offer: negotiation.offer() })
    }

    /// Returns the ways in which the client offers to authenticate. An offer is never a credential.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// Returns all values of the ClientHello.
    pub fn client_hello(&self) -> &ClientHello<'a> {
        &self.client_hello
    }
}

/// Why a ClientHello is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is malformed.
    Hello(ScanError),
    /// Its offer breaks a rule.
    Offer(Fault),
    /// The bytes are not a ClientHello.
    Unknown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(error) => error.fmt(f),
            Self::Offer(fault) => fault.fmt(f),
            Self::Unknown => f.write_str("not a ClientHello"),
        }
    }
}

impl std::error::Error for Refusal {}
