//! Frames in both directions, between everything else.

use rustls_ext::http::secondary::{Frame, SendError};

use crate::raw::{self, GOAWAY, SETTINGS, next_frame, peers_control};
use crate::site::{Client, Event, Role, Server, Side, Site};

/// How many frames each side sends.
const ROUNDS: usize = 50;

/// A payload that is different in each round, and sometimes as long as it may be.
fn payload(round: usize) -> Vec<u8> {
    let length = [1, 63, 64, 16_383, 16_384][round % 5];
    vec![u8::try_from(round).unwrap(); length]
}

#[tokio::test(flavor = "multi_thread")]
async fn scc_13_frames_arrive_in_order_in_both_directions_while_requests_run() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let (mut at_client, mut at_server) = (Side::new(Role::Client, 16), Side::new(Role::Server, 1));
    let _server = Server::start(at_server.transport(server));
    let mut client = Client::start(at_client.transport(client)).await;
    assert_eq!(at_client.event().await, Event::Setting(Some(1)));
    assert_eq!(at_server.event().await, Event::Setting(Some(16)));

    let requests = async {
        for round in 0..ROUNDS {
            let body = vec![u8::try_from(round).unwrap(); 20_000];
            assert_eq!(client.post(&body).await.unwrap(), body);
        }
    };
    let server = async {
        for round in 0..ROUNDS {
            at_server.outbox.send(Frame::AuthenticatorRequests, payload(round)).unwrap();
            let answer = Event::Frame(Frame::Certificate, payload(round));
            assert_eq!(at_server.event().await, answer);
        }
    };
    let answers = async {
        for round in 0..ROUNDS {
            let request = Event::Frame(Frame::AuthenticatorRequests, payload(round));
            assert_eq!(at_client.event().await, request);
            at_client.outbox.send(Frame::Certificate, payload(round)).unwrap();
        }
    };
    tokio::join!(requests, server, answers);
    at_client.no_event();
    at_server.no_event();
}

#[tokio::test]
async fn frames_are_sent_while_h3_is_idle() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let (mut at_client, mut at_server) = (Side::new(Role::Client, 16), Side::new(Role::Server, 1));
    let _server = Server::start(at_server.transport(server));
    let client = Client::start(at_client.transport(client)).await;
    assert_eq!(at_client.event().await, Event::Setting(Some(1)));
    assert_eq!(at_server.event().await, Event::Setting(Some(16)));
    // All that may wait at once.
    for round in 0..16 {
        at_server.outbox.send(Frame::AuthenticatorRequests, payload(round)).unwrap();
    }
    for round in 0..16 {
        let request = Event::Frame(Frame::AuthenticatorRequests, payload(round));
        assert_eq!(at_client.event().await, request);
    }
    at_client.outbox.send(Frame::Certificate, payload(0)).unwrap();
    assert_eq!(at_server.event().await, Event::Frame(Frame::Certificate, payload(0)));
    assert!(!client.driver.is_finished());
}

#[tokio::test]
async fn scc_12_a_frame_over_the_limit_is_not_sent() {
    let side = Side::new(Role::Client, 1);
    let error = side.outbox.send(Frame::Certificate, vec![0; 16_385]).unwrap_err();
    assert_eq!(error, SendError::TooLong { most: 16_384 });
}

#[tokio::test]
async fn scc_1_frames_are_sent_after_settings() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let at_server = Side::new(Role::Server, 1);
    at_server.outbox.send(Frame::AuthenticatorRequests, b"early".to_vec()).unwrap();
    let _server = Server::start(at_server.transport(server));
    let mut control = peers_control(&client).await;
    assert_eq!(next_frame(&mut control).await.0, u64::from(SETTINGS));
    assert_eq!(next_frame(&mut control).await, (0xf0, b"early".to_vec()));
}

#[tokio::test]
async fn frames_are_sent_and_received_during_a_graceful_shutdown() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let (mut at_client, mut at_server) = (Side::new(Role::Client, 16), Side::new(Role::Server, 1));
    let server = Server::start(at_server.transport(server));
    let mut client = Client::start(at_client.transport(client)).await;
    assert_eq!(at_client.event().await, Event::Setting(Some(1)));
    assert_eq!(at_server.event().await, Event::Setting(Some(16)));
    let open = client.open().await.unwrap();

    // The frames are in order with GOAWAY.
    at_server.outbox.send(Frame::AuthenticatorRequests, b"before".to_vec()).unwrap();
    server.shutdown().await;
    at_server.outbox.send(Frame::AuthenticatorRequests, b"after".to_vec()).unwrap();
    for payload in [&b"before"[..], b"after"] {
        let request = Event::Frame(Frame::AuthenticatorRequests, payload.to_vec());
        assert_eq!(at_client.event().await, request);
        at_client.outbox.send(Frame::Certificate, payload.to_vec()).unwrap();
        let answer = Event::Frame(Frame::Certificate, payload.to_vec());
        assert_eq!(at_server.event().await, answer);
    }
    let refused = client.post(b"new").await.unwrap_err();
    assert!(matches!(refused, h3::error::StreamError::RemoteClosing { .. }), "{refused:?}");

    // The request that is open ends as usual, and then the client ends the connection.
    assert_eq!(open.echo(b"open").await.unwrap(), b"open");
    drop(client.requests);
    assert!(server.task.await.unwrap().unwrap().is_h3_no_error());
    at_client.closed().await;
    at_server.closed().await;
    assert_eq!((at_client.outbox.error(), at_server.outbox.error()), (None, None));
}

#[tokio::test]
async fn scc_13_frames_are_not_within_frames_of_h3() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut at_server = Side::new(Role::Server, 1);
    let server = Server::start(at_server.transport(server));
    let _control = raw::control(&client, &[&raw::settings(&[16])]).await;
    assert_eq!(at_server.event().await, Event::Setting(Some(16)));
    at_server.outbox.send(Frame::AuthenticatorRequests, payload(4)).unwrap();
    server.shutdown().await;
    at_server.outbox.send(Frame::AuthenticatorRequests, payload(3)).unwrap();

    let mut control = peers_control(&client).await;
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let (kind, bytes) = next_frame(&mut control).await;
        match kind {
            0xf0 => kinds.push((kind, bytes)),
            kind => kinds.push((kind, Vec::new())),
        }
    }
    assert_eq!(kinds.remove(0).0, u64::from(SETTINGS));
    // The frame may be written before GOAWAY or after it, but not within it.
    let goaway = kinds.iter().position(|(kind, _)| *kind == u64::from(GOAWAY)).unwrap();
    kinds.remove(goaway);
    assert_eq!(kinds, [(0xf0, payload(4)), (0xf0, payload(3))]);
}
