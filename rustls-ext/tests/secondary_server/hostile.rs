//! Clients that break the rules: the exact GOAWAY, nobody authenticated, and other connections
//! untouched.

use http::StatusCode;
use rustls_ext::http::secondary::Frame;

use crate::client::{Answers, Connection, changed, silent, with};
use crate::site::{Site, staff};

/// The GOAWAY after these answers, which no page survives.
async fn goaway(answers: impl FnOnce(&Site) -> Answers) -> String {
    let site = Site::new(staff);
    let other = site.connect(with(&[&site.pki.boss])).await;
    assert_eq!(other.status("/").await, StatusCode::OK);
    let connection = site.connect(answers(&site)).await;
    let page = connection.try_get("www.example", "/staff").await;
    assert!(page.is_err(), "{page:?}");
    assert!(site.latest().identities().is_empty());
    let code = connection.goaway().await;
    assert_eq!(other.status("/staff").await, StatusCode::OK);
    code
}

#[tokio::test]
async fn ea_9_a_changed_bit_ends_the_connection_with_protocol_error() {
    // In the certificate, in the signature and in the MAC.
    for place in [100, 40, 1] {
        let change = move |mut answer: Vec<u8>| {
            let at = answer.len() - place;
            answer[at] ^= 1;
            vec![answer]
        };
        let code = goaway(|site| changed(&site.pki.boss, change)).await;
        assert_eq!(code, "PROTOCOL_ERROR");
    }
}

#[tokio::test]
async fn ea_13_the_exporters_of_another_connection_end_the_connection_with_protocol_error() {
    let site = Site::new(staff);
    let other = site.connect(silent()).await.client;
    let code = goaway(|site| {
        let key = crate::client::key(&site.pki.boss);
        std::sync::Arc::new(move |request, _| {
            vec![request.authenticate(other.exporters(), &key).unwrap()]
        })
    });
    assert_eq!(code.await, "PROTOCOL_ERROR");
}

#[tokio::test]
async fn scc_8_two_answers_to_one_request_end_the_connection_with_protocol_error() {
    let site = Site::new(staff);
    let twice = changed(&site.pki.boss, |answer| vec![answer.clone(), answer]);
    let connection = site.connect(twice).await;
    let _ = connection.try_get("www.example", "/staff").await;
    assert_eq!(connection.goaway().await, "PROTOCOL_ERROR");
}

#[tokio::test]
async fn scc_7_an_answer_in_two_frames_ends_the_connection_with_protocol_error() {
    let code = goaway(|site| {
        changed(&site.pki.boss, |answer| {
            let (one, two) = answer.split_at(answer.len() / 2);
            vec![one.to_vec(), two.to_vec()]
        })
    });
    assert_eq!(code.await, "PROTOCOL_ERROR");
}

async fn unsolicited(frame: Frame, payload: Vec<u8>) -> String {
    let site = Site::new(staff);
    let connection: Connection = site.connect(silent()).await;
    assert_eq!(connection.status("/").await, StatusCode::OK);
    connection.client.send(frame, payload);
    connection.goaway().await
}

#[tokio::test]
async fn scc_8_an_unsolicited_certificate_ends_the_connection_with_protocol_error() {
    assert_eq!(unsolicited(Frame::Certificate, vec![1, 2, 3]).await, "PROTOCOL_ERROR");
}

#[tokio::test]
async fn scc_5_requests_of_a_client_end_the_connection_with_protocol_error() {
    assert_eq!(unsolicited(Frame::AuthenticatorRequests, vec![1, 2, 3]).await, "PROTOCOL_ERROR");
}

#[tokio::test]
async fn scc_12_a_longer_authenticator_ends_the_connection_with_frame_size_error() {
    let mut site = Site::new(staff);
    site.options = site.options.with_max_authenticator(100);
    let connection = site.connect(with(&[&site.pki.boss])).await;
    let _ = connection.try_get("www.example", "/staff").await;
    assert_eq!(connection.goaway().await, "FRAME_SIZE_ERROR");
}
