//! Client and server of secondary certificates, without a transport: any settings and frames give an
//! error or an answer, nobody is authenticated without a proof, and the limits hold (SCC-1 to SCC-12).

use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::authenticator::{Endpoint, Exporters, Proof, Request};
use rustls_ext::http::secondary::{
    Answer, ChooseCertificate, ClientExchange, ClientLimits, ConnectionError, Exchange, Frame,
    Http2Filter, HttpCodePoints, Outbox, ServerExchange, ServerOptions, Work,
};
use rustls_ext::http::server::ConnectionInfo;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::server::WebPkiClientVerifier;
use rustls_ext::rustls::server::danger::ClientCertVerifier;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};
use rustls_ext::wire::authenticator as wire;
use rustls_ext::wire::secondary::Requests;
use rustls_ext::{Anchors, Policy, PostHandshake, Verdict};
use tokio::io::{AsyncWrite as _, Empty, Join, empty, join};
use tokio::runtime::Runtime;

use crate::site::{self, Decides, PKI, certified_key, feed, output};

/// The scopes that the server requests at once.
const SCOPES: [&str; 3] = ["users", "devices", "staff"];

/// Checks the properties of this module for the peer of a client or a server.
pub fn check(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    side: &'static str,
    /// Whether a request was answered.
    answered: bool,
    /// The rule that the peer broke.
    broken: Option<&'static str>,
}

fn run(u: &mut Unstructured<'_>) -> Result<Outcome> {
    if bool::arbitrary(u)? { Client::run(u) } else { server(u) }
}

/// The exporters of a connection, with values that count up.
fn exporters(first: u8) -> Exporters {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    let mut next = first;
    Exporters::from_exporter(suite, Endpoint::Client, |value, _| {
        for byte in value {
            *byte = next;
            next = next.wrapping_add(1);
        }
        Ok(())
    })
    .expect("values")
}

static EXPORTERS: LazyLock<Exporters> = LazyLock::new(|| exporters(0));
static ELSEWHERE: LazyLock<Exporters> = LazyLock::new(|| exporters(1));
pub(crate) static CLIENT: LazyLock<Arc<CertifiedKey>> =
    LazyLock::new(|| certified_key(&PKI.client));
pub(crate) static STRANGER: LazyLock<Arc<CertifiedKey>> =
    LazyLock::new(|| certified_key(&PKI.stranger));
static VERIFIER: LazyLock<Arc<dyn ClientCertVerifier>> = LazyLock::new(|| {
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(PKI.roots.clone(), provider);
    builder.build().expect("anchors")
});

/// Takes the frames out of an outbox, as a filter of a connection without other frames.
struct Taker {
    filter: Http2Filter<Join<Empty, Vec<u8>>>,
    taken: usize,
}

/// Decides nothing: frames come in by other ways.
struct Nothing;

impl Exchange for Nothing {
    fn announces(&self) -> u32 {
        1
    }

    fn setting(&self, _: Option<u64>) -> std::result::Result<(), ConnectionError> {
        Ok(())
    }

    fn head(&self, _: Frame, _: bool, _: u64) -> std::result::Result<(), ConnectionError> {
        Ok(())
    }

    fn frame(&self, _: Frame, _: Vec<u8>) -> std::result::Result<(), ConnectionError> {
        Ok(())
    }

    fn closed(&self) {}
}

impl Taker {
    fn new(outbox: &Outbox) -> Self {
        let stream = join(empty(), Vec::new());
        let points = HttpCodePoints::DEFAULT;
        let outbox = outbox.clone();
        let mut filter =
            Http2Filter::new(stream, Endpoint::Server, points, Arc::new(Nothing), outbox);
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let mut cx = Context::from_waker(Waker::noop());
        let written = Pin::new(&mut filter).poll_write(&mut cx, &settings);
        assert!(matches!(written, Poll::Ready(Ok(9))));
        Self { filter, taken: 0 }
    }

    /// The payloads of the frames of this type.
    fn take(&mut self, kind: u8) -> Vec<Vec<u8>> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut self.filter).poll_flush(&mut cx), Poll::Ready(Ok(()))));
        let mut octets = &self.filter.get_ref().writer()[self.taken..];
        self.taken += octets.len();
        let mut payloads = Vec::new();
        while let [a, b, c, found, _, _, _, _, _, rest @ ..] = octets {
            let (payload, rest) = rest.split_at(u32::from_be_bytes([0, *a, *b, *c]) as usize);
            if *found == kind {
                payloads.push(payload.to_vec());
            }
            octets = rest;
        }
        payloads
    }
}

fn setting(u: &mut Unstructured<'_>) -> Result<Option<u64>> {
    Ok(*u.choose(&[None, Some(0), Some(1), Some(1), Some(1), Some(2), Some(u64::MAX)])?)
}

