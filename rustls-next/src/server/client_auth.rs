use alloc::vec::Vec;
use core::time::Duration;

use pki_types::UnixTime;
use rustls_ext_wire::resumption::{self, Record, Resumption};
use rustls_ext_wire::{Asks, FlagSet, Message as WireMessage, Offer, ServerNegotiation};

use super::{CommonServerSessionValue, ServerConfig, ServerSide};
use crate::common_state::{Event, Output};
use crate::error::Error;
use crate::msgs::client_auth::{Care, TlsFlags};
use crate::sync::Arc;
use crate::verify::{ClientIdentity, NoClientAuth};

mod decision;
pub use decision::{ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy};
use decision::Demanded;

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
    /// The record of the session that the connection resumes, if it does.
    resumed: Option<Vec<u8>>,
}

impl ClientAuth {
    /// Returns the decision of the policy.
    pub fn decision(&self) -> &ClientAuthDecision {
        &self.decision
    }

    /// Returns the state of the authentication.
    pub fn status(&self) -> ClientAuthStatus {
        self.status
    }

    /// Returns the scope in which the client is authenticated, if it is.
    pub fn scope(&self) -> Option<&str> {
        match self.status {
            ClientAuthStatus::Authenticated { .. } => self
                .decision
                .demand()
                .map(ClientAuthDemand::scope),
            _ => None,
        }
    }

    /// Returns the flags of the ClientHello, if TLS1.3 is used and it had any.
    pub fn flags(&self) -> Option<&FlagSet> {
        Some(self.negotiation.flags()).filter(|flags| !flags.is_empty())
    }

    /// Returns the ways in which the client offered to authenticate.
    pub fn offer(&self) -> Offer {
        self.negotiation.offer()
    }

    /// Returns true if this connection's CertificateRequest, if there is one, acknowledges the
    /// offer.
    pub fn acknowledged(&self) -> bool {
        !self
            .negotiation
            .acknowledgement()
            .is_empty()
            && self.resumed.is_none()
    }

    /// Whether `session` may be resumed instead of a full handshake (RES-2 to RES-5).
    fn permits(
        &self,
        session: &CommonServerSessionValue<'_>,
        now: impl FnOnce() -> Result<UnixTime, Error>,
    ) -> bool {
        let Some(record) = session.record() else {
            return false;
        };
        let demand = match &self.decision {
            ClientAuthDecision::None => resumption::Demand::None,
            ClientAuthDecision::Request(demand) => {
                resumption::Demand::Request(demand.scope().as_bytes())
            }
            ClientAuthDecision::Require(demand) => {
                resumption::Demand::Require(demand.scope().as_bytes())
            }
        };
        let offered = !self.offer().is_none();
        match resumption::check(demand, offered, record.session()) {
            Resumption::Allowed => true,
            Resumption::IfVerified => match (record, self.decision.demand(), now()) {
                (Record::Authenticated { at, .. }, Some(demand), Ok(now)) => {
                    demand.accepts_again(session, at, now)
                }
                _ => false,
            },
            Resumption::Refused => false,
        }
    }

    /// The data about its client that a session of this connection records (RES-1), once it is
    /// known whether the client is `authenticated`.
    ///
    /// Empty for a client that was not asked, so that its session is encoded as in upstream.
    fn record(&self, authenticated: bool, now: UnixTime) -> Vec<u8> {
        if let Some(resumed) = &self.resumed {
            return resumed.clone();
        }
        let Some(demand) = self.decision.demand() else {
            return Vec::new();
        };
        let scope = demand.scope().as_bytes();
        let record = match authenticated {
            true => Record::Authenticated {
                scope,
                at: now.as_secs(),
                voucher: None,
            },
            false => Record::Declined { scope },
        };
        record
            .encode(&mut [0; Record::LONGEST])
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    }

    fn complete(mut self, record: &[u8]) -> Self {
        self.status = match Record::decode(record) {
            None | Some(Record::NotAsked) => ClientAuthStatus::NotAsked,
            Some(Record::Declined { .. }) => ClientAuthStatus::Declined,
            Some(Record::Authenticated { at, .. }) => ClientAuthStatus::Authenticated {
                resumed: self.resumed.is_some(),
                at: UnixTime::since_unix_epoch(Duration::from_secs(at)),
            },
        };
        self
    }
}

impl CommonServerSessionValue<'_> {
    /// The data about its client that the session records (RES-1).
    ///
    /// `None` if the record cannot be decoded, or contradicts the client's identity: such a session
    /// does not resume (RES-7).
    fn record(&self) -> Option<Record<'_>> {
        let record = match self.client_auth.as_slice() {
            [] => Record::NotAsked,
            encoded => Record::decode(encoded)?,
        };
        // An identity without a record comes from a config that requested it without a policy.
        (record.session().authenticated == self.peer_identity.is_some()).then_some(record)
    }
}

