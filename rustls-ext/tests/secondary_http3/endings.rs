//! However a connection ends, the exchange learns it, and nothing waits for ever.

use rustls_ext::http::secondary::{Frame, SendError};

use crate::site::{Client, Event, Role, Server, Side, Site};

/// A connection between two sides, on which the setting was announced and heard.
async fn connected(
    site: &Site,
) -> (quinn::Connection, quinn::Connection, Side, Side, Server, Client<crate::site::Opener>) {
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
async fn a_request_that_runs_learns_that_the_connection_has_ended() {
    let site = Site::new();
    let (at_quinn_client, _, mut at_client, _at_server, _server, mut client) =
        connected(&site).await;
    let open = client.open().await.unwrap();
    // Nobody drives h3.
    client.driver.abort();
    at_client.closed().await;
    at_quinn_client.close(0x100u32.into(), b"");
    assert!(open.echo(b"body").await.is_err());
}