/// A frame of the peer arrives; most are of this type, and on the control stream.
fn arrive(
    u: &mut Unstructured<'_>,
    exchange: &dyn Exchange,
    usual: Frame,
    payload: Vec<u8>,
) -> Result<std::result::Result<(), ConnectionError>> {
    let other = match usual {
        Frame::Certificate => Frame::AuthenticatorRequests,
        Frame::AuthenticatorRequests => Frame::Certificate,
    };
    let frame = if u.ratio(1, 16)? { other } else { usual };
    let on_control = !u.ratio(1, 16)?;
    let mut length = payload.len() as u64;
    if u.ratio(1, 16)? {
        length = u64::arbitrary(u)?;
    }
    let head = exchange.head(frame, on_control, length);
    if head.is_ok() {
        assert!(frame == usual && on_control, "{frame} is not allowed here");
        assert!(length <= LONGEST, "SCC-12: {length} bytes");
    }
    Ok(head.and_then(|()| exchange.frame(frame, payload)))
}

/// The longest frame that either side accepts, in bytes.
const LONGEST: u64 = 2048;

/// Some changes of single bytes, or none.
fn change(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    if u.ratio(1, 4)? {
        let at = u.int_in_range(0..=bytes.len())?;
        match u.int_in_range(0..=2)? {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, u8::arbitrary(u)?),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= u8::arbitrary(u)?;
                }
            }
        }
    }
    Ok(())
}

/// What a client was asked, and what it did.
#[derive(Default)]
struct Record {
    requests: Vec<Request>,
    /// Whether each answer shows the certificate.
    answers: Vec<bool>,
}

/// Shows its certificate wherever it fits.
struct Chooser(Arc<Mutex<Record>>);

impl ChooseCertificate for Chooser {
    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>> {
        request.accepts(&CLIENT).is_ok().then(|| CLIENT.clone())
    }

    fn requested(&self, request: &Request) {
        self.0.lock().expect("no panic").requests.push(request.clone());
    }

    fn answering(&self, request: &Request, answer: &Answer) {
        let mut record = self.0.lock().expect("no panic");
        assert_eq!(record.requests.get(record.answers.len()), Some(request), "SCC-7: in order");
        record.answers.push(matches!(answer, Answer::Shown(_)));
    }
}

/// Our client, and a server that sends anything.
struct Client {
    exchange: ClientExchange,
    limits: ClientLimits,
    record: Arc<Mutex<Record>>,
    work: Arc<Mutex<Vec<Work>>>,
    taker: Taker,
    /// How many answers have been checked.
    checked: usize,
}

impl Client {
    fn run(u: &mut Unstructured<'_>) -> Result<Outcome> {
        let mut limits = ClientLimits::default();
        limits.outstanding = u.int_in_range(0..=3)?;
        limits.shown = u.int_in_range(0..=3)?;
        limits.requests = u.int_in_range(0..=5)?;
        limits.frame_length = LONGEST;
        let (record, work) = (Arc::default(), Arc::<Mutex<Vec<Work>>>::default());
        let (outbox, to_do) = (Outbox::new(), work.clone());
        let taker = Taker::new(&outbox);
        let run = move |work| to_do.lock().expect("no panic").push(work);
        let chooser = Chooser(Arc::clone(&record));
        let exchange = ClientExchange::new(exporters(0), chooser, outbox, limits, run);
        let mut client = Self { exchange, limits, record, work, taker, checked: 0 };
        let mut broken = None;
        while broken.is_none() && !u.is_empty() {
            let step = client.step(u)?;
            broken = step.err().map(|error| error.rule());
            client.check();
        }
        client.exchange.closed();
        client.work();
        client.check();
        Ok(Outcome { side: "client", answered: client.checked > 0, broken })
    }

    fn step(
        &mut self,
        u: &mut Unstructured<'_>,
    ) -> Result<std::result::Result<(), ConnectionError>> {
        match u.int_in_range(0..=7)? {
            0 | 1 => return Ok(self.exchange.setting(setting(u)?)),
            2 | 3 => self.work(),
            4 if u.ratio(1, 4)? => self.exchange.closed(),
            _ => {
                let payload = self.requests(u)?;
                return arrive(u, &self.exchange, Frame::AuthenticatorRequests, payload);
            }
        }
        Ok(Ok(()))
    }

    /// The payload of a frame with requests.
    fn requests(&self, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        for _ in 0..u.int_in_range(0..=2)? {
            // Few contexts, so that some are repeated. ECDSA with P-256 is the client's.
            let context = [u.int_in_range(0..=15)?; 16];
            let schemes =
                *u.choose(&[&[0x0403_u16, 0x0401][..], &[0x0403], &[0x0804], &[0x0401]])?;
            let mut buffer = [0; 64];
            let side = Endpoint::Server;
            let request = wire::Request::write(side, &context, schemes, &[], &mut buffer);
            let request = request.expect("a request");
            let mut list = [0; 64];
            payload.extend_from_slice(Requests::write(&[request], &mut list).expect("a list"));
        }
        change(u, &mut payload)?;
        Ok(payload)
    }

