//! Connections of hyper's client and server, each behind a filter.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::http::secondary::{Frame, Http2Filter, HttpCodePoints, Outbox, SendError};
use rustls_ext::wire::authenticator::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::frames::*;
use crate::recorder::{Event, Recorder};

/// One side of a connection.
struct Side {
    recorder: Arc<Recorder>,
    outbox: Outbox,
    task: JoinHandle<hyper::Result<()>>,
}

fn filter<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    endpoint: Endpoint,
    recorder: &Arc<Recorder>,
    outbox: &Outbox,
) -> TokioIo<Http2Filter<IO>> {
    let code_points = HttpCodePoints::DEFAULT;
    TokioIo::new(Http2Filter::new(io, endpoint, code_points, recorder.clone(), outbox.clone()))
}

/// A server that returns the body of the request. It shuts down gracefully after `shutdown`.
fn server(
    io: DuplexStream,
    recorder: Arc<Recorder>,
    outbox: Outbox,
    shutdown: Arc<Notify>,
) -> Side {
    let service = service_fn(|request: Request<Incoming>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let io = filter(io, Endpoint::Server, &recorder, &outbox);
    let connection = builder.serve_connection(io, service);
    let task = tokio::spawn(async move {
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = &mut connection => return result,
            () = shutdown.notified() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    });
    Side { recorder, outbox, task }
}

async fn client(
    io: DuplexStream,
    recorder: Arc<Recorder>,
    outbox: Outbox,
) -> (SendRequest<Full<Bytes>>, Side) {
    let io = filter(io, Endpoint::Client, &recorder, &outbox);
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(io).await.unwrap();
    (sender, Side { recorder, outbox, task: tokio::spawn(connection) })
}

/// A client and a server, with so many octets between them at most.
async fn both(octets: usize) -> (SendRequest<Full<Bytes>>, Side, Side) {
    let (near, far) = duplex(octets);
    let server = server(far, Recorder::new(), Outbox::new(), Arc::new(Notify::new()));
    let (sender, client) = client(near, Recorder::new(), Outbox::new()).await;
    (sender, client, server)
}

async fn echo(sender: &mut SendRequest<Full<Bytes>>, body: Vec<u8>) {
    sender.ready().await.unwrap();
    let request = Request::post("https://example.com/").body(Full::from(body.clone())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
}

fn received(frame: Frame, payload: &[u8]) -> [Event; 2] {
    let head = Event::Head { frame, on_control: true, length: payload.len() as u64 };
    [head, Event::Frame(frame, payload.to_vec())]
}

#[tokio::test]
async fn scc_1_both_sides_announce_and_exchange_frames() {
    for octets in [1 << 12, 1 << 16] {
        let (mut sender, client, server) = both(octets).await;
        let (requests, certificate) = (Frame::AuthenticatorRequests, Frame::Certificate);
        for n in 0..3 {
            let (question, answer) = (vec![n; 40], vec![n; 16_384]);
            server.outbox.send(requests, question.clone()).unwrap();
            echo(&mut sender, vec![n; 40_000]).await;
            client.recorder.wait_for(&Event::Frame(requests, question)).await;
            client.outbox.send(certificate, answer.clone()).unwrap();
            server.recorder.wait_for(&Event::Frame(certificate, answer)).await;
        }
        drop(sender);
        client.task.await.unwrap().unwrap();
        server.task.await.unwrap().unwrap();
        let events = |frame, length| {
            let frames = (0..3).flat_map(|n| received(frame, &vec![n; length]));
            let first = [Event::Setting(Some(1))].into_iter();
            first.chain(frames).chain([Event::Closed]).collect::<Vec<_>>()
        };
        assert_eq!(client.recorder.events(), events(requests, 40));
        assert_eq!(server.recorder.events(), events(certificate, 16_384));
    }
}

#[tokio::test]
async fn a_frame_wakes_an_idle_connection() {
    let (mut sender, client, server) = both(1 << 16).await;
    echo(&mut sender, b"body".to_vec()).await;
    // Nothing else happens on the connection.
    for n in 0..3 {
        let payload = vec![n; 100];
        server.outbox.send(Frame::AuthenticatorRequests, payload.clone()).unwrap();
        client
            .recorder
            .wait_for(&Event::Frame(Frame::AuthenticatorRequests, payload.clone()))
            .await;
        client.outbox.send(Frame::Certificate, payload.clone()).unwrap();
        server.recorder.wait_for(&Event::Frame(Frame::Certificate, payload)).await;
    }
    echo(&mut sender, b"body".to_vec()).await;
}

#[tokio::test]
async fn an_answer_that_is_sent_while_a_frame_is_received_goes_out() {
    let (near, far) = duplex(1 << 16);
    let server = server(far, Recorder::new(), Outbox::new(), Arc::new(Notify::new()));
    let outbox = Outbox::new();
    let (_sender, _client) = client(near, Recorder::answering(&outbox), outbox).await;
    server.outbox.send(Frame::AuthenticatorRequests, b"payload".to_vec()).unwrap();
    server.recorder.wait_for(&Event::Frame(Frame::Certificate, b"payload".to_vec())).await;
}

#[tokio::test]
async fn a_request_that_is_dropped_leaves_the_connection_usable() {
    let (mut sender, client, server) = both(100).await;
    for n in 0..5 {
        sender.ready().await.unwrap();
        let request = Request::post("https://example.com/").body(Full::from(vec![n; 10_000]));
        let response = sender.send_request(request.unwrap());
        server.outbox.send(Frame::AuthenticatorRequests, vec![n]).unwrap();
        // Neither the request nor the response is complete.
        tokio::task::yield_now().await;
        drop(response);
        client.recorder.wait_for(&Event::Frame(Frame::AuthenticatorRequests, vec![n])).await;
    }
    echo(&mut sender, vec![9; 40_000]).await;
}

#[tokio::test]
async fn a_task_that_is_aborted_closes_both_exchanges() {
    let (mut sender, client, server) = both(1 << 16).await;
    echo(&mut sender, b"body".to_vec()).await;
    server.task.abort();
    client.recorder.wait_for(&Event::Closed).await;
    server.recorder.wait_for(&Event::Closed).await;
    for side in [&client, &server] {
        assert_eq!(side.outbox.send(Frame::Certificate, Vec::new()), Err(SendError::Closed));
        assert_eq!(side.outbox.error(), None);
    }
}

#[tokio::test]
async fn a_graceful_shutdown_sends_a_frame_that_waits() {
    let (mut peer, far) = duplex(1 << 16);
    let shutdown = Arc::new(Notify::new());
    let side = server(far, Recorder::new(), Outbox::new(), shutdown.clone());
    let post = frame(HEADERS, END_HEADERS, 1, GET);
    let start = [PREFACE, &settings(&[(SETTING, 1)]), &frame(SETTINGS, ACK, 0, &[]), &post];
    peer.write_all(&start.concat()).await.unwrap();
    side.recorder.wait_for(&Event::Setting(Some(1))).await;
    side.outbox.send(Frame::AuthenticatorRequests, b"before".to_vec()).unwrap();
    shutdown.notify_one();
    let mut frames: Vec<Vec<u8>> = Vec::new();
    // The server pings before its second GOAWAY.
    loop {
        let frame = next(&mut peer).await.unwrap();
        frames.push(frame.clone());
        if frame[3] == 0x6 {
            side.outbox.send(Frame::AuthenticatorRequests, b"between".to_vec()).unwrap();
            let pong = [&[0, 0, 8, 0x6, ACK][..], &frame[5..]].concat();
            peer.write_all(&pong).await.unwrap();
            break;
        }
    }
    let end = frame(DATA, END_STREAM, 1, b"body");
    peer.write_all(&[ours(Frame::Certificate, 0, b"late"), end].concat()).await.unwrap();
    while let Some(frame) = next(&mut peer).await {
        frames.push(frame);
    }
    side.task.await.unwrap().unwrap();
    let found = |payload: &[u8]| {
        let ours = ours(Frame::AuthenticatorRequests, 0, payload);
        frames.iter().filter(|frame| **frame == ours).count()
    };
    assert_eq!((found(b"before"), found(b"between")), (1, 1));
    let go_away = |frame: &&Vec<u8>| frame[3] == GOAWAY;
    let last = |frame: &Vec<u8>| (frame[9..13].to_vec(), frame[13..17].to_vec());
    let go_aways: Vec<_> = frames.iter().filter(go_away).map(last).collect();
    let no_error = vec![0; 4];
    let expected = [(vec![0x7f, 0xff, 0xff, 0xff], no_error.clone()), (vec![0, 0, 0, 1], no_error)];
    assert_eq!(go_aways, expected);
    let mut events = vec![Event::Setting(Some(1))];
    events.extend(received(Frame::Certificate, b"late"));
    assert_eq!(side.recorder.events(), [events, vec![Event::Closed]].concat());
}

/// Reads a frame.
async fn next(io: &mut DuplexStream) -> Option<Vec<u8>> {
    let mut head = vec![0; 9];
    io.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    io.read_exact(&mut payload).await.unwrap();
    Some([head, payload].concat())
}

#[tokio::test]
async fn an_answer_is_sent_before_the_acknowledgement_of_a_lower_limit() {
    // Otherwise the peer could refuse the frame (RFC 9113 section 6.5.3).
    let (mut peer, far) = duplex(1 << 17);
    let side = server(far, Recorder::new(), Outbox::new(), Arc::new(Notify::new()));
    let start = [PREFACE, &settings(&[(SETTING, 1), (5, 60_000)])];
    peer.write_all(&start.concat()).await.unwrap();
    side.recorder.wait_for(&Event::Setting(Some(1))).await;
    side.outbox.send(Frame::AuthenticatorRequests, vec![7; 60_000]).unwrap();
    peer.write_all(&settings(&[(5, 16_384)])).await.unwrap();
    let (mut acknowledged, mut sent_after) = (0, None);
    while acknowledged < 2 {
        let frame = next(&mut peer).await.unwrap();
        match frame[3] {
            SETTINGS if frame[4] == ACK => acknowledged += 1,
            0xf0 => sent_after = Some(acknowledged),
            _ => {}
        }
    }
    assert_eq!(sent_after, Some(1));
    let longest = side.outbox.send(Frame::AuthenticatorRequests, vec![7; 16_385]);
    assert_eq!(longest, Err(SendError::TooLong { most: 16_384 }));
}
