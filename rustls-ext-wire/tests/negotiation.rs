//! The negotiation of a client and a server that follow the rules, and the faults that each
//! detects.

use rustls_ext_wire::{
    Asks, ClientNegotiation, ClientStatus, CodePoints, Fault, Flag, FlagSet, Message, Offer,
    OriginHintError, Received, ServerNegotiation, Version,
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
const ASKS: [Asks; 3] = [Asks::No, Asks::BecauseOffered, Asks::ForAnotherReason];

/// Every offer.
fn offers() -> impl Iterator<Item = Offer> {
    let alone = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH];
    alone.into_iter().flat_map(|offer| [offer, offer.with_origins(true)])
}

fn code_points() -> CodePoints {
    let experiment = CodePoints::new(0xfe01, Flag::new(9).unwrap()).unwrap();
    experiment.with_care(0xff55).unwrap().with_origin_hint(0xff56).unwrap()
}

/// The body of the extension with `spiffe://example.org`.
const ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.org";

/// The extensions of a ClientHello.
struct Hello {
    flags: FlagSet,
    care: Option<u16>,
    origin_hint: Option<u16>,
}

impl Hello {
    fn of(client: &mut ClientNegotiation, highest: Version) -> Self {
        let hello = client.hello(highest);
        Self { flags: hello.flags(), care: hello.care(), origin_hint: hello.origin_hint() }
    }

    fn received(&self) -> Received<'_> {
        Received {
            tls_flags: self.flags.body(),
            care: self.care.map(|_| &[][..]),
            origin_hint: self.origin_hint.map(|_| ORIGINS),
        }
    }
}

fn nothing() -> Received<'static> {
    Received::default()
}

#[test]
fn client_and_server_agree_for_every_offer_and_decision() {
    for code_points in [CodePoints::default(), code_points()] {
        for offer in offers() {
            for highest in VERSIONS {
                for version in VERSIONS.into_iter().filter(|version| *version <= highest) {
                    for asks in ASKS {
                        agree(code_points, offer, highest, version, asks);
                    }
                }
            }
        }
    }
}

fn agree(code_points: CodePoints, offer: Offer, highest: Version, version: Version, asks: Asks) {
    let mut client = ClientNegotiation::new(offer, code_points);
    let mut server = ServerNegotiation::new(code_points);
    let hello = Hello::of(&mut client, highest);
    // FLAGS-8, FLAGS-9, CARE-2
    assert_eq!(!hello.flags.is_empty(), offer.has_flag() && highest == Version::Tls13);
    assert_eq!(hello.care, code_points.care().filter(|_| offer.has_care()));
    let sends_origins = offer.has_origins() && highest == Version::Tls13; // WIO-7
    assert_eq!(hello.origin_hint, code_points.origin_hint().filter(|_| sends_origins));

    server.on_client_hello(version, hello.received()).unwrap();
    let flag_counts = offer.has_flag() && version == Version::Tls13;
    let origins_count = offer.has_origins() && version == Version::Tls13;
    let counts = Offer::new(flag_counts, offer.has_care()).with_origins(origins_count);
    assert_eq!(server.offer(), counts);
    server.asks(asks);

    let echo = |message| {
        let care = server.echoes_care_in(message).then_some(&[][..]);
        Received { care, ..nothing() }
    };
    for message in [Message::ServerHello, Message::EncryptedExtensions] {
        client.on(message, version, echo(message)).unwrap();
    }
    assert_eq!(client.echoed(), offer.has_care());
    assert!(!server.echoes_care_in(Message::HelloRetryRequest));

    let acknowledgement = server.acknowledgement();
    assert_eq!(acknowledgement.is_empty(), asks != Asks::BecauseOffered || !flag_counts);
    if asks != Asks::No {
        // A CertificateRequest of TLS 1.2 has no extensions.
        let tls_flags = acknowledgement.body().filter(|_| version == Version::Tls13);
        let request = Received { tls_flags, ..nothing() };
        client.on(Message::CertificateRequest, version, request).unwrap();
    }
    let made = !client.offer().is_none();
    assert_eq!(
        client.status(),
        match asks {
            Asks::No if made => ClientStatus::Offered,
            Asks::No => ClientStatus::NotOffered,
            Asks::BecauseOffered if flag_counts => ClientStatus::Acknowledged,
            _ => ClientStatus::AskedWithoutAcknowledgement,
        }
    );
    server.on_client_certificate(nothing()).unwrap();
    client.on(Message::NewSessionTicket, version, nothing()).unwrap();
}

#[test]
fn rca_4_an_offer_by_care_is_not_acknowledged_by_the_flag() {
    let mut server = ServerNegotiation::new(CodePoints::default());
    server.on_client_hello(Version::Tls13, Received { care: Some(&[]), ..nothing() }).unwrap();
    server.asks(Asks::BecauseOffered);
    assert!(server.acknowledgement().is_empty());
}

