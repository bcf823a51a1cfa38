//! Each alert by its name, at the client, on reads and on writes.

use std::error::Error as _;

use rustls::Error;
use rustls_ext::tokio::{End, Refusal};
use rustls_ext::with_causes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::common::name;
use crate::pipe::start;
use crate::server::{REASONS, Setting, late, write_on};

/// The text of a refusal by the alert `name`.
fn text(name: &str) -> String {
    let what = match name {
        "certificate_required" => "the server requires a client certificate",
        "access_denied" => "the server denied the client access",
        _ => "the server refused the client's certificate",
    };
    format!("{what}: {name}, after the client's handshake")
}

#[tokio::test]
async fn each_alert_is_reported_by_name_when_reading() {
    for (reason, alert, name) in REASONS {
        let (mut stream, mut far, bytes) = start(&Setting::new(reason)).await;
        let outcome = stream.outcome();
        assert_eq!(outcome.get(), None);
        far.write_all(&bytes).await.unwrap();
        drop(far);
        for _ in 0..2 {
            let err = stream.read_u8().await.unwrap_err();
            assert_eq!(late(&err).alert, alert);
            assert_eq!(err.to_string(), text(name));
        }
        assert_eq!(outcome.refusal().unwrap().alert, alert);
        // and later errors are the same
        assert_eq!(late(&write_on(&mut stream).await).alert, alert);
        assert_eq!(outcome.get().unwrap().to_string(), text(name));
    }
}

#[tokio::test]
async fn each_alert_is_reported_by_name_when_only_writing() {
    for (reason, alert, name) in REASONS {
        let (mut stream, mut far, bytes) = start(&Setting::new(reason)).await;
        far.write_all(&bytes).await.unwrap();
        drop(far);
        for _ in 0..2 {
            let err = write_on(&mut stream).await;
            assert_eq!(late(&err).alert, alert);
            assert_eq!(err.to_string(), text(name));
        }
        assert_eq!(stream.outcome().refusal().unwrap().alert, alert);
        assert_eq!(late(&stream.read_u8().await.unwrap_err()).alert, alert);
    }
}

#[tokio::test]
async fn a_flush_and_a_shutdown_report_it_too() {
    for is_flush in [true, false] {
        let (mut stream, mut far, bytes) = start(&Setting::unknown_ca()).await;
        far.write_all(&bytes).await.unwrap();
        // Fills the pipe, so that something is left to be flushed.
        let request = [b'x'; 80 * 1024];
        assert!(stream.write(&request).await.unwrap() < request.len());
        drop(far);
        let err = if is_flush {
            stream.flush().await.unwrap_err()
        } else {
            stream.shutdown().await.unwrap_err()
        };
        assert_eq!(late(&err).to_string(), text("unknown_ca"));
        assert!(stream.outcome().refusal().is_some());
    }
}

#[tokio::test]
async fn the_error_replaces_that_of_rustls_and_names_the_alert_once() {
    let (mut stream, mut far, bytes) = start(&Setting::unknown_ca()).await;
    far.write_all(&bytes).await.unwrap();
    let err = stream.read_u8().await.unwrap_err();
    let refusal = late(&err);
    assert_eq!(refusal.alert, rustls::AlertDescription::UnknownCA);
    assert!(refusal.source().is_none());
    assert_eq!(with_causes(&err), text("unknown_ca"));
    assert_eq!(err.kind(), std::io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_refusal_within_the_handshake_is_one_too() {
    // TLS 1.2, in which the server checks the certificate before the handshake is complete
    for (reason, alert, word) in REASONS {
        let setting = Setting::tls12(reason);
        let (near, mut far) = duplex(64 * 1024);
        let mut server = setting.server();
        let (client, ()) = tokio::join!(setting.connector.connect(name(), near), async {
            let bytes = server.refuse(&mut far).await;
            far.write_all(&bytes).await.unwrap();
        });
        let err = client.unwrap_err();
        let refusal = Refusal::in_chain(&err).unwrap();
        assert_eq!((refusal.alert, refusal.after_handshake), (alert, false));
        assert_eq!(err.to_string(), text(word).split_once(", after").unwrap().0);
    }
}

#[tokio::test]
async fn an_error_that_the_client_finds_is_not_a_refusal() {
    let (mut stream, mut far, _) = start(&Setting::unknown_ca()).await;
    far.write_all(&[23, 3, 3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let err = stream.read_u8().await.unwrap_err();
    assert_eq!(Refusal::in_chain(&err), None);
    assert_eq!(stream.outcome().get(), Some(&End::Tls(Error::DecryptError)));
    assert_eq!(write_on(&mut stream).await.to_string(), err.to_string());
}
