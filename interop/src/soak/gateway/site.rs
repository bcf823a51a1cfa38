//! The files of the gateways, and the certificates of their clients.

use std::path::Path;
use std::sync::Arc;

use command_line::Failure;
use rext_cli::tls;
use rustls_ext::http::client_cert::client_cert;
use rustls_ext::rustls::server::WebPkiClientVerifier;
use rustls_ext::rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_ext::rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use test_pki::{Authority, IssuedCertificate};

use super::backend::Backends;
use super::plan::{Certificate, Host};
use super::request::{Behind, Scope};

/// The name of the server behind over TLS.
const INSIDE: &str = "behind.internal";

/// The files of the gateways, in a folder that is removed at the end.
#[derive(Debug)]
pub struct Site {
    dir: TempDir,
    /// The authority of the gateways' certificate.
    pub roots: RootCertStore,
    agent: IssuedCertificate,
    staff: IssuedCertificate,
    keys: [(Certificate, Arc<CertifiedKey>); 3],
    inside: Authority,
    /// The routes of the gateways, in TOML.
    routes: String,
}

impl Site {
    /// Issues certificates, and writes all files.
    ///
    /// # Errors
    /// If the system has no randomness, or a file cannot be written.
    pub fn new() -> Result<Self, Failure> {
        let servers = Authority::new("Server CA")?;
        let (agents, staffs) = (Authority::new("Agent CA")?, Authority::new("Staff CA")?);
        let server = servers.server(&Host::ALL.map(Host::name))?;
        let (agent, staff) = (agents.client("agent-7")?, staffs.client("alice")?);
        let stranger = Authority::new("Foreign CA")?.client("mallory")?;
        let inside = Authority::new("Inside CA")?;
        let gateway = inside.client("gateway")?;
        let dir = tempfile::tempdir()?;
        for (name, text) in [
            ("server.pem", server.cert_pem()),
            ("server.key", &server.key_pem()),
            ("agents-ca.pem", &agents.pem()),
            ("staff-ca.pem", &staffs.pem()),
            ("inside-ca.pem", &inside.pem()),
            ("gateway.pem", gateway.cert_pem()),
            ("gateway.key", &gateway.key_pem()),
        ] {
            std::fs::write(dir.path().join(name), text)?;
        }
        let keys = [
            (Certificate::Agent, agent.certified_key()?),
            (Certificate::Staff, staff.certified_key()?),
            (Certificate::Stranger, stranger.certified_key()?),
        ];
        let (roots, routes) = (servers.roots()?, String::new());
        Ok(Self { dir, roots, agent, staff, keys, inside, routes })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The certificate with its key; `None` for [`Certificate::None`].
    pub fn key(&self, certificate: Certificate) -> Option<&Arc<CertifiedKey>> {
        self.keys.iter().find(|(known, _)| *known == certificate).map(|(_, key)| key)
    }

    /// The values of `Client-Cert` for the clients that can be authenticated, and their scopes.
    pub fn certificates(&self) -> Vec<(String, Scope)> {
        let value = |certificate: &IssuedCertificate| {
            let value = client_cert(certificate.der());
            value.and_then(|value| value.to_str().ok().map(str::to_owned)).unwrap_or_default()
        };
        vec![(value(&self.agent), Scope::Agents), (value(&self.staff), Scope::Staff)]
    }

    /// The config of the server behind over TLS: it requires the gateway's certificate.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn backend_config(&self) -> Result<ServerConfig, Failure> {
        let roots = Arc::new(self.inside.roots()?);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, tls::provider()).build()?;
        let key = self.inside.server(&[INSIDE])?.certified_key()?;
        let mut config = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![tls::H2.to_vec()];
        Ok(config)
    }

    /// Writes the policy, with routes to these servers.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn route_to(&mut self, backends: &Backends) -> Result<(), Failure> {
        self.routes = routes(backends);
        self.write_policy(false)
    }

    /// Replaces the policy at once, so that no gateway reads half of it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_policy(&self, changed: bool) -> Result<(), Failure> {
        let next = self.path().join("policy.next");
        std::fs::write(&next, policy(changed) + &self.routes)?;
        Ok(std::fs::rename(next, self.path().join("policy.toml"))?)
    }
}

/// The routes, one for each server behind and each scope.
fn routes(backends: &Backends) -> String {
    let mut text = String::from("[gateway]\nclient_cert = ['agents', 'staff']\n");
    let http1 = backends.http1.addr;
    for (behind, name) in Behind::ALL {
        let upstreams = match behind {
            Behind::Http1 => format!("'http://{http1}'"),
            Behind::Http2 => format!("'http://{}'", backends.http2.addr),
            Behind::Tls => format!("'https://{}'", backends.tls.addr),
            Behind::Pair => format!("'http://{}', 'http://{http1}'", backends.dead),
            Behind::Mortal => format!("'http://{}', 'http://{http1}'", backends.mortal_addr),
        };
        let mut more = String::new();
        if behind.is_http2() {
            more += "protocol = 'http2'\n";
        }
        if behind == Behind::Tls {
            more += "ca = 'inside-ca.pem'\ncert = 'gateway.pem'\nkey = 'gateway.key'\n";
            more += &format!("server_name = '{INSIDE}'\n");
        }
        for (scope, demand) in
            [("open", None), ("agents", Some("agents")), ("staff", Some("staff"))]
        {
            let demand = demand.map_or(String::new(), |scope| format!("require = '{scope}'\n"));
            text += &format!(
                "[[gateway.routes]]\npath = '/{name}/{scope}'\nupstreams = [{upstreams}]\n\
                 {demand}{more}"
            );
        }
    }
    text
}

/// The policy, as it is first, or as it is after the change.
fn policy(changed: bool) -> String {
    let switch = if changed { "offered = true\nrequest = 'agents'" } else { "ask = 'nothing'" };
    format!(
        "
        [scopes.agents]
        anchors = ['agents-ca.pem']
        [scopes.staff]
        anchors = ['staff-ca.pem']
        [[rules]]
        server_name = '{app}'
        offered = true
        request = 'agents'
        [[rules]]
        server_name = '{login}'
        request_lenient = 'staff'
        [[rules]]
        server_name = '{admin}'
        require = 'staff'
        [[rules]]
        server_name = '{switched}'
        {switch}
        [otherwise]
        ask = 'nothing'
        ",
        app = Host::App.name(),
        login = Host::Login.name(),
        admin = Host::Admin.name(),
        switched = Host::Switch.name(),
    )
}
