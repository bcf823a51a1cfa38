use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use pki_types::UnixTime;
use rustls_ext_wire::resumption::{self, Record, Resumption};
use rustls_ext_wire::{
    Asks, CodePoints, FlagSet, Message as WireMessage, Offer, ServerNegotiation,
};

use super::server_conn::{ServerConnectionData, UnbufferedServerConnection};
use super::{ClientHello, ServerConfig};
#[cfg(feature = "std")]
use crate::conn::ConnectionCore;
use crate::error::Error;
use crate::msgs::codec::Codec;
use crate::msgs::enums::ExtensionType;
use crate::msgs::client_auth::{Care, TlsFlags};
use crate::msgs::handshake::ClientHelloPayload;
use crate::msgs::persist::ServerSessionValue;
use crate::sync::Arc;
use crate::verify::{ClientCertVerifier, NoClientAuth};

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
/// [`quic::ServerConnection::with_client_auth_policy()`]: crate::quic::ServerConnection::with_client_auth_policy
/// [`server_name()`]: ClientHello::server_name
/// [`alpn()`]: ClientHello::alpn
/// [`cipher_suites()`]: ClientHello::cipher_suites
/// [`tls_flags()`]: ClientHello::tls_flags
/// [`client_auth_offer()`]: ClientHello::client_auth_offer
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
/// When a session is resumed, the chain that it records is verified again, so that a certificate
/// that is expired, revoked, or from an authority that is no longer trusted means a full handshake
/// (RES-5).  The same holds for a proof of possession that is older than
/// [`max_age()`](ClientAuthDemand::max_age).  The verification costs a signature for each
/// certificate below the trust anchor; a full handshake costs the same, plus two signatures and a
/// key exchange.
#[derive(Clone, Debug)]
pub struct ClientAuthDemand {
    verifier: Arc<dyn ClientCertVerifier>,
    scope: String,
    answers_offer: bool,
    tolerant: bool,
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
                answers_offer: false,
                tolerant: false,
                max_age: Self::DEFAULT_MAX_AGE,
            }),
            _ => Err(Error::General("a scope has 1 to 255 octets".into())),
        }
    }

    /// Declares that the client's offer is the reason for requesting a certificate.
    ///
    /// The CertificateRequest then acknowledges the offer, if there was one (RCA-2, RCA-4).
    pub fn in_answer_to_offer(mut self) -> Self {
        self.answers_offer = true;
        self
    }

    /// Lets the client continue unauthenticated if its certificate does not meet this demand and is
    /// only requested.
    ///
    /// Nothing of the client's chain is then kept, and [`ClientAuth::refusal()`] has the reason.
    pub fn or_go_on_without(mut self) -> Self {
        self.tolerant = true;
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
    pub const DEFAULT_MAX_AGE: Duration =
        Duration::from_secs(resumption::DEFAULT_MAX_AGE_SECONDS);

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

    /// Returns true if `session`, whose client proved possession at the second `at`, is recent
    /// enough at `now`, and its chain still meets this demand (RES-5).
    fn accepts(&self, session: &ServerSessionValue, at: u64, now: UnixTime) -> bool {
        let is_recent = resumption::is_recent(at, now.as_secs(), self.max_age.as_secs());
        let still_verifies = || {
            session
                .client_cert_chain
                .as_deref()
                .and_then(|chain| chain.split_first())
                .is_some_and(|(end_entity, intermediates)| {
                    self.verifier
                        .verify_client_cert(end_entity, intermediates, now)
                        .is_ok()
                })
        };
        is_recent && still_verifies()
    }
}

/// The state of a client's authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthStatus {
    /// The client was not asked for a certificate.
    #[default]
    NotAsked,
    /// The client was asked, and its answer is incomplete, or not accepted.
    Asked,
    /// The client was asked, on this connection or the one that it resumes, and sent no
    /// certificate.
    Declined,
    /// The client sent a certificate that does not meet the demand, and continued unauthenticated:
    /// [`ClientAuth::refusal()`] has the reason.
    Refused,
    /// The client proved possession of a certificate that the decision's demand accepts.
    Authenticated {
        /// True if that was on an earlier connection, which this one resumes.
        resumed: bool,
        /// When the client proved it, by this server's clock.
        at: UnixTime,
    },
}

