//! A server that breaks one rule.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use rustls_ext_wire::resumption::{Demand, Resumption, Session, check};
use rustls_ext_wire::{
    Asks, CodePoints, FlagSet, Message as In, Origin, Origins, ServerNegotiation, Version,
};

use super::{FaultyServerArgs, Found, find, lists};
use crate::client::tls12::{Says, flight};
use crate::files;
use crate::origins::{ORIGIN, list};
use crate::talk;
use command_line::{Failure, emit};
use raw_peer::{
    Control, Edit, Extension, Handshake, HandshakeType, Message, Peer, ServerConfig, Ticket, ext,
    version,
};

const PATIENCE: Duration = Duration::from_secs(5);
const SCOPE: &[u8] = b"clients";
const EARLY_DATA: u32 = 1000;

/// The rule that a faulty server breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Treats malformed flags as none
    LaxBodies,
    /// Refuses unknown flags
    RefusesUnknown,
    /// Accepts the extension twice
    TakesTwice,
    /// Decides by the first ClientHello although the second differs
    FirstHello,
    /// Answers the offer in EncryptedExtensions
    AnswersInEncryptedExtensions,
    /// Sends the flag in its tickets
    AnswersInTickets,
    /// Requests a certificate of every client, and acknowledges
    AcknowledgesAnybody,
    /// Sends a zero byte after its acknowledgement
    MalformedAcknowledgement,
    /// Ignores extensions in a Certificate
    LaxCertificates,
    /// Does not verify CertificateVerify
    Unproven,
    /// Echoes CARE to every client
    EchoesUnasked,
    /// Accepts CARE with a body
    LaxCare,
    /// Resumes any session under any demand
    ResumesAnything,
    /// Refuses an unknown ticket with an alert
    RefusesTickets,
    /// Evaluates flags and origins under TLS 1.2
    ReadsFlagsInTls12,
    /// Treats a malformed origin hint as none
    LaxHints,
    /// Refuses all clients that hint
    RefusesHints,
    /// Refuses clients that hint at anything but origins that it knows
    RefusesOrigins,
    /// Reads the first string only, and treats a URI that begins with an origin as that origin
    TakesLongerUris,
    /// Reads all origins, without a limit
    ReadsAllOrigins,
    /// Decides without the origins of a second ClientHello
    ForgetsHintsInRetry,
    /// Acknowledges a hint as if it were the flag
    AcknowledgesHints,
    /// Sends the origin hint back
    EchoesHints,
}

/// A session, and its record.
#[derive(Clone, Debug)]
struct Known {
    ticket: Ticket,
    asked: bool,
    authenticated: bool,
}

/// The state of the current connection.
#[derive(Clone, Debug, Default)]
struct Now {
    asked: bool,
    authenticated: bool,
    /// The messages to send under TLS 1.2.
    tls12: Option<Says>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn run(args: &FaultyServerArgs) -> Result<(), Failure> {
    let identity = files::identity(&args.cert, &args.key)?;
    let points = args.code_points.get()?;
    let cannot = |err| Failure::option("--listen", args.listen, err);
    let listener = TcpListener::bind(args.listen).map_err(cannot)?;
    emit(format!("listening on {}\n", listener.local_addr().map_err(cannot)?));
    let mut sessions: Vec<Known> = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let mut config = ServerConfig::new(identity.clone());
        config.alpn = vec![b"http/1.1".to_vec()];
        config.tickets = 1;
        config.max_early_data = EARLY_DATA;
        config.accept_early_data = true;
        config.accept_compression = true;
        config.compress_certificate = true;
        config.check_proof = args.fault != Some(Fault::Unproven);
        config.known_tickets = sessions.iter().map(|known| known.ticket.clone()).collect();
        let now = Arc::new(Mutex::new(Now::default()));
        let mut mind = Mind {
            fault: args.fault,
            tls12: args.tls12,
            points,
            negotiation: ServerNegotiation::new(points),
            hellos: 0,
            knows_origin: false,
            sessions: sessions.clone(),
            now: now.clone(),
        };
        let peer = Peer::server(config).checked_by(move |message, control| match control {
            Control::Server(config) => mind.on(message, config),
            Control::Client(_) => Ok(()),
        });
        let play = |peer: &mut Peer| {
            if let Some(says) = &lock(&now).tls12 {
                // The client sees the error.
                let _ = flight(peer, &identity, says);
            }
        };
        let Ok(talk) = talk::host(peer, stream, PATIENCE, talk::ANSWER, Some(&play)) else {
            continue;
        };
        let Now { asked, authenticated, .. } = lock(&now).clone();
        let known = |ticket: &Ticket| Known { ticket: ticket.clone(), asked, authenticated };
        sessions.extend(talk.peer.tickets().iter().map(known));
    }
    Ok(())
}

