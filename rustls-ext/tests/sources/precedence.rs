//! Which of several sources decides: the connection's own, the config's, or the verifier's.

use std::sync::Arc;

use rustls::server::{ClientAuthDecision, ClientAuthDemand};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, ServerConfig, ServerConnection, quic};
use rustls_ext::ClientAuthOffer;

use crate::common::{CarriedPolicy, Pki, Switch, When, WrappedVerifier, name, pump};
use crate::{accepted, quic_client, quic_pump, requests_no_certificate, server_with_verifier};

/// All sources of a server, each of which requests an agent's certificate in a scope of its name.
#[derive(Clone, Copy, Debug)]
struct Sources {
    own: bool,
    config: bool,
    verifier: bool,
}

impl Sources {
    fn all() -> Vec<Self> {
        let bit = |of: u8, bit: u8| of & (1 << bit) != 0;
        (0..8).map(|n| Self { own: bit(n, 0), config: bit(n, 1), verifier: bit(n, 2) }).collect()
    }

    /// The scope in which the client is asked; `None` if no policy decides.
    fn winner(self) -> Option<&'static str> {
        match self {
            Self { own: true, .. } => Some("own"),
            Self { config: true, .. } => Some("config"),
            Self { verifier: true, .. } => Some("verifier"),
            _ => None,
        }
    }

    fn server(self, pki: &Pki) -> Arc<ServerConfig> {
        let policy = |scope| Switch::new(When::Always, request(pki, scope));
        let verifier = WrappedVerifier {
            verifier: requests_no_certificate(),
            policy: if self.verifier {
                CarriedPolicy::Own(policy("verifier"))
            } else {
                CarriedPolicy::None
            },
        };
        let mut config = server_with_verifier(pki, Arc::new(verifier), &[&TLS13, &TLS12]);
        config.client_auth_policy = self.config.then(|| policy("config") as _);
        Arc::new(config)
    }
}

fn request(pki: &Pki, scope: &str) -> ClientAuthDecision {
    ClientAuthDecision::Request(ClientAuthDemand::new(pki.agents.verifier(), scope).unwrap())
}

/// The scope of the server's request, if a policy decided.
fn scope(auth: Option<&rustls::server::ClientAuth>) -> Option<&str> {
    auth.map(|auth| auth.decision().demand().unwrap().scope())
}

#[test]
fn a_connection_uses_its_own_decision_then_the_configs_policy_then_the_verifiers() {
    let pki = Pki::new();
    for (sources, version) in
        Sources::all().into_iter().flat_map(|sources| [(sources, &TLS13), (sources, &TLS12)])
    {
        // Servers with a policy, from any source, echo CARE.
        let offer = ClientAuthOffer::care().with_certificate_under_tls12(true);
        let client = Arc::new(pki.client_config(Some(&pki.agent), offer, &[version]));
        for through_acceptor in [true, false] {
            if sources.own && !through_acceptor {
                continue;
            }
            let mut client = ClientConnection::new(client.clone(), name()).unwrap();
            let mut server = if through_acceptor {
                let mut hello = accepted(&mut client);
                if sources.own {
                    hello.decide(Ok(request(&pki, "own")));
                }
                hello.into_connection(sources.server(&pki)).map_err(|(err, _)| err).unwrap()
            } else {
                ServerConnection::new(sources.server(&pki)).unwrap()
            };
            pump(&mut client, &mut server).unwrap();
            let row = format!("{sources:?} {version:?} {through_acceptor}");
            assert_eq!(scope(server.client_auth()), sources.winner(), "{row}");
            let decided = sources.winner().is_some();
            assert_eq!(client.client_auth_echoed(), decided, "{row}");
            assert_eq!(server.peer_certificates().is_some(), decided, "{row}");
        }
    }
}

#[test]
fn a_quic_connection_uses_its_own_policy_then_the_configs_then_the_verifiers() {
    let pki = Pki::new();
    let offer = ClientAuthOffer::care();
    let client = Arc::new(pki.client_config(Some(&pki.agent), offer, &[&TLS13]));
    for sources in Sources::all() {
        let (config, version) = (sources.server(&pki), quic::Version::V1);
        let server = if sources.own {
            let own = Switch::new(When::Always, request(&pki, "own"));
            quic::ServerConnection::with_client_auth_policy(config, own, version, Vec::new())
        } else {
            quic::ServerConnection::new(config, version, Vec::new())
        };
        let mut server = server.unwrap();
        let mut client = quic_client(&client);
        quic_pump(&mut client, &mut server).unwrap();
        assert_eq!(scope(server.client_auth()), sources.winner(), "{sources:?}");
        let decided = sources.winner().is_some();
        assert_eq!(client.client_auth_echoed(), decided, "{sources:?}");
        assert_eq!(server.peer_certificates().is_some(), decided, "{sources:?}");
    }
}

#[test]
fn a_policy_that_a_verifier_carries_decides_in_place_of_the_verifier() {
    let pki = Pki::new();
    let verifier = WrappedVerifier {
        verifier: pki.staff.verifier(),
        policy: CarriedPolicy::Own(Switch::new(When::Always, ClientAuthDecision::None)),
    };
    let server = Arc::new(server_with_verifier(&pki, Arc::new(verifier), &[&TLS13, &TLS12]));
    for version in [&TLS13, &TLS12] {
        let client = pki.client_config(None, ClientAuthOffer::default(), &[version]);
        let (_, server) = crate::common::handshake(&Arc::new(client), &server);
        assert_eq!(
            server.client_auth().unwrap().status(),
            rustls::server::ClientAuthStatus::NotAsked
        );
    }
}
