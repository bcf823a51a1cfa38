//! Client and server of secondary certificates on one connection, over the filter of HTTP/2. The
//! octets of one side are changed, as a faulty or hostile peer would send them: the client is
//! authenticated only by an authenticator that arrives as it was made for that request, and a
//! connection ends only for a reason (SCC-1 to SCC-13). If nothing of the extension is changed, the
//! client is authenticated in exactly those scopes for which it has a certificate.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::authenticator::{Endpoint, Exporters, Request};
use rustls_ext::http::secondary::{
    Answer, ChooseCertificate, ClientExchange, ClientLimits, Exchange, Http2Filter, HttpCodePoints,
    Outbox, ServerExchange, ServerOptions, Work,
};
use rustls_ext::http::server::ConnectionInfo;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::{ClientConnection, RootCertStore, ServerConnection};
use rustls_ext::wire::secondary::Requests;
use rustls_ext::{Anchors, Policy, PostHandshake, Verdict};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::secondary_exchange::{CLIENT, CONFIG, RUNTIME, STRANGER, handshake, settle};
use crate::secondary_http2::{END_HEADERS, SETTINGS, cut, head, preface};
use crate::site::PKI;

const GOAWAY: u8 = 0x7;
const REQUESTS: u8 = 0xf0;
const CERTIFICATE: u8 = 0xf1;

/// Checks the properties of this module for a connection whose octets are changed.
pub fn check(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    /// The side whose octets were changed, if these matter to the extension.
    changed: Option<&'static str>,
    /// In how many scopes the client is authenticated.
    scopes: usize,
    /// The rules whose breach made the client and the server end the connection.
    broken: [Option<&'static str>; 2],
}

/// The scopes that the server requests at once, and the certificates that count in them.
static SCOPES: LazyLock<[(&str, Arc<CertifiedKey>); 2]> =
    LazyLock::new(|| [("clients", CLIENT.clone()), ("strangers", STRANGER.clone())]);
static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let anchors = |roots: &Arc<RootCertStore>| Anchors::from_roots((**roots).clone());
    let policy = Policy::builder()
        .provider(Arc::new(ring::default_provider()))
        .scope("clients", anchors(&PKI.roots))
        .scope("strangers", anchors(&PKI.other_roots))
        .post_handshake(PostHandshake::at_once("clients"))
        .post_handshake(PostHandshake::at_once("strangers"))
        .otherwise(Verdict::None);
    Arc::new(policy.build().expect("a policy"))
});
/// A connection whose handshake is complete.
static CONNECTION: LazyLock<Mutex<(ClientConnection, ServerConnection)>> =
    LazyLock::new(|| Mutex::new(handshake()));

/// A change of one piece of a stream: the preface, or a frame.
struct Edit {
    piece: usize,
    from: usize,
    count: usize,
    kind: Kind,
}

#[derive(Arbitrary)]
enum Kind {
    Change(u8),
    Drop,
    Repeat,
    /// Nothing arrives any more.
    Cut,
}

impl Edit {
    fn arbitrary(u: &mut Unstructured<'_>) -> Result<Self> {
        let kind = Kind::arbitrary(u)?;
        let piece = u.int_in_range(0..=9)?;
        // The head of the frame, or anything.
        let most = if bool::arbitrary(u)? { 1023 } else { 15 };
        let from = u.int_in_range(0..=most)?;
        let count = *u.choose(&[1, 1, 4, usize::MAX])?;
        Ok(Self { piece, from, count, kind })
    }

    fn apply(&self, piece: &mut Vec<u8>) {
        let from = self.from.min(piece.len());
        let to = from.saturating_add(self.count).min(piece.len());
        match self.kind {
            Kind::Change(by) => piece[from..to].iter_mut().for_each(|octet| *octet ^= by),
            Kind::Drop => drop(piece.drain(from..to)),
            Kind::Repeat => {
                let again = piece[from..to].to_vec();
                drop(piece.splice(to..to, again));
            }
            Kind::Cut => piece.truncate(from),
        }
    }
}

