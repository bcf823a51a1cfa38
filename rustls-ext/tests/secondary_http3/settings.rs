//! The setting: what is announced, what is heard, and peers without it.

use bytes::Bytes;
use rustls_ext::http::secondary::Frame;

use crate::raw::{self, CONTROL, SETTINGS, next_frame, peers_control};
use crate::site::{Client, Event, Role, Server, Side, Site};

#[tokio::test]
async fn scc_1_client_and_server_announce_the_setting_and_hear_it() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let (mut at_client, mut at_server) = (Side::new(Role::Client, 100), Side::new(Role::Server, 1));
    let _server = Server::start(at_server.transport(server));
    let mut client = Client::start(at_client.transport(client)).await;
    assert_eq!(at_client.event().await, Event::Setting(Some(1)));
    assert_eq!(at_server.event().await, Event::Setting(Some(100)));
    assert_eq!(client.post(b"as usual").await.unwrap(), b"as usual");
    at_client.no_event();
    at_server.no_event();
}

/// The entries of SETTINGS.
fn entries(payload: &[u8]) -> Vec<(u64, u64)> {
    let mut numbers = Vec::new();
    let mut rest = payload;
    while let Some(first) = rest.first() {
        let (number, after) = rest.split_at(1 << (first >> 6));
        let start = u64::from(first & 0x3f);
        numbers.push(number[1..].iter().fold(start, |n, byte| (n << 8) | u64::from(*byte)));
        rest = after;
    }
    numbers.chunks(2).map(|entry| (entry[0], entry[1])).collect()
}

#[tokio::test]
async fn scc_1_the_setting_is_in_the_first_frame_once() {
    for announces in [0, 1, 1000, u32::MAX] {
        let site = Site::new();
        let (client, server) = site.connect().await;
        let at_server = Side::new(Role::Server, announces);
        let _server = Server::start(at_server.transport(server));
        let mut control = peers_control(&client).await;
        let (kind, payload) = next_frame(&mut control).await;
        assert_eq!(kind, u64::from(SETTINGS));
        let entries = entries(&payload);
        let ours: Vec<_> = entries.iter().filter(|(id, _)| *id == 0xff10).collect();
        match announces {
            0 => assert!(ours.is_empty()),
            value => assert_eq!(ours, [&(0xff10, u64::from(value))]),
        }
        // SETTINGS_MAX_FIELD_SECTION_SIZE of h3 is there, too.
        assert!(entries.iter().any(|(id, _)| *id == 6));
    }
}

#[tokio::test]
async fn a_peer_without_the_setting_is_served_as_usual() {
    let site = Site::new();

    // h3 without the filter, at either end.
    let (client, server) = site.connect().await;
    let mut at_server = Side::new(Role::Server, 1);
    let _server = Server::start(at_server.transport(server));
    let mut client = Client::start(h3_quinn::Connection::new(client)).await;
    assert_eq!(client.post(b"to the filter").await.unwrap(), b"to the filter");
    assert_eq!(at_server.event().await, Event::Setting(None));
    at_server.no_event();

    let (client, server) = site.connect().await;
    let mut at_client = Side::new(Role::Client, 1);
    let _server = Server::start(h3_quinn::Connection::new(server));
    let mut client = Client::start(at_client.transport(client)).await;
    assert_eq!(client.post(b"from the filter").await.unwrap(), b"from the filter");
    assert_eq!(at_client.event().await, Event::Setting(None));
    at_client.no_event();

    // It ignores the frames as unknown ones.
    at_client.outbox.send(Frame::Certificate, b"ignored".to_vec()).unwrap();
    assert_eq!(client.post(b"still").await.unwrap(), b"still");
}

#[tokio::test]
async fn scc_1_an_endpoint_without_the_extension_ignores_frames_and_setting() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut at_server = Side::new(Role::Server, 0);
    let _server = Server::start(at_server.transport(server));

    // Even a setting that is there twice, and frames on all streams.
    let frame = raw::frame(Frame::Certificate, b"ignored");
    let mut control = raw::control(&client, &[&raw::settings(&[2, 3]), &frame]).await;
    let (mut request, mut response) = client.open_bi().await.unwrap();
    request.write_all(&[&frame, raw::GET].concat()).await.unwrap();
    request.finish().unwrap();
    let (headers, fields) = next_frame(&mut response).await;
    // Field section prefix, `:status` 200.
    assert_eq!((headers, &fields[..3]), (1, &[0, 0, 0xd9][..]));
    control.write_all(&frame).await.unwrap();
    assert_eq!(client.close_reason().map(|err| err.to_string()), None);
    at_server.no_event();
    assert!(!at_server.is_closed());
}

#[tokio::test]
async fn all_bytes_of_the_peer_may_arrive_one_by_one() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut at_server = Side::new(Role::Server, 1);
    let _server = Server::start(at_server.transport(server));
    // Integers in long forms.
    let settings = [
        &[SETTINGS, 0x40, 16][..],
        &[0xc0, 0, 0, 0, 0, 0, 0xff, 0x10],
        &[0xc0, 0, 0, 0, 0, 0, 0, 7],
    ]
    .concat();
    let first = raw::frame(Frame::Certificate, b"first");
    let empty = raw::frame(Frame::Certificate, b"");
    // A frame of GREASE between, which h3 ignores.
    let stream =
        [&[0x40, CONTROL][..], &settings, &first, &[0x21, 0x01, 0xff], &empty, &first].concat();
    let mut control = client.open_uni().await.unwrap();
    for byte in stream {
        control.write_chunk(Bytes::copy_from_slice(&[byte])).await.unwrap();
        // Lets the endpoints send it.
        tokio::task::yield_now().await;
    }
    assert_eq!(at_server.event().await, Event::Setting(Some(7)));
    for payload in [&b"first"[..], b"", b"first"] {
        assert_eq!(at_server.event().await, Event::Frame(Frame::Certificate, payload.to_vec()));
    }
}
