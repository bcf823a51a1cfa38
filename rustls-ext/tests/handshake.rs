//! The offer and the demand between an honest client and an honest server, over the patched rustls.

mod common;

use std::sync::{Arc, Mutex};

use common::{Pki, Side, Switch, When, handshake, hello, provider, pump, refused};
use rustls::client::{ClientAuthOfferStatus as Client, ResolvesClientCert};
use rustls::crypto::ring::kx_group::SECP384R1;
use rustls::server::{ClientAuthDecision, ClientAuthStatus as Server};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error, HandshakeKind, SignatureScheme};
use rustls_ext::wire::{CodePoints, Flag, FlagSet};
use rustls_ext::{ClientAuthOffer, PeerIdentity};

fn required(pki: &Pki) -> ClientAuthDecision {
    ClientAuthDecision::Require(pki.demand("agents").because_offered())
}

fn requested(pki: &Pki) -> ClientAuthDecision {
    ClientAuthDecision::Request(pki.demand("agents").because_offered())
}

/// The bytes of the extension that offers, as in a ClientHello.
const OFFER: [u8; 16] = [0, 62, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn has(hello: &[u8], extension: &[u8]) -> bool {
    hello.windows(extension.len()).any(|window| window == extension)
}

#[test]
fn rca_2_an_accepted_offer_is_acknowledged_and_authenticates() {
    let pki = Pki::new();
    let server = Arc::new(pki.server_with(&Switch::new(When::Offered, required(&pki)), &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]);
    let (c, s) = handshake(&Arc::new(client), &server);

    assert_eq!(c.client_auth_status(), Client::Acknowledged);
    let auth = s.client_auth().unwrap();
    assert!(auth.offered() && auth.acknowledged());
    assert!(matches!(auth.status(), Server::Authenticated { resumed: false, .. }));
    assert_eq!(auth.flags(), Some(&FlagSet::single(Flag::REQUEST_CLIENT_AUTH)));
    assert_eq!(PeerIdentity::from_connection(&s, "agents").unwrap().chain, pki.agent.chain);
    assert!(
        PeerIdentity::from_connection(&s, "staff").is_none(),
        "another scope is another matter"
    );
}

#[test]
fn rca_9_an_offer_may_be_ignored() {
    let pki = Pki::new();
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    let server = Arc::new(pki.server_with(&policy, &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]);
    let (c, s) = handshake(&Arc::new(client), &server);

    assert_eq!(c.client_auth_status(), Client::Offered);
    let auth = s.client_auth().unwrap();
    assert!(auth.offered() && !auth.acknowledged());
    assert_eq!(auth.status(), Server::NotAsked);
    assert!(s.peer_certificates().is_none());
}

#[test]
fn a_client_that_does_not_offer_is_not_asked() {
    let pki = Pki::new();
    let server = Arc::new(pki.server_with(&Switch::new(When::Offered, required(&pki)), &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[&TLS13]);
    let (c, s) = handshake(&Arc::new(client), &server);

    assert_eq!(c.client_auth_status(), Client::NotOffered);
    let auth = s.client_auth().unwrap();
    assert!(!auth.offered() && auth.flags().is_none());
    assert_eq!(auth.status(), Server::NotAsked);
}

#[test]
fn rca_3_a_server_with_another_reason_asks_without_acknowledgement() {
    let pki = Pki::new();
    for offer in [ClientAuthOffer::flag(), ClientAuthOffer::default()] {
        let decision = ClientAuthDecision::Require(pki.demand("agents"));
        let server = Arc::new(pki.server_with(&Switch::new(When::Always, decision), &[&TLS13]));
        let client = pki.client_config(Some(&pki.agent), offer, &[&TLS13]);
        let (c, s) = handshake(&Arc::new(client), &server);

        assert_eq!(c.client_auth_status(), Client::AskedWithoutAcknowledgement);
        assert!(!s.client_auth().unwrap().acknowledged());
        assert_eq!(PeerIdentity::from_connection(&s, "agents").unwrap().chain, pki.agent.chain);
    }
}

#[test]
fn rca_4_a_client_that_did_not_offer_is_not_acknowledged() {
    let pki = Pki::new();
    // A policy that declares an offer as its reason, without an offer.
    let server = Arc::new(pki.server_with(&Switch::new(When::Always, required(&pki)), &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::default(), &[&TLS13]);
    let (c, s) = handshake(&Arc::new(client), &server);

    assert_eq!(c.client_auth_status(), Client::AskedWithoutAcknowledgement);
    assert!(!s.client_auth().unwrap().acknowledged());
}

#[test]
fn rca_6_an_acknowledged_client_without_certificate_sends_an_empty_one() {
    let pki = Pki::new();
    let policy = Switch::new(When::Offered, requested(&pki));
    let server = Arc::new(pki.server_with(&policy, &[&TLS13]));
    let client = Arc::new(pki.client_config(None, ClientAuthOffer::flag(), &[&TLS13]));

    let (c, s) = handshake(&client, &server);
    assert_eq!(c.client_auth_status(), Client::Acknowledged);
    assert_eq!(s.client_auth().unwrap().status(), Server::Declined);

    // and the server ends the handshake if it requires one
    policy.set(When::Offered, required(&pki));
    let failure = refused(&client, &server);
    assert_eq!((failure.at, &failure.error), (Side::Server, &Error::NoCertificatesPresented));
    assert_eq!(failure.alert(), Some(AlertDescription::CertificateRequired));
}

#[test]
fn rca_7_the_resolver_is_told_of_the_acknowledgement() {
    #[derive(Debug)]
    struct Resolver(Mutex<Vec<bool>>);
    impl ResolvesClientCert for Resolver {
        fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            panic!("connections call the other one");
        }
        fn resolve_with_acknowledgement(
            &self,
            _: &[&[u8]],
            _: &[SignatureScheme],
            acknowledged: bool,
        ) -> Option<Arc<CertifiedKey>> {
            self.0.lock().unwrap().push(acknowledged);
            None
        }
        fn has_certs(&self) -> bool {
            true
        }
    }

    let pki = Pki::new();
    let resolver = Arc::new(Resolver(Mutex::default()));
    let policy = Switch::new(When::Always, requested(&pki));
    let server = Arc::new(pki.server_with(&policy, &[&TLS13, &TLS12]));
    let connect = |offer, versions: &[&'static rustls::SupportedProtocolVersion]| {
        let mut client = pki.client_config(None, offer, versions);
        client.client_auth_cert_resolver = resolver.clone();
        handshake(&Arc::new(client), &server)
    };
    connect(ClientAuthOffer::flag(), &[&TLS13]);
    connect(ClientAuthOffer::default(), &[&TLS13]);
    policy.set(When::Always, ClientAuthDecision::Request(pki.demand("agents")));
    connect(ClientAuthOffer::flag(), &[&TLS13]);
    connect(ClientAuthOffer::flag().with_certificate_under_tls12(true), &[&TLS12]);
    assert_eq!(*resolver.0.lock().unwrap(), [true, false, false, false]);
}

#[test]
fn rca_8_a_chain_for_one_set_of_anchors_does_not_pass_for_another() {
    let pki = Pki::new();
    let decision = ClientAuthDecision::Require(pki.demand("staff"));
    let server = Arc::new(pki.server_with(&Switch::new(When::Always, decision), &[&TLS13, &TLS12]));
    let offer = ClientAuthOffer::flag().with_certificate_under_tls12(true);
    for version in [&TLS13, &TLS12] {
        let client = pki.client_config(Some(&pki.agent), offer.clone(), &[version]);
        let failure = refused(&Arc::new(client), &server);
        assert_eq!(failure.at, Side::Server);
        assert_eq!(failure.alert(), Some(AlertDescription::UnknownCA), "{failure:?}");
    }
}

#[test]
fn flags_1_the_field_is_the_shortest_that_holds_the_flag() {
    let pki = Pki::new();
    for (flag, bytes, last) in [(0, 1, 1), (7, 1, 128), (9, 2, 2), (80, 11, 1), (2039, 255, 128)] {
        let code_points = CodePoints::new(62, Flag::new(flag).unwrap()).unwrap();
        let offer = ClientAuthOffer::flag().with_code_points(code_points);
        let client = Arc::new(pki.client_config(None, offer, &[&TLS13]));
        let mut extension = vec![0, 62];
        extension.extend((bytes + 1u16).to_be_bytes());
        extension.push(bytes.try_into().unwrap());
        extension.resize(5 + usize::from(bytes), 0);
        *extension.last_mut().unwrap() = last;
        assert!(has(&hello(&client), &extension), "flag {flag}");
    }
}

#[test]
fn flags_8_a_client_without_flags_sends_no_extension() {
    let pki = Pki::new();
    let silent = pki.client_config(None, ClientAuthOffer::default(), &[&TLS13, &TLS12]);
    assert!(!has(&hello(&Arc::new(silent)), &OFFER[..2]));
    let offering = pki.client_config(None, ClientAuthOffer::flag(), &[&TLS13, &TLS12]);
    assert!(has(&hello(&Arc::new(offering)), &OFFER));
}

#[test]
fn flags_9_the_flag_is_for_tls13_only() {
    let pki = Pki::new();
    // A client that supports only TLS 1.2 does not send it.
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS12]);
    assert!(!has(&hello(&Arc::new(client)), &OFFER[..4]));

    // A server that chooses TLS 1.2 does not see it.
    let policy = Switch::new(When::Offered, required(&pki));
    let server = Arc::new(pki.server_with(&policy, &[&TLS12]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13, &TLS12]);
    let (c, s) = handshake(&Arc::new(client), &server);
    assert_eq!(c.client_auth_status(), Client::Offered);
    let auth = s.client_auth().unwrap();
    assert!(!auth.offered() && auth.flags().is_none());
    assert_eq!(auth.status(), Server::NotAsked);
}

