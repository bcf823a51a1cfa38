//! The acceptor for tokio: async decisions, timeouts, garbage, and alerts that reach the client.
#![cfg(feature = "tokio")]

mod common;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{CertAndKey, Pki, name};
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientAuthDecision, ClientAuthDemand, ClientAuthStatus};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, Error, HandshakeKind, ProtocolVersion, SignatureScheme,
};
use rustls_ext::tokio::{
    AcceptError, AcceptReport, Acceptor, AsyncPolicy, OtherProtocol, policy_fn,
};
use rustls_ext::{Anchors, ClientAuthOffer, PeerIdentity, Policy, PolicyError, Rule, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

const PEER: &str = "192.0.2.7:4711";

fn peer() -> SocketAddr {
    PEER.parse().unwrap()
}

fn pipe() -> (DuplexStream, DuplexStream) {
    duplex(64 * 1024)
}

fn client(pki: &Pki, identity: Option<&CertAndKey>, offer: ClientAuthOffer) -> Arc<ClientConfig> {
    Arc::new(pki.client_config(identity, offer, &[&TLS13, &TLS12]))
}

fn acceptor<P: AsyncPolicy>(pki: &Pki, policy: P) -> Acceptor<P> {
    Acceptor::new(Arc::new(pki.server_config(&[&TLS13, &TLS12])), policy)
}

#[tokio::test]
async fn a_policy_sees_the_hello_and_the_peer() {
    let pki = Pki::new();
    let demand = pki.demand("agents").because_offered();
    let policy = policy_fn(|hello, at| {
        assert_eq!(at, Some(peer()));
        assert_eq!(hello.server_name.as_deref(), Some("localhost"));
        assert!(hello.offered && hello.alpn.is_empty());
        let demand = demand.clone();
        async move {
            // as a request to a directory would
            tokio::task::yield_now().await;
            Ok(ClientAuthDecision::Require(demand))
        }
    });
    let (near, far) = pipe();
    let connector = TlsConnector::from(client(&pki, Some(&pki.agent), ClientAuthOffer::flag()));
    let acceptor = acceptor(&pki, policy);
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
    c.unwrap();
    let s = s.unwrap();
    let identity = PeerIdentity::from_connection(s.get_ref().1, "agents").unwrap();
    assert_eq!(identity.chain, pki.agent.chain);
}

#[tokio::test]
async fn rules_on_addresses_decide() {
    let pki = Pki::new();
    let network: rustls_ext::crates::ipnet::IpNet = "192.0.2.0/24".parse().unwrap();
    for (at, asked) in [(PEER, false), ("198.51.100.1:1", true), ("[::ffff:192.0.2.7]:1", false)] {
        let policy = Policy::builder()
            .provider(common::provider())
            .scope("agents", Anchors::from_roots(pki.agents.roots()))
            .rule(Rule::when().peer(network).ask_nothing())
            .otherwise(Verdict::Require("agents".into()))
            .build()
            .unwrap();
        let (near, far) = pipe();
        let connector =
            TlsConnector::from(client(&pki, Some(&pki.agent), ClientAuthOffer::default()));
        let acceptor = acceptor(&pki, policy);
        let (_, s) = tokio::join!(
            connector.connect(name(), near),
            acceptor.accept(far, at.parse::<SocketAddr>().unwrap())
        );
        assert_eq!(
            PeerIdentity::from_connection(s.unwrap().get_ref().1, "agents").is_some(),
            asked,
            "{at}"
        );
    }
}

#[tokio::test]
async fn rules_on_addresses_accept_no_connection_that_has_none() {
    let pki = Pki::new();
    let network: rustls_ext::crates::ipnet::IpNet = "192.0.2.0/24".parse().unwrap();
    let policy = Policy::builder()
        .provider(common::provider())
        .scope("agents", Anchors::from_roots(pki.agents.roots()))
        .rule(Rule::when().peer(network).require("agents"))
        .otherwise(Verdict::None)
        .build()
        .unwrap();
    let (near, far) = pipe();
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let acceptor = acceptor(&pki, policy);
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, None));
    let error = c.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error, Error::AlertReceived(AlertDescription::InternalError));
    let AcceptError::Policy(reason) = s.unwrap_err() else { panic!("another error") };
    assert!(matches!(reason.downcast_ref(), Some(PolicyError::NeedsPeerAddress)), "{reason:?}");
}

