//! The connector, with connections that are not refused.
#![cfg(feature = "tokio")]

mod common;

use std::io::{Read, Write};
use std::sync::Arc;

use common::{Pki, name};
use rustls::client::ClientAuthOfferStatus;
use rustls::server::ClientAuthDecision;
use rustls::version::TLS13;
use rustls::{AlertDescription, HandshakeKind};
use rustls_ext::tokio::{AcceptError, Acceptor, AsyncPolicy, Connector, End, Refusal, policy_fn};
use rustls_ext::{ClientAuthOffer, PeerIdentity};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

fn pipe() -> (DuplexStream, DuplexStream) {
    duplex(64 * 1024)
}

/// A server that requires an agent's certificate, changed by `change`, and an agent.
fn setting(
    change: impl FnOnce(&mut rustls::ServerConfig, &mut rustls::ClientConfig),
) -> (Acceptor<impl AsyncPolicy>, Connector) {
    let pki = Pki::new();
    let demand = pki.demand("agents").because_offered();
    let policy = policy_fn(move |_, _| {
        let decision = ClientAuthDecision::Require(demand.clone());
        async { Ok(decision) }
    });
    let mut server = pki.server_config(&[&TLS13]);
    let mut client = pki.client_config(Some(&pki.agent), ClientAuthOffer::flag(), &[&TLS13]);
    change(&mut server, &mut client);
    (Acceptor::new(Arc::new(server), policy), Arc::new(client).into())
}

macro_rules! join {
    ($connect:expr, $acceptor:expr, $far:expr) => {{
        let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
        tokio::join!($connect, $acceptor.accept($far, peer))
    }};
}

#[tokio::test]
async fn data_goes_both_ways_and_the_end_is_orderly() {
    let (acceptor, connector) = setting(|_, _| {});
    let (near, far) = pipe();
    let (c, s) = join!(connector.connect(name(), near), acceptor, far);
    let (mut c, mut s) = (c.unwrap(), s.unwrap());
    assert_eq!(c.get_ref().1.client_auth_status(), ClientAuthOfferStatus::Acknowledged);
    let question = vec![b'?'; 300_000];
    let client = async {
        c.write_all(&question).await.unwrap();
        c.shutdown().await.unwrap();
        let mut answer = Vec::new();
        c.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let server = async {
        let mut asked = Vec::new();
        s.read_to_end(&mut asked).await.unwrap();
        s.write_all(&asked).await.unwrap();
        s.shutdown().await.unwrap();
    };
    let (answer, ()) = tokio::join!(client, server);
    assert!(answer == question);
    assert_eq!(c.outcome().get(), Some(&End::Closed));
}

#[tokio::test]
async fn alpn_is_the_config_s_unless_the_connector_has_its_own() {
    let (acceptor, connector) = setting(|server, client| {
        server.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        client.alpn_protocols = vec![b"h2".into()];
    });
    let other = connector.clone().with_alpn(vec![b"http/1.1".into()]);
    for (connector, expected) in [(&connector, &b"h2"[..]), (&other, b"http/1.1")] {
        let (near, far) = pipe();
        let (c, _s) = join!(connector.connect(name(), near), acceptor, far);
        assert_eq!(c.unwrap().get_ref().1.alpn_protocol(), Some(expected));
    }
    let none = connector.with_alpn(vec![b"gopher".into()]);
    let (near, far) = pipe();
    let (c, _s) = join!(none.connect(name(), near), acceptor, far);
    let err = c.unwrap_err();
    let refusal = Refusal::in_chain(&err).unwrap();
    assert_eq!(refusal.alert, AlertDescription::NoApplicationProtocol);
    assert_eq!(err.to_string(), "the server refused the connection: no_application_protocol");
}

#[tokio::test]
async fn res_6_early_data_goes_with_the_hello_of_a_session_that_resumes() {
    let (acceptor, connector) = setting(|server, client| {
        server.max_early_data_size = 1024;
        client.enable_early_data = true;
    });
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let early = kind == HandshakeKind::Resumed;
        let (near, far) = pipe();
        let connect = connector.connect_with(name(), near, |tls| match tls.early_data() {
            Some(mut data) => data.write_all(b"early").unwrap(),
            None => assert!(!early),
        });
        let (c, s) = join!(connect, acceptor, far);
        let (mut c, mut s) = (c.unwrap(), s.unwrap());
        assert_eq!(c.get_ref().1.is_early_data_accepted(), early);
        assert_eq!(s.get_ref().1.handshake_kind(), Some(kind));
        assert!(PeerIdentity::from_connection(s.get_ref().1, "agents").is_some());
        let mut data = Vec::new();
        if let Some(mut early) = s.get_mut().1.early_data() {
            early.read_to_end(&mut data).unwrap();
        }
        assert_eq!(data, if early { &b"early"[..] } else { b"" });
        // so that the client has read its tickets
        s.write_all(b"x").await.unwrap();
        s.flush().await.unwrap();
        c.read_exact(&mut [0]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_transport_can_be_borrowed() {
    let (acceptor, connector) = setting(|server, _| {
        server.alpn_protocols = vec![b"h2".into()];
    });
    let (mut near, mut far) = pipe();
    let connector = connector.with_alpn(vec![b"gopher".into()]);
    let (c, s) = join!(connector.connect(name(), &mut near), acceptor, &mut far);
    let error = c.unwrap_err();
    assert_eq!(Refusal::in_chain(&error).unwrap().alert, AlertDescription::NoApplicationProtocol);
    let Err(AcceptError::Tls(error)) = s else { panic!("not refused by TLS") };
    assert_eq!(error, rustls::Error::NoApplicationProtocol);
    near.write_all(b"still there").await.unwrap();
}
