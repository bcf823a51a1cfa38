//! A proof of a client's certificate on a connection that is open already (RFC 9261).

use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls_ext::authenticator::{Endpoint, Exporters, Proof, Request};

use super::*;

/// Both ends of an open connection.
struct Open {
    client: ClientConnection,
    server: ServerConnection,
    key: CertifiedKey,
    verifier: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
}

pub(in crate::handshake) fn open(case: Case, pki: &Pki) -> Box<dyn Ends> {
    let (client, server) = plain_configs(Case { scenario: Scenario::Unused, ..case }, pki);
    let (client, server) = connect(client.into(), server.into());
    let provider = provider(case);
    let roots = roots(case.authorities(pki));
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let (chain, key) = identity(case.client(pki));
    let key = CertifiedKey::from_der(chain, key, &provider).expect("an identity");
    let verifier = verifier.build().expect("a verifier");
    Box::new(Open { client, server, key, verifier, provider })
}

fn connect(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let (mut one, mut other) = (None, None);
    loop {
        client_turn(&client, &mut one, &mut back, &mut there);
        server_turn(&server, &mut other, &mut there, &mut back);
        if other.as_ref().is_some_and(|server| !server.is_handshaking()) {
            return (one.expect("a client"), other.expect("a server"));
        }
    }
}

impl Ends for Open {
    /// All that a connection needs for its first certificate.
    fn shake(&mut self) -> Cost {
        let of_server = Exporters::for_sender(&self.server, Endpoint::Client).expect("exporters");
        let request = Request::for_verifier(&*self.verifier, &self.provider).expect("a request");

        let received = Request::parse(Endpoint::Server, request.bytes()).expect("a request");
        let of_client = Exporters::for_sender(&self.client, Endpoint::Client).expect("exporters");
        let answer = received.authenticate(&of_client, &self.key).expect("an authenticator");

        let proof = request.validate(&of_server, &answer, |message, certificate, signature| {
            self.verifier.verify_tls13_signature(message, certificate, signature)
        });
        let Ok(Proof::Possession(proof)) = proof else { panic!("no proof: {proof:?}") };
        proof.verify_client(&*self.verifier, UnixTime::now()).expect("a chain that verifies");
        Cost { flights: 2, bytes: request.bytes().len() + answer.len() }
    }
}