/// The octets from one side to the other.
struct Wire {
    from: Endpoint,
    edits: Vec<Edit>,
    /// How many pieces there have been.
    pieces: usize,
    cut: bool,
    sent: Vec<u8>,
    arrived: Vec<u8>,
}

impl Wire {
    fn new(from: Endpoint, edits: Vec<Edit>) -> Self {
        Self { from, edits, pieces: 0, cut: false, sent: Vec::new(), arrived: Vec::new() }
    }

    /// The side sends these octets, which are whole frames. Returns those that arrive.
    fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        let start = if self.sent.is_empty() { preface(self.from) } else { &[] };
        let frames = cut(octets.strip_prefix(start).expect("the preface"));
        let frames = frames.into_iter().map(|(head, payload)| [head, payload].concat());
        let start = (!start.is_empty()).then(|| start.to_vec());
        let before = self.arrived.len();
        for mut piece in start.into_iter().chain(frames) {
            if self.cut {
                break;
            }
            for edit in self.edits.iter().filter(|edit| edit.piece == self.pieces) {
                edit.apply(&mut piece);
                self.cut |= matches!(edit.kind, Kind::Cut);
            }
            self.pieces += 1;
            self.arrived.extend(piece);
        }
        self.sent.extend_from_slice(octets);
        self.arrived[before..].to_vec()
    }

    /// Returns true if nothing that matters to the extension was changed: heads, SETTINGS, and the
    /// payloads of its frames.
    fn is_unchanged(&self) -> bool {
        let relevant = |octets: &[u8]| -> Vec<(Vec<u8>, Vec<u8>)> {
            let relevant = |payload: &[u8], kind| {
                let matters = matches!(kind, Some(&(SETTINGS | REQUESTS | CERTIFICATE)));
                if matters { payload.to_vec() } else { Vec::new() }
            };
            let frames = frames(self.from, octets).into_iter();
            frames.map(|(head, payload)| (head.to_vec(), relevant(payload, head.get(3)))).collect()
        };
        !self.cut && relevant(&self.sent) == relevant(&self.arrived)
    }
}

/// The frames after the preface, of which the filter checks only the length.
fn frames(from: Endpoint, octets: &[u8]) -> Vec<(&[u8], &[u8])> {
    cut(octets.get(preface(from).len()..).unwrap_or_default())
}

/// The payloads of the complete frames of this type.
fn payloads(from: Endpoint, octets: &[u8], kind: u8) -> Vec<&[u8]> {
    let frames = frames(from, octets).into_iter();
    let ours = frames.filter(|(octets, payload)| {
        let length = &head(payload.len(), 0, 0, 0)[..3];
        octets.len() == 9 && octets[3] == kind && octets[..3] == *length
    });
    ours.map(|(_, payload)| payload).collect()
}

/// One side: a library that writes some frames and reads everything, over the filter.
struct Side {
    filter: Http2Filter<DuplexStream>,
    outbox: Outbox,
    /// The other end of the filter's stream.
    far: DuplexStream,
    /// What the library still has to write: the preface and SETTINGS, then other frames.
    to_write: VecDeque<Vec<u8>>,
    /// What the library has read.
    read: Vec<u8>,
    /// Nothing more arrives.
    eof: bool,
    /// The library has read the end, and writes nothing any more.
    ended: bool,
    /// To the other side.
    wire: Wire,
}

/// More than either side sends.
const ROOM: usize = 1 << 17;

fn ready<T>(poll: Poll<io::Result<T>>) -> T {
    let Poll::Ready(result) = poll else { panic!("the stream has room") };
    result.expect("the stream is open")
}