/// The decisions on one connection.
struct Mind {
    fault: Option<Fault>,
    /// Whether it supports only TLS 1.2.
    tls12: bool,
    points: CodePoints,
    negotiation: ServerNegotiation,
    hellos: usize,
    /// Whether the client hinted at an origin that the server knows.
    knows_origin: bool,
    sessions: Vec<Known>,
    now: Arc<Mutex<Now>>,
}

impl Mind {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn on(&mut self, message: &Message, config: &mut ServerConfig) -> Result<(), u8> {
        match message.typ {
            HandshakeType::CLIENT_HELLO => self.on_hello(message, config),
            HandshakeType::CERTIFICATE | HandshakeType::COMPRESSED_CERTIFICATE => {
                self.on_certificate(message)
            }
            _ => Ok(()),
        }
    }

    fn on_certificate(&mut self, message: &Message) -> Result<(), u8> {
        if let Ok(Handshake::Certificate(certificate)) = message.parse() {
            lock(&self.now).authenticated = !certificate.entries.is_empty();
        }
        if self.is(Fault::LaxCertificates) {
            return Ok(());
        }
        for found in find(message, &self.points)? {
            let judged = self.negotiation.on_client_certificate(found.received());
            judged.map_err(|fault| fault.alert().code())?;
        }
        Ok(())
    }

    fn on_hello(&mut self, message: &Message, config: &mut ServerConfig) -> Result<(), u8> {
        self.hellos += 1;
        let Ok(Handshake::ClientHello(hello)) = message.parse() else { return Err(50) };
        let parsed = Handshake::ClientHello(hello.clone());
        let offers = |number| lists(&parsed, ext::SUPPORTED_VERSIONS, number);
        let is_tls13 = !self.tls12 && offers(version::TLS13);
        if !is_tls13 && !offers(version::TLS12) {
            return Err(70);
        }
        let psk = hello.extensions.iter().position(|e| e.typ == ext::PRE_SHARED_KEY);
        if psk.is_some_and(|at| at + 1 != hello.extensions.len()) {
            return Err(47);
        }
        let found = match find(message, &self.points) {
            Err(_) if self.is(Fault::TakesTwice) => Found::first(&hello.extensions, &self.points),
            found => found?.into_iter().next().unwrap_or_default(),
        };
        let found = self.bent(found);
        if self.is(Fault::RefusesUnknown) && is_tls13 {
            let own = FlagSet::single(self.points.request_client_auth());
            let flags = found.flags.as_deref().and_then(|body| FlagSet::decode(body).ok());
            if flags.is_some_and(|flags| !flags.is_subset(&own)) {
                return Err(47);
            }
        }
        let counts_as_tls13 = is_tls13 || self.is(Fault::ReadsFlagsInTls12);
        let version = if counts_as_tls13 { Version::Tls13 } else { Version::Tls12 };
        if !(self.is(Fault::FirstHello) && self.hellos > 1) {
            let judged = self.negotiation.on_client_hello(version, found.received());
            judged.map_err(|fault| fault.alert().code())?;
            self.knows_origin = match found.origins.as_deref().map(Origins::decode) {
                Some(Ok(origins)) if counts_as_tls13 => self.evaluate(origins)?,
                _ => false,
            };
        }
        if !is_tls13 {
            return self.speak_tls12(config);
        }
        self.decide(&hello.extensions, config);
        let forgets = self.is(Fault::RefusesTickets) && psk.is_some();
        if forgets && config.known_tickets.is_empty() { Err(40) } else { Ok(()) }
    }

    /// Applies the fault to a ClientHello.
    fn bent(&self, mut found: Found) -> Found {
        let malformed = |body: &Vec<u8>| FlagSet::decode(body).is_err();
        if self.is(Fault::LaxBodies) && found.flags.as_ref().is_some_and(malformed) {
            found.flags = None;
        }
        if self.is(Fault::LaxCare) && found.care.is_some() {
            found.care = Some(Vec::new());
        }
        if self.is(Fault::LaxHints) {
            found.origins = found.origins.filter(|body| Origins::decode(body).is_ok());
        }
        found
    }

