//! A server that requests certificates on open connections, and breaks one rule.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use clap::ValueEnum;
use pki_types::{CertificateDer, UnixTime};
use rustls_ext_wire::authenticator::{Authenticator, AuthenticatorError, ValidateError};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{Announced, PAGE, SecondaryServerArgs};
use crate::files;
use crate::http2::{Code, Frame, Received, Session, flag, kind, status_block};
use crate::secondary::{
    ECDSA_P256, Exported, POINTS, random, raw_request, requests_frame, schemes, validate,
};
use crate::talk::Line;
use command_line::{Failure, emit};
use raw_peer::{ChainAndKey, Peer, ServerConfig, Ticket};

const PATIENCE: Duration = Duration::from_secs(30);

/// The rule that a faulty server breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Announces 2
    AnnouncesTwo,
    /// Requests a certificate of a client without the setting
    AsksAnyway,
    /// Reads the setting in the first SETTINGS only
    FirstSettingsOnly,
    /// Ignores CERTIFICATE of a client without the setting
    LaxBeforeSetting,
    /// Refuses another value of the setting
    RefusesChange,
    /// Accepts a setting that goes back to 0
    AcceptsBack,
    /// Sends requests of the type for clients
    RequestsOfClients,
    /// Sends requests without signature_algorithms
    NoSchemes,
    /// Requests RSASSA-PKCS1-v1_5 alone
    OnlyPkcs1,
    /// Sends contexts of 8 bytes
    ShortContexts,
    /// Sends the same context in every request
    SameContext,
    /// Sends a request for each HTTP request
    TooManyRequests,
    /// Authenticates nobody
    RefusesValid,
    /// Treats an empty authenticator as an identity
    TakesEmpty,
    /// Does not verify the chain
    TakesForeign,
    /// Ends the connection if the chain does not verify
    EndsOnForeign,
    /// Forgets the identity after one response
    OneStream,
    /// Keeps the identity for other connections
    Remembers,
    /// Keeps the identity in the session
    RemembersInSession,
    /// Ignores AUTHENTICATOR_REQUESTS
    IgnoresRequests,
    /// Ignores CERTIFICATE that answers nothing
    IgnoresUnsolicited,
    /// Accepts CERTIFICATE on any stream
    AnyStream,
    /// Reads frames of any length
    ReadsOversized,
    /// Refuses CERTIFICATE with flags
    RefusesFlags,
    /// Accepts CERTIFICATE inside a header block
    TakesInsideHeaders,
    /// Sends a request inside a header block
    InterruptsHeaders,
    /// Accepts authenticators that do not parse
    LaxStructure,
    /// Does not compare the context
    LaxContexts,
    /// Does not check extensions
    LaxExtensions,
    /// Does not check the signature scheme
    LaxSchemes,
    /// Does not verify the signature
    LaxSignatures,
    /// Does not check the MAC
    LaxMacs,
    /// Accepts a Certificate without entries
    TakesEmptyCertificates,
    /// Accepts answers to earlier requests
    TakesReplays,
    /// Joins an authenticator from several frames
    JoinsFrames,
}

pub(in crate::faulty) fn run(args: &SecondaryServerArgs) -> Result<(), Failure> {
    let identity = files::identity(&args.cert, &args.key)?;
    let clients = files::certificates("--client-ca", &args.client_ca)?;
    let cannot = |err| Failure::option("--listen", args.listen, err);
    let listener = TcpListener::bind(args.listen).map_err(cannot)?;
    emit(format!("listening on {}\n", listener.local_addr().map_err(cannot)?));
    // Sessions, and whether their connection had an identity.
    let mut known: Vec<(Ticket, bool)> = Vec::new();
    for stream in listener.incoming().flatten() {
        // A connection that fails is not the server's problem.
        let _ = serve(args.fault, stream, &identity, &clients, &mut known);
    }
    Ok(())
}

