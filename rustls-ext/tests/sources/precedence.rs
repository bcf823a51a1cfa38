//! Which source decides where there are several: the connection's own, the config's, the verifier's.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConnection, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    ServerConnection, SignatureScheme, quic,
};
use rustls_ext::ClientAuthOffer;

use crate::common::{Pki, Switch, When, name, pump};
use crate::{accepted, asks_nobody, quic_client, quic_pump, server_with_verifier};

/// A verifier that carries a policy, or none.
#[derive(Debug)]
struct Carrying {
    verifier: Arc<dyn ClientCertVerifier>,
    policy: Option<Arc<dyn ClientAuthPolicy>>,
}

impl ClientCertVerifier for Carrying {
    fn client_auth_policy(&self) -> Option<&dyn ClientAuthPolicy> {
        self.policy.as_deref()
    }

    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

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
        let verifier = Carrying {
            verifier: asks_nobody(),
            policy: self.verifier.then(|| policy("verifier") as _),
        };
        let mut config = server_with_verifier(pki, Arc::new(verifier), &[&TLS13, &TLS12]);
        config.client_auth_policy = self.config.then(|| policy("config") as _);
        Arc::new(config)
    }
}

fn request(pki: &Pki, scope: &str) -> ClientAuthDecision {
    ClientAuthDecision::Request(ClientAuthDemand::new(pki.agents.verifier(), scope).unwrap())
}

/// The scope that a server asked in, if a policy decided.
fn scope(auth: Option<&rustls::server::ClientAuth>) -> Option<&str> {
    auth.map(|auth| auth.decision().demand().unwrap().scope())
}

#[test]
fn a_connection_uses_its_own_decision_then_the_configs_policy_then_the_verifiers() {
    let pki = Pki::new();
    for (sources, version) in
        Sources::all().into_iter().flat_map(|sources| [(sources, &TLS13), (sources, &TLS12)])
    {
        // CARE is understood by servers with a policy, from wherever that is: they answer it.
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
    let verifier = Carrying {
        verifier: pki.staff.verifier(),
        policy: Some(Switch::new(When::Always, ClientAuthDecision::None)),
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