/// The authentication of one connection's client under a [`ClientAuthPolicy`].
#[derive(Clone, Debug)]
pub struct ClientAuth {
    decision: ClientAuthDecision,
    status: ClientAuthStatus,
    negotiation: ServerNegotiation,
    refusal: Option<Error>,
}

impl ClientAuth {
    fn new(decision: ClientAuthDecision, negotiation: ServerNegotiation) -> Box<Self> {
        Box::new(Self {
            decision,
            status: ClientAuthStatus::NotAsked,
            negotiation,
            refusal: None,
        })
    }

    /// Returns the decision of the policy.
    pub fn decision(&self) -> &ClientAuthDecision {
        &self.decision
    }

    /// Returns the state of the authentication.
    pub fn status(&self) -> ClientAuthStatus {
        self.status
    }

    /// Returns why the client's certificate was refused, if the client then continued
    /// unauthenticated.
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// Returns the flags of the ClientHello, if TLS1.3 is used and it had any.
    pub fn flags(&self) -> Option<&FlagSet> {
        Some(self.negotiation.flags()).filter(|flags| !flags.is_empty())
    }

    /// Returns the ways in which the client offered to authenticate.
    pub fn offer(&self) -> Offer {
        self.negotiation.offer()
    }

    /// Returns true if the client offered to authenticate in any way.
    pub fn offered(&self) -> bool {
        !self.offer().is_none()
    }

    /// Returns true if this connection's CertificateRequest, if there is one, acknowledges the
    /// offer.
    pub fn acknowledged(&self) -> bool {
        !self
            .negotiation
            .acknowledgement()
            .is_empty()
    }

    /// Whether `session` may be resumed instead of a full handshake (RES-2 to RES-5).
    fn permits(&self, session: &ServerSessionValue, now: Result<UnixTime, Error>) -> bool {
        let Some(record) = session.record() else {
            return false;
        };
        let wanted = match &self.decision {
            ClientAuthDecision::None => resumption::Demand::None,
            ClientAuthDecision::Request(demand) => {
                resumption::Demand::Request(demand.scope.as_bytes())
            }
            ClientAuthDecision::Require(demand) => {
                resumption::Demand::Require(demand.scope.as_bytes())
            }
        };
        match resumption::check(wanted, self.offered(), record.session()) {
            Resumption::Allowed => true,
            Resumption::IfVerified => match (record, self.decision.demand(), now) {
                (Record::Authenticated { at, .. }, Some(demand), Ok(now)) => {
                    demand.accepts(session, at, now)
                }
                _ => false,
            },
            Resumption::Refused => false,
        }
    }

    /// The data about its client that a session of this connection records (RES-1).
    ///
    /// `None` for a client that was not asked, so that its session is encoded as in upstream; and
    /// for a client that was refused, so that it is asked again on its next connection.
    fn record(&self) -> Option<Record<'_>> {
        let scope = self.decision.demand()?.scope.as_bytes();
        match self.status {
            ClientAuthStatus::Declined => Some(Record::Declined { scope }),
            ClientAuthStatus::Authenticated { at, .. } => Some(Record::Authenticated {
                scope,
                at: at.as_secs(),
            }),
            _ => None,
        }
    }
}

impl ServerSessionValue {
    /// The data about its client that the session records (RES-1).
    ///
    /// `None` if the record cannot be decoded, or contradicts the certificate chain: such a session
    /// does not resume (RES-7).
    fn record(&self) -> Option<Record<'_>> {
        let record = match self.client_auth.as_slice() {
            [] => Record::NotAsked,
            encoded => Record::decode(encoded)?,
        };
        // A chain without a record comes from a config that requested it without a policy.
        (record.session().authenticated == self.client_cert_chain.is_some()).then_some(record)
    }
}

