//! Peers that break the rules: the code and text with which the connection is closed.

use rustls_ext::http::secondary::{ConnectionError, Frame};
use rustls_ext::wire::secondary::RequestsError;

use crate::raw::{self, GET, OK, control, frame, head, settings};
use crate::site::{Client, Event, FORGED, Role, Server, Side, Site, cause};

const H3_STREAM_CREATION_ERROR: u64 = 0x103;
const H3_CLOSED_CRITICAL_STREAM: u64 = 0x104;
const H3_FRAME_UNEXPECTED: u64 = 0x105;
const H3_EXCESSIVE_LOAD: u64 = 0x107;
const H3_SETTINGS_ERROR: u64 = 0x109;
const H3_MESSAGE_ERROR: u64 = 0x10e;

/// A server is refused that sends this on its control stream.
async fn bad_server(sent: &[&[u8]], code: u64, error: ConnectionError) {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Client, 1);
    let _control = control(&server, sent).await;
    let client = Client::start(side.transport(client)).await;
    assert_eq!(raw::closed(&server).await, (code, error.to_string()));
    assert_eq!(cause(&client.driver.await.unwrap()), &error);
    side.closed().await;
    assert_eq!(side.outbox.error(), Some(error));
}

/// A client is refused that sends this on its control stream, and on a request's stream. Another
/// connection is not affected.
async fn bad_client(sent: &[&[u8]], request: &[&[u8]], code: u64, error: ConnectionError) {
    let site = Site::new();
    let (good_client, good_server) = site.connect().await;
    let good_side = Side::new(Role::Server, 1);
    let _good_server = Server::start(good_side.transport(good_server));
    let mut good_client = Client::start(h3_quinn::Connection::new(good_client)).await;
    let open = good_client.open().await.unwrap();

    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Server, 1);
    let server = Server::start(side.transport(server));
    let _control = control(&client, sent).await;
    let mut streams = None;
    if !request.is_empty() {
        let (mut send, receive) = client.open_bi().await.unwrap();
        send.write_all(&request.concat()).await.unwrap();
        streams = Some((send, receive));
    }
    assert_eq!(raw::closed(&client).await, (code, error.to_string()));
    assert_eq!(cause(&server.task.await.unwrap().unwrap()), &error);
    side.closed().await;
    assert_eq!(side.outbox.error(), Some(error));
    drop(streams);

    assert_eq!(open.echo(b"open").await.unwrap(), b"open");
    assert_eq!(good_client.post(b"new").await.unwrap(), b"new");
    assert!(!good_side.is_closed());
}

#[tokio::test]
async fn scc_1_a_frame_before_the_peers_setting_ends_the_connection() {
    let certificate = frame(Frame::Certificate, b"early");
    let requests = frame(Frame::AuthenticatorRequests, b"early");
    let code = H3_FRAME_UNEXPECTED;
    for settings in [settings(&[]), settings(&[0])] {
        let error = ConnectionError::NotAnnounced(Frame::Certificate);
        bad_client(&[&settings, &certificate], &[], code, error).await;
        let error = ConnectionError::NotAnnounced(Frame::AuthenticatorRequests);
        bad_server(&[&settings, &requests], code, error).await;
    }
}

#[tokio::test]
async fn scc_2_a_bad_setting_of_a_server_ends_the_connection() {
    let error = ConnectionError::BadSetting { value: 2 };
    bad_server(&[&settings(&[2])], H3_SETTINGS_ERROR, error).await;
}

#[tokio::test]
async fn scc_2_a_setting_that_is_sent_twice_ends_the_connection() {
    for values in [[1, 1], [1, 0]] {
        let error = ConnectionError::RepeatedSetting;
        bad_server(&[&settings(&values)], H3_SETTINGS_ERROR, error.clone()).await;
        bad_client(&[&settings(&values)], &[], H3_SETTINGS_ERROR, error).await;
    }
}

#[tokio::test]
async fn scc_4_an_empty_list_of_requests_ends_the_connection() {
    let error = ConnectionError::Requests(RequestsError::Empty);
    let empty = frame(Frame::AuthenticatorRequests, b"");
    bad_server(&[&settings(&[1]), &empty], H3_MESSAGE_ERROR, error).await;
}

#[tokio::test]
async fn scc_5_requests_of_a_client_end_the_connection() {
    let requests = frame(Frame::AuthenticatorRequests, b"requests");
    let error = ConnectionError::RequestsOfClient;
    bad_client(&[&settings(&[1]), &requests], &[], H3_FRAME_UNEXPECTED, error).await;
}

