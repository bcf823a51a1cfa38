//! Over pipes, where the test decides when each byte arrives and each direction closes.

use std::io::ErrorKind;

use rustls_ext::tokio::{ClientStream, End, LikelyRefusal, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, join};

use crate::common::name;
use crate::server::{Server, Setting, end, late, write_on};

/// A connection whose client has completed its handshake, the server's side of it, and the alert
/// that the server is about to send.
pub async fn start(setting: &Setting) -> (ClientStream<DuplexStream>, DuplexStream, Vec<u8>) {
    let (near, mut far) = duplex(64 * 1024);
    let mut server = setting.server();
    let (stream, alert) =
        tokio::join!(setting.connector.connect(name(), near), server.refuse(&mut far));
    (stream.unwrap(), far, alert)
}

/// A connection whose handshake is complete at client and server.
async fn accepted(setting: &Setting) -> (ClientStream<DuplexStream>, DuplexStream, Server) {
    let (near, mut far) = duplex(64 * 1024);
    let mut server = setting.server();
    let (stream, ()) =
        tokio::join!(setting.connector.connect(name(), near), server.accept(&mut far));
    (stream.unwrap(), far, server)
}

#[tokio::test]
async fn an_alert_may_come_a_byte_at_a_time() {
    let (mut stream, mut far, bytes) = start(&Setting::unknown_ca()).await;
    let outcome = stream.outcome();
    let server = async {
        for byte in bytes {
            assert_eq!(outcome.get(), None);
            far.write_u8(byte).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (read, ()) = tokio::join!(stream.read_u8(), server);
    late(&read.unwrap_err());
}

#[tokio::test]
async fn an_alert_may_arrive_byte_by_byte_after_writing_has_failed() {
    let setting = Setting::unknown_ca();
    let (reading, mut alerting) = duplex(64 * 1024);
    let (writing, listening) = duplex(64 * 1024);
    let mut server = setting.server();
    let mut far = join(listening, &mut alerting);
    let (stream, bytes) = tokio::join!(
        setting.connector.connect(name(), join(reading, writing)),
        server.refuse(&mut far)
    );
    // Only the direction from client to server is closed now.
    drop(far);
    let mut stream = stream.unwrap();
    let outcome = stream.outcome();
    let server = async {
        for byte in bytes {
            assert_eq!(outcome.get(), None);
            alerting.write_u8(byte).await.unwrap();
            tokio::task::yield_now().await;
        }
        alerting
    };
    let (err, _alerting) = tokio::join!(write_on(&mut stream), server);
    late(&err);
}

#[tokio::test]
async fn a_connection_that_breaks_off_without_data_was_likely_refused() {
    let (mut stream, far, _) = start(&Setting::unknown_ca()).await;
    drop(far);
    let err = write_on(&mut stream).await;
    assert_eq!(err.kind(), ErrorKind::BrokenPipe);
    let End::LikelyRefused(refusal) = end(&err) else { panic!("{err:?}") };
    assert_eq!(refusal.kind, ErrorKind::BrokenPipe);
    assert!(err.to_string().contains("probably"), "{err}");
    assert_eq!(stream.outcome().get(), Some(&End::LikelyRefused(refusal)));
    assert_eq!(stream.outcome().refusal(), None);
    assert_eq!(end(&stream.read_u8().await.unwrap_err()), End::LikelyRefused(refusal));

    let (mut stream, far, _) = start(&Setting::unknown_ca()).await;
    drop(far);
    let err = stream.read_u8().await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::UnexpectedEof);
    assert!(LikelyRefusal::in_chain(&err).is_some() && Refusal::in_chain(&err).is_none());
}

#[tokio::test]
async fn half_an_alert_is_not_an_alert() {
    let (mut stream, mut far, bytes) = start(&Setting::unknown_ca()).await;
    far.write_all(&bytes[..bytes.len() / 2]).await.unwrap();
    drop(far);
    assert!(LikelyRefusal::in_chain(&write_on(&mut stream).await).is_some());
}

#[tokio::test]
async fn a_connection_that_breaks_off_after_a_ticket_was_not_refused() {
    for tickets in [1, 0] {
        let mut setting = Setting::accepting();
        setting.server.send_tls13_tickets = tickets;
        let (mut stream, far, _) = accepted(&setting).await;
        drop(far);
        let end = end(&write_on(&mut stream).await);
        match tickets {
            1 => assert_eq!(end, End::Io(ErrorKind::BrokenPipe)),
            // but without one, the reason is unknown
            _ => assert!(matches!(end, End::LikelyRefused(_))),
        }
    }
}

#[tokio::test]
async fn a_connection_whose_client_was_not_asked_was_not_refused() {
    let mut setting = Setting::accepting();
    setting.server.client_auth_policy = None;
    setting.server.send_tls13_tickets = 0;
    let (mut stream, far, _) = accepted(&setting).await;
    drop(far);
    assert_eq!(end(&write_on(&mut stream).await), End::Io(ErrorKind::BrokenPipe));
    assert_eq!(end(&stream.read_u8().await.unwrap_err()), End::Io(ErrorKind::BrokenPipe));
}

#[tokio::test]
async fn a_clean_close_is_reported_as_closed() {
    let (mut stream, mut far, mut server) = accepted(&Setting::accepting()).await;
    far.write_all(&server.close()).await.unwrap();
    drop(far);
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    assert_eq!(stream.outcome().get(), Some(&End::Closed));
    // A later write gets the error of the pipe.
    assert_eq!(end(&write_on(&mut stream).await), End::Io(ErrorKind::BrokenPipe));
    assert_eq!(stream.outcome().get(), Some(&End::Closed));
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn data_before_the_end_is_read_before_writing_fails() {
    let (mut stream, mut far, mut server) = accepted(&Setting::accepting()).await;
    far.write_all(&server.say(b"no, thank you")).await.unwrap();
    drop(far);
    // Writes seem to succeed, so that a client that writes a request gets to read the response.
    let request = [b'x'; 16 * 1024];
    for _ in 0..100 {
        stream.write_all(&request).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut answer = [0; 13];
    stream.read_exact(&mut answer[..2]).await.unwrap();
    stream.write_all(&request).await.unwrap();
    stream.read_exact(&mut answer[2..]).await.unwrap();
    assert_eq!(&answer, b"no, thank you");
    assert_eq!(end(&write_on(&mut stream).await), End::Io(ErrorKind::BrokenPipe));
}

/// A program that only writes gets the error eventually.
#[tokio::test]
async fn discarded_bytes_are_limited() {
    let (mut stream, mut far, mut server) = accepted(&Setting::accepting()).await;
    far.write_all(&server.say(b"no, thank you")).await.unwrap();
    drop(far);
    let request = [b'x'; 16 * 1024];
    let mut written = 0;
    let err = loop {
        match stream.write_all(&request).await {
            Ok(()) => written += request.len(),
            Err(err) => break err,
        }
        assert!(written <= 9 * 1024 * 1024);
    };
    assert!(written >= 8 * 1024 * 1024, "{written}");
    assert_eq!(end(&err), End::Io(ErrorKind::BrokenPipe));
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"no, thank you");
}

#[tokio::test]
async fn an_alert_is_reported_at_once_after_any_data() {
    let (mut stream, mut far, mut server) = accepted(&Setting::accepting()).await;
    far.write_all(&server.say(b"hello")).await.unwrap();
    // which a record that it cannot decrypt makes it send
    let alert = server.feed(&[&[23, 3, 3, 0, 32][..], &[0; 32]].concat()).unwrap();
    far.write_all(&alert).await.unwrap();
    drop(far);
    let err = write_on(&mut stream).await;
    assert_eq!(Refusal::in_chain(&err).unwrap().alert, rustls::AlertDescription::BadRecordMac);
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}