#[test]
fn care_5_a_certificate_goes_over_tls12_only_if_allowed() {
    let pki = Pki::new();
    let decision = ClientAuthDecision::Request(pki.demand("agents"));
    let server = Arc::new(pki.server_with(&Switch::new(When::Always, decision), &[&TLS12]));
    for (offer, sent) in [
        (ClientAuthOffer::flag(), false),
        (ClientAuthOffer::flag().with_certificate_under_tls12(true), true),
        // a client that makes no offer does as upstream, unless it is configured
        (ClientAuthOffer::default(), true),
        (ClientAuthOffer::default().with_certificate_under_tls12(false), false),
    ] {
        let client = pki.client_config(Some(&pki.agent), offer, &[&TLS12, &TLS13]);
        let (c, s) = handshake(&Arc::new(client), &server);
        assert_eq!(c.client_auth_status(), Client::AskedWithoutAcknowledgement);
        assert_eq!(PeerIdentity::from_connection(&s, "agents").is_some(), sent);
        assert_eq!(s.client_auth().unwrap().status() == Server::Declined, !sent);
    }
}

#[test]
fn flags_12_the_second_hello_offers_as_the_first() {
    let pki = Pki::new();
    let mut suites = (*provider()).clone();
    suites.kx_groups = vec![SECP384R1];
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::new(suites))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    server.client_auth_policy = Some(Switch::new(When::Offered, required(&pki)));
    let server = Arc::new(server);

    for (offer, status) in [
        (ClientAuthOffer::flag(), Client::Acknowledged),
        (ClientAuthOffer::default(), Client::NotOffered),
    ] {
        let offers = offer != ClientAuthOffer::default();
        let client = Arc::new(pki.client_config(Some(&pki.agent), offer, &[&TLS13]));
        let (mut c, mut s) = common::connect(&client, &server);
        let first = common::transfer!(c, s);
        s.process_new_packets().unwrap();
        common::transfer!(s, c);
        c.process_new_packets().unwrap();
        let second = common::transfer!(c, s);
        s.process_new_packets().unwrap();
        assert_eq!((has(&first, &OFFER), has(&second, &OFFER)), (offers, offers));
        pump(&mut c, &mut s).unwrap();

        assert_eq!(s.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
        assert_eq!(c.client_auth_status(), status);
        assert_eq!(PeerIdentity::from_connection(&s, "agents").is_some(), offers);
    }
}

