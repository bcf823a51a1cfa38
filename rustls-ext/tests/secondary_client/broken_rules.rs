//! Servers that break the rules: the code in the client's GOAWAY, and the error at its caller.

use rustls::SignatureScheme;
use rustls_ext::authenticator::{Endpoint, Proof, Request};
use rustls_ext::http::hyper::Error;
use rustls_ext::http::secondary::{ConnectionError, Frame};
use rustls_ext::wire::authenticator::{ContextError, RequestError};
use rustls_ext::wire::secondary::RequestsError;
use rustls_ext::with_causes;

use super::common::provider;
use super::raw::{
    AUTHENTICATOR_REQUESTS, CERTIFICATE, Raw, SETTING, frame, list, settings, usual_settings,
};
use super::world::{A, World, try_get};

const PROTOCOL_ERROR: u32 = 1;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

fn request_of(by: Endpoint) -> Request {
    Request::new(by, &[SignatureScheme::ECDSA_NISTP256_SHA256], &[], &provider()).unwrap()
}

fn request() -> Request {
    request_of(Endpoint::Server)
}

fn requests(requests: &[&Request]) -> Vec<u8> {
    let requests: Vec<_> = requests.iter().map(|request| request.bytes()).collect();
    frame(AUTHENTICATOR_REQUESTS, 0, &list(&requests))
}

/// The client's reaction to a server that starts with `first` and sends `then` when it has received
/// an HTTP request: the error at the caller, and the code that the server gets.
async fn reaction(first: Vec<u8>, then: Vec<u8>) -> (ConnectionError, u32) {
    let mut world = World::new();
    let code = world.raw(A, async move |mut raw: Raw| {
        raw.write(&first).await;
        raw.request().await;
        raw.write(&then).await;
        loop {
            if let Err(code) = raw.answer().await {
                return code;
            }
        }
    });
    let error = match try_get(&world.client(), A).await {
        Err(Error::Secondary(error)) => error,
        Err(other) => panic!("{}", with_causes(&other)),
        Ok(page) => panic!("{}", page.status),
    };
    (error, code.await.unwrap())
}

async fn ends(first: Vec<u8>, then: Vec<u8>, error: ConnectionError, code: u32) {
    assert_eq!(reaction(first, then).await, (error, code));
}

#[tokio::test]
async fn scc_1_a_request_before_the_server_s_setting() {
    for first in [settings(&[]), settings(&[(SETTING, 0)])] {
        let error = ConnectionError::NotAnnounced(Frame::AuthenticatorRequests);
        ends(first, requests(&[&request()]), error, PROTOCOL_ERROR).await;
    }
}

#[tokio::test]
async fn scc_1_the_server_s_setting_may_be_late() {
    let mut world = World::new();
    let answered = world.raw(A, async |mut raw: Raw| {
        assert!(raw.settings.contains(&(SETTING, 2)));
        raw.write(&settings(&[])).await;
        raw.request().await;
        let request = request();
        raw.write(&usual_settings()).await;
        raw.write(&requests(&[&request])).await;
        let answer = raw.answer().await.unwrap();
        let exporters = &raw.exporters;
        matches!(
            request.validate(exporters, &answer, |message, certificate, signature| {
                rustls::crypto::verify_tls13_signature(
                    message,
                    certificate,
                    signature,
                    &provider().signature_verification_algorithms,
                )
            }),
            Ok(Proof::Possession(_))
        )
    });
    let client = world.client();
    let page = tokio::spawn(async move { try_get(&client, A).await });
    assert!(answered.await.unwrap());
    page.abort();
}

