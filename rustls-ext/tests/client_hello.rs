//! The flags of a ClientHello on the wire: malformed, repeated, and under TLS 1.2.

mod common;

use std::sync::{Arc, Mutex};

use common::{Pki, Switch, When, hello};
use rustls::server::{Acceptor, ClientAuthDecision, ClientAuthPolicy, ClientHello};
use rustls::version::{TLS12, TLS13};
use rustls::{
    Error, InvalidMessage, PeerMisbehaved, ProtocolVersion, ServerConfig, ServerConnection,
    SignatureScheme, quic,
};
use rustls_ext::wire::{FlagsError, Offer};
use rustls_ext::{Anchors, ClientAuthOffer, Policy, Rule, Verdict};

/// A ClientHello record, split at the places that tests change.
struct Parts {
    /// The bytes before the length of the extensions.
    head: Vec<u8>,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Parts {
    fn of(record: &[u8]) -> Self {
        let session_id = usize::from(record[43]);
        let suites_at = 44 + session_id;
        let suites = usize::from(u16::from_be_bytes([record[suites_at], record[suites_at + 1]]));
        let at = suites_at + 2 + suites + 2;
        let mut extensions = Vec::new();
        let mut rest = &record[at + 2..];
        while let [t0, t1, l0, l1, tail @ ..] = rest {
            let (body, tail) = tail.split_at(usize::from(u16::from_be_bytes([*l0, *l1])));
            extensions.push((u16::from_be_bytes([*t0, *t1]), body.to_vec()));
            rest = tail;
        }
        Self { head: record[..at].to_vec(), extensions }
    }

    /// Replaces the body of `tls_flags` by this one.
    fn with_flags(mut self, body: &[u8]) -> Self {
        let flags = self.extensions.iter_mut().find(|(typ, _)| *typ == 62).unwrap();
        flags.1 = body.to_vec();
        self
    }

    fn record(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        for (typ, body) in &self.extensions {
            extensions.extend(typ.to_be_bytes());
            extensions.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            extensions.extend(body);
        }
        let mut record = self.head.clone();
        record.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        record.extend(extensions);
        let len = record.len();
        record[3..5].copy_from_slice(&u16::try_from(len - 5).unwrap().to_be_bytes());
        record[7..9].copy_from_slice(&u16::try_from(len - 9).unwrap().to_be_bytes());
        record
    }
}

fn site(versions: &[&'static rustls::SupportedProtocolVersion]) -> (Parts, Arc<ServerConfig>) {
    let pki = Pki::new();
    let client = pki.client_config(None, ClientAuthOffer::flag(), &[&TLS13, &TLS12]);
    let policy = Switch::new(When::Offered, ClientAuthDecision::Require(pki.demand("agents")));
    let parts = Parts::of(&hello(&Arc::new(client)));
    (parts, Arc::new(pki.server_with(&policy, versions)))
}

/// A server's response to a record: its error, and the last bytes that it sends.
fn direct(config: &Arc<ServerConfig>, record: &[u8]) -> (Option<Error>, Vec<u8>) {
    let mut server = ServerConnection::new(config.clone()).unwrap();
    server.read_tls(&mut &record[..]).unwrap();
    let error = server.process_new_packets().err();
    let mut sent = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut sent).unwrap();
    }
    (error, sent)
}

/// The same through an `Acceptor`.
fn through_acceptor(config: &Arc<ServerConfig>, record: &[u8]) -> (Option<Error>, Vec<u8>) {
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &record[..]).unwrap();
    let result = acceptor
        .accept()
        .and_then(|accepted| accepted.expect("a whole hello").into_connection(config.clone()));
    match result {
        Ok(_) => (None, Vec::new()),
        Err((error, mut alert)) => {
            let mut sent = Vec::new();
            alert.write_all(&mut sent).unwrap();
            (Some(error), sent)
        }
    }
}

/// An unencrypted fatal alert, as a record.
fn alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}

/// Every body that FLAGS-2 and FLAGS-3 refuse, by kind.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (vec![], "FLAGS-3"),
        (vec![0], "FLAGS-3"),
        (vec![0, 1], "FLAGS-3"),
        (vec![2, 1], "FLAGS-3"),
        (vec![1, 1, 1], "FLAGS-3"),
        (vec![255; 255], "FLAGS-3"),
        (vec![1, 0], "FLAGS-2"),
        (vec![2, 0, 0], "FLAGS-2"),
        (vec![2, 1, 0], "FLAGS-2"),
        ([&[255][..], &[0; 255]].concat(), "FLAGS-2"),
    ]
}

#[test]
fn flags_2_and_flags_3_malformed_flags_are_illegal_parameter() {
    for (body, rule) in malformed() {
        let (parts, config) = site(&[&TLS13]);
        let record = parts.with_flags(&body).record();
        for (error, sent) in [direct(&config, &record), through_acceptor(&config, &record)] {
            let Some(Error::InvalidMessage(InvalidMessage::IllegalTlsFlags(error))) = error else {
                panic!("{body:?}: {error:?}");
            };
            assert_eq!(FlagsError::rule(&error), rule, "{body:?}");
            assert_eq!(sent, alert(47), "{body:?}");
        }
    }
}

