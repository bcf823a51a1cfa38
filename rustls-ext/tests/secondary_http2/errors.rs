//! Errors end the connection of a real HTTP/2 library, with GOAWAY as the peer sees it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::http::secondary::{
    ConnectionError, Frame, Http2Filter, HttpCodePoints, Outbox, SendError,
};
use rustls_ext::wire::authenticator::{AuthenticatorError, ContextError, Endpoint};
use rustls_ext::wire::secondary::RequestsError;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use crate::frames::*;
use crate::recorder::{Call, Event, Recorder};

const PROTOCOL_ERROR: u32 = 0x1;
const FRAME_SIZE_ERROR: u32 = 0x6;
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// An error for each error code.
fn one_of_each_code() -> [(ConnectionError, u32); 3] {
    let frame = Frame::Certificate;
    [
        (ConnectionError::UnexpectedCertificate, PROTOCOL_ERROR),
        (ConnectionError::TooLong { frame, length: 0xff_ffff }, FRAME_SIZE_ERROR),
        (ConnectionError::TooManyRequests { most: 7 }, ENHANCE_YOUR_CALM),
    ]
}

fn every_error() -> Vec<(ConnectionError, u32)> {
    let frame = Frame::Certificate;
    let others = [
        ConnectionError::NotAnnounced(frame),
        ConnectionError::SettingWithdrawn,
        ConnectionError::BadSetting { value: 2 },
        ConnectionError::Requests(RequestsError::Empty),
        ConnectionError::RequestsOfClient,
        ConnectionError::OnStream(frame),
        ConnectionError::TooManyOutstanding { most: 1 },
        ConnectionError::Context(ContextError::Repeated),
        ConnectionError::Authenticator(AuthenticatorError::Mac),
        ConnectionError::Signature,
        ConnectionError::InHeaderBlock(frame),
    ];
    let others = others.map(|error| (error, PROTOCOL_ERROR));
    others.into_iter().chain(one_of_each_code()).collect()
}

/// A connection to a server of hyper behind the filter.
struct Server {
    peer: DuplexStream,
    task: JoinHandle<hyper::Result<()>>,
    outbox: Outbox,
    recorder: Arc<Recorder>,
    /// How many requests it has answered.
    served: Arc<AtomicU32>,
}

impl Server {
    fn new(recorder: Arc<Recorder>) -> Self {
        Self::failing(recorder, None)
    }

    /// The first request ends the connection with this error.
    fn failing(recorder: Arc<Recorder>, error: Option<ConnectionError>) -> Self {
        let (peer, io) = duplex(1 << 16);
        let (outbox, served) = (Outbox::new(), Arc::new(AtomicU32::new(0)));
        let filter = Http2Filter::new(
            io,
            Endpoint::Server,
            HttpCodePoints::DEFAULT,
            recorder.clone(),
            outbox.clone(),
        );
        let (failing, counter) = (outbox.clone(), served.clone());
        let service = service_fn(move |_: Request<Incoming>| {
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(error) = error.clone() {
                failing.fail(error);
            }
            async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(filter), service);
        Self { peer, task: tokio::spawn(connection), outbox, recorder, served }
    }

    /// Sends octets after the preface and SETTINGS.
    async fn send(&mut self, octets: &[u8]) {
        let start = [PREFACE, &settings(&[(SETTING, 1)])].concat();
        self.peer.write_all(&[&start, octets].concat()).await.unwrap();
    }

    /// The connection ends: returns the last stream and the error code of GOAWAY.
    async fn end(mut self, error: &ConnectionError) -> (u32, u32) {
        let go_away = go_away(&mut self.peer).await;
        self.task.await.unwrap().unwrap_err();
        assert_eq!(self.outbox.error().as_ref(), Some(error));
        let refused = self.outbox.send(Frame::AuthenticatorRequests, Vec::new());
        assert_eq!(refused, Err(SendError::Closed));
        let events = self.recorder.events();
        assert_eq!(events.iter().filter(|event| **event == Event::Closed).count(), 1);
        assert_eq!(events.last(), Some(&Event::Closed));
        go_away
    }
}

/// Reads to the end. The last frame must be the only GOAWAY: returns its last stream and its error
/// code.
async fn go_away(peer: &mut DuplexStream) -> (u32, u32) {
    let mut octets = Vec::new();
    peer.read_to_end(&mut octets).await.unwrap();
    let octets = octets.strip_prefix(PREFACE).unwrap_or(&octets);
    let frames = cut(octets);
    assert_eq!(frames.iter().filter(|frame| frame[3] == GOAWAY).count(), 1, "{frames:?}");
    let last = frames.last().unwrap();
    assert_eq!(last[3..9], [GOAWAY, 0, 0, 0, 0, 0]);
    let number = |from| u32::from_be_bytes(last[from..from + 4].try_into().unwrap());
    (number(9), number(13))
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)
}

#[tokio::test]
async fn every_error_ends_the_connection_with_its_code() {
    for (error, code) in every_error() {
        let mut server = Server::new(Recorder::failing(Call::Head, error.clone()));
        server.send(&[get(1), ours(Frame::Certificate, 0, b"payload")].concat()).await;
        assert_eq!(server.end(&error).await, (1, code), "{error}");
    }
}

#[tokio::test]
async fn errors_of_each_call_end_the_connection() {
    for call in [Call::Setting, Call::Head, Call::Frame] {
        for (error, code) in one_of_each_code() {
            let mut server = Server::new(Recorder::failing(call, error.clone()));
            server.send(&ours(Frame::Certificate, 0, b"payload")).await;
            assert_eq!(server.end(&error).await, (0, code), "{call:?} {error}");
        }
    }
}