/// A decision that was made outside of the handshake, or the reason why there is none.
///
/// It cannot become outdated: a second ClientHello that differs in the data it was based on is
/// refused.
#[cfg(feature = "std")]
#[derive(Debug)]
struct Decided(Result<ClientAuthDecision, Error>);

#[cfg(feature = "std")]
impl ClientAuthPolicy for Decided {
    fn decide(&self, _: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
        self.0.clone()
    }
}

/// The parts of a ClientHello that an `Acceptor` shows, which needs the standard library.
#[cfg(feature = "std")]
mod accepted {
    use alloc::vec::Vec;

    use rustls_ext_wire::{CodePoints, ServerNegotiation, Version};

    use super::Decided;
    use crate::common_state::Protocol;
    use crate::enums::{ContentType, ProtocolVersion};
    use crate::error::{Error, InvalidMessage};
    use crate::msgs::client_auth::wire_version;
    use crate::msgs::handshake::ClientHelloPayload;
    use crate::msgs::message::{InboundPlainMessage, Message, MessagePayload};
    use crate::server::{
        Accepted, AcceptedAlert, ClientAuthDecision, ServerConfig, ServerConnection,
    };
    use crate::suites::compatible_sigscheme_for_suites;
    use crate::sync::Arc;

    impl ServerConfig {
        /// The version that a handshake with this config chooses for a ClientHello, over TCP.
        ///
        /// `None` if the handshake ends with an alert because there is no common version.
        fn version_for(&self, hello: &ClientHelloPayload) -> Option<ProtocolVersion> {
            let enabled = |version| self.supports_version(version, Protocol::Tcp);
            let (tls13, tls12) = match &hello.supported_versions {
                Some(versions) => (versions.tls13, versions.tls12),
                None => (
                    false,
                    u16::from(hello.client_version) >= u16::from(ProtocolVersion::TLSv1_2),
                ),
            };
            if tls13 && enabled(ProtocolVersion::TLSv1_3) {
                Some(ProtocolVersion::TLSv1_3)
            } else if tls12 && enabled(ProtocolVersion::TLSv1_2) {
                Some(ProtocolVersion::TLSv1_2)
            } else {
                None
            }
        }
    }

    impl Accepted {
        /// Makes [`client_hello()`](Self::client_hello) show the same data that a handshake with
        /// `config` shows to its policy.
        ///
        /// This data depends on the config: the protocol version, the code points of the offer, and
        /// with the version whether flags count at all (FLAGS-9).  Call this before a decision is
        /// made outside of the handshake, so that the decision is the same on both paths.  Without
        /// it, the ClientHello has no version, and shows an offer as a TLS1.3 server with the
        /// default code points sees it.
        ///
        /// If the handshake with `config` will fail because there is no common version, the
        /// ClientHello has no version, and no offer.
        pub fn with_config(&mut self, config: &ServerConfig) {
            // A ClientHello that is malformed under these code points is refused by
            // `into_connection()`.
            let _ = self.read_with(config.client_auth_code_points);
            let hello = Self::client_hello_payload(&self.message);
            self.version = config.version_for(hello);
            let suites: Vec<_> = config
                .provider
                .cipher_suites
                .iter()
                .copied()
                .filter(|suite| hello.cipher_suites.contains(&suite.suite()))
                .collect();
            self.sig_schemes
                .retain(|scheme| compatible_sigscheme_for_suites(*scheme, &suites));
            match self.version {
                Some(version) => self.read_offer(wire_version(version)),
                None => self.offer = ServerNegotiation::new(config.client_auth_code_points),
            }
        }