#[tokio::test]
async fn sessions_resume_under_decisions_made_outside() {
    let pki = Pki::new();
    let demand = pki.demand("agents");
    let acceptor = acceptor(
        &pki,
        policy_fn(move |_, _| {
            let demand = demand.clone();
            async move { Ok(ClientAuthDecision::Require(demand)) }
        }),
    );
    let connector = TlsConnector::from(client(&pki, Some(&pki.agent), ClientAuthOffer::flag()));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let (near, far) = pipe();
        let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
        let (mut c, mut s) = (c.unwrap(), s.unwrap());
        assert_eq!(s.get_ref().1.handshake_kind(), Some(kind));
        assert!(PeerIdentity::from_connection(s.get_ref().1, "agents").is_some());
        // so that the client has read its tickets
        s.write_all(b"x").await.unwrap();
        s.flush().await.unwrap();
        c.read_exact(&mut [0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_policy_that_cannot_decide_accepts_no_client() {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| async { Err("directory is down".into()) }));
    let (near, far) = pipe();
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
    let error = c.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error, Error::AlertReceived(AlertDescription::InternalError));
    let AcceptError::Policy(reason) = s.unwrap_err() else { panic!("another error") };
    assert_eq!(reason.to_string(), "directory is down");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_times_out() {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| async { Ok(ClientAuthDecision::None) }))
        .with_handshake_timeout(Duration::from_secs(3));
    let (near, far) = pipe();
    let error = acceptor.accept(far, peer()).await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout(time) if time == Duration::from_secs(3)));
    drop(near);

    // and so is one that stops in the middle of its ClientHello
    let (mut near, far) = pipe();
    near.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    assert!(matches!(acceptor.accept(far, peer()).await, Err(AcceptError::Timeout(_))));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_takes_too_long_accepts_no_client() {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| std::future::pending()));
    let (near, far) = pipe();
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
    let error = c.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error, Error::AlertReceived(AlertDescription::InternalError));
    let AcceptError::Policy(reason) = s.unwrap_err() else { panic!("another error") };
    assert_eq!(reason.to_string(), "no decision within the handshake timeout of 10s");
}

#[tokio::test]
async fn a_timeout_beyond_all_clocks_is_no_limit() {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| async { Ok(ClientAuthDecision::None) }))
        .with_handshake_timeout(Duration::MAX);
    let (near, far) = pipe();
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
    assert!(c.is_ok() && s.is_ok());
}

/// A server with TLS 1.2 only ignores the flags of a client that also supports TLS 1.3.
#[tokio::test]
async fn flags_9_a_policy_sees_no_flag_under_tls12() {
    let pki = Pki::new();
    for (versions, version) in
        [(&[&TLS12][..], ProtocolVersion::TLSv1_2), (&[&TLS13, &TLS12], ProtocolVersion::TLSv1_3)]
    {
        let policy = policy_fn(|hello, _| async move {
            assert_eq!(hello.version, Some(version));
            assert_eq!(hello.offered, version == ProtocolVersion::TLSv1_3);
            Ok(ClientAuthDecision::None)
        });
        let acceptor = Acceptor::new(Arc::new(pki.server_config(versions)), policy);
        let (near, far) = pipe();
        let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::flag()));
        let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
        assert_eq!(c.unwrap().get_ref().1.protocol_version(), Some(version));
        s.unwrap();
    }
}