#[tokio::test]
async fn scc_2_a_server_s_setting_is_neither_0_nor_1() {
    let error = ConnectionError::BadSetting { value: 2 };
    ends(settings(&[]), settings(&[(SETTING, 2)]), error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn scc_2_the_first_settings_end_the_connection_before_any_request() {
    let mut world = World::new();
    let code = world.raw(A, async |mut raw: Raw| {
        raw.write(&settings(&[(SETTING, 7)])).await;
        raw.answer().await.unwrap_err()
    });
    let error = try_get(&world.client(), A).await.err().unwrap();
    let Error::Secondary(error) = error else { panic!("{}", with_causes(&error)) };
    assert_eq!(error, ConnectionError::BadSetting { value: 7 });
    assert_eq!(code.await.unwrap(), PROTOCOL_ERROR);
}

#[tokio::test]
async fn scc_2_the_setting_returns_to_0() {
    let error = ConnectionError::SettingWithdrawn;
    ends(usual_settings(), settings(&[(SETTING, 0)]), error.clone(), PROTOCOL_ERROR).await;
    // Entries of one frame count in order.
    let both = settings(&[(SETTING, 1), (SETTING, 0)]);
    ends(settings(&[]), both, error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn scc_4_malformed_requests() {
    let of_client = request_of(Endpoint::Client);
    let type_17 = RequestError::UnexpectedMessage { expected: 13, found: 17 };
    for (payload, error) in [
        (vec![], RequestsError::Empty),
        (vec![63, 13], RequestsError::Length),
        (list(&[of_client.bytes()]), RequestsError::Request(type_17)),
    ] {
        let frame = frame(AUTHENTICATOR_REQUESTS, 0, &payload);
        ends(usual_settings(), frame, ConnectionError::Requests(error), PROTOCOL_ERROR).await;
    }
}

#[tokio::test]
async fn scc_5_a_request_on_the_stream_of_an_http_request() {
    let then = frame(AUTHENTICATOR_REQUESTS, 1, &list(&[request().bytes()]));
    let error = ConnectionError::OnStream(Frame::AuthenticatorRequests);
    ends(usual_settings(), then, error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn scc_6_more_outstanding_requests_than_announced() {
    let then = requests(&[&request(), &request(), &request()]);
    let error = ConnectionError::TooManyOutstanding { most: 2 };
    ends(usual_settings(), then, error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn scc_8_a_certificate_of_a_server() {
    let error = ConnectionError::UnexpectedCertificate;
    ends(usual_settings(), frame(CERTIFICATE, 0, &[1]), error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn scc_12_a_frame_of_16_mib_is_refused_from_its_head() {
    let head = [&[0xff; 3][..], &[AUTHENTICATOR_REQUESTS, 0, 0, 0, 0, 0]].concat();
    let error = ConnectionError::TooLong { frame: Frame::AuthenticatorRequests, length: 0xff_ffff };
    ends(usual_settings(), head, error, FRAME_SIZE_ERROR).await;
}

#[tokio::test]
async fn scc_12_a_server_that_asks_10_000_times_meets_the_limit() {
    let mut world = World::new();
    let outcome = world.raw(A, async |mut raw: Raw| {
        raw.write(&usual_settings()).await;
        raw.request().await;
        for number in 0..10_000 {
            raw.write(&requests(&[&request()])).await;
            if let Err(code) = raw.answer().await {
                return (number, code);
            }
        }
        (10_000, 0)
    });
    let error = try_get(&world.client(), A).await.err().unwrap();
    let Error::Secondary(error) = error else { panic!("{}", with_causes(&error)) };
    assert_eq!(error, ConnectionError::TooManyRequests { most: 64 });
    assert_eq!(outcome.await.unwrap(), (64, ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn scc_13_a_request_within_a_header_block() {
    // HEADERS with ":status: 200", and without END_HEADERS.
    let then = [frame(1, 1, &[0x88]), requests(&[&request()])].concat();
    let error = ConnectionError::InHeaderBlock(Frame::AuthenticatorRequests);
    ends(usual_settings(), then, error, PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn ea_3_a_context_for_the_second_time() {
    let request = request();
    let error = ConnectionError::Context(ContextError::Repeated);
    let twice = requests(&[&request, &request]);
    ends(usual_settings(), twice, error.clone(), PROTOCOL_ERROR).await;

    let mut world = World::new();
    let code = world.raw(A, async move |mut raw: Raw| {
        raw.write(&usual_settings()).await;
        raw.request().await;
        raw.write(&requests(&[&request])).await;
        raw.answer().await.unwrap();
        raw.write(&requests(&[&request])).await;
        raw.answer().await.unwrap_err()
    });
    let refused = try_get(&world.client(), A).await.err().unwrap();
    assert!(matches!(refused, Error::Secondary(found) if found == error));
    assert_eq!(code.await.unwrap(), PROTOCOL_ERROR);
}

#[tokio::test]
async fn errors_name_the_rule() {
    let error = ConnectionError::TooManyOutstanding { most: 2 };
    let text = "no response: more than 2 authenticator requests are outstanding (SCC-6)";
    assert_eq!(with_causes(&Error::Secondary(error)).to_string(), text);
}
