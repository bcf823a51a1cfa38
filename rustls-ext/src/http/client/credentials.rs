use std::sync::Arc;

use rustls::client::{ClientAuthOffer, ResolvesClientCert};
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use super::confined::Confined;
use super::identity::{ClientIdentity, IdentityError, Validity};
use super::report::{Considered, NotChosen};
#[cfg(feature = "hyper")]
use crate::authenticator::Request;
use crate::http::Challenge;

/// The identities of a client, and how it offers to authenticate.
#[derive(Clone, Debug)]
pub struct Credentials {
    identities: Vec<Arc<ClientIdentity>>,
    offer: ClientAuthOffer,
    under_tls12: bool,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { identities: Vec::new(), offer: ClientAuthOffer::flag(), under_tls12: false }
    }
}

impl Credentials {
    /// Starts without identities. Offers are made by flag, and no certificate is sent under TLS
    /// 1.2.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity. If a challenge accepts several, the first is chosen.
    ///
    /// # Errors
    /// [`IdentityError::Duplicate`] if there is already an identity of this name.
    pub fn with(mut self, identity: ClientIdentity) -> Result<Self, IdentityError> {
        if self.identities.iter().any(|known| known.name() == identity.name()) {
            return Err(IdentityError::Duplicate { name: identity.name().into() });
        }
        self.identities.push(Arc::new(identity));
        Ok(self)
    }

    /// Sets the offer for connections that answer a challenge (CANT-5). Other connections make no
    /// offer.
    ///
    /// Whether the offer itself permits certificates under TLS 1.2 has no effect here.
    pub fn offer(mut self, offer: ClientAuthOffer) -> Self {
        self.offer = offer;
        self
    }

    /// Sets whether certificates may be sent under TLS 1.2, where they are not encrypted (CANT-8).
    pub fn certificate_under_tls12(mut self, allowed: bool) -> Self {
        self.under_tls12 = allowed;
        self
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn allow_tls12(&self) -> bool {
        self.under_tls12
    }

    /// The first identity that this host may see and the challenge accepts, or the reason against
    /// each identity.
    pub(super) fn choose(
        &self,
        host: &str,
        challenge: &Challenge,
        now: UnixTime,
    ) -> Result<&Arc<ClientIdentity>, Vec<Considered>> {
        let mut considered = Vec::with_capacity(self.identities.len());
        for identity in &self.identities {
            match fault(identity, host, challenge, now) {
                None => return Ok(identity),
                Some(why) => {
                    considered.push(Considered { identity: identity.shared_name(), why });
                }
            }
        }
        Err(considered)
    }

    /// Returns true if one of these identities, or only `only`, may be shown to this host.
    #[cfg(feature = "hyper")]
    pub(crate) fn has_identity_for(
        &self,
        host: &str,
        now: UnixTime,
        only: Option<&ClientIdentity>,
    ) -> bool {
        self.identities.iter().any(|identity| unsuitable(identity, host, now, only).is_none())
    }

    /// The first identity that this host may see and that fits a request on an open connection, or
    /// the reason against each identity. If there is an `only` one, it is no other.
    #[cfg(feature = "hyper")]
    pub(crate) fn choose_for_request(
        &self,
        host: &str,
        request: &Request,
        now: UnixTime,
        only: Option<&ClientIdentity>,
    ) -> Result<Arc<ClientIdentity>, Vec<Considered>> {
        let mut considered = Vec::with_capacity(self.identities.len());
        for identity in &self.identities {
            let misfit = || request.accepts(identity.key()).err().map(NotChosen::Misfit);
            match unsuitable(identity, host, now, only).or_else(misfit) {
                None => return Ok(identity.clone()),
                Some(why) => {
                    considered.push(Considered { identity: identity.shared_name(), why });
                }
            }
        }
        Err(considered)
    }

    /// The config of connections without authentication, from any `config`.
    pub(crate) fn plain(config: &ClientConfig) -> ClientConfig {
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
        config.client_auth_offer = ClientAuthOffer::default();
        config
    }

    /// The config of connections that authenticate with this certificate.
    pub(crate) fn authenticated(
        &self,
        config: &ClientConfig,
        certificate: &Arc<Confined>,
    ) -> ClientConfig {
        let mut config = config.clone();
        certificate.install(&mut config);
        let offer = self.offer.clone();
        config.client_auth_offer = offer.with_certificate_under_tls12(self.under_tls12);
        config
    }
}

/// Returns the reason if this identity is not for this challenge.
pub(super) fn fault(
    identity: &ClientIdentity,
    host: &str,
    challenge: &Challenge,
    now: UnixTime,
) -> Option<NotChosen> {
    // A host that may not see an identity must not learn by any other reason that it exists.
    if !identity.is_for(host) {
        return Some(NotChosen::NotForHost);
    }
    if !challenge.accepts_facts(identity.facts()) {
        return Some(NotChosen::NotAccepted);
    }
    // A server would refuse it, but learn the identity.
    not_valid(identity, now)
}

/// Returns the reason if this identity must not be shown on an open connection to this host.
#[cfg(feature = "hyper")]
fn unsuitable(
    identity: &ClientIdentity,
    host: &str,
    now: UnixTime,
    only: Option<&ClientIdentity>,
) -> Option<NotChosen> {
    if !identity.is_for(host) {
        return Some(NotChosen::NotForHost);
    }
    if only.is_some_and(|only| only.name() != identity.name()) {
        return Some(NotChosen::OtherIdentity);
    }
    not_valid(identity, now)
}

fn not_valid(identity: &ClientIdentity, now: UnixTime) -> Option<NotChosen> {
    match identity.validity_at(now) {
        Validity::NotYet => Some(NotChosen::NotYetValid),
        Validity::Expired => Some(NotChosen::Expired),
        Validity::Valid => None,
    }
}

/// A resolver without a certificate.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
