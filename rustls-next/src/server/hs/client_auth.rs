//! The decision about a ClientHello, and the comparison of a second one with it.

use rustls_ext_wire::{CodePoints, Offer};

use super::*;
use crate::crypto::cipher::Record;
use crate::enums::ContentType;
use crate::msgs::client_auth::wire_version;
use crate::msgs::{Codec, ExtensionType};
use crate::server::ServerHandshake;
use crate::{NeedsInput, Tcp};

impl ExpectClientHello {
    /// Checks the offer of `hello`.  If there is a policy or a decision, the connection continues
    /// with a config of its own.
    pub(super) fn decide(
        &mut self,
        hello: &ClientHelloPayload,
        sni: Option<&DnsName<'_>>,
        version: ProtocolVersion,
        output: &mut dyn Output<'_>,
    ) -> Result<(), Error> {
        let config = &self.config;
        let mut received = hello.client_auth();
        if config.client_auth.is_none() && config.client_auth_policy.is_none() {
            // CARE was never assigned a code point: without a policy, the number is unknown.
            received.care = None;
        }
        let mut negotiation = ServerNegotiation::new(config.client_auth_code_points);
        negotiation.on_client_hello(wire_version(version), received)?;

        if let Some(PreviousClientHello {
            decided_on: Some(before_retry),
            ..
        }) = &self.previous_hello
        {
            // The decision for the first of two ClientHellos also holds for the second.
            return match difference(before_retry, &decided_on(hello)) {
                Some(field) => Err(PeerMisbehaved::ClientHelloDifferedOnRetry(field).into()),
                None => Ok(()),
            };
        }

        let decision = match (&config.client_auth, &config.client_auth_policy) {
            (Some(auth), _) => auth.decision().clone(),
            (None, Some(policy)) => {
                let sni = sni.map(Cow::Borrowed);
                policy.decide(&ClientHello::new(hello, None, sni, Some(version)))?
            }
            (None, None) => return Ok(()),
        };
        self.config = Arc::new(config.for_connection(decision, negotiation));
        if let HandshakeHashOrBuffer::Buffer(transcript) = &mut self.transcript {
            if self.config.verifier.offer_client_auth() {
                transcript.set_client_auth_enabled();
            }
        }
        if let Some(auth) = &self.config.client_auth {
            output.emit(Event::ClientAuth(auth.clone()));
        }
        Ok(())
    }
}

impl ChooseConfig {
    /// Reads the ClientHello again, with the code points of the config that was chosen.
    pub(crate) fn read_with(
        mut self: Box<Self>,
        code_points: CodePoints,
    ) -> Result<Box<Self>, Error> {
        let message = &self.client_hello.message;
        if let MessagePayload::Handshake { encoded, .. } = &message.payload {
            let record = Record {
                typ: ContentType::Handshake,
                version: message.version,
                payload: encoded.bytes(),
            };
            let message = Message::read(record, code_points)?.into_owned();
            self.client_hello.message = message;
        }
        Ok(self)
    }
}

impl ServerHandshake {
    /// Like [`start()`](Self::start), for clients that offer to authenticate with other code points
    /// than the usual ones, so that [`Accepted::client_hello()`] shows these offers.
    ///
    /// [`Accepted::client_hello()`]: crate::server::Accepted::client_hello
    pub fn start_with_code_points(code_points: CodePoints) -> NeedsInput<ServerSide> {
        let mut connection = crate::Connection::for_acceptor(Tcp);
        connection.common.recv.code_points = code_points;
        NeedsInput::new(connection)
    }
}

impl ClientHello<'_> {
    /// Get the ways in which the client offers to authenticate.
    ///
    /// This is a wish, not a credential: any client can send it.
    pub fn client_auth_offer(&self) -> Offer {
        let flag = self
            .tls_flags
            .filter(|_| self.version != Some(ProtocolVersion::TLSv1_2))
            .is_some_and(|flags| flags.request_client_auth());
        Offer::new(flag, self.care.is_some())
    }

    /// Whether the client offers to authenticate, in any way.
    ///
    /// This is a wish, not a credential: any client can send it.
    pub fn offers_client_auth(&self) -> bool {
        !self.client_auth_offer().is_none()
    }

    /// Get the protocol version that was chosen.
    ///
    /// Returns `None` before it is chosen, as in [`Accepted::client_hello()`].
    ///
    /// [`Accepted::client_hello()`]: crate::server::Accepted::client_hello
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }
}

/// All data in a ClientHello that a [`ClientAuthPolicy`] sees, encoded.
///
/// RFC 8446 section 4.1.2 requires that none of it changes in a second ClientHello.
///
/// [`ClientAuthPolicy`]: crate::server::ClientAuthPolicy
pub(in crate::server) fn decided_on(hello: &ClientHelloPayload) -> DecidedOn {
    DECIDED_ON.map(|(_, typ)| {
        let mut shown = Vec::new();
        match typ {
            Some(typ) => hello.encode_one(typ, &mut shown),
            None => hello.cipher_suites.encode(&mut shown),
        }
        shown
    })
}

/// The first field in which the two ClientHellos differ.
fn difference(one: &DecidedOn, other: &DecidedOn) -> Option<&'static str> {
    DECIDED_ON
        .iter()
        .zip(one.iter().zip(other))
        .find(|(_, (one, other))| one != other)
        .map(|((name, _), _)| *name)
}

pub(in crate::server) type DecidedOn = [Vec<u8>; DECIDED_ON.len()];

const DECIDED_ON: [(&str, Option<ExtensionType>); 11] = [
    ("cipher_suites", None),
    ("server_name", Some(ExtensionType::ServerName)),
    (
        "application_layer_protocol_negotiation",
        Some(ExtensionType::ALProtocolNegotiation),
    ),
    ("supported_versions", Some(ExtensionType::SupportedVersions)),
    ("tls_flags", Some(ExtensionType::TlsFlags)),
    (
        "client_authentication_request",
        Some(ExtensionType::ClientAuthenticationRequest),
    ),
    (
        "certificate_authorities",
        Some(ExtensionType::CertificateAuthorities),
    ),
    (
        "signature_algorithms",
        Some(ExtensionType::SignatureAlgorithms),
    ),
    ("supported_groups", Some(ExtensionType::EllipticCurves)),
    (
        "client_certificate_type",
        Some(ExtensionType::ClientCertificateType),
    ),
    (
        "server_certificate_type",
        Some(ExtensionType::ServerCertificateType),
    ),
];
