use alloc::string::String;
use core::fmt::Debug;
use core::time::Duration;

use pki_types::UnixTime;
use rustls_ext_wire::resumption::{self, Voucher};

use crate::error::Error;
use crate::msgs::persist::ServerSessionValue;
use crate::server::ClientHello;
use crate::sync::Arc;
use crate::verify::ClientCertVerifier;

/// Decides for each connection whether to request a certificate from its client.
///
/// A connection uses the first of these that exists:
///
/// 1. the decision or the policy of this one connection ([`Accepted::decide()`],
///    [`quic::ServerConnection::with_client_auth_policy()`]);
/// 2. the policy of its config ([`ServerConfig::client_auth_policy`]);
/// 3. the policy that the verifier of its config carries
///    ([`ClientCertVerifier::client_auth_policy()`]).
///
/// If there is none, the verifier of the config decides for all connections, as in upstream rustls.
///
/// A decision is final.  If the client is told to send a second ClientHello, the policy is not
/// asked again.  A second ClientHello that differs in the data that the decision was based on ends
/// the handshake:
///
/// | difference | alert | error |
/// |---|---|---|
/// | [`server_name()`] | `illegal_parameter` | [`ServerNameDifferedOnRetry`] |
/// | its letter case, or an address there | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`alpn()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`cipher_suites()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`tls_flags()`] (FLAGS-12) | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`client_auth_offer()`] by CARE | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`client_auth_origins()`] (WIO-7) | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`certificate_authorities()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`named_groups()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`client_cert_types()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`server_cert_types()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`signature_schemes()`] | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`signature_schemes()`] missing | `handshake_failure` | [`SchemesRequired`] |
/// | TLS1.2 offered in addition | `illegal_parameter` | [`DifferedOnRetry`] |
/// | [`version()`] now TLS1.2 | `protocol_version` | [`Tls12NotOfferedOrEnabled`] |
/// | list of versions missing | `protocol_version` | [`VersionsRequired`] |
///
/// Items that are added, removed, repeated or reordered are a difference like any other, and the
/// error names the field.  The handshake is refused, rather than decided again, because RFC 8446
/// section 4.1.2 does not allow a client to change any of this, and because the decision may have
/// been made outside of the handshake.
///
/// Data that no policy sees may change as far as upstream allows it: key shares, cookies and
/// pre-shared keys, but also the random and unknown extensions.  Without a policy, upstream's
/// checks apply, which refuse another name, another version, and a ClientHello without signature
/// schemes.
///
/// [`Accepted::decide()`]: crate::server::Accepted::decide
/// [`ServerConfig::client_auth_policy`]: crate::server::ServerConfig::client_auth_policy
/// [`quic::ServerConnection::with_client_auth_policy()`]: crate::quic::ServerConnection::with_client_auth_policy
/// [`server_name()`]: ClientHello::server_name
/// [`alpn()`]: ClientHello::alpn
/// [`cipher_suites()`]: ClientHello::cipher_suites
/// [`tls_flags()`]: ClientHello::tls_flags
/// [`client_auth_offer()`]: ClientHello::client_auth_offer
/// [`client_auth_origins()`]: ClientHello::client_auth_origins
/// [`certificate_authorities()`]: ClientHello::certificate_authorities
/// [`named_groups()`]: ClientHello::named_groups
/// [`client_cert_types()`]: ClientHello::client_cert_types
/// [`server_cert_types()`]: ClientHello::server_cert_types
/// [`signature_schemes()`]: ClientHello::signature_schemes
/// [`version()`]: ClientHello::version
/// [`ServerNameDifferedOnRetry`]: crate::PeerMisbehaved::ServerNameDifferedOnRetry
/// [`DifferedOnRetry`]: crate::PeerMisbehaved::ClientHelloDifferedOnRetry
/// [`SchemesRequired`]: crate::PeerIncompatible::SignatureAlgorithmsExtensionRequired
/// [`Tls12NotOfferedOrEnabled`]: crate::PeerIncompatible::Tls12NotOfferedOrEnabled
/// [`VersionsRequired`]: crate::PeerIncompatible::SupportedVersionsExtensionRequired
pub trait ClientAuthPolicy: Debug + Send + Sync {
    /// Decides for the client that sent `client_hello`.
    ///
    /// It is called once for a connection, when the TLS version is chosen.
    ///
    /// An error ends the handshake with `internal_error`.
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
    /// End the handshake with `handshake_failure` and
    /// [`PeerIncompatible::RefusedByPolicy`](crate::PeerIncompatible::RefusedByPolicy).
    Refuse,
}