fn serve(
    fault: Option<Fault>,
    stream: TcpStream,
    identity: &ChainAndKey,
    clients: &[CertificateDer<'static>],
    known: &mut Vec<(Ticket, bool)>,
) -> Result<(), Failure> {
    let mut config = ServerConfig::new(identity.clone());
    config.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.tickets = 1;
    config.known_tickets = known.iter().map(|(ticket, _)| ticket.clone()).collect();
    let line = Line::new(Peer::server(config), stream, false, PATIENCE)?;
    let value = if fault == Some(Fault::AnnouncesTwo) { 2 } else { 1 };
    let Ok(mut session) = Session::new(line, &[(POINTS.setting(), value)]) else { return Ok(()) };
    if fault == Some(Fault::ReadsOversized) {
        session.max_frame = usize::MAX;
    }
    let exported = Exported::of(session.peer())?;
    let mut server = Server {
        fault,
        exported,
        clients,
        announced: Announced::default(),
        waiting: Vec::new(),
        outstanding: VecDeque::new(),
        answered: Vec::new(),
        partial: Vec::new(),
        known_before: known.iter().any(|(_, known)| *known),
        authenticated: false,
        proved: false,
    };
    let resumed = session.peer().is_resumed();
    server.authenticated = resumed && server.known_before && server.is(Fault::RemembersInSession);
    while let Some(received) = session.next(None) {
        if let Err(code) = server.on(&mut session, &received) {
            session.go_away(code);
            break;
        }
    }
    if session.oversized {
        session.go_away(Code::FRAME_SIZE_ERROR);
    }
    let talk = session.close();
    known.extend(talk.peer.tickets().iter().map(|ticket| (ticket.clone(), server.proved)));
    Ok(())
}

/// One connection.
struct Server<'a> {
    fault: Option<Fault>,
    exported: Exported,
    clients: &'a [CertificateDer<'static>],
    announced: Announced,
    /// Streams that wait for an answer.
    waiting: Vec<u32>,
    outstanding: VecDeque<Vec<u8>>,
    /// Requests that were answered.
    answered: Vec<Vec<u8>>,
    /// The beginning of an authenticator, for the server that joins frames.
    partial: Vec<u8>,
    /// Whether a client was authenticated on an earlier connection.
    known_before: bool,
    authenticated: bool,
    /// Whether there was a valid authenticator.
    proved: bool,
}

