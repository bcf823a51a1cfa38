//! Certificates for the examples, made anew each time, and the configs of client and server. A real
//! server reads its certificates from files: see the example `reload`.
#![allow(dead_code)] // no example uses all of it

use std::error::Error;
use std::sync::Arc;

use rustls_ext::rustls::crypto::{CryptoProvider, ring};
use rustls_ext::rustls::server::ResolvesServerCert;
use rustls_ext::rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_ext::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_ext::{Anchors, Live, Policy, Rule, Setup, Verdict};
use test_pki::Authority;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One authority for servers and one for agents, with one certificate of each.
pub struct Pki {
    pub servers: Authority,
    pub agents: Authority,
    pub server: test_pki::IssuedCertificate,
    pub agent: test_pki::IssuedCertificate,
}

impl Pki {
    pub fn new() -> Result<Self> {
        let (servers, agents) = (Authority::new("Servers")?, Authority::new("Agents")?);
        let (server, agent) = (servers.server(&["localhost"])?, agents.client("agent-7")?);
        Ok(Self { servers, agents, server, agent })
    }

    /// Requests a certificate from clients that offer one, and from no other client.
    pub fn policy(&self) -> Result<Policy> {
        Ok(Policy::builder()
            .provider(provider())
            .scope("agents", Anchors::from_roots(self.agents.roots()?))
            .rule(Rule::when().offered(true).request("agents"))
            .otherwise(Verdict::None)
            .build()?)
    }

    /// A server's config, with these application protocols.
    pub fn server_config(&self, protocols: &[&str]) -> Result<ServerConfig> {
        let resolver: Arc<dyn ResolvesServerCert> =
            Arc::new(SingleCertAndKey::from(self.server.certified_key()?));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
        Ok(config)
    }

    /// A server's config and policy.
    pub fn live(&self, protocols: &[&str]) -> Result<Live> {
        Ok(Setup::new(self.server_config(protocols)?, self.policy()?).into())
    }

    /// The config of a client without a certificate.
    pub fn client_config(&self) -> Result<ClientConfig> {
        Ok(ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?)
            .with_no_client_auth())
    }

    /// The config of a client that presents the agent's certificate.
    pub fn agent_config(&self) -> Result<ClientConfig> {
        let mut config = self.client_config()?;
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(self.agent_key()?));
        Ok(config)
    }

    pub fn agent_key(&self) -> Result<Arc<CertifiedKey>> {
        Ok(self.agent.certified_key()?)
    }

    pub fn roots(&self) -> Result<RootCertStore> {
        Ok(self.servers.roots()?)
    }
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