impl ServerConfig {
    /// Returns this config for one connection, with a decision that was made outside of the
    /// handshake, such as one about [`Accepted::client_hello()`].
    ///
    /// Its [`client_auth_policy`](Self::client_auth_policy) and its verifier are then not used.
    ///
    /// [`Accepted::client_hello()`]: crate::server::Accepted::client_hello
    pub fn decided(&self, decision: ClientAuthDecision) -> Self {
        let negotiation = ServerNegotiation::new(self.client_auth_code_points);
        self.for_connection(decision, negotiation)
    }

    /// Every state of a connection has its config.  So a config of its own, with the verifier that
    /// was decided on, takes the decision to all of them.
    pub(super) fn for_connection(
        &self,
        decision: ClientAuthDecision,
        mut negotiation: ServerNegotiation,
    ) -> Self {
        let mut config = self.clone();
        let mut status = ClientAuthStatus::NotAsked;
        config.verifier = Arc::new(NoClientAuth);
        if let Some(demand) = decision.demand() {
            status = ClientAuthStatus::Asked;
            negotiation.asks(match demand.because_offered {
                true => Asks::BecauseOffered,
                false => Asks::ForAnotherReason,
            });
            config.verifier = Arc::new(Demanded {
                verifier: demand.verifier.clone(),
                mandatory: matches!(decision, ClientAuthDecision::Require(_)),
            });
        }
        config.client_auth = Some(ClientAuth {
            decision,
            status,
            negotiation,
            resumed: None,
        });
        config
    }

    /// The extension to put into a CertificateRequest.
    pub(super) fn acknowledgement(&self) -> Option<TlsFlags> {
        let negotiation = &self.client_auth.as_ref()?.negotiation;
        TlsFlags::new(&negotiation.acknowledgement(), negotiation.code_points())
    }

    /// The extension to put into the message that answers the ClientHello in full, which tells the
    /// client that this server understands CARE (CARE-3), unless the connection resumes (CARE-4).
    pub(super) fn care_echo(&self, for_resume: bool) -> Option<Care> {
        let negotiation = &self.client_auth.as_ref()?.negotiation;
        let echoes = [WireMessage::ServerHello, WireMessage::EncryptedExtensions]
            .into_iter()
            .any(|message| negotiation.echoes_care_in(message));
        (echoes && !for_resume).then(|| Care::new(negotiation.code_points()))
    }

    pub(super) fn permits_resumption(&self, session: &CommonServerSessionValue<'_>) -> bool {
        match &self.client_auth {
            None => {
                let mandatory =
                    self.verifier.offer_client_auth() && self.verifier.client_auth_mandatory();
                // A session without an identity proves no certificate, regardless of which config
                // stored it.
                session.client_auth.is_empty() && (session.peer_identity.is_some() || !mandatory)
            }
            Some(auth) => auth.permits(session, || self.current_time()),
        }
    }

    /// The config for the rest of a connection that resumes `session`.
    pub(super) fn resuming(
        self: Arc<Self>,
        session: &CommonServerSessionValue<'_>,
    ) -> Arc<Self> {
        let Some(auth) = &self.client_auth else {
            return self;
        };
        let mut config = Self::clone(&self);
        config.client_auth = Some(ClientAuth {
            resumed: Some(session.client_auth.clone()),
            ..auth.clone()
        });
        Arc::new(config)
    }

    /// The data about its client that a session of this connection records, encoded; empty without
    /// a record.
    pub(super) fn session_record(&self, authenticated: bool, now: UnixTime) -> Vec<u8> {
        self.client_auth
            .as_ref()
            .map(|auth| auth.record(authenticated, now))
            .unwrap_or_default()
    }

    /// Tells the user of the connection the outcome, when the client's Finished was verified.
    pub(super) fn report_client_auth(
        &self,
        authenticated: bool,
        output: &mut dyn Output<'_>,
    ) -> Result<(), Error> {
        if let Some(auth) = self.client_auth.clone() {
            let record = auth.record(authenticated, self.current_time()?);
            output.emit(Event::ClientAuth(auth.complete(&record)));
        }
        Ok(())
    }
}

impl ServerSide {
    /// Returns the authentication of this connection's client under a [`ClientAuthPolicy`].
    ///
    /// Returns `None` until the ClientHello is processed, and without a policy.
    pub fn client_auth(&self) -> Option<&ClientAuth> {
        self.client_auth.as_ref()
    }
}