#[test]
fn code_points_are_configuration() {
    let pki = Pki::new();
    let experiment = CodePoints::new(0xfe01, Flag::new(81).unwrap()).unwrap();
    let experiment_80 = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let standard = CodePoints::default();
    for (of_client, of_server) in [
        (experiment, experiment),
        (experiment_80, experiment_80),
        (standard, experiment),
        (experiment, standard),
        (experiment, experiment_80),
    ] {
        let policy = Switch::new(When::Offered, required(&pki));
        let mut server = pki.server_with(&policy, &[&TLS13]);
        server.client_auth_code_points = of_server;
        let offer = ClientAuthOffer::flag().with_code_points(of_client);
        let client = Arc::new(pki.client_config(Some(&pki.agent), offer, &[&TLS13]));
        let (mut head, mut body) = (vec![0xfe, 1, 0, 12, 11], vec![0; 10]);
        body.push(if of_client == experiment { 2 } else { 1 });
        head.extend(body);
        assert_eq!(has(&hello(&client), &head), of_client != standard);

        let (c, s) = handshake(&client, &Arc::new(server));
        let understood = of_client == of_server;
        assert_eq!(s.client_auth().unwrap().offered(), understood);
        assert_eq!(PeerIdentity::from_connection(&s, "agents").is_some(), understood);
        let status = if understood { Client::Acknowledged } else { Client::Offered };
        assert_eq!(c.client_auth_status(), status);
    }
}

