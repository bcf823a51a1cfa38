//! A client that does as the fuzzer likes, and a server of ours.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::PeerIdentity;
use rustls_ext::rustls::server::ClientAuthStatus as Status;
use rustls_ext::rustls::{Connection, ServerConfig, ServerConnection};

use super::spoil;
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

/// What the client does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Shows {
    Nothing,
    NotEvenThat,
    ACertificate,
    AStrangers,
}

/// See the module.
pub fn check(octets: &[u8]) {
    // Too few octets are no handshake.
    let _ = handshake(&mut Unstructured::new(octets));
}

fn handshake(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let decides = Decides::arbitrary(u)?;
    let shows = Shows::arbitrary(u)?;
    let mut config = ClientConfig {
        versions: if u.ratio(1, 8)? {
            vec![version::TLS13, version::TLS12]
        } else {
            vec![version::TLS13]
        },
        shares: if u.ratio(1, 4)? { Shares::Only(Vec::new()) } else { Shares::X25519 },
        answer: match shows {
            Shows::Nothing => CertificateAnswer::Empty,
            Shows::NotEvenThat => CertificateAnswer::NoCertificate,
            Shows::ACertificate => CertificateAnswer::With(PKI.client.clone()),
            Shows::AStrangers => CertificateAnswer::With(PKI.stranger.clone()),
        },
        answer_unasked: u.ratio(1, 8)?,
        compress_certificate: u.ratio(1, 8)?,
        ..ClientConfig::default()
    };
    let honest = u.ratio(1, 16)?;
    if !honest {
        config.plan = spoil::plan(u, &SLOTS)?;
    }
    let as_expected = honest && !config.answer_unasked && !config.compress_certificate;
    let Ok(mut peer) = Peer::client(config) else { return Ok(Outcome::Fails) };
    let server = ServerConnection::new(SERVERS[decides as usize].clone()).expect("a connection");
    let mut server = Connection::from(server);
    spoil::run(u, &mut peer, &mut server)?;

    let Connection::Server(server) = &server else { unreachable!("it is a server") };
    never_more_than_proved(server, decides, shows);
    let outcome = outcome(server);
    if as_expected {
        assert_eq!(outcome, expected(decides, shows));
    }
    Ok(outcome)
}

fn never_more_than_proved(server: &ServerConnection, decides: Decides, shows: Shows) {
    let identity = PeerIdentity::from_connection(server, SCOPE);
    if let Some(identity) = &identity {
        assert_eq!(shows, Shows::ACertificate, "somebody else is authenticated");
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
    assert_eq!(named, identity.is_some(), "a chain that is nobody's");
    let authenticated = matches!(auth.status(), Status::Authenticated { resumed: false, .. });
    assert_eq!(authenticated, identity.is_some());
    assert_eq!(auth.refusal().is_some(), auth.status() == Status::Refused);
    match decides {
        Decides::Nothing => assert!(identity.is_none()),
        Decides::Request => assert_ne!(auth.status(), Status::Refused),
        Decides::RequestLeniently => {}
        Decides::Require => assert!(identity.is_some(), "in spite of the requirement"),
    }
}

/// What comes of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Fails,
    NotAsked,
    Declined,
    Refused,
    Authenticated,
}

fn outcome(server: &ServerConnection) -> Outcome {
    if server.is_handshaking() {
        return Outcome::Fails;
    }
    match server.client_auth().map(|auth| auth.status()) {
        Some(Status::NotAsked) => Outcome::NotAsked,
        Some(Status::Declined) => Outcome::Declined,
        Some(Status::Refused) => Outcome::Refused,
        Some(Status::Authenticated { .. }) => Outcome::Authenticated,
        status => unreachable!("complete, and {status:?}"),
    }
}

/// What must come of the handshake of a client that spoils nothing.
fn expected(decides: Decides, shows: Shows) -> Outcome {
    match (decides, shows) {
        (Decides::Nothing, _) => Outcome::NotAsked,
        (_, Shows::ACertificate) => Outcome::Authenticated,
        (Decides::Request | Decides::RequestLeniently, Shows::Nothing) => Outcome::Declined,
        (Decides::RequestLeniently, Shows::AStrangers) => Outcome::Refused,
        _ => Outcome::Fails,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_come_to_every_outcome() {
        let outcomes = crate::seeds("handshake_client", handshake);
        let all = [
            Outcome::Fails,
            Outcome::NotAsked,
            Outcome::Declined,
            Outcome::Refused,
            Outcome::Authenticated,
        ];
        assert_eq!(outcomes, all.into());
    }
}