fn poll_read(io: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> Poll<io::Result<bool>> {
    let mut buffer = [0; 512];
    let mut buffer = ReadBuf::new(&mut buffer);
    let mut cx = Context::from_waker(Waker::noop());
    let poll = Pin::new(io).poll_read(&mut cx, &mut buffer);
    into.extend_from_slice(buffer.filled());
    poll.map_ok(|()| !buffer.filled().is_empty())
}

fn write(io: &mut (impl AsyncWrite + Unpin), mut octets: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    while !octets.is_empty() {
        let written = ready(Pin::new(&mut *io).poll_write(&mut cx, octets));
        assert!(written > 0);
        octets = &octets[written..];
    }
    ready(Pin::new(io).poll_flush(&mut cx));
}

fn shut(io: &mut (impl AsyncWrite + Unpin)) {
    let mut cx = Context::from_waker(Waker::noop());
    ready(Pin::new(io).poll_shutdown(&mut cx));
}

impl Side {
    fn new(
        u: &mut Unstructured<'_>,
        endpoint: Endpoint,
        exchange: Arc<dyn Exchange>,
        outbox: &Outbox,
        edits: Vec<Edit>,
    ) -> Result<Self> {
        let (io, far) = duplex(ROOM);
        let mut first = preface(endpoint).to_vec();
        first.extend(head(6, SETTINGS, 0, 0));
        first.extend([0, 3, 0, 0, 0, 100]);
        let mut to_write = VecDeque::from([first]);
        for _ in 0..u.int_in_range(0..=3)? {
            to_write.push_back(others(u)?);
        }
        let points = HttpCodePoints::DEFAULT;
        let filter = Http2Filter::new(io, endpoint, points, exchange, outbox.clone());
        let (outbox, wire) = (outbox.clone(), Wire::new(endpoint, edits));
        let (read, eof, ended) = (Vec::new(), false, false);
        Ok(Self { filter, outbox, far, to_write, read, eof, ended, wire })
    }

    /// The library reads everything that is there; at the end it ends its stream, too.
    fn read(&mut self) {
        while !self.ended {
            let code: u32 = match poll_read(&mut self.filter, &mut self.read) {
                Poll::Pending => return,
                Poll::Ready(Ok(true)) => continue,
                Poll::Ready(Ok(false)) => {
                    assert!(self.eof || self.outbox.error().is_some(), "it ends without a reason");
                    1
                }
                Poll::Ready(Err(error)) => {
                    assert!(self.outbox.error().is_some(), "{error}");
                    6
                }
            };
            self.ended = true;
            if self.wire.sent.is_empty() {
                // SETTINGS come before anything else.
                let first = self.to_write.pop_front().unwrap_or_default();
                write(&mut self.filter, &first);
            }
            if self.outbox.error().is_some() {
                let mut go_away = head(8, GOAWAY, 0, 0);
                go_away.extend([0; 4]);
                go_away.extend(code.to_be_bytes());
                write(&mut self.filter, &go_away);
            }
            shut(&mut self.filter);
        }
    }

    /// Reads, writes some frames, and passes what is sent to the other side, in pieces of this many
    /// octets. Returns false if nothing was sent.
    fn turn(&mut self, to: &mut Self, piece: usize) -> bool {
        self.read();
        if !self.ended {
            let next = self.to_write.pop_front().unwrap_or_default();
            write(&mut self.filter, &next);
        }
        let mut octets = Vec::new();
        while let Poll::Ready(Ok(true)) = poll_read(&mut self.far, &mut octets) {}
        let arrived = self.wire.pass(&octets);
        for octets in arrived.chunks(piece) {
            if !to.ended {
                write(&mut to.far, octets);
                to.read();
            }
        }
        if self.wire.cut || self.ended {
            to.end();
        }
        !octets.is_empty()
    }

    /// Nothing more arrives.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.eof, true) {
            shut(&mut self.far);
            self.read();
        }
    }

    /// Checks the end of the connection, which has come.
    fn check(&self, from_peer: &Wire) {
        assert!(self.ended, "the end is not read");
        let Some(error) = self.outbox.error() else {
            // All frames but those of the extension reach the library.
            let mut expected = from_peer.arrived.clone();
            expected.truncate(preface(from_peer.from).len());
            for (head, payload) in frames(from_peer.from, &from_peer.arrived) {
                if head.len() < 9 || !matches!(head[3], REQUESTS | CERTIFICATE) {
                    expected.extend([head, payload].concat());
                }
            }
            assert_eq!(self.read, expected);
            return;
        };
        let sent = frames(self.wire.from, &self.wire.sent);
        let (head, payload) = sent.last().expect("GOAWAY");
        assert_eq!(head[3], GOAWAY);
        assert_eq!(payload[4..], error.http2_code().to_be_bytes(), "{error}");
    }
}

