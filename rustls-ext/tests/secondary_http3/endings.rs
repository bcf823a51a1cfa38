//! However a connection ends, the exchange learns it, and nothing waits for ever.

use std::future::poll_fn;

use bytes::Bytes;
use h3::quic::{
    Connection, ConnectionErrorIncoming, OpenStreams, RecvStream, SendStream, StreamErrorIncoming,
};
use rustls_ext::http::secondary::{ConnectionError, Frame, SendError};

use crate::raw;
use crate::site::{Client, Event, Opener, Role, Server, Side, Site};

/// A connection between two sides, on which the setting was announced and heard.
async fn connected(
    site: &Site,
) -> (quinn::Connection, quinn::Connection, Side, Side, Server, Client<Opener>) {
    let (client, server) = site.connect().await;
    let (mut at_client, mut at_server) = (Side::new(Role::Client, 1), Side::new(Role::Server, 1));
    let running = Server::start(at_server.transport(server.clone()));
    let requests = Client::start(at_client.transport(client.clone())).await;
    assert_eq!(at_client.event().await, Event::Setting(Some(1)));
    assert_eq!(at_server.event().await, Event::Setting(Some(1)));
    (client, server, at_client, at_server, running, requests)
}

fn nothing_is_sent(side: &Side) {
    let refused = side.outbox.send(Frame::Certificate, Vec::new());
    assert_eq!((refused, side.outbox.error()), (Err(SendError::Closed), None));
}

#[tokio::test]
async fn a_connection_that_the_client_drops_frees_both_sides() {
    let site = Site::new();
    let (_, _, mut at_client, mut at_server, server, client) = connected(&site).await;
    drop(client.requests);
    at_client.closed().await;
    at_server.closed().await;
    nothing_is_sent(&at_client);
    nothing_is_sent(&at_server);
    client.driver.await.unwrap();
    assert!(server.task.await.unwrap().unwrap().is_h3_no_error());
}

#[tokio::test]
async fn a_connection_that_quinn_closes_frees_both_sides() {
    for by_client in [true, false] {
        let site = Site::new();
        let (at_quinn_client, at_quinn_server, mut at_client, mut at_server, _server, _client) =
            connected(&site).await;
        let closing = if by_client { at_quinn_client } else { at_quinn_server };
        closing.close(0x100u32.into(), b"");
        at_client.closed().await;
        at_server.closed().await;
        nothing_is_sent(&at_client);
        nothing_is_sent(&at_server);
    }
}

#[tokio::test]
async fn a_driver_that_is_dropped_frees_its_side() {
    let site = Site::new();
    let (_, _, mut at_client, mut at_server, server, client) = connected(&site).await;
    client.driver.abort();
    at_client.closed().await;
    nothing_is_sent(&at_client);
    server.task.abort();
    at_server.closed().await;
    nothing_is_sent(&at_server);
}

#[tokio::test]
async fn a_request_whose_connection_ends_frees_its_side_though_nobody_drives_h3() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let at_server = Side::new(Role::Server, 1);
    let transport = at_server.transport(server);
    let accepted = async {
        let mut connection = h3::server::builder().build(transport).await.unwrap();
        let resolver = connection.accept().await.unwrap().unwrap();
        let (_, mut stream) = resolver.resolve_request().await.unwrap();
        stream.send_response(http::Response::new(())).await.unwrap();
        (connection, stream)
    };
    let mut requests = Client::start(h3_quinn::Connection::new(client.clone())).await;
    let (opened, (_connection, mut stream)) = tokio::join!(requests.open(), accepted);
    let _opened = opened.unwrap();
    assert!(!at_server.is_closed());
    client.close(0x100u32.into(), b"");
    assert!(stream.recv_data().await.is_err());
    assert!(at_server.is_closed());
}

#[tokio::test]
async fn after_an_error_every_operation_fails_with_it() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let at_server = Side::new(Role::Server, 1);
    let mut transport = at_server.transport(server);
    let mut opener = transport.opener();
    // These have arrived, so the transport would return them.
    let (mut send, _receive) = client.open_bi().await.unwrap();
    send.write_all(b"request").await.unwrap();
    let mut stream = poll_fn(|cx| transport.poll_accept_bidi(cx)).await.unwrap();
    let (mut send, _receive) = client.open_bi().await.unwrap();
    send.write_all(b"request").await.unwrap();

    let error = ConnectionError::Signature;
    at_server.outbox.fail(error.clone());
    let is_it = |failed: Option<ConnectionErrorIncoming>| match failed {
        Some(ConnectionErrorIncoming::Undefined(cause)) => {
            assert_eq!(cause.downcast_ref(), Some(&error));
        }
        other => panic!("{other:?}"),
    };
    let of_stream = |failed: Option<StreamErrorIncoming>| match failed {
        Some(StreamErrorIncoming::ConnectionErrorIncoming { connection_error }) => {
            is_it(Some(connection_error));
        }
        other => panic!("{other:?}"),
    };
    is_it(poll_fn(|cx| transport.poll_accept_recv(cx)).await.err());
    assert_eq!(raw::closed(&client).await, (error.http3_code(), error.to_string()));
    is_it(poll_fn(|cx| transport.poll_accept_recv(cx)).await.err());
    is_it(poll_fn(|cx| transport.poll_accept_bidi(cx)).await.err());
    of_stream(poll_fn(|cx| transport.poll_open_bidi(cx)).await.err());
    of_stream(poll_fn(|cx| transport.poll_open_send(cx)).await.err());
    of_stream(poll_fn(|cx| opener.poll_open_bidi(cx)).await.err());
    of_stream(poll_fn(|cx| opener.poll_open_send(cx)).await.err());
    of_stream(poll_fn(|cx| stream.poll_data(cx)).await.err());
    of_stream(poll_fn(|cx| SendStream::<Bytes>::poll_ready(&mut stream, cx)).await.err());
    // What h3 does when it is dropped does not replace the reason.
    transport.close(h3::error::Code::H3_NO_ERROR, b"dropped");
    assert_eq!(at_server.outbox.error(), Some(error));
}