    /// Whether the server knows one of the origins; the error is an alert.
    fn evaluate(&self, origins: Origins<'_>) -> Result<bool, u8> {
        let known = Origin::parse(ORIGIN).map_err(|_| 80)?;
        let strings = || origins.strings().filter_map(|string| std::str::from_utf8(string).ok());
        let is_known = |text: &str| Origin::parse(text).is_ok_and(|origin| origin == known);
        match self.fault {
            Some(Fault::RefusesHints) => Err(47),
            Some(Fault::RefusesOrigins)
                if strings().count() < origins.strings().count() || !strings().all(is_known) =>
            {
                Err(47)
            }
            Some(Fault::TakesLongerUris) => {
                let first = origins.strings().next();
                Ok(first.is_some_and(|string| string.starts_with(ORIGIN.as_bytes())))
            }
            Some(Fault::ForgetsHintsInRetry) if self.hellos > 1 => Ok(false),
            Some(Fault::ReadsAllOrigins) => Ok(strings().any(is_known)),
            _ => Ok(origins.contains(known)),
        }
    }

    fn speak_tls12(&self, config: &mut ServerConfig) -> Result<(), u8> {
        config.watches = true;
        let offer = self.negotiation.offer();
        let care = self.points.care().filter(|_| offer.has_care());
        let mut hello: Vec<_> = care.map(|number| Extension::new(number, [])).into_iter().collect();
        let body = self.acknowledgement();
        if self.is(Fault::ReadsFlagsInTls12) && offer.has_flag() {
            hello.push(Extension::new(self.points.tls_flags(), body));
        }
        let request = (!offer.is_none()).then(Vec::new);
        lock(&self.now).tls12 = Some(Says { hello, request });
        Ok(())
    }

    fn acknowledgement(&self) -> Vec<u8> {
        let flags = FlagSet::single(self.points.request_client_auth());
        let mut body = flags.body().unwrap_or_default().to_vec();
        if self.is(Fault::MalformedAcknowledgement) {
            body.push(0);
            if let Some(length) = body.first_mut() {
                *length += 1;
            }
        }
        body
    }

    fn decide(&mut self, extensions: &[Extension], config: &mut ServerConfig) {
        let offer = self.negotiation.offer();
        let anybody = self.is(Fault::AcknowledgesAnybody);
        let offers = offer.has_flag() || offer.has_care() || self.knows_origin;
        let asks = offers || anybody;
        self.negotiation.asks(if asks { Asks::BecauseOffered } else { Asks::No });
        let demand = if asks { Demand::Request(SCOPE) } else { Demand::None };
        let is_allowed = |known: &Known| {
            let scope = known.asked.then_some(SCOPE);
            let session = Session { scope, authenticated: known.authenticated };
            check(demand, offers, session) != Resumption::Refused
        };
        let all = self.is(Fault::ResumesAnything);
        let psk = ext::find(extensions, ext::PRE_SHARED_KEY).unwrap_or_default();
        let is_offered = |ticket: &Ticket| {
            let identity = &ticket.identity;
            psk.windows(identity.len()).any(|window| window == identity)
        };
        config.known_tickets.retain(|ticket| {
            let allowed = || self.sessions.iter().any(|s| s.ticket == *ticket && is_allowed(s));
            is_offered(ticket) && (all || allowed())
        });
        let resumed = config.known_tickets.iter().find(|ticket| is_offered(ticket));
        let known = resumed.and_then(|t| self.sessions.iter().find(|known| known.ticket == *t));

        let mut now = lock(&self.now);
        now.asked = known.map_or(asks, |known| known.asked);
        now.authenticated = known.is_some_and(|known| known.authenticated);
        drop(now);
        config.ask_certificate = asks;
        let plan = &mut config.plan;
        for edits in [
            &mut plan.certificate_request,
            &mut plan.encrypted_extensions,
            &mut plan.new_session_ticket,
        ] {
            edits.clear();
        }
        let number = self.points.tls_flags();
        let echoes = self.negotiation.echoes_care_in(In::EncryptedExtensions) && known.is_none();
        if let (Some(care), true) = (self.points.care(), echoes || self.is(Fault::EchoesUnasked)) {
            plan.encrypted_extensions.push(Edit::add(care, []));
        }
        let acknowledges_hint = offer.has_origins() && self.is(Fault::AcknowledgesHints);
        if offer.has_flag() || anybody || acknowledges_hint {
            plan.certificate_request.push(Edit::add(number, self.acknowledgement()));
        }
        if offer.has_flag() && self.is(Fault::AnswersInEncryptedExtensions) {
            plan.encrypted_extensions.push(Edit::add(number, self.acknowledgement()));
        }
        if let (Some(number), true, true) =
            (self.points.origin_hint(), offer.has_origins(), self.is(Fault::EchoesHints))
        {
            plan.encrypted_extensions.push(Edit::add(number, list([ORIGIN])));
        }
        if self.is(Fault::AnswersInTickets) {
            plan.new_session_ticket.push(Edit::add(number, self.acknowledgement()));
        }
    }
}