#[tokio::test]
async fn scc_5_requests_on_the_stream_of_a_request_end_the_connection() {
    let requests = frame(Frame::AuthenticatorRequests, b"requests");
    for before in [&[][..], OK, &[OK, b"\x00\x04data"].concat()] {
        let site = Site::new();
        let (client, server) = site.connect().await;
        let mut side = Side::new(Role::Client, 1);
        let _control = control(&server, &[&settings(&[1])]).await;
        let mut client = Client::start(side.transport(client)).await;
        let answer = async {
            let (mut send, _receive) = server.accept_bi().await.unwrap();
            send.write_all(&[before, &requests].concat()).await.unwrap();
            raw::closed(&server).await
        };
        let (failed, closed) = tokio::join!(client.post(b"body"), answer);
        let error = ConnectionError::OnStream(Frame::AuthenticatorRequests);
        assert_eq!(closed, (H3_FRAME_UNEXPECTED, error.to_string()));
        match failed.unwrap_err() {
            h3::error::StreamError::ConnectionError { 0: err, .. } => {
                assert_eq!(cause(&err), &error)
            }
            err => panic!("{err:?}"),
        }
        assert_eq!(cause(&client.driver.await.unwrap()), &error);
        side.closed().await;
        assert_eq!(side.outbox.error(), Some(error));
    }
}

#[tokio::test]
async fn scc_8_a_certificate_on_the_stream_of_a_request_ends_the_connection() {
    // The head is enough.
    let certificate = head(Frame::Certificate, 1000);
    let settings = settings(&[1]);
    for before in [&[][..], GET, &[GET, b"\x21\x03xyz\x00\x04data"].concat()] {
        let error = ConnectionError::OnStream(Frame::Certificate);
        bad_client(&[&settings], &[before, &certificate], H3_FRAME_UNEXPECTED, error).await;
    }
}

#[tokio::test]
async fn scc_8_a_certificate_of_a_server_ends_the_connection() {
    let certificate = frame(Frame::Certificate, b"certificate");
    let error = ConnectionError::UnexpectedCertificate;
    bad_server(&[&settings(&[1]), &certificate], H3_FRAME_UNEXPECTED, error).await;
}

#[tokio::test]
async fn scc_9_a_forged_authenticator_ends_the_connection() {
    let forged = frame(Frame::Certificate, FORGED);
    bad_client(&[&settings(&[1]), &forged], &[], H3_MESSAGE_ERROR, ConnectionError::Signature)
        .await;
}

#[tokio::test]
async fn scc_12_a_frame_of_16_mib_is_refused_from_its_head() {
    let length = 1 << 24;
    let settings = settings(&[1]);
    let error = ConnectionError::TooLong { frame: Frame::Certificate, length };
    let head_of = |frame| head(frame, u32::try_from(length).unwrap());
    bad_client(&[&settings, &head_of(Frame::Certificate)], &[], H3_EXCESSIVE_LOAD, error).await;
    let error = ConnectionError::TooLong { frame: Frame::AuthenticatorRequests, length };
    let head = head_of(Frame::AuthenticatorRequests);
    bad_server(&[&settings, &head], H3_EXCESSIVE_LOAD, error).await;
}

#[tokio::test]
async fn scc_9_an_error_that_is_found_later_ends_the_connection() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Server, 1);
    let server = Server::start(side.transport(server));
    let certificate = frame(Frame::Certificate, b"checked elsewhere");
    let _control = control(&client, &[&settings(&[1]), &certificate]).await;
    assert_eq!(side.event().await, Event::Setting(Some(1)));
    let event = Event::Frame(Frame::Certificate, b"checked elsewhere".to_vec());
    assert_eq!(side.event().await, event);
    // Nothing else wakes h3.
    side.outbox.fail(ConnectionError::Signature);
    let error = ConnectionError::Signature;
    assert_eq!(raw::closed(&client).await, (H3_MESSAGE_ERROR, error.to_string()));
    assert_eq!(cause(&server.task.await.unwrap().unwrap()), &error);
    side.closed().await;
}

#[tokio::test]
async fn a_second_control_stream_is_refused_by_h3_and_not_read() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Server, 1);
    let _server = Server::start(side.transport(server));
    let _first = control(&client, &[&settings(&[1])]).await;
    assert_eq!(side.event().await, Event::Setting(Some(1)));
    let certificate = frame(Frame::Certificate, b"second");
    let _second = control(&client, &[&settings(&[2]), &certificate]).await;
    assert_eq!(raw::closed(&client).await.0, H3_STREAM_CREATION_ERROR);
    side.closed().await;
    side.no_event();
}

#[tokio::test]
async fn further_settings_are_refused_by_h3() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Server, 1);
    let _server = Server::start(side.transport(server));
    let _control = control(&client, &[&settings(&[1]), &settings(&[0])]).await;
    assert_eq!(raw::closed(&client).await.0, H3_FRAME_UNEXPECTED);
    assert_eq!(side.event().await, Event::Setting(Some(1)));
    side.closed().await;
    side.no_event();
}

#[tokio::test]
async fn a_peer_that_stops_the_control_stream_is_refused() {
    let site = Site::new();
    let (client, server) = site.connect().await;
    let mut side = Side::new(Role::Server, 1);
    let server = Server::start(side.transport(server));
    let mut stream = raw::peers_control(&client).await;
    stream.stop(0u32.into()).unwrap();
    // The server learns it before one of these frames.
    while !side.is_closed() {
        let _ = side.outbox.send(Frame::AuthenticatorRequests, b"requests".to_vec());
        tokio::task::yield_now().await;
    }
    assert_eq!(raw::closed(&client).await.0, H3_CLOSED_CRITICAL_STREAM);
    assert!(server.task.await.unwrap().is_some());
    side.closed().await;
}