#[test]
fn flags_12_a_second_client_hello_must_repeat_the_offer_of_the_first() {
    let hellos = [Offer::NONE, Offer::FLAG, Offer::CARE, Offer::BOTH].map(|offer| {
        Hello::of(&mut ClientNegotiation::new(offer, CodePoints::default()), Version::Tls13)
    });
    for (number, first) in hellos.iter().enumerate() {
        for (other, second) in hellos.iter().enumerate() {
            let mut server = ServerNegotiation::new(CodePoints::default());
            server.on_client_hello(Version::Tls13, first.received()).unwrap();
            let result = server.on_client_hello(Version::Tls13, second.received());
            let expected = if number == other { Ok(()) } else { Err(Fault::SecondHelloDiffers) };
            assert_eq!(result, expected);
        }
        let mut server = ServerNegotiation::new(CodePoints::default());
        server.on_client_hello(Version::Tls13, first.received()).unwrap();
        let other_version = server.on_client_hello(Version::Tls12, first.received());
        assert_eq!(other_version, Err(Fault::SecondHelloDiffers));
    }
}

#[test]
fn flags_13_an_offer_that_the_server_cannot_decrypt_does_not_count() {
    let mut client = ClientNegotiation::new(Offer::BOTH, CodePoints::default());
    client.hello(Version::Tls13);
    assert_eq!((client.status(), client.offer()), (ClientStatus::Offered, Offer::BOTH));
    client.sent(Offer::NONE);
    assert_eq!((client.status(), client.offer()), (ClientStatus::NotOffered, Offer::NONE));
    // So an answer to it is unsolicited.
    let flags = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
    let request = Received { tls_flags: flags.body(), ..nothing() };
    let fault = client.on(Message::CertificateRequest, Version::Tls13, request).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("RCA-4", 47));
    let echo = Received { care: Some(&[]), ..nothing() };
    let fault = client.on(Message::EncryptedExtensions, Version::Tls13, echo).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("CARE-3", 110));
}

#[test]
fn flags_9_malformed_flags_matter_in_tls13_only() {
    let received = Received { tls_flags: Some(&[0]), ..nothing() };
    let mut server = ServerNegotiation::new(CodePoints::default());
    server.on_client_hello(Version::Tls12, received).unwrap();
    assert!(server.offer().is_none() && server.flags().is_empty());
    let mut server = ServerNegotiation::new(CodePoints::default());
    let fault = server.on_client_hello(Version::Tls13, received).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("FLAGS-3", 47));
}

#[test]
fn care_1_a_client_hello_with_a_body_is_refused_in_both_versions() {
    for version in VERSIONS {
        let mut server = ServerNegotiation::new(CodePoints::default());
        let received = Received { care: Some(&[1]), ..nothing() };
        let fault = server.on_client_hello(version, received).unwrap_err();
        assert_eq!((fault.rule(), fault.alert().code()), ("CARE-1", 47));
    }
}

#[test]
fn wio_1_a_client_refuses_an_origin_hint_in_every_message() {
    let received = Received { origin_hint: Some(ORIGINS), ..nothing() };
    for &message in Message::ALL {
        if matches!(message, Message::ClientHello | Message::ClientCertificate) {
            continue;
        }
        for (offer, version) in [(Offer::ORIGINS, VERSIONS[0]), (Offer::NONE, VERSIONS[1])] {
            let mut client = ClientNegotiation::new(offer, CodePoints::default());
            client.hello(Version::Tls13);
            let fault = client.on(message, version, received).unwrap_err();
            assert_eq!((fault.rule(), fault.alert().code()), ("WIO-1", 47), "{message}");
        }
    }
}

#[test]
fn wio_1_a_message_that_is_refused_changes_nothing() {
    let mut client = ClientNegotiation::new(Offer::CARE, CodePoints::default());
    client.hello(Version::Tls13);
    let before = client;
    let received = Received { care: Some(&[]), origin_hint: Some(ORIGINS), ..nothing() };
    let fault = client.on(Message::EncryptedExtensions, Version::Tls13, received).unwrap_err();
    assert_eq!((fault.rule(), client.echoed()), ("WIO-1", false));
    assert_eq!(client, before);
}

#[test]
fn wio_1_a_server_refuses_an_origin_hint_in_the_clients_certificate() {
    let received = Received { origin_hint: Some(ORIGINS), ..nothing() };
    let server = ServerNegotiation::new(CodePoints::default());
    let fault = server.on_client_certificate(received).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("WIO-1", 47));
}

