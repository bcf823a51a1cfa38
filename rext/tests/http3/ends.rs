//! The end of the server.
#![cfg(unix)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Instant;

use http::StatusCode;
use hyper::body::Bytes;
use quinn::{ConnectionError, ReadError, ReadToEndError, VarInt};
use rext_cli::tls::{H2, H3};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use crate::client::{
    GET, Site, alt_svc, config, connect, connecting, control, head, raw, receive, request,
};
use crate::common::TIMEOUT;

fn terminate(site: &Site) {
    let pid = site.gateway.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

#[tokio::test]
async fn open_requests_are_answered_and_further_ones_rejected_before_the_server_ends() {
    let mut site = Site::start(&["--drain-timeout", "20"]).await;
    let mut connection = site.connect(None).await;
    let mut stream = connection.begin(request("POST", "/hold", &[])).await;
    stream.send_data(Bytes::from("half")).await.unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    let raw = raw(&site.files, &site.gateway, None).await;
    let _control = control(&raw).await;
    let (mut send, mut held) = raw.open_bi().await.unwrap();
    send.write_all(&head(GET, "/hold", &[])).await.unwrap();
    send.finish().unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "GET /hold");

    terminate(&site);
    site.gateway.wait_for_log(&["stopping HTTP/3"]);
    // H3_REQUEST_REJECTED.
    let reset = ReadError::Reset(0x10b_u32.into());
    assert_eq!(wait_until_rejected(&raw).await, ReadToEndError::Read(reset));
    // New clients are refused at once, so that they use TCP.
    let addr = ([127, 0, 0, 1], site.gateway.port).into();
    let refused = connecting(config(&site.files, b"h3", None), addr).await.unwrap_err();
    assert!(matches!(refused, ConnectionError::ConnectionClosed(_)), "{refused}");

    site.upstream.release.add_permits(2);
    stream.send_data(Bytes::from(" and half")).await.unwrap();
    stream.finish().await.unwrap();
    let response = receive(&mut stream).await.unwrap();
    assert_eq!((response.status, response.text()), (StatusCode::OK, "13"));
    assert!(!held.read_to_end(1000).await.unwrap().is_empty());
    // H3_NO_ERROR, once all is received.
    for connection in [&connection.quic, &raw] {
        match connection.closed().await {
            ConnectionError::ApplicationClosed(close) => {
                assert_eq!(close.error_code, VarInt::from_u32(0x100));
            }
            err => panic!("{err}"),
        }
    }
    assert!(site.gateway.child.wait().unwrap().success());
}

#[tokio::test]
async fn connections_that_do_not_end_are_closed_after_the_drain_timeout() {
    let mut site = Site::start(&["--drain-timeout", "0.5"]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/never", &[])).await.unwrap();
    send.finish().unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "GET /never");
    let begin = Instant::now();
    terminate(&site);
    site.gateway.wait_for_log(&["closing HTTP/3 connections", "connections=1"]);
    assert!(matches!(connection.closed().await, ConnectionError::ApplicationClosed(_)));
    assert!(receive.read_to_end(10).await.is_err());
    assert!(site.gateway.child.wait().unwrap().success());
    assert!(begin.elapsed() < TIMEOUT);
}

/// Sends requests, as a client that does not care about GOAWAY, until one is rejected.
async fn wait_until_rejected(connection: &quinn::Connection) -> ReadToEndError {
    loop {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&head(GET, "/echo", &[])).await.unwrap();
        send.finish().unwrap();
        if let Err(err) = receive.read_to_end(10_000).await {
            return err;
        }
    }
}

#[tokio::test]
async fn the_reset_of_the_last_response_arrives_before_the_connection_is_closed() {
    let site = Site::start(&["--drain-timeout", "20"]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut short) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/short", &[])).await.unwrap();
    send.finish().unwrap();
    terminate(&site);
    wait_until_rejected(&connection).await;
    site.upstream.release.add_permits(1);
    // H3_INTERNAL_ERROR.
    let reset = ReadToEndError::Read(ReadError::Reset(0x102_u32.into()));
    assert_eq!(short.read_to_end(10_000).await.unwrap_err(), reset);
    assert!(matches!(connection.closed().await, ConnectionError::ApplicationClosed(_)));
}