        /// Decides for this connection, outside of the handshake.
        ///
        /// [`into_connection()`](Self::into_connection) then uses this decision, and no policy:
        /// neither the one of its config nor one that the config's verifier carries.  An error ends
        /// the handshake with `internal_error`, as an error of a policy does.  After several calls,
        /// the last one counts.
        ///
        /// Use this if other code calls `into_connection()`; otherwise
        /// [`into_connection_with()`](Self::into_connection_with) does both in one call.
        pub fn decide(&mut self, decision: Result<ClientAuthDecision, Error>) {
            self.connection.core.data.client_auth_policy = Some(Arc::new(Decided(decision)));
        }

        /// Like [`into_connection()`](Self::into_connection), with this decision for this
        /// connection.
        ///
        /// The same as calling [`decide()`](Self::decide) before it.
        ///
        /// # Errors
        /// As for `into_connection()`; an error in `decision` is returned, with the alert to send.
        pub fn into_connection_with(
            mut self,
            config: Arc<ServerConfig>,
            decision: Result<ClientAuthDecision, Error>,
        ) -> Result<ServerConnection, (Error, AcceptedAlert)> {
            self.decide(decision);
            self.into_connection(config)
        }

        /// Reads the offer under `highest`, the highest version of the server.
        pub(in crate::server) fn read_offer(&mut self, highest: Version) {
            let hello = Self::client_hello_payload(&self.message);
            let version = match (&hello.supported_versions, highest) {
                (Some(versions), Version::Tls13) if versions.tls13 => Version::Tls13,
                _ => Version::Tls12,
            };
            let code_points = self.connection.core.common_state.code_points;
            self.offer = ServerNegotiation::new(code_points);
            // Malformed flags are refused when the handshake continues and TLS1.3 is chosen.
            let _ = self.offer.on_client_hello(version, hello.client_auth());
        }

        /// Reads the ClientHello again if it was read with other code points.
        pub(in crate::server) fn read_with(&mut self, code_points: CodePoints) -> Result<(), InvalidMessage> {
            let common = &mut self.connection.core.common_state;
            if common.code_points == code_points {
                return Ok(());
            }
            common.code_points = code_points;
            if let MessagePayload::Handshake { encoded, .. } = &self.message.payload {
                let plain = InboundPlainMessage {
                    typ: ContentType::Handshake,
                    version: self.message.version,
                    payload: encoded.bytes(),
                };
                self.message = Message::read(plain, code_points)?.into_owned();
            }
            Ok(())
        }
    }
}