impl ClientAuthDecision {
    /// Returns the requirements for the certificate, if one is requested or required.
    pub fn demand(&self) -> Option<&ClientAuthDemand> {
        match self {
            Self::None | Self::Refuse => None,
            Self::Request(demand) | Self::Require(demand) => Some(demand),
        }
    }
}

/// The requirements for a client's certificate, and the scope in which it then counts.
///
/// When a session is resumed, the chain that it records is verified again, so that a certificate
/// that is expired, revoked, or from an authority that is no longer trusted means a full handshake
/// (RES-5).  The same holds for a proof of possession that is older than
/// [`max_age()`](ClientAuthDemand::max_age).
///
/// A verification costs a signature for each certificate below the trust anchor.  A verifier that
/// gives vouchers ([`ClientCertVerifier::vouch()`]) avoids it as long as nothing has changed since
/// the last one.
#[derive(Clone, Debug)]
pub struct ClientAuthDemand {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) scope: String,
    pub(super) because_offered: bool,
    pub(super) lenient: bool,
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
        verifier: Arc<dyn ClientCertVerifier>,
        scope: impl Into<String>,
    ) -> Result<Self, Error> {
        let scope = scope.into();
        match scope.len() {
            1..=255 => Ok(Self {
                verifier,
                scope,
                because_offered: false,
                lenient: false,
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

    /// Lets the client continue unauthenticated if its certificate does not meet this demand and is
    /// only requested.
    ///
    /// Nothing of the client's chain is then kept, and [`ClientAuth::refusal()`](super::ClientAuth::refusal)
    /// has the reason.
    pub fn or_continue_unauthenticated(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Limits the age of a proof of possession.
    ///
    /// A resumed handshake proves nothing about the client's private key, and sessions can be
    /// renewed by resuming them again and again.  After `max_age` since the client last sent a
    /// CertificateVerify, its sessions no longer resume under this demand, and it authenticates
    /// again in a full handshake (TLS1.2 and TLS1.3).  The same holds for a session whose proof is
    /// in the future, which happens after this server's clock was set back.
    ///
    /// The unit is whole seconds.  The default is [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    /// `Duration::ZERO` allows a resumption only within the second of the proof.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The default of [`with_max_age()`](Self::with_max_age): 7 days, which is also the longest
    /// lifetime of a ticket (RFC 8446 section 4.6.1).
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(resumption::DEFAULT_MAX_AGE_SECONDS);

    /// Returns the verifier that decides whether a certificate meets this demand.
    pub fn verifier(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.verifier
    }

    /// Returns the same demand with another verifier.
    ///
    /// This is for a verifier that wraps [`verifier()`](Self::verifier), to observe its decisions
    /// or to refuse more.  Sessions still resume by the name of the scope, so a verifier that
    /// accepts other certificates needs a demand with a scope of its own.
    pub fn with_verifier(mut self, verifier: Arc<dyn ClientCertVerifier>) -> Self {
        self.verifier = verifier;
        self
    }

    /// Returns the maximum age of a proof of possession.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Returns the name of the scope in which a certificate that meets this demand counts.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Decides whether the chain of a session, whose client proved possession at the second `at`,
    /// meets this demand at `now` (RES-5).
    pub(super) fn check_again(
        &self,
        session: &ServerSessionValue,
        at: u64,
        voucher: Option<Voucher>,
        now: UnixTime,
    ) -> ChainCheck {
        let chain = session
            .client_cert_chain
            .as_deref()
            .and_then(|chain| chain.split_first());
        let Some((end_entity, intermediates)) = chain else {
            return ChainCheck::Refused;
        };
        if !resumption::is_recent(at, now.as_secs(), self.max_age.as_secs()) {
            return ChainCheck::Refused;
        }
        let honored = voucher.filter(|voucher| {
            voucher.covers(now.as_secs())
                && self
                    .verifier
                    .honors(end_entity, intermediates, voucher)
        });
        if honored.is_some() {
            return ChainCheck::Accepted(honored);
        }
        match self
            .verifier
            .verify_client_cert(end_entity, intermediates, now)
        {
            Ok(_) => ChainCheck::Accepted(
                self.verifier
                    .vouch(end_entity, intermediates, now),
            ),
            Err(_) => ChainCheck::Refused,
        }
    }
}

/// Whether a session's chain is still accepted.
pub(super) enum ChainCheck {
    Refused,
    /// With the voucher that sessions of the new connection record, if there is one.
    Accepted(Option<Voucher>),
}
