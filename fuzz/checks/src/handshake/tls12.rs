//! Our client and our server under TLS 1.2, with an attacker in between who changes bytes: each
//! side still reports the truth about the other.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::PeerIdentity;
use rustls_ext::rustls::client::{ClientAuthOffer, ClientAuthOfferStatus};
use rustls_ext::rustls::server::ClientAuthStatus as Status;
use rustls_ext::rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
};
use rustls_ext_wire::Offer;

use crate::site::{self, Decides, PKI, SCOPE};

/// The maximum number of changes.
const MOST: usize = 3;
/// The number of flights.
const FLIGHTS: usize = 4;
const OFFERS: [Offer; 3] = [Offer::NONE, Offer::FLAG, Offer::CARE];

static SERVERS: LazyLock<[Arc<ServerConfig>; 4]> =
    LazyLock::new(|| Decides::ALL.map(|decides| Arc::new(site::server_tls12(decides))));
/// For each offer, a client that sends no certificate under TLS 1.2, and one that does.
static CLIENTS: LazyLock<[[Arc<ClientConfig>; 2]; 3]> = LazyLock::new(|| {
    OFFERS.map(|offer| {
        [false, true].map(|sends| {
            let mut config = site::client();
            config.client_auth_offer =
                ClientAuthOffer::new(offer).with_certificate_under_tls12(sends);
            Arc::new(config)
        })
    })
});

/// A change of one flight's bytes.
#[derive(Debug, Arbitrary)]
enum Change {
    Flip { at: u16, bits: u8 },
    Insert { at: u16, bytes: [u8; 4] },
    Remove { at: u16, count: u8 },
}

impl Change {
    fn apply(&self, flight: &mut Vec<u8>) {
        let place = |at: u16| usize::from(at) % (flight.len() + 1);
        match *self {
            Self::Flip { at, bits } => {
                let at = place(at);
                if let Some(byte) = flight.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Insert { at, bytes } => {
                let at = place(at);
                flight.splice(at..at, bytes);
            }
            Self::Remove { at, count } => {
                let at = place(at);
                flight.drain(at..(at + usize::from(count)).min(flight.len()));
            }
        }
    }
}

/// Checks the properties of this module; the bytes choose the configs and the changes.
pub fn check(bytes: &[u8]) {
    // With too few bytes, there is no handshake.
    let _ = handshake(&mut Unstructured::new(bytes));
}

/// Returns whether the handshake is complete, and whether the client is authenticated.
fn handshake(u: &mut Unstructured<'_>) -> Result<(bool, bool)> {
    let decides = Decides::arbitrary(u)?;
    let place = u.choose_index(OFFERS.len())?;
    let sends = bool::arbitrary(u)?;
    let mut changes: [Vec<Change>; FLIGHTS] = Default::default();
    for _ in 0..u.int_in_range(0..=MOST)? {
        changes[u.choose_index(FLIGHTS)?].push(Change::arbitrary(u)?);
    }
    let name = "localhost".try_into().expect("a name");
    let client = CLIENTS[place][usize::from(sends)].clone();
    let mut client = Connection::from(ClientConnection::new(client, name).expect("a connection"));
    let server = SERVERS[decides as usize].clone();
    let mut server = Connection::from(ServerConnection::new(server).expect("a connection"));
    let mut changed = false;
    let (mut from, mut to) = (&mut client, &mut server);
    for changes in changes {
        let mut flight = site::output(from);
        let sent = flight.clone();
        changes.iter().for_each(|change| change.apply(&mut flight));
        changed |= flight != sent;
        site::feed(to, &flight);
        (from, to) = (to, from);
    }

    let (Connection::Client(client), Connection::Server(server)) = (&client, &server) else {
        unreachable!("one is a client, and one a server")
    };
    let identity = PeerIdentity::from_connection(server, SCOPE);
    let named = !server.is_handshaking() && server.peer_certificates().is_some();
    assert_eq!(named, identity.is_some(), "a chain without an identity");
    if let Some(identity) = &identity {
        assert!(sends, "a certificate that the client did not send");
        assert_eq!(identity.chain[0].as_ref(), PKI.client.chain[0]);
    }
    let offer = OFFERS[place];
    assert!(offer.has_care() || !client.client_auth_echoed(), "an echo without an offer");
    // TLS 1.2 has no acknowledgement.
    assert_ne!(client.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
    if !changed {
        assert_eq!(client.is_handshaking(), server.is_handshaking());
        assert_eq!(server.is_handshaking(), decides == Decides::Require && !sends);
        assert_eq!(client.client_auth_echoed(), offer.has_care());
    }
    if !server.is_handshaking() {
        assert_agreement(client, server, (decides, sends, offer));
    }
    Ok((!server.is_handshaking(), identity.is_some()))
}

/// Asserts that client and server agree: they saw the same messages, or the client's Finished would
/// not have verified.
fn assert_agreement(
    client: &ClientConnection,
    server: &ServerConnection,
    (decides, sends, offer): (Decides, bool, Offer),
) {
    let auth = server.client_auth().expect("there is a policy");
    // FLAGS-9
    assert_eq!(auth.offer(), Offer::new(false, offer.has_care()));
    let asked = decides != Decides::Nothing;
    match auth.status() {
        Status::NotAsked => assert!(!asked),
        Status::Declined => assert!(asked && !sends),
        Status::Authenticated { .. } => assert!(asked && sends),
        status => panic!("a complete handshake with {status:?}"),
    }
    let status = client.client_auth_status();
    assert_eq!(status == ClientAuthOfferStatus::AskedWithoutAcknowledgement, asked, "{status:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_have_every_outcome() {
        let outcomes = crate::seeds("handshake_tls12", handshake);
        assert_eq!(outcomes, [(false, false), (true, false), (true, true)].into());
    }
}