/// If there is no [`ClientAuth`], the verifier of the config decides, as in upstream.
impl ServerConnectionData {
    /// The policy of this connection: its own, or else its config's, or else its verifier's.
    pub(super) fn policy<'a>(
        &'a self,
        config: &'a ServerConfig,
    ) -> Option<&'a dyn ClientAuthPolicy> {
        self.client_auth_policy
            .as_deref()
            .or(config.client_auth_policy.as_deref())
            .or_else(|| config.verifier.client_auth_policy())
    }

    /// The code points that this connection recognizes in messages.
    ///
    /// CARE was never assigned a code point.  So a server without a policy treats an extension with
    /// that number as unknown, as upstream does.
    pub(super) fn code_points_in_use(&self, config: &ServerConfig) -> CodePoints {
        match self.policy(config) {
            Some(_) => config.client_auth_code_points,
            None => config
                .client_auth_code_points
                .without_care(),
        }
    }

    /// Keeps a decision, which is final, but not the policy that made it.
    pub(super) fn decided(&mut self, decision: ClientAuthDecision, offer: ServerNegotiation) {
        self.client_auth = Some(ClientAuth::new(decision, offer));
        self.client_auth_policy = None;
    }

    pub(super) fn client_cert_verifier<'a>(
        &'a self,
        config: &'a ServerConfig,
    ) -> &'a dyn ClientCertVerifier {
        match &self.client_auth {
            None => &*config.verifier,
            Some(auth) => match auth.decision.demand() {
                None => &NoClientAuth,
                Some(demand) => &*demand.verifier,
            },
        }
    }

    pub(super) fn asks_client(&self, config: &ServerConfig) -> bool {
        match &self.client_auth {
            None => config.verifier.offer_client_auth(),
            Some(auth) => auth.decision.demand().is_some(),
        }
    }

    pub(super) fn requires_client_cert(&self, config: &ServerConfig) -> bool {
        match &self.client_auth {
            None => config.verifier.client_auth_mandatory(),
            Some(auth) => matches!(auth.decision, ClientAuthDecision::Require(_)),
        }
    }

    pub(super) fn client_auth_is(&mut self, status: ClientAuthStatus) {
        if let Some(auth) = &mut self.client_auth {
            auth.status = status;
        }
    }

    pub(super) fn client_proved_possession(&mut self, config: &ServerConfig) -> Result<(), Error> {
        self.client_auth_is(ClientAuthStatus::Authenticated {
            resumed: false,
            at: config.current_time()?,
        });
        Ok(())
    }

    /// Records a refused client certificate and continues if the demand is lenient; otherwise
    /// returns the error.
    pub(super) fn tolerate(&mut self, refusal: Error) -> Result<(), Error> {
        match &mut self.client_auth {
            Some(auth) if matches!(&auth.decision, ClientAuthDecision::Request(demand) if demand.tolerant) =>
            {
                auth.status = ClientAuthStatus::Refused;
                auth.refusal.get_or_insert(refusal);
                Ok(())
            }
            _ => Err(refusal),
        }
    }

    /// Whether the client's certificate was refused, so that nothing else about it is checked.
    pub(super) fn client_is_refused(&self) -> bool {
        self.client_auth
            .as_ref()
            .is_some_and(|auth| auth.status == ClientAuthStatus::Refused)
    }

    /// Records that a certificate is requested now.
    pub(super) fn ask_client(&mut self) {
        if let Some(auth) = &mut self.client_auth {
            auth.status = ClientAuthStatus::Asked;
            auth.negotiation
                .asks(match auth.decision.demand() {
                    Some(demand) if demand.answers_offer => Asks::BecauseOffered,
                    _ => Asks::ForAnotherReason,
                });
        }
    }

    /// The extension to put into a CertificateRequest.
    pub(super) fn acknowledgement(&self) -> Option<TlsFlags> {
        let negotiation = &self.client_auth.as_ref()?.negotiation;
        TlsFlags::new(&negotiation.acknowledgement(), negotiation.code_points())
    }

    /// The extension to put into the message that answers the ClientHello in full, which tells the
    /// client that this server understands CARE (CARE-3).
    pub(super) fn care_echo(&self) -> Option<Care> {
        let negotiation = &self.client_auth.as_ref()?.negotiation;
        let echoes = [WireMessage::ServerHello, WireMessage::EncryptedExtensions]
            .into_iter()
            .any(|message| negotiation.echoes_care_in(message));
        echoes
            .then(|| negotiation.code_points().care())
            .and_then(Care::new)
    }

    pub(super) fn permits_resumption(
        &self,
        session: &ServerSessionValue,
        config: &ServerConfig,
    ) -> bool {
        match &self.client_auth {
            None => {
                let mandatory =
                    config.verifier.offer_client_auth() && config.verifier.client_auth_mandatory();
                // A session without a chain proves no certificate, regardless of which config
                // stored it.
                session.client_auth.is_empty()
                    && (session.client_cert_chain.is_some() || !mandatory)
            }
            Some(auth) => auth.permits(session, config.current_time()),
        }
    }

    pub(super) fn resumed(&mut self, session: &ServerSessionValue) {
        self.client_auth_is(match session.record() {
            None | Some(Record::NotAsked) => ClientAuthStatus::NotAsked,
            Some(Record::Declined { .. }) => ClientAuthStatus::Declined,
            Some(Record::Authenticated { at, .. }) => ClientAuthStatus::Authenticated {
                resumed: true,
                at: UnixTime::since_unix_epoch(Duration::from_secs(at)),
            },
        });
    }

    /// The data about its client that a session of this connection records, encoded; empty without
    /// a record.
    pub(super) fn session_record(&self) -> Vec<u8> {
        let mut buffer = [0; Record::LONGEST];
        self.client_auth
            .as_ref()
            .and_then(|auth| auth.record())
            .and_then(|record| record.encode(&mut buffer).ok())
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    }
}

