//! Configs that share session storage or ticket keys: which session resumes where. Each cell of the
//! table in SECURITY.md, under TLS 1.2 and 1.3, for stored sessions and for tickets.

mod common;

use std::sync::Arc;

use common::{Authority, Pki, Ready, Switch, When, connect, pump};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientAuthDecision, NoClientAuth, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, HandshakeKind, ServerConfig, SupportedProtocolVersion,
};
use rustls_ext::ClientAuthOffer;

/// The sentence before the table.
const ABOVE: &str = "| session was made by | ";

/// A server's config, and whether its client has a certificate.
struct Server {
    name: &'static str,
    config: Arc<ServerConfig>,
    certificate: bool,
}

/// Two configs resume each other's sessions, or not: with `R` they do, with `-` they do not.
fn table(version: &'static SupportedProtocolVersion, tickets: bool) -> Vec<(String, Vec<String>)> {
    let pki = Pki::new();
    let storage = ServerSessionMemoryCache::new(256);
    let ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    let share = |mut config: ServerConfig| {
        config.session_storage = storage.clone();
        if tickets {
            config.ticketer = ticketer.clone();
        }
        Arc::new(config)
    };
    let policy =
        |decision| share(pki.server_with(&Switch::new(When::Always, decision), &[version]));
    let plain = |verifier: Arc<dyn ClientCertVerifier>| {
        let config = ServerConfig::builder_with_provider(common::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(pki.server.chain.clone(), pki.server.key())
            .unwrap();
        share(config)
    };
    let optional = |authority: &Authority| -> Arc<dyn ClientCertVerifier> {
        rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(authority.roots()),
            common::provider(),
        )
        .allow_unauthenticated()
        .build()
        .unwrap()
    };
    let request = |scope| ClientAuthDecision::Request(pki.demand(scope));
    let require = |scope| ClientAuthDecision::Require(pki.demand(scope));
    let lenient = ClientAuthDecision::Request(pki.demand("staff").or_continue_unauthenticated());
    let (none, with) = (false, true);
    let server = |name, config, certificate| Server { name, config, certificate };
    // The clients of both lists are the same: their sessions come from the first server.
    let origins = [
        server("policy: none", policy(ClientAuthDecision::None), none),
        server("policy: requested, declined", policy(request("agents")), none),
        server("policy: authenticated", policy(require("agents")), with),
        server("policy: refused, lenient", policy(lenient), with),
        server("no policy: no verifier", plain(Arc::new(NoClientAuth)), none),
        server("no policy: optional, declined", plain(optional(&pki.agents)), none),
        server("no policy: optional, certificate", plain(optional(&pki.agents)), with),
        server("no policy: mandatory, certificate", plain(pki.agents.verifier()), with),
    ];
    let targets = || {
        [
            policy(ClientAuthDecision::None),
            policy(request("agents")),
            policy(require("agents")),
            policy(require("staff")),
            plain(Arc::new(NoClientAuth)),
            plain(optional(&pki.agents)),
            plain(pki.agents.verifier()),
            plain(pki.staff.verifier()),
        ]
    };
    let row = |origin: &Server| {
        let cell = |target: &Arc<ServerConfig>| {
            // A new client for each cell, since a session of TLS 1.3 is used once.
            let mut client = pki.client_config(None, ClientAuthOffer::default(), &[version]);
            let resolver = Ready::new(&pki.agent);
            client.client_auth_cert_resolver = resolver.clone();
            if origin.certificate {
                resolver.ready();
            }
            let client = Arc::new(client);
            assert_eq!(visit(&client, &origin.config), Ok(HandshakeKind::Full), "{}", origin.name);
            match visit(&client, target) {
                Ok(HandshakeKind::Resumed) => "R".to_owned(),
                Ok(_)
                | Err(AlertDescription::CertificateRequired | AlertDescription::UnknownCA) => {
                    "-".to_owned()
                }
                // TLS 1.2 has no certificate_required.
                Err(AlertDescription::HandshakeFailure) if version.version == TLS12.version => {
                    "-".to_owned()
                }
                Err(alert) => panic!("{}: {alert:?}", origin.name),
            }
        };
        (origin.name.to_owned(), targets().iter().map(cell).collect())
    };
    origins.iter().map(row).collect()
}

fn visit(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<HandshakeKind, AlertDescription> {
    let (mut c, mut s) = connect(client, server);
    match pump(&mut c, &mut s) {
        Ok(()) => Ok(s.handshake_kind().unwrap()),
        Err(failure) => Err(failure.alert().unwrap()),
    }
}

/// The table of SECURITY.md, without its first row.
fn documented() -> Vec<(String, Vec<String>)> {
    let text = include_str!("../../SECURITY.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    text.lines()
        .skip_while(|line| !line.starts_with(ABOVE))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = cells(line);
            (cells.remove(0), cells)
        })
        .collect()
}

#[test]
fn res_2_each_pair_of_configs_is_as_in_security_md() {
    let documented = documented();
    assert_eq!(documented.len(), 8);
    for version in [&TLS13, &TLS12] {
        for tickets in [false, true] {
            let what = format!("{:?}, tickets: {tickets}", version.version);
            assert_eq!(table(version, tickets), documented, "{what}");
        }
    }
}