/// A frame that the extension does not have, or a header block of two.
fn others(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=16)?;
    let payload = u.bytes(length.min(u.len()))?;
    let frame = |kind, flags, stream| [head(payload.len(), kind, flags, stream), payload.to_vec()];
    let frames = match u.int_in_range(0..=4)? {
        0 => [frame(0x1, 0, 1), frame(0x9, END_HEADERS, 1)].concat(),
        1 => vec![head(0, SETTINGS, 1, 0)],
        2 => frame(0x1, END_HEADERS, 1).to_vec(),
        3 => frame(0x42, 0, 0).to_vec(),
        _ => frame(0x0, 0, 1).to_vec(),
    };
    Ok(frames.concat())
}

/// Has some of the certificates, and shows them wherever they fit; records the answers.
struct Chooser {
    certificates: Vec<Arc<CertifiedKey>>,
    /// The requests, and whether the answer to each shows a certificate.
    answers: Arc<Mutex<Vec<(Request, bool)>>>,
}

impl ChooseCertificate for Chooser {
    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>> {
        self.certificates.iter().find(|key| request.accepts(key).is_ok()).cloned()
    }

    fn answering(&self, request: &Request, answer: &Answer) {
        let shown = matches!(answer, Answer::Shown(_));
        self.answers.lock().expect("no panic").push((request.clone(), shown));
    }
}

fn run(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let (mut edits, mut none) = (Vec::new(), Vec::new());
    for _ in 0..u.int_in_range(0..=3)? {
        edits.push(Edit::arbitrary(u)?);
    }
    if bool::arbitrary(u)? {
        std::mem::swap(&mut edits, &mut none);
    }
    let held = *u.choose(&[[true, true], [true, false], [false, true], [false, false]])?;
    let certificates = SCOPES.iter().zip(held).filter(|(_, held)| *held);
    let certificates = certificates.map(|((_, key), _)| key.clone()).collect();
    let piece = *u.choose(&[usize::MAX, 1, 5, 200])?;

    let (of_client, of_server, info) = {
        let (client, server) = &*CONNECTION.lock().expect("no panic");
        let of_client = Exporters::for_sender(client, Endpoint::Client).expect("TLS 1.3");
        let of_server = Exporters::for_sender(server, Endpoint::Client).expect("TLS 1.3");
        (of_client, of_server, ConnectionInfo::from_tls(server, None))
    };
    let (answers, work) = (Arc::default(), Arc::<Mutex<Vec<Work>>>::default());
    let chooser = Chooser { certificates, answers: Arc::clone(&answers) };
    let mut limits = ClientLimits::default();
    limits.outstanding = u.int_in_range(1..=2)?;
    let (outbox, to_do) = (Outbox::new(), work.clone());
    let later = move |work| to_do.lock().expect("no panic").push(work);
    let client = ClientExchange::new(of_client, chooser, outbox.clone(), limits, later);
    let options = ServerOptions::new();
    let server = ServerExchange::attach(&info, of_server, &CONFIG, POLICY.clone(), options);
    let of_server = server.outbox().clone();
    let mut client = Side::new(u, Endpoint::Client, Arc::new(client), &outbox, edits)?;
    let mut server = Side::new(u, Endpoint::Server, server, &of_server, none)?;

    RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        let mut turns = 0;
        while client.turn(&mut server, piece) | server.turn(&mut client, piece) {
            let work = std::mem::take(&mut *work.lock().expect("no panic"));
            work.into_iter().for_each(|work| work());
            settle();
            turns += 1;
            assert!(turns < 32, "they never stop sending");
        }
        server.end();
        client.end();
    });
    client.check(&server.wire);
    server.check(&client.wire);
    let answers = answers.lock().expect("no panic");
    let scopes = authenticated(&info, &client.wire, &server.wire, &answers);
    let errors = [client.outbox.error(), server.outbox.error()];
    let changed = match (client.wire.is_unchanged(), server.wire.is_unchanged()) {
        (true, true) => {
            assert_eq!(errors, [None, None]);
            assert_eq!(scopes, held);
            assert_eq!(answers.len(), SCOPES.len());
            None
        }
        (false, _) => Some("client"),
        (true, false) => Some("server"),
    };
    let scopes = scopes.into_iter().filter(|authenticated| *authenticated).count();
    Ok(Outcome { changed, scopes, broken: errors.map(|error| error.map(|error| error.rule())) })
}