/// The new process, which is ended with this.
struct NewProcess(String);

impl Drop for NewProcess {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.0]).status();
    }
}

/// Replaces the gateway's process by a new one.
fn take_over(site: &mut Site) -> NewProcess {
    let pid = site.gateway.child.id().to_string();
    assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
    let line = site.gateway.wait_for_log(&["the new process is ready", "id="]);
    NewProcess(line.rsplit_once("id=").unwrap().1.trim().to_owned())
}

#[tokio::test]
async fn a_new_process_offers_http3_when_the_old_one_has_answered_its_requests() {
    let mut site = Site::start(&["--drain-timeout", "60"]).await;
    let port = site.gateway.port;
    assert!(alt_svc(&site.files, port, H2).await.is_some());
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut held) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/hold", &[])).await.unwrap();
    send.finish().unwrap();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "GET /");
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "GET /hold");

    let new = take_over(&mut site);
    // The new process has no UDP socket yet, and the old one answers.
    assert_eq!(alt_svc(&site.files, port, H2).await, None);
    site.upstream.release.add_permits(1);
    assert!(!held.read_to_end(1000).await.unwrap().is_empty());
    assert!(matches!(connection.closed().await, ConnectionError::ApplicationClosed(_)));

    site.gateway.wait_for_log(&["serving HTTP/3", &format!("127.0.0.1:{port}")]);
    let response = connect(&site.files, &site.gateway, None).await.get("/echo").await;
    assert_eq!(response.status, StatusCode::OK);
    let expected = format!("h3=\":{port}\"; ma=86400");
    assert_eq!(alt_svc(&site.files, port, H2).await, Some(expected));
    drop(new);
}

/// Passes datagrams on between a client and a server, but holds those of the client from the
/// server's first answer on, until `release`.
struct Relay {
    addr: SocketAddr,
    answered: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Relay {
    async fn start(server: SocketAddr) -> Self {
        let (client, back) = (udp().await, udp().await);
        back.connect(server).await.unwrap();
        let addr = client.local_addr().unwrap();
        let (answer, answered) = oneshot::channel();
        let (release, mut released) = oneshot::channel();
        tokio::spawn(async move {
            let (mut answer, mut held, mut is_released) = (Some(answer), Vec::new(), false);
            let (mut up, mut down, mut from) = ([0; 2048], [0; 2048], addr);
            loop {
                tokio::select! {
                    Ok((length, peer)) = client.recv_from(&mut up) => {
                        from = peer;
                        if answer.is_some() || is_released {
                            back.send(&up[..length]).await.unwrap();
                        } else {
                            held.push(up[..length].to_vec());
                        }
                    }
                    Ok(length) = back.recv(&mut down) => {
                        client.send_to(&down[..length], from).await.unwrap();
                        if let Some(answer) = answer.take() {
                            answer.send(()).unwrap();
                        }
                    }
                    _ = &mut released, if !is_released => {
                        is_released = true;
                        for datagram in held.drain(..) {
                            back.send(&datagram).await.unwrap();
                        }
                    }
                }
            }
        });
        Self { addr, answered, release }
    }
}

async fn udp() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

#[tokio::test]
async fn a_handshake_that_has_begun_when_a_new_process_takes_over_is_completed() {
    let mut site = Site::start(&["--drain-timeout", "60"]).await;
    let relay = Relay::start((Ipv4Addr::LOCALHOST, site.gateway.port).into()).await;
    let connecting = connecting(config(&site.files, H3, None), relay.addr);
    let client = tokio::spawn(async move {
        let connection = connecting.await?;
        let _control = control(&connection).await;
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(&head(GET, "/echo", &[])).await.unwrap();
        send.finish().unwrap();
        Ok::<_, ConnectionError>(receive.read_to_end(10_000).await)
    });
    relay.answered.await.unwrap();
    let new = take_over(&mut site);
    site.gateway.wait_for_log(&["stopping HTTP/3"]);
    relay.release.send(()).unwrap();
    match client.await.unwrap().unwrap() {
        Ok(response) => assert!(!response.is_empty()),
        // H3_REQUEST_REJECTED: the client may send it again.
        Err(err) => assert_eq!(err, ReadToEndError::Read(ReadError::Reset(0x10b_u32.into()))),
    }
    drop(new);
}
