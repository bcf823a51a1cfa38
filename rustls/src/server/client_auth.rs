use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use pki_types::{CertificateDer, UnixTime};
use rustls_ext_wire::resumption::{self, Record, Resumption, Voucher};
use rustls_ext_wire::{
    Asks, CodePoints, FlagSet, Message as WireMessage, Offer, Origins, Received,
    ServerNegotiation,
};

use super::{ClientHello, ServerConfig};
use super::server_conn::{ServerConnectionData, UnbufferedServerConnection};
#[cfg(feature = "std")]
use crate::conn::ConnectionCore;
use crate::error::{Error, PeerIncompatible};
use crate::msgs::client_auth::{Care, TlsFlags};
use crate::msgs::persist::ServerSessionValue;
#[cfg(feature = "std")]
use crate::sync::Arc;
use crate::verify::{ClientCertVerifier, NoClientAuth};

#[cfg(feature = "std")]
mod accepted;
mod decision;
mod retry;

use decision::ChainCheck;
pub use decision::{ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy};
pub(super) use retry::{DECIDED_ON, decided_on, difference};

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
    /// The body of the extension with origins; empty without it.
    origin_hint: Vec<u8>,
    refusal: Option<Error>,
    /// The verifier's voucher for the chain of an authenticated client.
    voucher: Option<Voucher>,
}

impl ClientAuth {
    fn new(
        decision: ClientAuthDecision,
        negotiation: ServerNegotiation,
        origin_hint: Option<&[u8]>,
    ) -> Box<Self> {
        Box::new(Self {
            decision,
            status: ClientAuthStatus::NotAsked,
            origin_hint: origin_hint
                .filter(|_| negotiation.offer().has_origins())
                .map(<[u8]>::to_vec)
                .unwrap_or_default(),
            negotiation,
            refusal: None,
            voucher: None,
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

    /// Returns the origins at which the client hinted.
    pub fn origins(&self) -> Option<Origins<'_>> {
        Origins::decode(&self.origin_hint).ok()
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
    fn permits(&mut self, session: &ServerSessionValue, now: Result<UnixTime, Error>) -> bool {
        let Some(record) = session.record() else {
            return false;
        };
        let wanted = match &self.decision {
            // Nothing resumes for a client that is refused.
            ClientAuthDecision::Refuse => return false,
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
            Resumption::IfVerified => {
                let (Record::Authenticated { at, voucher, .. }, Some(demand), Ok(now)) =
                    (record, self.decision.demand(), now)
                else {
                    return false;
                };
                match demand.check_again(session, at, voucher, now) {
                    ChainCheck::Accepted(voucher) => {
                        self.voucher = voucher;
                        true
                    }
                    ChainCheck::Refused => false,
                }
            }
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
                voucher: self.voucher,
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

impl<'a> ClientHello<'a> {
    /// Get the origins at which the client hints (`workload_identifier_origin_hint`).
    ///
    /// Returns `None` if the client did not send this extension, if it is malformed, or if it is
    /// known that TLS1.3 was not negotiated.
    ///
    /// This is a hint, not a credential: any client can send it (WIO-4).
    pub fn client_auth_origins(&self) -> Option<Origins<'a>> {
        self.origin_hint
            .filter(|_| self.client_auth_offer().has_origins())
            .and_then(|body| Origins::decode(body).ok())
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
    /// CARE and the origin hint have no code points yet.  So a server without a policy treats an
    /// extension with one of these numbers as unknown, as upstream does.
    pub(super) fn code_points_in_use(&self, config: &ServerConfig) -> CodePoints {
        match self.policy(config) {
            Some(_) => config.client_auth_code_points,
            None => config
                .client_auth_code_points
                .without_care()
                .without_origin_hint(),
        }
    }

    /// Keeps a decision, which is final, but not the policy that made it.
    ///
    /// # Errors
    /// If the decision is to refuse the client, which ends the handshake.
    pub(super) fn decided(
        &mut self,
        decision: ClientAuthDecision,
        offer: ServerNegotiation,
        received: Received<'_>,
    ) -> Result<(), Error> {
        self.client_auth_policy = None;
        if let ClientAuthDecision::Refuse = decision {
            return Err(PeerIncompatible::RefusedByPolicy.into());
        }
        self.client_auth = Some(ClientAuth::new(decision, offer, received.origin_hint));
        Ok(())
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

    pub(super) fn client_proved_possession(
        &mut self,
        chain: &[CertificateDer<'_>],
        config: &ServerConfig,
    ) -> Result<(), Error> {
        let now = config.current_time()?;
        if let Some(auth) = &mut self.client_auth {
            auth.status = ClientAuthStatus::Authenticated {
                resumed: false,
                at: now,
            };
            auth.voucher = match (auth.decision.demand(), chain.split_first()) {
                (Some(demand), Some((end_entity, intermediates))) => demand
                    .verifier
                    .vouch(end_entity, intermediates, now),
                _ => None,
            };
        }
        Ok(())
    }

    /// Records a refused client certificate and continues if the demand is lenient; otherwise
    /// returns the error.
    pub(super) fn tolerate(&mut self, refusal: Error) -> Result<(), Error> {
        match &mut self.client_auth {
            Some(auth) if matches!(&auth.decision, ClientAuthDecision::Request(demand) if demand.lenient) =>
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
                    Some(demand) if demand.because_offered => Asks::BecauseOffered,
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
        &mut self,
        session: &ServerSessionValue,
        config: &ServerConfig,
    ) -> bool {
        match &mut self.client_auth {
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
