//! A server of two trust domains, and clients of both.

use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, SanType};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use rustls_ext::{Anchors, ClientAuthOffer, Policy, PolicyBuilder, Rule, Verdict};

use crate::common::{Authority, CertAndKey, Pki, provider};

pub const ORG: &str = "spiffe://example.org";
pub const COM: &str = "spiffe://example.com";
pub const BOTH_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

pub struct World {
    pub pki: Pki,
    pub org: Authority,
    pub com: Authority,
}

impl World {
    pub fn new() -> Self {
        let (org, com) = (Authority::new("org"), Authority::new("com"));
        Self { pki: Pki::new(), org, com }
    }

    pub fn anchors(&self, authority: &Authority, domain: &str) -> Anchors {
        Anchors::from_roots(authority.roots()).with_trust_domain(domain).unwrap()
    }

    /// The scopes "org" and "com", each with a rule for its origin.
    pub fn rules(&self) -> PolicyBuilder {
        self.scopes()
            .rule(Rule::when().origin(ORG).require("org"))
            .rule(Rule::when().origin(COM).require("com"))
            .otherwise(Verdict::None)
    }

    pub fn scopes(&self) -> PolicyBuilder {
        Policy::builder()
            .provider(provider())
            .scope("org", self.anchors(&self.org, ORG))
            .scope("com", self.anchors(&self.com, COM))
    }

    pub fn server(&self, policy: PolicyBuilder) -> Arc<ServerConfig> {
        Arc::new(self.server_config(policy))
    }

    pub fn server_config(&self, policy: PolicyBuilder) -> ServerConfig {
        let mut config = self.pki.server_config(BOTH_VERSIONS);
        config.client_auth_policy = Some(policy.build().unwrap().for_config().unwrap());
        config
    }

    /// A client with this certificate that hints at these origins.
    pub fn client(&self, identity: &CertAndKey, origins: &[&str]) -> Arc<ClientConfig> {
        Arc::new(self.client_config(identity, hint(origins)))
    }

    pub fn client_config(&self, identity: &CertAndKey, offer: ClientAuthOffer) -> ClientConfig {
        self.pki.client_config(Some(identity), offer, BOTH_VERSIONS)
    }
}

/// An offer by these origins alone, or none.
pub fn hint(origins: &[&str]) -> ClientAuthOffer {
    if origins.is_empty() {
        return ClientAuthOffer::default();
    }
    ClientAuthOffer::default().with_origins(origins).unwrap()
}

/// A certificate with these URIs.
pub fn issue(authority: &Authority, uris: &[&str]) -> CertAndKey {
    let mut params = CertificateParams::new(vec!["workload".to_owned()]).unwrap();
    params
        .subject_alt_names
        .extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    authority.sign(params)
}

/// Records the names of authorities in certificate requests.
#[derive(Debug)]
pub struct Recording {
    pub key: Arc<CertifiedKey>,
    pub asked: Mutex<Vec<Vec<Vec<u8>>>>,
}

impl Recording {
    pub fn new(identity: &CertAndKey) -> Arc<Self> {
        let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider());
        Arc::new(Self { key: Arc::new(key.unwrap()), asked: Mutex::default() })
    }
}

impl ResolvesClientCert for Recording {
    fn resolve(&self, names: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.lock().unwrap().push(names.iter().map(|name| name.to_vec()).collect());
        Some(self.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
