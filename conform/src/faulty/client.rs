//! A client that breaks one rule.

use std::net::TcpStream;
use std::time::Duration;

use clap::ValueEnum;
use rustls_ext_wire::{ClientNegotiation, CodePoints, FlagSet, Message as In, Offer, Version};

use super::{FaultyClientArgs, Found, find, lists};
use crate::files;
use crate::grade::UNSUPPORTED_EXTENSION;
use crate::origins::{ORIGIN, list};
use crate::talk::{Line, Talk, Verdict};
use command_line::Failure;
use raw_peer::{
    CertificateAnswer, ChainAndKey, ClientConfig, Control, Edit, Handshake, HandshakeType, Message,
    Peer, Ticket, ext, version,
};

const PATIENCE: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The rule that a faulty client breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Sends an empty list of flags
    EmptyFlags,
    /// Sends the extension twice
    SendsTwice,
    /// Treats malformed flags as none
    LaxBodies,
    /// Leaves the offer out of its second ClientHello
    ForgetsInRetry,
    /// Accepts flags in messages that must not have them
    LaxAnswers,
    /// Sends no Certificate
    NoCertificate,
    /// Refuses a request for another reason
    RefusesUnacknowledged,
    /// Sends the flag in its Certificate
    FlagsInCertificate,
    /// Ignores extensions of tickets
    LaxTickets,
    /// Answers the flags of a ticket in its next ClientHello
    AnswersTickets,
    /// Sends CARE with a body
    CareWithBody,
    /// Ignores CARE
    LaxCare,
    /// Makes no offer together with a session
    ForgetsInResumption,
    /// Ignores extensions of a TLS 1.2 ServerHello
    LaxTls12,
    /// Sends an origin hint with an empty string
    MalformedHint,
    /// Hints at a URI with a path
    HintsAtPath,
    /// Hints at 17 origins, in more than 4,096 bytes
    LongHint,
    /// Sends the origin hint in its Certificate
    HintInCertificate,
    /// Ignores an origin hint of the server
    LaxHints,
    /// Also hints in a ClientHello that offers only TLS 1.2, after a server that chose it
    HintsWithoutTls13,
    /// Sends no origin hint, but accepts an answer to it, and ends with unsupported_extension elsewhere
    AcceptsUnsentHints,
}

pub(super) fn run(args: &FaultyClientArgs) -> Result<(), Failure> {
    let identity = files::identity(&args.cert, &args.key)?;
    let (mut ticket, mut old) = (None, false);
    for _ in 0..2 {
        let talk = connect(args, &identity, ticket.take(), old)?;
        let unanswered = talk.is_complete() && talk.peer.received_data().is_empty();
        if talk.verdict() != Verdict::Accepted || talk.peer.error().is_some() || unanswered {
            return Err(Failure::Failed(talk.verdict().to_string()));
        }
        old = talk.has_watched_all();
        let asked = talk.peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some();
        // RES-8: only sessions with a certificate.
        ticket = talk.peer.tickets().last().cloned().filter(|_| asked || talk.peer.is_resumed());
    }
    Ok(())
}

fn connect(
    args: &FaultyClientArgs,
    identity: &ChainAndKey,
    ticket: Option<Ticket>,
    old: bool,
) -> Result<Talk, Failure> {
    let points = args.code_points.get()?;
    let hints = args.fault != Some(Fault::AcceptsUnsentHints);
    let mut mind = Mind {
        fault: args.fault,
        points,
        negotiation: ClientNegotiation::new(Offer::BOTH.with_origins(hints), points),
        version: Version::Tls13,
    };
    let mut config = mind.config(identity, ticket);
    if old && mind.is(Fault::HintsWithoutTls13) {
        config.versions = vec![version::TLS12];
    }
    let peer = Peer::client(config)?;
    let peer = peer.checked_by(move |message, control| match control {
        Control::Client(config) => mind.on(message, config),
        Control::Server(_) => Ok(()),
    });
    let stream = TcpStream::connect(args.to)?;
    let mut line = Line::new(peer, stream, true, PATIENCE)?;
    let mut asked = false;
    while !line.is_over() && line.peer().error().is_none() {
        if line.peer().received(HandshakeType(14)).is_some() {
            tls12(line.peer());
            line.close();
            break;
        }
        if line.peer().is_complete() && !asked {
            asked = line.peer().send_data(REQUEST).is_ok();
        }
        line.step(None);
        if !line.peer().received_data().is_empty() {
            break;
        }
    }
    if line.peer().error().is_some() || !line.is_over() {
        line.close();
    }
    Ok(line.end())
}

