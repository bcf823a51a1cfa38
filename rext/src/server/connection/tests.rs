//! Connections over streams in memory, with clients that speak raw HTTP. The time is tokio's, which
//! stands still while anything can run.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use super::super::memory::{Memory, Shares};
use super::*;

mod floods;
mod idle;
mod lingering;

const HEAD: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(10);
const LIMITS: TimeLimits = TimeLimits { head: HEAD, idle: IDLE, max_age: None };
const SECOND: Duration = Duration::from_secs(1);

type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Responds at once with this body.
fn responds(size: usize) -> App {
    let body = bytes(size);
    let respond = move |_| -> Ready<Result<_, Infallible>> {
        ready(Ok(Response::new(Body::from(body.clone()))))
    };
    BoxCloneSyncService::new(service_fn(respond))
}

fn bytes(size: usize) -> hyper::body::Bytes {
    vec![b'x'; size].into()
}

/// Never responds, and counts the requests that it has.
fn never(unfinished: &Arc<AtomicUsize>) -> App {
    struct Unfinished(Arc<AtomicUsize>);
    impl Drop for Unfinished {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let unfinished = unfinished.clone();
    BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        unfinished.fetch_add(1, Ordering::SeqCst);
        let guard = Unfinished(unfinished.clone());
        async move {
            let _held = (guard, request);
            pending().await
        }
    }))
}

/// A client of a connection.
struct Client {
    io: DuplexStream,
    /// How the connection ended, and how much later than it began.
    ended: JoinHandle<(Ended, Duration)>,
}

/// A frame that was received: its type, its flags, its stream and its payload.
type Frame = (u8, u8, u32, Vec<u8>);

impl Client {
    /// Connects to a server with a buffer of this size between them in each direction.
    fn connect(is_h2: bool, app: App, limits: TimeLimits, buffer: usize) -> Self {
        let (io, server) = duplex(buffer);
        let (phases, phase) = PhaseReceiver::channel();
        let peer = SocketAddr::from(([192, 0, 2, 1], 1));
        let budget = Budget::open(&Memory::new(usize::MAX), Shares::of(4 << 20)).unwrap();
        let requests = Requests::new(app, peer, None, limits.idle).with_budget(budget.clone());
        let alt_svc = AltSvc::new(None, peer);
        let connection = Connection { io: server, is_h2, peer, requests, budget, alt_svc };
        let ended = tokio::spawn(async move {
            let (_phases, begin) = (phases, Instant::now());
            (connection.begin(limits, phase).serve(pending()).await, begin.elapsed())
        });
        Self { io, ended }
    }

    fn h1(app: App) -> Self {
        Self::connect(false, app, LIMITS, 4096)
    }

    /// With the preface and SETTINGS sent.
    async fn h2(app: App) -> Self {
        let mut client = Self::connect(true, app, LIMITS, 4096);
        client.preface().await;
        client
    }

    async fn preface(&mut self) {
        let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, b"")].concat();
        assert!(self.send(&preface).await);
    }

    /// Returns false if the server has ended the connection.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.io.write_all(bytes).await.is_ok()
    }

    /// Reads a frame; `None` at the end of the connection.
    async fn read_frame(&mut self) -> Option<Frame> {
        read_frame(&mut self.io).await
    }

    /// Reads until a frame of this type.
    async fn read_until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.read_frame().await.expect("the connection has ended");
            if frame.0 == kind {
                return frame;
            }
        }
    }

    async fn ended(self) -> (Ended, Duration) {
        self.ended.await.unwrap()
    }
}

async fn read_frame(io: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut header = [0; 9];
    io.read_exact(&mut header).await.ok()?;
    let [a, b, c, kind, flags, stream @ ..] = header;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    io.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, u32::from_be_bytes(stream), payload))
}

/// Reads to the end, and returns the error codes of the GOAWAY frames.
async fn goaways(io: &mut (impl AsyncRead + Unpin)) -> Vec<u32> {
    let mut codes = Vec::new();
    while let Some((kind, _, _, payload)) = read_frame(io).await {
        if kind == GOAWAY {
            codes.push(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    codes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// A type that no extension uses.
const RESERVED: u8 = 0x21;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The fields of a request for `https://localhost/`.
fn fields(method: &Method) -> Vec<u8> {
    let method = if method == Method::GET { 0x82 } else { 0x83 };
    [&[method, 0x87, 0x84, 0x01, 9][..], b"localhost"].concat()
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(&Method::GET))
}

/// The head of a request with a body.
fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &fields(&Method::POST))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
