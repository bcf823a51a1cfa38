//! Handshakes of rustls 0.24 without offer and policy, in which nothing is random: two builds of rustls that send and
//! store the same have the same [`transcript()`].
#![warn(unreachable_pub)]

use std::fmt::Write;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::ServerVerifier;
use rustls::crypto::{Credentials, CryptoProvider, Identity, SingleCredential};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::danger::ClientVerifier;
use rustls::{
    ClientConfig, ClientSide, Connection, HandshakeKind, ServerConfig, ServerSide, SideData, Tcp,
    VecInput,
};

mod fixed;
mod trusting;

use fixed::{FixedTime, Storage, provider};
use trusting::Trusting;

/// A line for each connection: what kind it is, and a digest over all bytes that client and server send, and
/// over those that the server stores.
pub fn transcript() -> String {
    let mut lines = String::new();
    for version in ["TLS 1.3", "TLS 1.2"] {
        for client_auth in [false, true] {
            for retry in [false, true] {
                let server = Arc::new(server(version, client_auth, retry));
                let client = Arc::new(client(version, client_auth));
                for _ in 0..2 {
                    let line = connection(&server.0, &client, &server.1);
                    let asks =
                        if client_auth { "client certificate" } else { "no client certificate" };
                    let _ = writeln!(lines, "{version}, {asks}, {line}");
                }
            }
        }
    }
    lines
}

fn server(version: &str, client_auth: bool, retry: bool) -> (ServerConfig, Arc<Storage>) {
    // The client prefers the first group.
    let provider = provider(version, if retry { &[1] } else { &[0, 1] });
    let storage = Arc::new(Storage::default());
    let builder = ServerConfig::builder_with_details(provider.clone(), Arc::new(FixedTime));
    let builder = match client_auth {
        true => builder.with_client_cert_verifier(Arc::new(Trusting) as Arc<dyn ClientVerifier>),
        false => builder.with_no_client_auth(),
    };
    let credential = Arc::new(credential(&provider, b"server"));
    let mut config = builder.with_server_credential_resolver(credential).expect("it is consistent");
    config.session_storage = storage.clone();
    config.alpn_protocols = vec![b"h2".into()];
    (config, storage)
}

fn client(version: &str, client_auth: bool) -> ClientConfig {
    let provider = provider(version, &[0, 1]);
    let verifier = Arc::new(Trusting) as Arc<dyn ServerVerifier>;
    let builder = ClientConfig::builder_with_details(provider.clone(), Arc::new(FixedTime))
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match client_auth {
        true => builder.with_client_credential_resolver(Arc::new(credential(&provider, b"client"))),
        false => builder.with_no_client_auth(),
    };
    let mut config = config.expect("it is consistent");
    config.alpn_protocols = vec![b"h2".into()];
    config
}

/// A certificate that nobody parses, and a key whose signatures are not random.
fn credential(provider: &CryptoProvider, certificate: &[u8]) -> SingleCredential {
    let chain = vec![CertificateDer::from(certificate.to_vec())];
    let identity = Arc::new(Identity::from_cert_chain(chain).expect("it is not empty"));
    let mut key = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    key.extend([7; 32]);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let key = provider.key_provider.load_private_key(key).expect("it is an Ed25519 key");
    SingleCredential::from(Credentials::new_unchecked(identity, key))
}

/// Connects, exchanges data, and returns the line.
fn connection(server: &ServerConfig, client: &Arc<ClientConfig>, storage: &Storage) -> String {
    let mut ends = (
        End::new(Connection::<ServerSide, Tcp>::new(Arc::new(server.clone())).expect("a server")),
        {
            let mut tls = Vec::new();
            let name = ServerName::try_from("localhost").expect("a name");
            let client: Connection<ClientSide, Tcp> =
                client.connect(name).build(&mut tls).expect("a client");
            End { output: tls, ..End::new(client) }
        },
    );
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut spoken = false;
    loop {
        let (to_server, to_client) = (ends.1.take_output(), ends.0.take_output());
        if to_server.is_empty() && to_client.is_empty() {
            if spoken {
                break;
            }
            spoken = true;
            ends.1.write(b"ping");
            ends.0.write(b"pong");
            continue;
        }
        up.extend_from_slice(&to_server);
        down.extend_from_slice(&to_client);
        ends.0.read(&to_server);
        ends.1.read(&to_client);
    }
    let kind = match ends.0.connection.handshake_kind() {
        Some(HandshakeKind::Full) => "full",
        Some(HandshakeKind::FullWithHelloRetryRequest) => "full with HelloRetryRequest",
        Some(HandshakeKind::Resumed) => "resumed",
        Some(HandshakeKind::ResumedWithHelloRetryRequest) => "resumed with HelloRetryRequest",
        _ => "incomplete",
    };
    let stored = storage.take_log();
    format!("{kind}: {}, {}, {}", summary(&up), summary(&down), summary(&stored))
}

fn summary(bytes: &[u8]) -> String {
    let mut text = format!("{} bytes ", bytes.len());
    for byte in digest(&SHA256, bytes).as_ref().iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

struct End<Side: SideData> {
    connection: Connection<Side, Tcp>,
    input: VecInput,
    output: Vec<u8>,
}

impl<Side: SideData> End<Side> {
    fn new(connection: Connection<Side, Tcp>) -> Self {
        Self { connection, input: VecInput::default(), output: Vec::new() }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.input.read(&mut bytes).expect("there is room");
        }
        let handler = self.connection.read_tls(&mut self.input, &mut self.output);
        handler.handle_all(&mut Vec::new()).expect("no error");
    }

    fn write(&mut self, data: &[u8]) {
        self.connection.write(data.into(), &mut self.output).expect("the handshake is complete");
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }
}