/// The next messages of a TLS 1.2 client, with no unencrypted certificate (CARE-5).
fn tls12(peer: &mut Peer) {
    if peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some() {
        let empty = Handshake::Other(HandshakeType::CERTIFICATE, vec![0, 0, 0]);
        let _ = peer.send_handshake(&empty);
    }
    let exchange = [&[32][..], &[9; 32]].concat();
    let _ = peer.send_handshake(&Handshake::Other(HandshakeType(16), exchange));
}

/// The decisions on one connection.
struct Mind {
    fault: Option<Fault>,
    points: CodePoints,
    negotiation: ClientNegotiation,
    version: Version,
}

impl Mind {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn config(&mut self, identity: &ChainAndKey, ticket: Option<Ticket>) -> ClientConfig {
        let mut config = ClientConfig {
            alpn: vec![b"http/1.1".to_vec()],
            versions: vec![version::TLS13, version::TLS12],
            answer: CertificateAnswer::With(identity.clone()),
            accept_compression: true,
            ..ClientConfig::default()
        };
        if self.is(Fault::NoCertificate) {
            config.answer = CertificateAnswer::NoCertificate;
        }
        let offer = self.negotiation.hello(Version::Tls13);
        let (number, care) = (self.points.tls_flags(), offer.care().unwrap_or_default());
        let mut flags = offer.flags();
        if let (Some(ticket), true) = (&ticket, self.is(Fault::AnswersTickets)) {
            let theirs = ext::find(&ticket.extensions, number);
            let theirs = theirs.and_then(|body| FlagSet::decode(body).ok());
            flags = flags.union(&theirs.unwrap_or(FlagSet::EMPTY));
        }
        let mut body = flags.body().unwrap_or_default().to_vec();
        if self.is(Fault::EmptyFlags) {
            body = vec![0];
        }
        let plan = &mut config.plan;
        if !(ticket.is_some() && self.is(Fault::ForgetsInResumption)) {
            plan.client_hello.push(Edit::add(number, body));
        }
        if self.is(Fault::SendsTwice) {
            plan.client_hello.push(Edit::duplicate(number));
        }
        let body: &[u8] = if self.is(Fault::CareWithBody) { &[0] } else { &[] };
        plan.client_hello.push(Edit::add(care, body));
        let hint = offer.origin_hint();
        plan.client_hello.extend(hint.map(|number| Edit::add(number, self.hint())));
        if self.is(Fault::ForgetsInRetry) {
            let forgotten = [Some(number), hint].into_iter().flatten();
            plan.second_client_hello.extend(forgotten.map(Edit::remove));
        }
        if self.is(Fault::HintInCertificate) {
            plan.certificate.extend(hint.map(|number| Edit::add(number, self.hint())));
        }
        if self.is(Fault::FlagsInCertificate) {
            let flags = offer.flags();
            plan.certificate.push(Edit::add(number, flags.body().unwrap_or_default()));
        }
        config.ticket = ticket;
        config
    }

    /// The body of the origin hint.
    fn hint(&self) -> Vec<u8> {
        match self.fault {
            Some(Fault::MalformedHint) => list([ORIGIN, ""]),
            Some(Fault::HintsAtPath) => list([format!("{ORIGIN}/client")]),
            Some(Fault::LongHint) => list((0..17).map(|n| format!("spiffe://{n:0>250}.example"))),
            _ => list([ORIGIN, "spiffe://example.com"]),
        }
    }

