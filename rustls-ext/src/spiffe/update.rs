use std::collections::BTreeMap;
use std::sync::Arc;

use ::spiffe::{SpiffeId, TrustDomain};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::StoresServerSessions;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::error::WorkloadError;
use super::verifier::{Expected, Members};
use crate::{Anchors, Policy, PolicyBuilder};

/// The X.509-SVIDs and trust bundles of a workload at one time, as the Workload API sent them. All
/// of them have been checked.
#[derive(Debug)]
pub struct Update {
    pub(super) svid: Svid,
    pub(super) svids: Vec<Svid>,
    pub(super) bundles: BTreeMap<TrustDomain, Bundle>,
    pub(super) provider: Arc<CryptoProvider>,
    /// The same for all updates of a workload.
    pub(super) sessions: Arc<dyn StoresServerSessions>,
}

/// An X.509-SVID of the workload, with its private key.
#[derive(Clone, Debug)]
pub struct Svid {
    pub(super) id: SpiffeId,
    /// The ID as text.
    pub(super) text: String,
    pub(super) hint: Option<String>,
    pub(super) key: Arc<CertifiedKey>,
    pub(super) not_after: UnixTime,
}

/// The verifiers of chains that end in the bundle of a trust domain.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) clients: Arc<dyn ClientCertVerifier>,
    /// The same for the certificates of servers.
    pub(super) servers: Arc<dyn ClientCertVerifier>,
}

impl Svid {
    /// The SPIFFE ID, such as `spiffe://example.org/database`.
    pub fn id(&self) -> &str {
        &self.text
    }

    /// The trust domain, such as `example.org`.
    pub fn trust_domain(&self) -> &str {
        self.id.trust_domain_name()
    }

    /// The text by which the operator tells several SVIDs of a workload apart; it has no meaning for
    /// security.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// When the certificate expires.
    pub fn expires_at(&self) -> UnixTime {
        self.not_after
    }

    /// The certificate chain and the private key.
    pub fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

impl Update {
    /// The SVID to use: the first one, or the one that
    /// [`WorkloadApi::with_svid`](super::WorkloadApi::with_svid) chose.
    pub fn svid(&self) -> &Svid {
        &self.svid
    }

    /// All SVIDs of the workload.
    pub fn svids(&self) -> &[Svid] {
        &self.svids
    }

    /// The names of the trust domains that have a bundle, sorted: those of the SVIDs, and federated
    /// ones.
    pub fn trust_domains(&self) -> impl Iterator<Item = &str> {
        self.bundles.keys().map(TrustDomain::as_str)
    }

    /// Accepts the SVIDs of clients of this trust domain, for a scope.
    ///
    /// `trust_domain` is a name such as `example.org`, or a SPIFFE ID without a path. If the update
    /// has no bundle for it, each certificate is refused, with the alert `unknown_ca`: a bundle may
    /// be removed at any time, and the rules of the policy stay as they are.
    ///
    /// # Errors
    /// [`WorkloadError::BadId`].
    pub fn anchors(&self, trust_domain: &str) -> Result<Anchors, WorkloadError> {
        Ok(self.anchors_of(trust_domain_of(trust_domain)?))
    }

    fn anchors_of(&self, trust_domain: TrustDomain) -> Anchors {
        let chains = self.bundles.get(&trust_domain).map(|bundle| bundle.clients.clone());
        let algorithms = self.provider.signature_verification_algorithms;
        let origin = trust_domain.id_string();
        Anchors::of_trust_domain(Arc::new(Members { trust_domain, chains, algorithms }), origin)
    }

    /// Starts a policy that has a scope for each of these trust domains, and no rules. The name of a
    /// scope is that of its trust domain, such as `example.org`.
    ///
    /// See [`anchors()`](Self::anchors) for which certificates count in the scopes.
    ///
    /// # Errors
    /// [`WorkloadError::BadId`].
    pub fn policy(
        &self,
        trust_domains: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<PolicyBuilder, WorkloadError> {
        let mut policy = Policy::builder().provider(self.provider.clone());
        for text in trust_domains {
            let trust_domain = trust_domain_of(text.as_ref())?;
            policy = policy.scope(trust_domain.to_string(), self.anchors_of(trust_domain));
        }
        Ok(policy)
    }

    /// Makes a config for a server whose certificate is the [`svid()`](Self::svid).
    ///
    /// It is rustls' default, without application protocols: see
    /// [`Setup::with_alpn`](crate::Setup::with_alpn). All updates of a workload have the same session
    /// storage, so sessions resume after an update.
    ///
    /// # Errors
    /// [`WorkloadError::Config`] if the cryptography provider supports no TLS version.
    pub fn server_config(&self) -> Result<ServerConfig, WorkloadError> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(WorkloadError::Config)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.svid.key.clone())));
        config.session_storage = self.sessions.clone();
        Ok(config)
    }

    /// The verifier of servers' chains for this trust domain, if it has a bundle.
    pub(super) fn servers(&self, trust_domain: &TrustDomain) -> Option<&dyn ClientCertVerifier> {
        self.bundles.get(trust_domain).map(|bundle| &*bundle.servers)
    }
}

fn trust_domain_of(text: &str) -> Result<TrustDomain, WorkloadError> {
    match Expected::parse(text)? {
        Expected::Member(trust_domain) => Ok(trust_domain),
        Expected::Exactly(_) => {
            Err(WorkloadError::bad_id(text, &"it has a path, where a trust domain is needed"))
        }
    }
}