/// All data in a ClientHello that a [`ClientAuthPolicy`] sees, encoded.
///
/// RFC 8446 section 4.1.2 requires that none of it changes in a second ClientHello.
pub(super) fn decided_on(hello: &ClientHelloPayload) -> [Vec<u8>; DECIDED_ON.len()] {
    DECIDED_ON.map(|(_, typ)| {
        let mut shown = Vec::new();
        match typ {
            Some(typ) => hello.encode_one(typ, &mut shown),
            None => hello.cipher_suites.encode(&mut shown),
        }
        shown
    })
}

/// The first of these in which the two ClientHellos differ.
pub(super) fn difference(
    one: &[Vec<u8>; DECIDED_ON.len()],
    other: &[Vec<u8>; DECIDED_ON.len()],
) -> Option<&'static str> {
    let mut differ = one
        .iter()
        .zip(other)
        .map(|(one, other)| one != other);
    let at = differ.position(|differs| differs)?;
    DECIDED_ON
        .get(at)
        .map(|(name, _)| *name)
}

pub(super) const DECIDED_ON: [(&str, Option<ExtensionType>); 11] = [
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

#[cfg(feature = "std")]
impl crate::conn::ConnectionCommon<ServerConnectionData> {
    /// Returns the authentication of this connection's client under a [`ClientAuthPolicy`].
    ///
    /// Returns `None` until the ClientHello is processed, and without a policy.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.core.data.client_auth.as_deref()
    }
}

impl UnbufferedServerConnection {
    /// Returns the authentication of this connection's client under a [`ClientAuthPolicy`].
    ///
    /// Returns `None` until the ClientHello is processed, and without a policy.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.core.data.client_auth.as_deref()
    }
}

#[cfg(feature = "std")]
impl ConnectionCore<ServerConnectionData> {
    /// Gives this connection a policy that takes precedence over that of its `config`, before the
    /// first message.
    pub(crate) fn decide_by(&mut self, policy: Arc<dyn ClientAuthPolicy>, config: &ServerConfig) {
        self.data.client_auth_policy = Some(policy);
        self.common_state.code_points = self.data.code_points_in_use(config);
    }
}

#[cfg(feature = "std")]
impl crate::quic::ConnectionCommon<ServerConnectionData> {
    /// Returns the authentication of this connection's client under a [`ClientAuthPolicy`].
    ///
    /// Returns `None` until the ClientHello is processed, and without a policy.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.data().client_auth.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_policy_is_shown_is_compared() {
        // Does not compile if a policy sees more data than this.
        fn covered(shown: ClientHello<'_>) -> [&'static str; DECIDED_ON.len()] {
            let ClientHello {
                cipher_suites: _,
                server_name: _,
                alpn: _,
                version: _,
                offer: _,
                certificate_authorities: _,
                signature_schemes: _,
                named_groups: _,
                client_cert_types: _,
                server_cert_types: _,
            } = shown;
            [
                "cipher_suites",
                "server_name",
                "application_layer_protocol_negotiation",
                "supported_versions",
                "tls_flags",
                "client_authentication_request",
                "certificate_authorities",
                "signature_algorithms",
                "supported_groups",
                "client_certificate_type",
                "server_certificate_type",
            ]
        }
        let shown = ClientHello {
            server_name: &None,
            signature_schemes: &[],
            alpn: None,
            server_cert_types: None,
            client_cert_types: None,
            cipher_suites: &[],
            certificate_authorities: None,
            named_groups: None,
            offer: None,
            version: None,
        };
        assert_eq!(covered(shown), DECIDED_ON.map(|(name, _)| name));
    }
}