#[test]
fn a_policy_that_fails_accepts_no_client() {
    #[derive(Debug)]
    struct Broken;
    impl rustls::server::ClientAuthPolicy for Broken {
        fn decide(&self, _: &rustls::server::ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
            Err(Error::General("directory is down".into()))
        }
    }
    let pki = Pki::new();
    let mut server = pki.server_config(&[&TLS13, &TLS12]);
    server.client_auth_policy = Some(Arc::new(Broken));
    let server = Arc::new(server);
    for version in [&TLS13, &TLS12] {
        let client = pki.client_config(None, ClientAuthOffer::default(), &[version]);
        let failure = refused(&Arc::new(client), &server);
        assert_eq!(failure.error, Error::General("directory is down".into()));
        assert_eq!(failure.alert(), Some(AlertDescription::InternalError));
    }
}

#[test]
fn a_scope_has_a_name_of_1_to_255_bytes() {
    use rustls::server::ClientAuthDemand;
    let pki = Pki::new();
    let scope_of = |name: &str| {
        ClientAuthDemand::new(pki.agents.verifier(), name).map(|demand| demand.scope().to_owned())
    };
    for length in [1, 255] {
        assert_eq!(scope_of(&"a".repeat(length)), Ok("a".repeat(length)));
    }
    for length in [0, 256] {
        let error = Error::General("a scope name must have 1 to 255 bytes".into());
        assert_eq!(scope_of(&"a".repeat(length)), Err(error), "{length} bytes");
    }
}

/// The status at client and server after rca_2's handshake, over any transport.
fn assert_acknowledged(client: Client, server: Option<&rustls::server::ClientAuth>) {
    assert_eq!(client, Client::Acknowledged);
    let server = server.unwrap();
    assert!(server.offered() && server.acknowledged());
    assert!(matches!(server.status(), Server::Authenticated { resumed: false, .. }));
}

#[test]
fn the_status_is_known_over_quic() {
    use rustls::quic::{ClientConnection, KeyChange, ServerConnection, Version};
    let pki = Pki::new();
    let server = Arc::new(pki.server_with(&Switch::new(When::Offered, required(&pki)), &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]);
    let mut client =
        ClientConnection::new(Arc::new(client), Version::V1, common::name(), vec![]).unwrap();
    let mut server = ServerConnection::new(server, Version::V1, vec![]).unwrap();
    assert!(server.client_auth().is_none());
    assert_eq!(client.client_auth_status(), Client::Offered);

    // Bytes of one encryption level at a time, as QUIC transfers them.
    for _ in 0..8 {
        let mut bytes = Vec::new();
        let change: Option<KeyChange> = client.write_hs(&mut bytes);
        server.read_hs(&bytes).unwrap();
        let (idle, mut bytes) = (bytes.is_empty() && change.is_none(), Vec::new());
        let change = server.write_hs(&mut bytes);
        client.read_hs(&bytes).unwrap();
        if idle && bytes.is_empty() && change.is_none() {
            break;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_acknowledged(client.client_auth_status(), server.client_auth());
}

#[test]
fn the_status_is_known_without_buffers() {
    use rustls::client::UnbufferedClientConnection;
    use rustls::server::UnbufferedServerConnection;
    use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

    /// Lets one side process `incoming`, and returns its output.
    macro_rules! turn {
        ($end:expr, $incoming:expr) => {{
            let mut sent = Vec::new();
            loop {
                let UnbufferedStatus { discard, state, .. } =
                    $end.process_tls_records(&mut $incoming);
                let blocked = match state.unwrap() {
                    ConnectionState::EncodeTlsData(mut data) => {
                        let mut record = vec![0; 16 * 1024];
                        let length = data.encode(&mut record).unwrap();
                        sent.extend_from_slice(&record[..length]);
                        false
                    }
                    ConnectionState::TransmitTlsData(data) => {
                        data.done();
                        false
                    }
                    _ => true,
                };
                $incoming.drain(..discard);
                if blocked {
                    break sent;
                }
            }
        }};
    }

    let pki = Pki::new();
    let server = Arc::new(pki.server_with(&Switch::new(When::Offered, required(&pki)), &[&TLS13]));
    let client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]);
    let mut client = UnbufferedClientConnection::new(Arc::new(client), common::name()).unwrap();
    let mut server = UnbufferedServerConnection::new(server).unwrap();
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    while client.is_handshaking() || server.is_handshaking() {
        to_server.extend(turn!(client, to_client));
        to_client.extend(turn!(server, to_server));
    }
    assert_acknowledged(client.client_auth_status(), server.client_auth());
}