#[tokio::test]
async fn nothing_reaches_the_service_after_an_error() {
    let error = ConnectionError::UnexpectedCertificate;
    for call in [Call::Head, Call::Frame] {
        let mut server = Server::new(Recorder::failing(call, error.clone()));
        server.send(&[get(1), ours(Frame::Certificate, 0, b"payload"), get(3)].concat()).await;
        let served = server.served.clone();
        assert_eq!(server.end(&error).await, (1, PROTOCOL_ERROR));
        assert!(served.load(Ordering::Relaxed) <= 1);
    }
}

#[tokio::test]
async fn scc_12_a_frame_of_16_mib_is_refused_from_its_head() {
    let frame = Frame::Certificate;
    let error = ConnectionError::TooLong { frame, length: 0xff_ffff };
    let mut server = Server::new(Recorder::failing(Call::Head, error.clone()));
    server.send(&head(0xff_ffff, kind(frame), 0, 0)).await;
    assert_eq!(server.end(&error).await, (0, FRAME_SIZE_ERROR));
}

#[tokio::test]
async fn scc_13_a_frame_within_a_header_block_ends_the_connection() {
    for which in [Frame::AuthenticatorRequests, Frame::Certificate] {
        let recorder = Recorder::new();
        let mut server = Server::new(recorder.clone());
        let block = frame(HEADERS, END_STREAM, 1, &GET[..3]);
        server.send(&[block, ours(which, 0, b"payload")].concat()).await;
        let error = ConnectionError::InHeaderBlock(which);
        assert_eq!(server.end(&error).await, (0, PROTOCOL_ERROR));
        assert_eq!(recorder.events(), [Event::Setting(Some(1)), Event::Closed]);
    }
}

#[tokio::test]
async fn an_error_of_the_outbox_ends_an_idle_connection() {
    for (error, code) in one_of_each_code() {
        let mut server = Server::new(Recorder::new());
        server.send(&[]).await;
        server.recorder.wait_for(&Event::Setting(Some(1))).await;
        server.outbox.fail(error.clone());
        assert_eq!(server.end(&error).await, (0, code));
    }
}

#[tokio::test]
async fn an_error_of_the_outbox_does_not_wait_for_the_rest_of_a_frame() {
    for (error, code) in one_of_each_code() {
        let post = frame(HEADERS, END_HEADERS, 1, GET);
        let data = frame(DATA, END_STREAM, 1, &[7; 100]);
        // Within a head, after it, within the payload, and one octet before its end.
        for part in [1, 8, 9, 10, 108] {
            let mut server = Server::failing(Recorder::new(), Some(error.clone()));
            server.send(&[&post, &data[..part]].concat()).await;
            assert_eq!(server.end(&error).await, (1, code), "{part}");
        }
        // Within one of ours.
        let mut server = Server::failing(Recorder::new(), Some(error.clone()));
        let ours = ours(Frame::Certificate, 0, b"payload");
        server.send(&[&post, &ours[..12]].concat()).await;
        assert_eq!(server.end(&error).await, (1, code));
    }
}

#[tokio::test]
async fn the_body_of_a_request_does_not_end_with_a_frame_that_was_cut_off() {
    let (mut peer, io) = duplex(1 << 16);
    let outbox = Outbox::new();
    let filter = Http2Filter::new(
        io,
        Endpoint::Server,
        HttpCodePoints::DEFAULT,
        Recorder::new(),
        outbox.clone(),
    );
    let body = Arc::new(Mutex::new(None));
    let keep = body.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        outbox.fail(ConnectionError::Signature);
        *keep.lock().unwrap() = Some(request.into_body());
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let task = tokio::spawn(builder.serve_connection(TokioIo::new(filter), service));
    let data = frame(DATA, END_STREAM, 1, &[7; 100]);
    let sent = [PREFACE, &settings(&[]), &frame(HEADERS, END_HEADERS, 1, GET), &data[..50]];
    peer.write_all(&sent.concat()).await.unwrap();
    assert_eq!(go_away(&mut peer).await, (1, PROTOCOL_ERROR));
    task.await.unwrap().unwrap_err();
    let body = body.lock().unwrap().take().unwrap();
    http_body_util::BodyExt::collect(body).await.unwrap_err();
}

/// A client of hyper behind the filter, whose server sends these octets: returns GOAWAY.
async fn client(recorder: Arc<Recorder>, outbox: &Outbox, octets: &[u8]) -> (u32, u32) {
    let (mut peer, io) = duplex(1 << 16);
    peer.write_all(octets).await.unwrap();
    let filter =
        Http2Filter::new(io, Endpoint::Client, HttpCodePoints::DEFAULT, recorder, outbox.clone());
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) =
        builder.handshake::<_, Empty<Bytes>>(TokioIo::new(filter)).await.unwrap();
    let task = tokio::spawn(connection);
    let end = go_away(&mut peer).await;
    task.await.unwrap().unwrap_err();
    drop(sender);
    end
}

#[tokio::test]
async fn errors_end_the_connection_of_a_client() {
    for call in [Call::Setting, Call::Head, Call::Frame] {
        for (error, code) in one_of_each_code() {
            let outbox = Outbox::new();
            let recorder = Recorder::failing(call, error.clone());
            let ours = ours(Frame::AuthenticatorRequests, 0, b"payload");
            let octets = [settings(&[(SETTING, 2)]), ours].concat();
            assert_eq!(client(recorder, &outbox, &octets).await, (0, code));
            assert_eq!(outbox.error(), Some(error));
        }
    }
}