impl Server<'_> {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn on(&mut self, session: &mut Session, received: &Received) -> Result<(), Code> {
        let frame = &received.frame;
        if let Some(entries) = frame.entries() {
            return self.on_settings(&entries);
        }
        if frame.ends_headers() {
            return self.on_request(session, frame.stream);
        }
        if frame.kind == POINTS.authenticator_requests() && !self.is(Fault::IgnoresRequests) {
            return Err(Code::PROTOCOL_ERROR);
        }
        if frame.kind == POINTS.certificate() {
            return self.on_certificate(session, received);
        }
        Ok(())
    }

    fn on_settings(&mut self, entries: &[(u16, u32)]) -> Result<(), Code> {
        if self.announced.is_known && self.is(Fault::FirstSettingsOnly) {
            return Ok(());
        }
        let mut entries = entries.to_vec();
        if self.is(Fault::AcceptsBack) {
            entries.retain(|(_, value)| *value > 0);
        }
        if self.announced.read(&entries)? && self.is(Fault::RefusesChange) {
            return Err(Code::PROTOCOL_ERROR);
        }
        Ok(())
    }

    fn on_request(&mut self, session: &mut Session, stream: u32) -> Result<(), Code> {
        if session.field(stream, ":path") != Some(PAGE.as_bytes()) || self.authenticated {
            session.respond(stream, 200);
            if self.is(Fault::OneStream) {
                self.authenticated = false;
            }
            return Ok(());
        }
        if self.announced.value == 0 && !self.is(Fault::AsksAnyway) {
            session.respond(stream, 401);
            return Ok(());
        }
        self.waiting.push(stream);
        if self.outstanding.is_empty() || self.is(Fault::TooManyRequests) {
            let request = self.request().ok_or(Code(2))?;
            let frame = requests_frame(std::slice::from_ref(&request));
            self.outstanding.push_back(request);
            if self.is(Fault::InterruptsHeaders) {
                let early_hints = status_block(103);
                session.send(&Frame::new(kind::HEADERS, stream, early_hints));
                session.send(&frame);
                let rest = Frame::new(kind::CONTINUATION, stream, []).with(flag::END_HEADERS);
                session.send(&rest);
            } else {
                session.send(&frame);
            }
        }
        Ok(())
    }

    /// A request for a certificate.
    fn request(&self) -> Option<Vec<u8>> {
        let context = random::<32>().ok()?;
        let context = match self.fault {
            Some(Fault::ShortContexts) => context.get(..8)?,
            Some(Fault::SameContext) => &[7; 16],
            _ => &context,
        };
        let list = if self.is(Fault::OnlyPkcs1) { 0x0401 } else { ECDSA_P256 };
        let list = schemes(&[list]);
        let typ = if self.is(Fault::RequestsOfClients) { 17 } else { 13 };
        let number = if self.is(Fault::NoSchemes) { 0xff5d } else { 13 };
        Some(raw_request(typ, context, &[(number, &list)]))
    }

    fn on_certificate(&mut self, session: &mut Session, received: &Received) -> Result<(), Code> {
        let frame = &received.frame;
        let refused = (frame.stream != 0 && !self.is(Fault::AnyStream))
            || (received.inside_headers && !self.is(Fault::TakesInsideHeaders))
            || (frame.flags != 0 && self.is(Fault::RefusesFlags));
        if refused {
            return Err(Code::PROTOCOL_ERROR);
        }
        if self.announced.value == 0 {
            let ignored = self.is(Fault::LaxBeforeSetting);
            return if ignored { Ok(()) } else { Err(Code::PROTOCOL_ERROR) };
        }
        let Some(request) = self.outstanding.pop_front() else {
            let ignored = self.is(Fault::IgnoresUnsolicited);
            return if ignored { Ok(()) } else { Err(Code::PROTOCOL_ERROR) };
        };
        self.partial.extend_from_slice(&frame.payload);
        if self.is(Fault::JoinsFrames) && Authenticator::parse(&self.partial).is_err() {
            self.outstanding.push_front(request);
            return Ok(());
        }
        let payload = std::mem::take(&mut self.partial);
        let (status, authenticated) = self.validate(&request, &payload)?;
        self.answered.push(request);
        self.authenticated |= authenticated;
        for stream in std::mem::take(&mut self.waiting) {
            session.respond(stream, status);
        }
        if self.is(Fault::OneStream) {
            self.authenticated = false;
        }
        Ok(())
    }

    /// The status of the response, and whether the client is authenticated.
    fn validate(&mut self, request: &[u8], payload: &[u8]) -> Result<(u16, bool), Code> {
        const ACCEPTED: (u16, bool) = (200, true);
        let chain = match validate(&self.exported, request, payload) {
            Ok(chain) => chain,
            Err(invalid) if self.accepts(invalid.error.as_ref()) => return Ok(ACCEPTED),
            Err(_) if self.is_replay(payload) => return Ok(ACCEPTED),
            Err(_) => return Err(Code::PROTOCOL_ERROR),
        };
        if chain.is_empty() {
            let known = self.known_before && self.is(Fault::Remembers);
            let taken = self.is(Fault::TakesEmpty) || known;
            return Ok(if taken { ACCEPTED } else { (401, false) });
        }
        if self.is(Fault::RefusesValid) {
            return Ok((403, false));
        }
        if !self.verifies(&chain) && !self.is(Fault::TakesForeign) {
            let ends = self.is(Fault::EndsOnForeign);
            return if ends { Err(Code::PROTOCOL_ERROR) } else { Ok((403, false)) };
        }
        self.proved = true;
        Ok(ACCEPTED)
    }

    /// Whether the fault makes this error none.
    fn accepts(&self, error: Option<&ValidateError<webpki::Error>>) -> bool {
        use AuthenticatorError as E;
        let fault = match error {
            Some(ValidateError::Signature(_)) => Fault::LaxSignatures,
            Some(ValidateError::Authenticator(error)) => match error {
                E::Malformed { .. } | E::UnexpectedMessage { .. } => Fault::LaxStructure,
                E::Context => Fault::LaxContexts,
                E::UnsolicitedExtension { .. } | E::ForbiddenExtension { .. } => {
                    Fault::LaxExtensions
                }
                E::SchemeNotRequested { .. } | E::SchemeNotAllowed { .. } => Fault::LaxSchemes,
                E::Mac => Fault::LaxMacs,
                E::NoCertificate => Fault::TakesEmptyCertificates,
                _ => return false,
            },
            _ => return false,
        };
        self.is(fault)
    }

    fn is_replay(&self, payload: &[u8]) -> bool {
        let answers = |request: &Vec<u8>| validate(&self.exported, request, payload).is_ok();
        self.is(Fault::TakesReplays) && self.answered.iter().any(answers)
    }

    /// Whether the chain is one of a client of the known authorities.
    fn verifies(&self, chain: &[Vec<u8>]) -> bool {
        let anchors: Vec<_> =
            self.clients.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let Some((leaf, rest)) = chain.split_first() else { return false };
        let Ok(leaf) = EndEntityCert::try_from(leaf) else { return false };
        let (now, usage) = (UnixTime::now(), KeyUsage::client_auth());
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, rest, now, usage, None, None).is_ok()
    }
}