#[test]
fn wio_2_a_malformed_origin_hint_matters_in_tls13_only() {
    let received = Received { origin_hint: Some(&[0, 0]), ..nothing() };
    let mut server = ServerNegotiation::new(CodePoints::default());
    server.on_client_hello(Version::Tls12, received).unwrap();
    assert!(server.offer().is_none());
    let mut server = ServerNegotiation::new(CodePoints::default());
    let fault = server.on_client_hello(Version::Tls13, received).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("WIO-2", 50));
}

#[test]
fn wio_5_origins_are_an_offer_without_an_acknowledgement() {
    let mut client = ClientNegotiation::new(Offer::ORIGINS, CodePoints::default());
    let hello = Hello::of(&mut client, Version::Tls13);
    assert_eq!(client.status(), ClientStatus::Offered);
    let mut server = ServerNegotiation::new(CodePoints::default());
    server.on_client_hello(Version::Tls13, hello.received()).unwrap();
    assert_eq!(server.offer(), Offer::ORIGINS);
    server.asks(Asks::BecauseOffered);
    assert!(server.acknowledgement().is_empty());
    client.on(Message::CertificateRequest, Version::Tls13, nothing()).unwrap();
    assert_eq!(client.status(), ClientStatus::AskedWithoutAcknowledgement);
}

#[test]
fn wio_5_strings_that_are_no_origins_still_offer() {
    let received = Received { origin_hint: Some(b"\0\x03\0\x01?"), ..nothing() };
    let mut server = ServerNegotiation::new(CodePoints::default());
    server.on_client_hello(Version::Tls13, received).unwrap();
    assert_eq!(server.offer(), Offer::ORIGINS);
}

#[test]
fn wio_7_a_client_sends_origins_only_where_it_offers_tls13() {
    let offer = Offer::FLAG.with_origins(true);
    let mut client = ClientNegotiation::new(offer, CodePoints::default());
    assert_eq!(client.hello(Version::Tls13).origin_hint(), Some(0xffcb));
    assert_eq!(client.offer(), offer);
    assert_eq!(client.hello(Version::Tls12).origin_hint(), None);
    assert_eq!((client.offer(), client.status()), (Offer::NONE, ClientStatus::NotOffered));
    let moved = CodePoints::default().with_origin_hint(0xff40).unwrap();
    let hello = ClientNegotiation::new(offer, moved).hello(Version::Tls13);
    assert_eq!(hello.origin_hint(), Some(0xff40));
    let disabled = CodePoints::default().without_origin_hint();
    let mut client = ClientNegotiation::new(offer, disabled);
    assert_eq!(client.hello(Version::Tls13).origin_hint(), None);
    assert_eq!(client.offer(), Offer::FLAG);
}

#[test]
fn wio_7_a_second_client_hello_must_repeat_the_list_of_the_first() {
    let same_length = b"\0\x16\0\x14spiffe://example.com";
    let shorter = b"\0\x15\0\x13spiffe://example.co";
    // The same origin, written in another way
    let equal = b"\0\x16\0\x14spiffe://EXAMPLE.org";
    let lists = [None, Some(ORIGINS), Some(same_length), Some(shorter), Some(equal)];
    for first in lists {
        for second in lists {
            let hello = |origin_hint| Received { origin_hint, ..nothing() };
            let mut server = ServerNegotiation::new(CodePoints::default());
            server.on_client_hello(Version::Tls13, hello(first)).unwrap();
            let result = server.on_client_hello(Version::Tls13, hello(second));
            let changed = Fault::OriginHint(OriginHintError::Changed);
            assert_eq!(result, if first == second { Ok(()) } else { Err(changed) });
            assert_eq!((changed.rule(), changed.alert().code()), ("WIO-7", 47));
        }
    }
}

#[test]
fn without_a_number_care_is_not_sent() {
    let code_points = CodePoints::default().without_care();
    let mut client = ClientNegotiation::new(Offer::CARE, code_points);
    assert_eq!(client.hello(Version::Tls13).care(), None);
    assert_eq!((client.status(), client.offer()), (ClientStatus::NotOffered, Offer::NONE));
}

#[test]
fn a_client_checks_flags_in_every_message() {
    let flag = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
    let received = Received { tls_flags: flag.body(), ..nothing() };
    for &message in Message::ALL {
        if matches!(message, Message::ClientHello | Message::ClientCertificate) {
            continue;
        }
        let mut client = ClientNegotiation::new(Offer::FLAG, CodePoints::default());
        client.hello(Version::Tls13);
        let result = client.on(message, Version::Tls13, received);
        match message {
            Message::CertificateRequest => assert_eq!(result, Ok(())),
            _ => assert_eq!(result.unwrap_err().rule(), "RCA-5", "{message}"),
        }
    }
    let server = ServerNegotiation::new(CodePoints::default());
    let fault = server.on_client_certificate(received).unwrap_err();
    assert_eq!((fault.rule(), fault.alert().code()), ("RCA-5", 47));
}