    fn work(&self) {
        let work = std::mem::take(&mut *self.work.lock().expect("no panic"));
        work.into_iter().for_each(|work| work());
    }

    fn check(&mut self) {
        let record = self.record.lock().expect("no panic");
        let Record { requests, answers } = &*record;
        let ClientLimits { outstanding, shown, requests: most, .. } = self.limits;
        assert!(requests.len() - answers.len() <= outstanding as usize, "SCC-6");
        assert!(requests.len() <= most as usize, "SCC-12: requests");
        assert!(answers.iter().filter(|shown| **shown).count() <= shown as usize, "SCC-12: shown");
        for bytes in self.taker.take(0xf1) {
            let proof =
                requests[self.checked].validate(&EXPORTERS, &bytes, |message, cert, sig| {
                    VERIFIER.verify_tls13_signature(message, cert, sig)
                });
            match proof.expect("a valid answer") {
                Proof::Possession(proof) => {
                    assert!(answers[self.checked]);
                    assert_eq!(proof.chain(), CLIENT.cert);
                }
                Proof::Declined => assert!(!answers[self.checked]),
            }
            self.checked += 1;
        }
    }
}

thread_local! {
    pub(crate) static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
}

/// Client and server of a connection whose handshake is complete.
pub(crate) fn handshake() -> (ClientConnection, ServerConnection) {
    let name = "localhost".try_into().expect("a name");
    let client = ClientConnection::new(Arc::new(site::client()), name).expect("a client");
    let server = ServerConnection::new(CONFIG.clone()).expect("a server");
    let (mut client, mut server) = (Connection::from(client), Connection::from(server));
    for _ in 0..4 {
        feed(&mut server, &output(&mut client));
        feed(&mut client, &output(&mut server));
    }
    let (Connection::Client(client), Connection::Server(server)) = (client, server) else {
        unreachable!("they are client and server")
    };
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (client, server)
}

/// Waits until all servers of this thread have validated their answers.
pub(crate) fn settle() {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        });
    });
}

static CONNECTION: LazyLock<Mutex<ServerConnection>> = LazyLock::new(|| Mutex::new(handshake().1));
pub(crate) static CONFIG: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| Arc::new(site::server(Decides::Nothing)));
static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let mut policy = Policy::builder().provider(Arc::new(ring::default_provider()));
    for scope in SCOPES {
        let anchors = Anchors::from_roots((*PKI.roots).clone());
        policy = policy.scope(scope, anchors).post_handshake(PostHandshake::at_once(scope));
    }
    Arc::new(policy.otherwise(Verdict::None).build().expect("a policy"))
});

/// Our server, and its connection.
struct Server {
    exchange: Arc<ServerExchange>,
    info: ConnectionInfo,
    taker: Taker,
    /// The requests that the server has sent.
    requests: Vec<Request>,
    /// How many have been answered.
    answered: usize,
}

impl Server {
    fn new(most: u32) -> Self {
        let info = ConnectionInfo::from_tls(&CONNECTION.lock().expect("no panic"), None);
        let options = ServerOptions::new().with_max_requests(most).with_max_authenticator(LONGEST);
        let exchange = RUNTIME.with(|runtime| {
            let _entered = runtime.enter();
            ServerExchange::attach(&info, exporters(0), &CONFIG, POLICY.clone(), options)
        });
        let taker = Taker::new(exchange.outbox());
        Self { exchange, info, taker, requests: Vec::new(), answered: 0 }
    }

    /// The client announces this. The server requests certificates only in a runtime.
    fn setting(&self, value: Option<u64>) -> std::result::Result<(), ConnectionError> {
        RUNTIME.with(|runtime| {
            let _entered = runtime.enter();
            self.exchange.setting(value)
        })
    }

    /// Takes the requests that the server has sent.
    fn take(&mut self) {
        for payload in self.taker.take(0xf0) {
            for request in Requests::parse(&payload).expect("requests") {
                let request = Request::parse(Endpoint::Server, request.bytes());
                self.requests.push(request.expect("a request"));
            }
        }
    }
}