#[test]
fn flags_3_holds_in_quic() {
    for (body, _) in malformed() {
        let pki = Pki::new();
        let client = pki.client_config(None, ClientAuthOffer::flag(), &[&TLS13]);
        let params = vec![];
        let mut client = quic::ClientConnection::new(
            Arc::new(client),
            quic::Version::V1,
            common::name(),
            params.clone(),
        )
        .unwrap();
        let mut message = Vec::new();
        assert!(client.write_hs(&mut message).is_none());
        // A record header, so that the record can be split.
        let mut record = vec![22, 3, 1, 0, 0];
        record.extend(message);
        let message = Parts::of(&record).with_flags(&body).record().split_off(5);

        let mut config = pki.server_config(&[&TLS13]);
        config.client_auth_policy = Some(Switch::new(When::Always, ClientAuthDecision::None));
        let mut server =
            quic::ServerConnection::new(Arc::new(config), quic::Version::V1, params).unwrap();
        let error = server.read_hs(&message).unwrap_err();
        assert!(matches!(error, Error::InvalidMessage(InvalidMessage::IllegalTlsFlags(_))));
        assert_eq!(server.alert(), Some(rustls::AlertDescription::IllegalParameter));
    }
}

#[test]
fn flags_6_unknown_flags_are_ignored() {
    // all except flag 8, which is known
    let all = [&[255, 0xff, 0xfe][..], &[0xff; 253]].concat();
    for body in [vec![1, 1], all, vec![3, 0x28, 0, 0x80]] {
        let (parts, config) = site(&[&TLS13]);
        let record = parts.with_flags(&body).record();
        assert_eq!(direct(&config, &record).0, None);
        assert_eq!(through_acceptor(&config, &record).0, None);
    }
}

#[test]
fn flags_4_a_flag_that_belongs_elsewhere_is_illegal_parameter() {
    // resumption_across_names is for NewSessionTicket only
    let (parts, config) = site(&[&TLS13]);
    let record = parts.with_flags(&[2, 0, 1]).record();
    for (error, sent) in [direct(&config, &record), through_acceptor(&config, &record)] {
        let Some(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsFlag(violation))) = error else {
            panic!("{error:?}");
        };
        assert_eq!((violation.rule(), violation.flag().get()), ("FLAGS-4", 8));
        assert_eq!(sent, alert(47));
    }
}

#[test]
fn flags_9_a_server_that_negotiates_tls12_ignores_even_malformed_flags() {
    for (body, _) in malformed() {
        let (parts, config) = site(&[&TLS12]);
        let record = parts.with_flags(&body).record();
        assert_eq!(direct(&config, &record).0, None);
        assert_eq!(through_acceptor(&config, &record).0, None);
    }
}

#[test]
fn flags_9_an_acceptor_shows_no_flag_of_a_hello_that_is_for_tls12_only() {
    let (mut parts, _) = site(&[&TLS13]);
    for (body, offers) in [([4, 3, 4, 3, 3].as_slice(), true), (&[2, 3, 3], false)] {
        let versions = parts.extensions.iter_mut().find(|(typ, _)| *typ == 43).unwrap();
        versions.1 = body.to_vec();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &parts.record()[..]).unwrap();
        let accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
        assert_eq!(accepted.client_hello().offers_client_auth(), offers);
    }
}

#[test]
fn flags_10_a_second_extension_is_the_ordinary_duplicate_extension_error() {
    let (mut parts, config) = site(&[&TLS13]);
    let flags = parts.extensions.iter().find(|(typ, _)| *typ == 62).unwrap().clone();
    parts.extensions.insert(0, flags);
    let record = parts.record();
    for (error, sent) in [direct(&config, &record), through_acceptor(&config, &record)] {
        let duplicate = InvalidMessage::DuplicateExtension(62);
        assert_eq!(error, Some(Error::InvalidMessage(duplicate)));
        assert_eq!(sent, alert(47));
    }
}

#[test]
fn an_acceptor_shows_the_offer_under_the_code_points_of_the_config() {
    use rustls_ext::wire::{CodePoints, Flag};

    let experiment = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH).unwrap();
    let pki = Pki::new();
    let offer = ClientAuthOffer::flag().with_code_points(experiment);
    let record = hello(&Arc::new(pki.client_config(None, offer, &[&TLS13])));
    let policy = Switch::new(When::Always, ClientAuthDecision::None);
    let mut config = pki.server_with(&policy, &[&TLS13]);
    config.client_auth_code_points = experiment;
    let config = Arc::new(config);

    for with_config in [true, false] {
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &record[..]).unwrap();
        let mut accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
        if with_config {
            accepted.with_config(&config);
        }
        assert_eq!(accepted.client_hello().offers_client_auth(), with_config);
        let server = accepted.into_connection(config.clone()).map_err(|(err, _)| err).unwrap();
        assert!(server.client_auth().unwrap().offered());
    }
}

