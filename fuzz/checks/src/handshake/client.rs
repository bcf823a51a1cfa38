//! Our server against a client that the fuzzer controls.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::PeerIdentity;
use rustls_ext::rustls::server::ClientAuthStatus as Status;
use rustls_ext::rustls::{Connection, ServerConfig, ServerConnection};

use super::fault;
use crate::site::{self, Decides, PKI, SCOPE};
use raw_peer::{CertificateAnswer, ClientConfig, Peer, Shares, Slot, version};

const SLOTS: [Slot; 6] = [
    Slot::ClientHello,
    Slot::SecondClientHello,
    Slot::Certificate,
    Slot::CompressedCertificate,
    Slot::CertificateVerify,
    Slot::Finished,
];

static SERVERS: LazyLock<[Arc<ServerConfig>; 4]> =
    LazyLock::new(|| Decides::ALL.map(|decides| Arc::new(site::server(decides))));

/// The client's answer to a CertificateRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Sends {
    Empty,
    Nothing,
    Own,
    Strangers,
}

/// Checks the properties of this module; the bytes choose the client's messages.
pub fn check(bytes: &[u8]) {
    // With too few bytes, there is no handshake.
    let _ = handshake(&mut Unstructured::new(bytes));
}

fn handshake(u: &mut Unstructured<'_>) -> Result<ServerResult> {
    let decides = Decides::arbitrary(u)?;
    let sends = Sends::arbitrary(u)?;
    let mut config = ClientConfig {
        versions: if u.ratio(1, 8)? {
            vec![version::TLS13, version::TLS12]
        } else {
            vec![version::TLS13]
        },
        shares: if u.ratio(1, 4)? { Shares::Only(Vec::new()) } else { Shares::X25519 },
        answer: match sends {
            Sends::Empty => CertificateAnswer::Empty,
            Sends::Nothing => CertificateAnswer::NoCertificate,
            Sends::Own => CertificateAnswer::With(PKI.client.clone()),
            Sends::Strangers => CertificateAnswer::With(PKI.stranger.clone()),
        },
        answer_unasked: u.ratio(1, 8)?,
        compress_certificate: u.ratio(1, 8)?,
        ..ClientConfig::default()
    };
    let conforms = u.ratio(1, 16)?;
    if !conforms {
        config.plan = fault::plan(u, &SLOTS)?;
    }
    let as_expected = conforms && !config.answer_unasked && !config.compress_certificate;
    let Ok(mut peer) = Peer::client(config) else { return Ok(ServerResult::Fails) };
    let server = ServerConnection::new(SERVERS[decides as usize].clone()).expect("a connection");
    let mut server = Connection::from(server);
    fault::run(u, &mut peer, &mut server)?;

    let Connection::Server(server) = &server else { unreachable!("it is a server") };
    assert_proved(server, decides, sends);
    let outcome = outcome(server);
    if as_expected {
        assert_eq!(outcome, expected(decides, sends));
    }
    Ok(outcome)
}

fn assert_proved(server: &ServerConnection, decides: Decides, sends: Sends) {
    let identity = PeerIdentity::from_connection(server, SCOPE);
    if let Some(identity) = &identity {
        assert_eq!(sends, Sends::Own, "another client is authenticated");
        assert_eq!(identity.chain[0].as_ref(), PKI.client.chain[0]);
        assert!(!identity.resumed);
    }
    assert!(PeerIdentity::from_connection(server, "another scope").is_none());
    let Some(auth) = server.client_auth() else { return };
    if decides == Decides::Nothing {
        assert_eq!(auth.status(), Status::NotAsked);
    }
    // RCA-4
    assert!(!auth.acknowledged() || auth.offer().has_flag());
    if server.is_handshaking() {
        return;
    }
    let named = server.peer_certificates().is_some();
    assert_eq!(named, identity.is_some(), "a chain without an identity");
    let authenticated = matches!(auth.status(), Status::Authenticated { resumed: false, .. });
    assert_eq!(authenticated, identity.is_some());
    assert_eq!(auth.refusal().is_some(), auth.status() == Status::Refused);
    match decides {
        Decides::Nothing => assert!(identity.is_none()),
        Decides::Request => assert_ne!(auth.status(), Status::Refused),
        Decides::RequestLeniently => {}
        Decides::Require => assert!(identity.is_some(), "a certificate is required"),
    }
}

/// The outcome of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ServerResult {
    Fails,
    NotAsked,
    Declined,
    Refused,
    Authenticated,
}

fn outcome(server: &ServerConnection) -> ServerResult {
    if server.is_handshaking() {
        return ServerResult::Fails;
    }
    match server.client_auth().map(|auth| auth.status()) {
        Some(Status::NotAsked) => ServerResult::NotAsked,
        Some(Status::Declined) => ServerResult::Declined,
        Some(Status::Refused) => ServerResult::Refused,
        Some(Status::Authenticated { .. }) => ServerResult::Authenticated,
        status => unreachable!("a complete handshake with {status:?}"),
    }
}

/// The required outcome for a client that conforms.
fn expected(decides: Decides, sends: Sends) -> ServerResult {
    match (decides, sends) {
        (Decides::Nothing, _) => ServerResult::NotAsked,
        (_, Sends::Own) => ServerResult::Authenticated,
        (Decides::Request | Decides::RequestLeniently, Sends::Empty) => ServerResult::Declined,
        (Decides::RequestLeniently, Sends::Strangers) => ServerResult::Refused,
        _ => ServerResult::Fails,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_have_every_outcome() {
        let outcomes = crate::seeds("handshake_client", handshake);
        let all = [
            ServerResult::Fails,
            ServerResult::NotAsked,
            ServerResult::Declined,
            ServerResult::Refused,
            ServerResult::Authenticated,
        ];
        assert_eq!(outcomes, all.into());
    }
}
