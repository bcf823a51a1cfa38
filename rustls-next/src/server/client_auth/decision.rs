//! Policies, their decisions, and the requirements for a certificate.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use pki_types::UnixTime;
use rustls_ext_wire::resumption;

use super::{ClientIdentity, CommonServerSessionValue};
use crate::crypto::SignatureScheme;
use crate::enums::CertificateType;
use crate::error::Error;
use crate::server::ClientHello;
use crate::sync::Arc;
use crate::verify::{
    ClientVerifier, DistinguishedName, HandshakeSignatureValid, SignatureVerificationInput,
    VerifiedIdentity,
};

/// Decides for each connection whether to request a certificate from its client.
///
/// A decision that was made outside of the handshake ([`ServerConfig::decided()`]) takes precedence
/// over the policy of a config ([`ServerConfig::client_auth_policy`]).  If there is neither, the
/// verifier of the config decides for all connections, as in upstream rustls.
///
/// A decision is final.  If the client is told to send a second ClientHello, the policy is not
/// asked again.  A second ClientHello that differs in data that a policy sees ends the handshake
/// with `illegal_parameter` and [`ClientHelloDifferedOnRetry`], with the name of the field (FLAGS-12).
/// RFC 8446 section 4.1.2 does not allow a client to change any of this.
///
/// [`ServerConfig::decided()`]: crate::server::ServerConfig::decided
/// [`ServerConfig::client_auth_policy`]: crate::server::ServerConfig::client_auth_policy
/// [`ClientHelloDifferedOnRetry`]: crate::error::PeerMisbehaved::ClientHelloDifferedOnRetry
pub trait ClientAuthPolicy: Debug + Send + Sync {
    /// Decides for the client that sent `client_hello`.
    ///
    /// It is called once for a connection, when the TLS version is chosen.
    ///
    /// An error ends the handshake, with the alert that belongs to the error.
    fn decide(&self, client_hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error>;
}

/// The decision of a [`ClientAuthPolicy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientAuthDecision {
    /// Do not request a certificate.
    None,
    /// Request a certificate.  A client without one continues unauthenticated.
    Request(ClientAuthDemand),
    /// Require a certificate: the handshake fails without one.
    Require(ClientAuthDemand),
}

impl ClientAuthDecision {
    /// Returns the requirements for the certificate, if one is requested or required.
    pub fn demand(&self) -> Option<&ClientAuthDemand> {
        match self {
            Self::None => None,
            Self::Request(demand) | Self::Require(demand) => Some(demand),
        }
    }
}

/// The requirements for a client's certificate, and the scope in which it then counts.
///
/// When a session is resumed, the identity that it records is verified again, so that a certificate
/// that is expired, revoked, or from an authority that is no longer trusted means a full handshake
/// (RES-5).  The same holds for a proof of possession that is older than
/// [`max_age()`](ClientAuthDemand::max_age).
#[derive(Clone, Debug)]
pub struct ClientAuthDemand {
    pub(super) verifier: Arc<dyn ClientVerifier>,
    scope: String,
    pub(super) because_offered: bool,
    max_age: Duration,
}

impl ClientAuthDemand {
    /// Accepts the certificates that `verifier` accepts.
    ///
    /// `scope`, of 1 to 255 bytes, names what such a certificate is valid for.  It is stored with
    /// sessions, and no session resumes outside its scope: use one name for one set of trust
    /// anchors, also across processes that share tickets.  Other lengths are an error.
    ///
    /// The decision determines whether to request a certificate: the `offer_client_auth()` and
    /// `client_auth_mandatory()` of `verifier` are not consulted.
    pub fn new(
        verifier: Arc<dyn ClientVerifier>,
        scope: impl Into<String>,
    ) -> Result<Self, Error> {
        let scope = scope.into();
        match scope.len() {
            1..=255 => Ok(Self {
                verifier,
                scope,
                because_offered: false,
                max_age: Self::DEFAULT_MAX_AGE,
            }),
            _ => Err(Error::General(
                "a scope name must have 1 to 255 bytes".into(),
            )),
        }
    }

    /// Declares that the client's offer is the reason for requesting a certificate.
    ///
    /// The CertificateRequest then acknowledges the offer, if there was one (RCA-2, RCA-4).
    pub fn because_offered(mut self) -> Self {
        self.because_offered = true;
        self
    }

    /// Limits the age of a proof of possession.
    ///
    /// After `max_age` since the client last sent a CertificateVerify, its sessions no longer resume
    /// under this demand, and it authenticates again in a full handshake.  The same holds for a
    /// session whose proof is in the future, which happens after this server's clock was set back.
    ///
    /// The unit is whole seconds.  The default is [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The default of [`with_max_age()`](Self::with_max_age): 7 days, which is also the longest
    /// lifetime of a ticket (RFC 8446 section 4.6.1).
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(resumption::DEFAULT_MAX_AGE_SECONDS);

    /// Returns the maximum age of a proof of possession.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Returns the name of the scope in which a certificate that meets this demand counts.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether the identity of a session, whose client proved possession at the second `at`, meets
    /// this demand at `now` (RES-5).
    pub(super) fn accepts_again(
        &self,
        session: &CommonServerSessionValue<'_>,
        at: u64,
        now: UnixTime,
    ) -> bool {
        let Some(identity) = &session.peer_identity else {
            return false;
        };
        resumption::is_recent(at, now.as_secs(), self.max_age.as_secs())
            && self
                .verifier
                .verify_identity(&ClientIdentity { identity, now })
                .is_ok()
    }
}

/// The verifier of a demand, for the config of one connection.
#[derive(Debug)]
pub(super) struct Demanded {
    pub(super) verifier: Arc<dyn ClientVerifier>,
    pub(super) mandatory: bool,
}

impl ClientVerifier for Demanded {
    fn verify_identity<'a>(
        &self,
        identity: &ClientIdentity<'a, '_>,
    ) -> Result<VerifiedIdentity<'a>, Error> {
        self.verifier.verify_identity(identity)
    }

    fn verify_tls12_signature(
        &self,
        input: &SignatureVerificationInput<'_>,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(input)
    }

    fn verify_tls13_signature(
        &self,
        input: &SignatureVerificationInput<'_>,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(input)
    }

    fn root_hint_subjects(&self) -> Arc<[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn offer_client_auth(&self) -> bool {
        true
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn supported_certificate_types(&self) -> &'static [CertificateType] {
        self.verifier
            .supported_certificate_types()
    }
}