#[tokio::test]
async fn garbage_is_answered_with_an_alert() {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| async { Ok(ClientAuthDecision::None) }));
    let (mut near, far) = pipe();
    let client = async {
        near.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        near.shutdown().await.unwrap();
        drop(near);
        answer
    };
    let (answer, s) = tokio::join!(client, acceptor.accept(far, peer()));
    assert!(matches!(s.unwrap_err(), AcceptError::OtherProtocol(OtherProtocol::Http, _)));
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 50]);
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_done_with_its_handshake() {
    let pki = Pki::new();
    let policy = Policy::builder()
        .provider(common::provider())
        .scope("staff", Anchors::from_roots(pki.staff.roots()))
        .otherwise(Verdict::Require("staff".into()))
        .build()
        .unwrap();
    let acceptor = acceptor(&pki, policy);
    let (near, far) = pipe();
    let config = client(&pki, Some(&pki.agent), ClientAuthOffer::flag());
    let client = async {
        let mut stream = TlsConnector::from(config).connect(name(), near).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap_err().downcast::<Error>().unwrap()
    };
    let (seen, s) = tokio::join!(client, acceptor.accept(far, peer()));
    assert_eq!(seen, Error::AlertReceived(AlertDescription::UnknownCA));
    assert!(s.unwrap_err().to_string().starts_with("refused: invalid peer certificate"));
}

/// The acceptor's error for a client that sends these bytes and then closes its side.
async fn refusal_of(bytes: &[u8]) -> AcceptError {
    let pki = Pki::new();
    let acceptor = acceptor(&pki, policy_fn(|_, _| async { Ok(ClientAuthDecision::None) }));
    let (mut near, far) = pipe();
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    acceptor.accept(far, peer()).await.unwrap_err()
}