/// Checks the identities, and returns whether the client is authenticated in each scope.
fn authenticated(
    info: &ConnectionInfo,
    of_client: &Wire,
    of_server: &Wire,
    answers: &[(Request, bool)],
) -> [bool; 2] {
    let lists = payloads(Endpoint::Server, &of_server.sent, REQUESTS).into_iter();
    let requests = lists.flat_map(|list| Requests::parse(list).expect("requests"));
    let requests: Vec<Request> = requests
        .map(|request| Request::parse(Endpoint::Server, request.bytes()).expect("a request"))
        .collect();
    let sent = payloads(Endpoint::Client, &of_client.sent, CERTIFICATE);
    let arrived = payloads(Endpoint::Client, &of_client.arrived, CERTIFICATE);
    let scopes = [0, 1].map(|scope| {
        let (scope, key) = &SCOPES[scope];
        let Some(identity) = info.identity(scope) else { return false };
        assert_eq!(identity.chain(), key.cert, "{scope}");
        let asked = requests.iter().position(|request| request.accepts(key).is_ok());
        let asked = asked.expect("a request for the scope");
        let is_answer =
            |answer: &(Request, bool)| answer.0.bytes() == requests[asked].bytes() && answer.1;
        let answer = answers.iter().position(is_answer).expect("an answer with a certificate");
        assert!(arrived[asked] == sent[answer], "{scope}: it is not what the client made");
        true
    });
    let count = scopes.iter().filter(|authenticated| **authenticated).count();
    assert_eq!(info.identities().len(), count);
    scopes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_unchanged_connection_authenticates() {
        let outcome = run(&mut Unstructured::new(&[])).unwrap();
        assert_eq!(outcome, Outcome { changed: None, scopes: 2, broken: [None, None] });
    }

    #[test]
    fn the_seeds_reach_every_outcome() {
        let outcomes = crate::seeds("secondary_peer", run);
        let unbroken = outcomes.iter().filter(|outcome| outcome.broken == [None, None]);
        let unbroken: BTreeSet<_> =
            unbroken.map(|outcome| (outcome.changed, outcome.scopes)).collect();
        let changed = [None, Some("client"), Some("server")];
        let expected = changed.iter().flat_map(|side| [0, 1, 2].map(|scopes| (*side, scopes)));
        assert_eq!(unbroken, expected.collect());
        let broken = |side| -> BTreeSet<_> {
            let of_side = outcomes.iter().filter(|outcome| outcome.changed == Some(side));
            of_side.map(|outcome| outcome.broken).filter(|broken| *broken != [None, None]).collect()
        };
        let by_client = ["SCC-5", "SCC-8", "SCC-9", "SCC-12", "SCC-13"];
        let mut expected = BTreeSet::from(by_client.map(|rule| [None, Some(rule)]));
        // The client's number was changed, and the server has sent too many requests.
        expected.insert([Some("SCC-6"), None]);
        assert_eq!(broken("client"), expected);
        let by_server =
            ["SCC-1", "SCC-2", "SCC-4", "SCC-5", "SCC-6", "SCC-8", "SCC-12", "SCC-13", "EA-3"];
        let mut expected = BTreeSet::from(by_server.map(|rule| [Some(rule), None]));
        // The client has answered another request than the server's.
        expected.insert([None, Some("SCC-9")]);
        expected.extend(["SCC-4", "SCC-5", "SCC-12"].map(|rule| [Some(rule), Some("SCC-9")]));
        assert_eq!(broken("server"), expected);
    }

    #[test]
    fn generated_inputs_pass() {
        let outcomes = crate::generated(4000, run);
        let unchanged = Outcome { changed: None, scopes: 2, broken: [None, None] };
        assert!(outcomes.contains(&unchanged));
        assert!(outcomes.len() > 12, "{outcomes:?}");
    }
}