fn server(u: &mut Unstructured<'_>) -> Result<Outcome> {
    let most = u.int_in_range(0..=4)?;
    let mut server = Server::new(most);
    let (mut broken, mut announced) = (None, 0);
    while broken.is_none() && !u.is_empty() {
        let step = match u.int_in_range(0..=7)? {
            0 | 1 => {
                let value = setting(u)?;
                announced = announced.max(value.unwrap_or(0));
                server.setting(value)
            }
            2 => {
                settle();
                Ok(())
            }
            3 if u.ratio(1, 4)? => {
                server.exchange.closed();
                Ok(())
            }
            _ => {
                let payload = authenticator(u, &server)?;
                let outstanding = server.requests.len() > server.answered;
                let exchange: &dyn Exchange = &*server.exchange;
                let arrived = arrive(u, exchange, Frame::Certificate, payload)?;
                if arrived.is_ok() {
                    assert!(outstanding, "SCC-8: it answers no request");
                    server.answered += 1;
                }
                arrived
            }
        };
        server.take();
        assert!(server.requests.len() <= most as usize, "SCC-12");
        assert!((server.requests.len() - server.answered) as u64 <= announced, "SCC-6");
        broken = step.err().or(server.exchange.outbox().error()).map(|error| error.rule());
    }
    settle();
    broken = broken.or(server.exchange.outbox().error().map(|error| error.rule()));
    assert!(server.info.identities().is_empty());
    for scope in SCOPES {
        assert!(server.info.identity(scope).is_none(), "{scope}");
    }
    Ok(Outcome { side: "server", answered: server.answered > 0, broken })
}

/// An authenticator that proves nothing: an empty one, one of a client that is not in the scope, one
/// that was made for another connection, or any bytes.
fn authenticator(u: &mut Unstructured<'_>, server: &Server) -> Result<Vec<u8>> {
    let mut requests = server.requests.get(server.answered..).unwrap_or_default();
    if requests.is_empty() || u.ratio(1, 8)? {
        requests = &server.requests;
    }
    let kind = u.int_in_range(0..=5)?;
    let request = if u.ratio(3, 4)? { requests.first() } else { requests.last() };
    let Some(request) = request.filter(|_| kind > 0) else {
        let length = usize::from(u8::arbitrary(u)?).min(u.len());
        return Ok(u.bytes(length)?.to_vec());
    };
    let mut bytes = match kind {
        1 | 2 => request.decline(&EXPORTERS).expect("an empty authenticator"),
        3 => by_stranger(request),
        4 => request.decline(&ELSEWHERE).expect("an empty authenticator"),
        _ => request.authenticate(&ELSEWHERE, &CLIENT).expect("an authenticator"),
    };
    change(u, &mut bytes)?;
    Ok(bytes)
}

/// A proof of a certificate of another authority, which our client would not send.
fn by_stranger(request: &Request) -> Vec<u8> {
    let wire = wire::Request::parse(Endpoint::Server, request.bytes()).expect("a request");
    let signer = STRANGER.key.choose_scheme(&request.schemes()).expect("a scheme");
    let chain: Vec<&[u8]> = STRANGER.cert.iter().map(|der| der.as_ref()).collect();
    let (scheme, sign) = (signer.scheme().into(), |message: &[u8]| signer.sign(message));
    let mut buffer = [0; 2048];
    let bytes = wire.authenticate(&*EXPORTERS, &chain, scheme, sign, &mut buffer);
    bytes.expect("an authenticator").to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_seeds_reach_every_rule() {
        let outcomes = crate::seeds("secondary_exchange", run);
        let of = |side| -> BTreeSet<_> {
            let of_side = outcomes.iter().filter(|outcome| outcome.side == side);
            of_side.map(|outcome| (outcome.answered, outcome.broken)).collect()
        };
        let expected = |rules: &[&'static str]| {
            let mut expected = BTreeSet::from([(false, None), (true, None)]);
            expected.extend(rules.iter().map(|rule| (false, Some(*rule))));
            expected
        };
        let client = ["SCC-1", "SCC-2", "SCC-4", "SCC-5", "SCC-6", "SCC-8", "SCC-12", "EA-3"];
        assert_eq!(of("client"), expected(&client));
        let mut server = expected(&["SCC-1", "SCC-2", "SCC-5", "SCC-8", "SCC-12"]);
        server.insert((true, Some("SCC-9")));
        assert_eq!(of("server"), server);
    }

    #[test]
    fn generated_inputs_pass() {
        let outcomes = crate::generated(3000, run);
        assert!(outcomes.iter().any(|outcome| outcome.answered && outcome.broken.is_none()));
        assert!(outcomes.len() > 8, "{outcomes:?}");
    }

    /// The checks above can fail: with a proof, the client is authenticated.
    #[test]
    fn a_proof_authenticates() {
        let mut server = Server::new(4);
        server.setting(Some(1)).unwrap();
        server.take();
        let proof = server.requests[0].authenticate(&EXPORTERS, &CLIENT).unwrap();
        server.exchange.head(Frame::Certificate, true, proof.len() as u64).unwrap();
        server.exchange.frame(Frame::Certificate, proof).unwrap();
        settle();
        let identities = server.info.identities();
        assert_eq!(identities.len(), 1);
    }
}
