//! Settings of an application beside the adapter: callbacks that replace the verification, and
//! versions.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use adapter_boring::{Decision, Scope, identity, install};
use boring::pkey::PKey;
use boring::ssl::{
    SslAcceptor, SslAcceptorBuilder, SslConnector, SslMethod, SslOptions, SslVerifyMode,
};
use boring::x509::X509;
use raw_peer::{ClientConfig, Edit, Peer, version};
use rustls_ext_wire::{CodePoints, FlagSet, Offer};
use test_pki::{Authority, IssuedCertificate};

/// A change that an application makes to a context.
type Change = fn(&mut SslAcceptorBuilder);

fn certificate(identity: &IssuedCertificate) -> X509 {
    X509::from_pem(identity.cert_pem().as_bytes()).unwrap()
}

/// Makes a handshake with a client that has this certificate. Returns whether the server completes
/// it, and whether it has an identity.
fn visit(
    change: Change,
    client: &IssuedCertificate,
    server: &IssuedCertificate,
    clients: &Authority,
) -> (bool, bool) {
    let anchors = vec![X509::from_pem(clients.pem().as_bytes()).unwrap()];
    let scope = Arc::new(Scope::new("clients", anchors).unwrap());
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(&certificate(server)).unwrap();
    let key = PKey::private_key_from_pem(server.key_pem().as_bytes()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    install(&mut acceptor, Default::default(), move |_| Decision::Request(scope.clone())).unwrap();
    change(&mut acceptor);
    let acceptor = acceptor.build();

    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_certificate(&certificate(client)).unwrap();
    let key = PKey::private_key_from_pem(client.key_pem().as_bytes()).unwrap();
    connector.set_private_key(&key).unwrap();
    let connector = connector.build();
    let (here, there) = UnixStream::pair().unwrap();
    let peer = thread::spawn(move || {
        // The outcome is checked on the server.
        let _ = connector.connect("localhost", there).map(|mut tls| tls.shutdown());
    });
    let seen = match acceptor.accept(here) {
        Ok(tls) => (true, identity(tls.ssl(), "clients").is_some()),
        Err(_) => (false, false),
    };
    peer.join().unwrap();
    seen
}

#[test]
fn a_replaced_verification_does_not_authenticate_clients() {
    let (servers, clients) = (Authority::new("Server CA").unwrap(), Authority::new("CA").unwrap());
    let foreign = Authority::new("Foreign CA").unwrap();
    let server = servers.server(&["localhost"]).unwrap();
    let (good, stranger) = (clients.client("a").unwrap(), foreign.client("b").unwrap());
    let unchanged: Change = |_| {};
    assert_eq!(visit(unchanged, &good, &server, &clients), (true, true));
    assert_eq!(visit(unchanged, &stranger, &server, &clients), (false, false));
    let tls12: Change = |acceptor| {
        acceptor.set_options(SslOptions::NO_TLSV1_3);
    };
    assert_eq!(visit(tls12, &good, &server, &clients), (true, true));
    let replaced: [Change; 2] = [
        |acceptor| acceptor.set_cert_verify_callback(|_| true),
        |acceptor| acceptor.set_custom_verify_callback(SslVerifyMode::PEER, |_| Ok(())),
    ];
    for change in replaced {
        for client in [&good, &stranger] {
            let (complete, authenticated) = visit(change, client, &server, &clients);
            assert!(complete && !authenticated);
        }
    }
}

#[test]
fn flags_9_without_tls13_by_an_option_an_offer_by_flag_is_ignored() {
    let offer_seen = |options| {
        let (sender, seen) = channel();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_options(options);
        install(&mut acceptor, Default::default(), move |hello| {
            let _ = sender.send(hello.offer());
            Decision::None
        })
        .unwrap();
        let points = CodePoints::default();
        let flags = FlagSet::single(points.request_client_auth());
        let versions = vec![version::TLS13, version::TLS12];
        let mut config = ClientConfig { versions, ..ClientConfig::default() };
        config.plan.client_hello.push(Edit::add(points.tls_flags(), flags.body().unwrap()));
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(&Peer::client(config).unwrap().take_output()).unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        assert!(acceptor.build().accept(here).is_err());
        seen.recv().unwrap()
    };
    assert_eq!(offer_seen(SslOptions::empty()), Offer::FLAG);
    assert_eq!(offer_seen(SslOptions::NO_TLSV1_3), Offer::NONE);
}