    fn on(&mut self, message: &Message, config: &mut ClientConfig) -> Result<(), u8> {
        let parsed = message.parse();
        if let (HandshakeType::SERVER_HELLO, Ok(parsed)) = (message.typ, &parsed) {
            let blocks = parsed.blocks();
            let version = blocks.first().and_then(|b| ext::find(b, ext::SUPPORTED_VERSIONS));
            self.version = if version.is_some() { Version::Tls13 } else { Version::Tls12 };
        }
        if self.version == Version::Tls12 && message.typ != HandshakeType::SERVER_HELLO {
            return self.on_tls12(message);
        }
        if self.version == Version::Tls12 && self.is(Fault::LaxTls12) {
            return Ok(());
        }
        let place = match message.typ {
            HandshakeType::SERVER_HELLO => In::ServerHello,
            HandshakeType::HELLO_RETRY_REQUEST => In::HelloRetryRequest,
            HandshakeType::ENCRYPTED_EXTENSIONS => In::EncryptedExtensions,
            HandshakeType::CERTIFICATE_REQUEST => In::CertificateRequest,
            HandshakeType::CERTIFICATE | HandshakeType::COMPRESSED_CERTIFICATE => {
                In::ServerCertificate
            }
            HandshakeType::NEW_SESSION_TICKET => In::NewSessionTicket,
            _ => return Ok(()),
        };
        if place == In::NewSessionTicket && self.is(Fault::LaxTickets) {
            return Ok(());
        }
        for found in find(message, &self.points)? {
            self.refuse_unsent_hint(&found, place)?;
            let found = self.bent(found, place);
            let judged = self.negotiation.on(place, self.version, found.received());
            judged.map_err(|fault| fault.alert().code())?;
            let unacknowledged = place == In::CertificateRequest && found.flags.is_none();
            if unacknowledged && self.is(Fault::RefusesUnacknowledged) {
                return Err(40);
            }
        }
        if let (In::CertificateRequest, Ok(parsed)) = (place, &parsed) {
            config.compress_certificate = lists(parsed, ext::COMPRESS_CERTIFICATE, 1);
        }
        Ok(())
    }

    /// Applies the fault to a received message.
    fn bent(&self, mut found: Found, place: In) -> Found {
        let decoded = found.flags.as_deref().map(FlagSet::decode);
        let malformed = matches!(decoded, Some(Err(_)));
        let answers = !matches!(place, In::CertificateRequest | In::NewSessionTicket);
        let lax = (self.is(Fault::LaxBodies) && malformed)
            || (self.is(Fault::LaxAnswers) && answers && !malformed);
        if lax {
            found.flags = None;
        }
        if self.is(Fault::LaxCare) {
            found.care = None;
        }
        if self.is(Fault::LaxHints) || self.is(Fault::AcceptsUnsentHints) {
            found.origins = None;
        }
        found
    }

    /// Refuses what should be ignored.
    fn refuse_unsent_hint(&self, found: &Found, place: In) -> Result<(), u8> {
        let ignored = matches!(place, In::CertificateRequest | In::NewSessionTicket);
        if ignored && found.origins.is_some() && self.is(Fault::AcceptsUnsentHints) {
            return Err(UNSUPPORTED_EXTENSION);
        }
        Ok(())
    }

    /// RFC 5246 section 7.4.4: a CertificateRequest ends with the authorities.
    fn on_tls12(&self, message: &Message) -> Result<(), u8> {
        if message.typ != HandshakeType::CERTIFICATE_REQUEST || self.is(Fault::LaxTls12) {
            return Ok(());
        }
        let body = message.body();
        let rest = body.split_first().and_then(|(len, rest)| rest.get(usize::from(*len)..));
        let skip = |rest: Option<&[u8]>| -> Option<Vec<u8>> {
            let (len, rest) = rest?.split_first_chunk::<2>()?;
            rest.get(usize::from(u16::from_be_bytes(*len))..).map(<[u8]>::to_vec)
        };
        let schemes = skip(rest);
        match skip(schemes.as_deref()) {
            Some(behind) if behind.is_empty() => Ok(()),
            _ => Err(50),
        }
    }
}