#[tokio::test]
async fn a_client_that_speaks_another_protocol_is_told_apart() {
    for (bytes, protocol, words) in [
        (
            &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
            OtherProtocol::Http,
            "the client sent an HTTP request without TLS; its URL must begin with https",
        ),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            OtherProtocol::Http,
            "the client sent an HTTP request without TLS; its URL must begin with https",
        ),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n",
            OtherProtocol::ProxyProtocol,
            "the connection begins with the PROXY protocol, which this server does not read; \
             switch it off at the load balancer",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\x05\x01\xbb",
            OtherProtocol::ProxyProtocol,
            "the connection begins with the PROXY protocol, which this server does not read; \
             switch it off at the load balancer",
        ),
    ] {
        let error = refusal_of(bytes).await;
        let AcceptError::OtherProtocol(found, Error::InvalidMessage(_)) = error else {
            panic!("{error:?}");
        };
        assert_eq!((found, error.to_string().as_str()), (protocol, words));
    }
    // For an unknown protocol, the text is that of rustls.
    let error = refusal_of(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    assert!(matches!(error, AcceptError::Tls(Error::InvalidMessage(_))), "{error:?}");
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_not_a_failed_handshake() {
    let error = refusal_of(b"").await;
    assert!(matches!(error, AcceptError::Closed), "{error:?}");
    // A client that sends the first bytes is a failed handshake.
    let error = refusal_of(&[22, 3, 1]).await;
    assert!(matches!(error, AcceptError::Io(_)), "{error:?}");
    assert_eq!(error.to_string(), "the client closed the connection during the handshake");
}

/// The report of the connection of a client with this certificate and `config`, and whether it was
/// accepted.
async fn report(acceptor: &Acceptor, config: Arc<ClientConfig>) -> (bool, AcceptReport) {
    let (near, far) = pipe();
    let client = async {
        // Read to the end, so that the alert has arrived before the pipe closes.
        if let Ok(mut stream) = TlsConnector::from(config).connect(name(), near).await {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    };
    let server = async {
        let (accepted, report) = acceptor.accept_and_report(far, peer()).await;
        (accepted.is_ok(), report)
    };
    tokio::join!(client, server).1
}

#[tokio::test]
async fn a_report_has_the_certificate_that_was_refused_and_for_what() {
    let pki = Pki::new();
    let offer = ClientAuthOffer::flag;
    for lenient in [false, true] {
        let builder = Policy::builder()
            .provider(common::provider())
            .scope("staff", Anchors::from_roots(pki.staff.roots()));
        let last = if lenient {
            Verdict::RequestLenient("staff".into())
        } else {
            Verdict::Require("staff".into())
        };
        let acceptor = acceptor(&pki, builder.otherwise(last).build().unwrap());
        let expected = |refused: Option<&common::CertAndKey>| {
            let mut expected = AcceptReport::default();
            expected.server_name = Some("localhost".into());
            expected.scope = Some("staff".into());
            expected.refused = refused.map(|identity| identity.chain[0].clone());
            expected
        };
        // of another authority
        let (accepted, seen) = report(&acceptor, client(&pki, Some(&pki.agent), offer())).await;
        assert_eq!((accepted, seen), (lenient, expected(Some(&pki.agent))));
        // of the right one
        let (accepted, seen) = report(&acceptor, client(&pki, Some(&pki.boss), offer())).await;
        assert_eq!((accepted, seen), (true, expected(None)));
        // none
        let (accepted, seen) = report(&acceptor, client(&pki, None, offer())).await;
        assert_eq!((accepted, seen), (lenient, expected(None)));
        // of the right one, and without its key
        let mut config = Arc::unwrap_or_clone(client(&pki, None, offer()));
        let thief =
            common::CertAndKey { chain: pki.boss.chain.clone(), key: pki.agent.key.clone() };
        config.client_auth_cert_resolver = Arc::new(thief.unchecked());
        let (accepted, seen) = report(&acceptor, Arc::new(config)).await;
        assert_eq!((accepted, seen), (lenient, expected(Some(&pki.boss))));
    }
}

/// A client certificate that is available once.
#[derive(Debug)]
struct Once(AtomicBool, SingleCertAndKey);

impl ResolvesClientCert for Once {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.swap(false, Ordering::SeqCst).then(|| self.1.resolve(hints, schemes)).flatten()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_report_is_not_about_the_certificate_of_an_earlier_session() {
    let pki = Pki::new();
    let current = Mutex::new(ClientAuthDecision::Require(pki.demand("agents")));
    let policy = policy_fn(|_, _| {
        let decision = current.lock().unwrap().clone();
        async move { Ok(decision) }
    });
    let acceptor = acceptor(&pki, policy);
    let mut config = Arc::unwrap_or_clone(client(&pki, None, ClientAuthOffer::default()));
    config.client_auth_cert_resolver = Arc::new(Once(true.into(), pki.agent.unchecked()));
    let connector = TlsConnector::from(Arc::new(config));
    let (near, far) = pipe();
    let (c, s) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer()));
    let (mut c, mut s) = (c.unwrap(), s.unwrap());
    // so that the client has read its tickets
    s.write_all(b"x").await.unwrap();
    s.flush().await.unwrap();
    c.read_exact(&mut [0]).await.unwrap();

    // The session's certificate no longer counts, and the client sends no other.
    let demand = ClientAuthDemand::new(pki.staff.verifier(), "agents").unwrap();
    *current.lock().unwrap() = ClientAuthDecision::Request(demand);
    let (near, far) = pipe();
    let (c, (s, report)) =
        tokio::join!(connector.connect(name(), near), acceptor.accept_and_report(far, peer()));
    c.unwrap();
    let s = s.unwrap();
    assert_eq!(s.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    let status = s.get_ref().1.client_auth().unwrap().status();
    assert_eq!(status, ClientAuthStatus::Declined);
    assert_eq!((report.scope.as_deref(), report.refused), (Some("agents"), None));
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_handshake_has_a_span_with_its_outcome() {
    use tracing_subscriber::fmt::format::FmtSpan;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let writer = log.clone();
    // For all threads: whether a span is recorded is remembered for all of them, and other tests run at
    // the same time. Their lines have another address.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let peer = SocketAddr::from(([192, 0, 2, 77], 1));
    let pki = Pki::new();
    let (near, far) = pipe();
    let required = pki.demand("agents");
    let policy = policy_fn(move |_, _| {
        let required = required.clone();
        async move { Ok(ClientAuthDecision::Require(required)) }
    });
    let connector = TlsConnector::from(client(&pki, None, ClientAuthOffer::default()));
    let acceptor = acceptor(&pki, policy);
    let (_, accepted) = tokio::join!(connector.connect(name(), near), acceptor.accept(far, peer));
    assert!(accepted.is_err());
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("close") && line.contains("peer=192.0.2.77:1"))
        .expect(&text);
    assert!(
        line.contains(
            "handshake{peer=192.0.2.77:1 server_name=\"localhost\" scope=\"agents\" \
             error=\"refused: the client sent no certificate"
        ),
        "{line}"
    );
}