/// The first `supported_versions`, whether there is one, and the result with each config.
#[test]
fn flags_9_an_acceptor_with_a_config_shows_what_its_handshake_decides_on() {
    /// The data that a policy saw.
    #[derive(Debug, Default)]
    struct Shown(Mutex<Vec<PolicyInput>>);
    type PolicyInput = (Option<ProtocolVersion>, Offer, bool, Vec<SignatureScheme>);
    fn facts(hello: &ClientHello<'_>) -> PolicyInput {
        (
            hello.version(),
            hello.client_auth_offer(),
            hello.certificate_authorities().is_some(),
            hello.signature_schemes().to_vec(),
        )
    }
    impl ClientAuthPolicy for Shown {
        fn decide(&self, hello: &ClientHello<'_>) -> Result<ClientAuthDecision, Error> {
            self.0.lock().unwrap().push(facts(hello));
            Ok(ClientAuthDecision::None)
        }
    }

    const TLS13_AND_TLS12: &[u8] = &[4, 3, 4, 3, 3];
    let bodies: [Option<&[u8]>; 5] =
        [Some(TLS13_AND_TLS12), Some(&[2, 3, 4]), Some(&[2, 3, 3]), Some(&[2, 3, 2]), None];
    let mut seen = Vec::new();
    for versions in [&[&TLS13, &TLS12][..], &[&TLS13], &[&TLS12]] {
        for body in bodies {
            let pki = Pki::new();
            let offer = ClientAuthOffer::flag_and_care();
            let client = pki.client_config(None, offer, &[&TLS13, &TLS12]);
            let mut parts = Parts::of(&hello(&Arc::new(client)));
            // certificate_authorities: one name, an empty SEQUENCE
            parts.extensions.insert(0, (47, vec![0, 4, 0, 2, 0x30, 0]));
            parts.extensions.retain(|(typ, _)| *typ != 43);
            if let Some(body) = body {
                parts.extensions.insert(0, (43, body.to_vec()));
            }
            let record = parts.record();

            let inside = Arc::new(Shown::default());
            let mut config = pki.server_config(versions);
            config.client_auth_policy = Some(inside.clone());
            let config = Arc::new(config);
            let error = direct(&config, &record).0;

            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut &record[..]).unwrap();
            let mut accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
            accepted.with_config(&config);
            let outside = facts(&accepted.client_hello());
            match inside.0.lock().unwrap().pop() {
                Some(inside) => assert_eq!(outside, inside, "{versions:?} {body:?}"),
                None => {
                    assert!(matches!(error, Some(Error::PeerIncompatible(_))), "{error:?}");
                    assert_eq!((outside.0, outside.1), (None, Offer::NONE));
                }
            }
            seen.push((outside.0.map(u16::from), outside.1));
        }
    }
    let (tls13, tls12) = ((Some(0x0304), Offer::BOTH), (Some(0x0303), Offer::CARE));
    let none = (None, Offer::NONE);
    assert_eq!(
        seen,
        [
            [tls13, tls13, tls12, none, tls12],
            [tls13, tls13, none, none, none],
            [tls12, none, tls12, none, tls12]
        ]
        .concat()
    );
}

/// Bytes behind the ClientHello in the same read are processed with it.
#[test]
fn bytes_that_arrive_with_the_client_hello_are_processed_at_once() {
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let (parts, config) = site(versions);
        // A fatal alert: unrecognized_name.
        let bytes = [&parts.record()[..], &[21, 3, 3, 0, 2, 2, 112]].concat();
        let expected = Some(Error::AlertReceived(rustls::AlertDescription::UnrecognisedName));
        assert_eq!(direct(&config, &bytes).0, expected);
        assert_eq!(through_acceptor(&config, &bytes).0, expected);

        // Bytes that are not a record get an alert at once.
        let bytes = [&parts.record()[..], &[99; 16]].concat();
        let (error, sent) = through_acceptor(&config, &bytes);
        assert!(matches!(error, Some(Error::InvalidMessage(_))), "{error:?}");
        assert!(!sent.is_empty());
    }
}

/// RFC 6066 section 3: no final dot. A rule on `localhost` must not be evaded by `localhost.`, which
/// versions of rustls-pki-types before 1.16 show as another name.
#[test]
fn a_server_name_with_a_final_dot_is_the_name_without() {
    let (mut parts, _) = site(&[&TLS13]);
    let name = parts.extensions.iter_mut().find(|(typ, _)| *typ == 0).unwrap();
    name.1 = [&[0, 13, 0, 0, 10][..], b"localhost."].concat();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &parts.record()[..]).unwrap();
    let accepted = acceptor.accept().map_err(|(err, _)| err).unwrap().unwrap();
    assert_eq!(accepted.client_hello().server_name(), Some("localhost"));
    let policy = Policy::builder()
        .provider(common::provider())
        .scope("agents", Anchors::from_roots(Pki::new().agents.roots()))
        .rule(Rule::when().server_name("localhost").require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let decision = policy.decide(&accepted.client_hello(), None);
    assert!(matches!(decision, ClientAuthDecision::Require(_)), "{decision:?}");
}
