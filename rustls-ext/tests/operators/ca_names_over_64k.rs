//! The names of authorities in a CertificateRequest.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::TrustAnchor;
use rustls::version::{TLS12, TLS13};
use rustls_ext::{Anchors, Policy, PolicyError, Verdict};

use crate::common::{Authority, Pki, connect, pem, provider, transfer};
use crate::{Case, NOW, configs, now, outcome, policy};

const CASE: Case = Case("ca-names-over-64k");
/// A client of another authority.
const CASE_CLIENT: Case = Case("crl-missing-for-authority");

/// Anchors whose names have so many bytes each, encoded with their length.
fn named(lengths: impl IntoIterator<Item = usize>) -> RootCertStore {
    let real = Authority::new("real").roots().roots.remove(0);
    let anchors = lengths.into_iter().enumerate().map(|(number, length)| {
        // Two bytes of length and four of the SEQUENCE's header are added.
        let mut subject = vec![0; length - 6];
        subject[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
        TrustAnchor { subject: subject.into(), ..real.clone() }
    });
    anchors.collect()
}

fn build(anchors: Anchors) -> Result<Policy, PolicyError> {
    Policy::builder()
        .provider(provider())
        .scope("clients", anchors)
        .otherwise(Verdict::Request("clients".into()))
        .build()
}

/// A handshake with a client that is asked, and sends no certificate.
fn asked(policy: Policy) -> Vec<usize> {
    let (pki, policy) = (Pki::new(), Arc::new(policy));
    let client = CASE_CLIENT.client("client");
    let names = [&TLS12, &TLS13].map(|version| {
        let (server, client) = configs(&pki, &policy, &client, version, NOW, provider());
        let mut client = rustls::ClientConfig::clone(&client);
        let seen = Arc::new(Seen::default());
        client.client_auth_cert_resolver = seen.clone();
        let (mut client, mut server) = connect(&Arc::new(client), &server);
        let (mut there, mut back) = (Vec::new(), Vec::new());
        while client.wants_write() || server.wants_write() {
            while client.wants_write() {
                client.write_tls(&mut there).unwrap();
            }
            feed(&mut server, &mut there);
            while server.wants_write() {
                server.write_tls(&mut back).unwrap();
            }
            feed(&mut client, &mut back);
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        seen.0.lock().unwrap().take().expect("not asked")
    });
    let [one, other] = names;
    assert_eq!(one, other);
    one
}

/// Transfers long messages in pieces, as a socket does.
fn feed<D: rustls::SideData>(
    end: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<D>>,
    bytes: &mut Vec<u8>,
) {
    for mut piece in bytes.chunks(4096) {
        while !piece.is_empty() {
            end.read_tls(&mut piece).unwrap();
            end.process_new_packets().unwrap();
        }
    }
    bytes.clear();
}

/// The length of the names.
#[derive(Debug, Default)]
struct Seen(std::sync::Mutex<Option<Vec<usize>>>);

impl rustls::client::ResolvesClientCert for Seen {
    fn resolve(
        &self,
        names: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        *self.0.lock().unwrap() = Some(names.iter().map(|name| name.len()).collect());
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn names_that_do_not_fit_are_an_error_and_the_most_that_fit_are_sent() {
    // 65,279 bytes in all: the server writes its request. rustls panics in debug builds where a
    // list is too long, as it was for 65,536 bytes.
    let most = || (0..64).map(|_| 1000).chain([1279]);
    let (pki, policy) = (Pki::new(), Arc::new(build(Anchors::from_roots(named(most()))).unwrap()));
    let client = CASE_CLIENT.client("client");
    for version in [&TLS12, &TLS13] {
        let (server, client) = configs(&pki, &policy, &client, version, NOW, provider());
        let (mut client, mut server) = connect(&client, &server);
        transfer!(client, server);
        server.process_new_packets().unwrap();
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        assert!(flight.len() > 65_279, "{}", flight.len());
    }
    // The limit of a client of rustls for one flight is a little lower.
    let policy = build(Anchors::from_roots(named((0..64).map(|_| 1000)))).unwrap();
    assert_eq!(asked(policy).len(), 64);

    let error = build(Anchors::from_roots(named(most().chain([265])))).unwrap_err();
    let error_of_one = build(Anchors::from_roots(named((0..64).map(|_| 1000).chain([1280]))));
    assert!(matches!(
        error_of_one,
        Err(PolicyError::TooManyNames { scope, bytes: 65_280 }) if scope == "clients"
    ));
    assert_eq!(
        error.to_string(),
        "the names of the authorities of scope \"clients\" take up 65544 bytes, and a \
         CertificateRequest has room for 65279: send no names (names = false, Anchors::without_names), \
         or trust fewer authorities"
    );
}

#[test]
fn without_names_any_number_of_authorities_will_do() {
    let anchors = Anchors::from_roots(named((0..70).map(|_| 1000)));
    assert_eq!(asked(build(anchors.without_names()).unwrap()), [0; 0]);
}

#[test]
fn in_a_policys_file_names_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let long = |number| Authority::new(&format!("{number:03}{}", "x".repeat(1000)));
    let authorities: String = (0..64).map(|n| pem("CERTIFICATE", &long(n).der)).collect();
    std::fs::write(folder.path().join("cas.pem"), authorities).unwrap();
    let keys = format!("anchors = ['{}']", folder.path().join("cas.pem").display());
    let error = CASE.policy(&keys).unwrap_err();
    assert!(error.contains("policy.toml: the names of the authorities of scope"), "{error}");
    let client = CASE_CLIENT.client("client");
    let policy = CASE.policy(&(keys + "\nnames = false")).unwrap();
    // A client of another authority does not learn which ones count, and sends its certificate.
    let Err((alert, _)) = outcome(policy, &client) else { panic!("let in") };
    assert_eq!(alert, rustls::AlertDescription::UnknownCA);
}

#[test]
fn a_name_is_sent_once() {
    let authority = Authority::new("one");
    let mut roots = authority.roots();
    roots.extend(authority.roots().roots);
    roots.extend(Authority::new("two").roots().roots);
    let policy = build(Anchors::from_roots(roots)).unwrap();
    assert_eq!(asked(policy).len(), 2);
}

#[test]
fn more_than_16_kib_of_names_is_a_warning() {
    let warnings = |lengths: &[usize]| {
        let policy = build(Anchors::from_roots(named(lengths.iter().copied()))).unwrap();
        CASE.warnings(&policy, now())
    };
    assert_eq!(warnings(&[16 * 1024]), [""; 0]);
    assert_eq!(
        warnings(&[16 * 1024, 300]),
        ["warning: scope \"clients\": the names of its authorities take up 16684 bytes of each \
          CertificateRequest, and some clients refuse more than 16384: send no names, or \
          trust fewer authorities"]
    );
}

#[test]
fn the_names_that_a_verifier_of_ones_own_gives_are_counted_too() {
    let verifier = |names: usize| {
        let roots = named((0..names).map(|_| 1000));
        let builder =
            rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        Anchors::from_verifier(builder.build().unwrap())
    };
    build(verifier(65)).unwrap();
    assert!(matches!(build(verifier(66)), Err(PolicyError::TooManyNames { bytes: 66_000, .. })));
}

#[test]
fn clients_learn_the_issuers_of_pinned_certificates() {
    let case = Case("anchor-that-is-no-ca");
    let rogue = case.client("rogue");
    let pinned = Anchors::from_pinned([rogue.cert[0].clone()]).unwrap();
    // CN=pinned2
    assert_eq!(asked(build(pinned.clone()).unwrap()), [20]);
    assert_eq!(outcome(policy(pinned), &rogue), Ok(()));
}
