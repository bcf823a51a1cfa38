//! Time limits, and address validation.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::{ConnectionError, VarInt};
use rext_cli::tls;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::{GET, Site, config, connecting, control, head, raw};
use crate::common::Files;

/// The code of H3_NO_ERROR.
const NO_ERROR: VarInt = VarInt::from_u32(0x100);
const H3_REQUEST_REJECTED: VarInt = VarInt::from_u32(0x10b);

fn code(err: &ConnectionError) -> Option<VarInt> {
    match err {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code),
        _ => None,
    }
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let files = Files::new();
    let server = files.serve(&["--policy", "never", "--http3", "--handshake-timeout", "0.5"]);
    let connection = raw(&files, &server, None).await;
    let _control = control(&connection).await;
    server.wait_for_log(&["no request within 500ms"]);
    assert_eq!(code(&connection.closed().await), Some(NO_ERROR));
}

#[tokio::test]
async fn an_idle_connection_ends_after_goaway() {
    let files = Files::new();
    let server = files.serve(&["--policy", "never", "--http3", "--idle-timeout", "0.3"]);
    let connection = raw(&files, &server, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/", &[])).await.unwrap();
    send.finish().unwrap();
    receive.read_to_end(1000).await.unwrap();
    // The server's control stream: its type, SETTINGS, and two GOAWAY frames.
    let mut stream = control_of_server(&connection).await;
    let mut frames = Vec::new();
    while let Ok(Some(chunk)) = stream.read_chunk(100, true).await {
        frames.extend_from_slice(&chunk.bytes);
    }
    // The second one is for the requests from stream 4 on.
    assert!(frames.ends_with(&[7, 1, 4]), "{frames:?}");
    assert_eq!(code(&connection.closed().await), Some(NO_ERROR));
}

async fn control_of_server(connection: &quinn::Connection) -> quinn::RecvStream {
    loop {
        let mut stream = connection.accept_uni().await.unwrap();
        let mut kind = [0xff];
        if stream.read_exact(&mut kind).await.is_ok() && kind == [0] {
            return stream;
        }
    }
}

#[tokio::test]
async fn a_connection_ends_at_its_maximum_age() {
    let site = Site::start(&["--max-connection-age", "1"]).await;
    let mut connection = site.connect(None).await;
    assert_eq!(connection.get("/echo").await.status, 200);
    assert_eq!(code(&connection.quic.closed().await), Some(NO_ERROR));
    assert_eq!(site.connect(None).await.get("/echo").await.status, 200);
}

#[tokio::test]
async fn a_head_that_stops_is_rejected_while_the_connection_goes_on() {
    let site = Site::start(&["--handshake-timeout", "0.5"]).await;
    let connection = raw(&site.files, &site.gateway, None).await;
    let _control = control(&connection).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(GET, "/never", &[])).await.unwrap();
    send.finish().unwrap();
    let (mut half, mut response) = connection.open_bi().await.unwrap();
    half.write_all(&[1, 9, 0]).await.unwrap();
    let err = response.read_to_end(100).await.unwrap_err();
    let reset = quinn::ReadError::Reset(H3_REQUEST_REJECTED);
    assert_eq!(err, quinn::ReadToEndError::Read(reset));
    assert_eq!(half.stopped().await.unwrap(), Some(H3_REQUEST_REJECTED));
    assert!(connection.close_reason().is_none());
    receive.stop(0_u32.into()).unwrap();
}

/// Passes datagrams on to the server, and reports those from the server, which it passes on only if
/// `answers`.
async fn way(server: SocketAddr, answers: bool) -> (SocketAddr, UnboundedReceiver<Vec<u8>>) {
    let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let outer = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    inner.connect(server).await.unwrap();
    let addr = outer.local_addr().unwrap();
    let (sender, datagrams) = unbounded_channel();
    tokio::spawn(async move {
        let (mut from_client, mut from_server) = (vec![0; 2000], vec![0; 2000]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((length, addr)) = outer.recv_from(&mut from_client) => {
                    client = Some(addr);
                    inner.send(&from_client[..length]).await.unwrap();
                }
                Ok(length) = inner.recv(&mut from_server) => {
                    let datagram = &from_server[..length];
                    let _ = sender.send(datagram.to_vec());
                    if let Some(client) = client.filter(|_| answers) {
                        outer.send_to(datagram, client).await.unwrap();
                    }
                }
            }
        }
    });
    (addr, datagrams)
}

/// True for a Retry packet (RFC 9000 section 17.2.5).
fn is_retry(datagram: &[u8]) -> bool {
    datagram[0] & 0xf0 == 0xf0
}

#[tokio::test]
async fn many_unfinished_handshakes_make_further_clients_validate_their_addresses() {
    let files = Files::new();
    let server = files.serve(&["--policy", "never", "--http3"]);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let config = config(&files, tls::H3, None);
    let mut open = Vec::new();
    for _ in 0..64 {
        let (addr, mut datagrams) = way(server, false).await;
        open.push(connecting(config.clone(), addr));
        assert!(!is_retry(&datagrams.recv().await.unwrap()));
    }
    let (addr, mut datagrams) = way(server, true).await;
    let connection = connecting(config.clone(), addr).await.unwrap();
    assert!(is_retry(&datagrams.recv().await.unwrap()));
    assert!(!is_retry(&datagrams.recv().await.unwrap()));
    drop((open, connection));
}
