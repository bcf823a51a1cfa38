//! Our client against a server that the fuzzer controls.

use std::sync::{Arc, LazyLock};

use arbitrary::{Result, Unstructured};
use rustls_ext::rustls::client::{ClientAuthOffer, ClientAuthOfferStatus as Status};
use rustls_ext::rustls::{ClientConfig, ClientConnection, Connection};
use rustls_ext_wire::Offer;

use super::fault::{self, FLAG};
use crate::site::{self, PKI};
use raw_peer::{Direction, Edit, HandshakeType, Peer, ServerConfig, Slot};

const SLOTS: [Slot; 8] = [
    Slot::ServerHello,
    Slot::HelloRetryRequest,
    Slot::EncryptedExtensions,
    Slot::CertificateRequest,
    Slot::Certificate,
    Slot::CertificateVerify,
    Slot::Finished,
    Slot::NewSessionTicket,
];
const OFFERS: [Offer; 4] = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH];

static CLIENTS: LazyLock<[Arc<ClientConfig>; 4]> = LazyLock::new(|| {
    OFFERS.map(|offer| {
        let mut config = site::client();
        config.client_auth_offer = ClientAuthOffer::new(offer);
        Arc::new(config)
    })
});

/// Checks the properties of this module; the bytes choose the server's messages.
pub fn check(bytes: &[u8]) {
    // With too few bytes, there is no handshake.
    let _ = handshake(&mut Unstructured::new(bytes));
}

/// Returns whether the handshake is complete, and the name of the client's status.
fn handshake(u: &mut Unstructured<'_>) -> Result<(bool, &'static str)> {
    let place = u.choose_index(OFFERS.len())?;
    let offer = OFFERS[place];
    let mut config = ServerConfig::new(PKI.server.clone());
    config.hello_retry = u.ratio(1, 4)?;
    config.ask_certificate = u.ratio(3, 4)?;
    config.accept_compression = u.ratio(1, 8)?;
    config.compress_certificate = u.ratio(1, 8)?;
    config.tickets = u.int_in_range(0..=1)?;
    let asks = config.ask_certificate;
    let acknowledges = u.ratio(1, 2)?;
    let conforms = u.ratio(1, 16)?;
    if !conforms {
        config.plan = fault::plan(u, &SLOTS)?;
    }
    if acknowledges {
        config.plan.edits_mut(Slot::CertificateRequest).insert(0, Edit::add(62, FLAG));
    }
    let name = "localhost".try_into().expect("a name");
    let client = ClientConnection::new(CLIENTS[place].clone(), name).expect("a connection");
    let mut client = Connection::from(client);
    let mut peer = Peer::server(config);
    fault::run(u, &mut peer, &mut client)?;

    let Connection::Client(client) = &client else { unreachable!("it is a client") };
    assert_justified(client, offer, &peer);
    if conforms {
        let impossible = asks && acknowledges && !offer.has_flag(); // RCA-4
        assert_eq!(client.is_handshaking(), impossible);
        if !impossible {
            assert_eq!(client.client_auth_status(), expected(offer, asks, acknowledges));
        }
    }
    Ok((!client.is_handshaking(), name_of(client.client_auth_status())))
}

fn name_of(status: Status) -> &'static str {
    match status {
        Status::NotOffered => "not offered",
        Status::Offered => "offered",
        Status::Acknowledged => "acknowledged",
        Status::AskedWithoutAcknowledgement => "asked",
        status => unreachable!("{status:?}"),
    }
}

fn assert_justified(client: &ClientConnection, offer: Offer, peer: &Peer) {
    let requests = requests(peer);
    match client.client_auth_status() {
        Status::NotOffered => assert!(offer.is_none()),
        Status::Offered => assert!(!offer.is_none()),
        Status::Acknowledged => {
            assert!(offer.has_flag(), "an acknowledgement without an offer");
            assert!(requests.contains(&true), "an acknowledgement that the server did not send");
        }
        _ => assert!(!requests.is_empty(), "the server did not request a certificate"),
    }
    assert!(offer.has_care() || !client.client_auth_echoed(), "an echo without an offer");
}

/// For each CertificateRequest that the peer sent, however it was divided: whether it has flags.
fn requests(peer: &Peer) -> Vec<bool> {
    let sent = peer.messages().filter(|it| it.encrypted && it.direction == Direction::Sent);
    let bytes = sent.flat_map(|message| message.bytes.iter().copied()).collect::<Vec<_>>();
    let mut requests = Vec::new();
    let mut rest = bytes.as_slice();
    while let [typ, a, b, c, ..] = rest {
        let end = 4 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((message, after)) = rest.split_at_checked(end) else { break };
        if HandshakeType(*typ) == HandshakeType::CERTIFICATE_REQUEST {
            let blocks = raw_peer::decode(message).map(|message| message.blocks().concat());
            let flagged = blocks.is_ok_and(|all| all.iter().any(|extension| extension.typ == 62));
            requests.push(flagged);
        }
        rest = after;
    }
    requests
}

/// The required status for a server that conforms.
fn expected(offer: Offer, asks: bool, acknowledges: bool) -> Status {
    match (asks, acknowledges) {
        (true, true) => Status::Acknowledged,
        (true, false) => Status::AskedWithoutAcknowledgement,
        (false, _) if offer.is_none() => Status::NotOffered,
        (false, _) => Status::Offered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_have_every_status() {
        let outcomes = crate::seeds("handshake_server", handshake);
        for status in ["not offered", "offered", "acknowledged", "asked"] {
            assert!(outcomes.contains(&(true, status)), "{outcomes:?}");
        }
        assert!(outcomes.iter().any(|(complete, _)| !complete), "{outcomes:?}");
    }
}
