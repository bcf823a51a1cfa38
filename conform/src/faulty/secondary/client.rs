//! A client that answers requests for certificates on open connections, and breaks one rule.

use std::net::TcpStream;
use std::time::Duration;

use clap::ValueEnum;
use rustls_ext_wire::authenticator::{ContextError, Contexts, Endpoint, Request};
use webpki::anchor_from_trusted_cert;

use super::{Announced, PAGE, SecondaryClientArgs, certificate_frame};
use crate::files;
use crate::http2::{Code, Frame, Received, Session, flag, get_block, kind};
use crate::secondary::{
    ECDSA_P256, Exported, POINTS, answer, certificate, distinguished_name, forge, parsed, request,
    sign, split,
};
use crate::talk::Line;
use command_line::Failure;
use raw_peer::{ChainAndKey, ClientConfig, Extension, Peer};

const PATIENCE: Duration = Duration::from_secs(60);
/// How many requests may be outstanding.
const OUTSTANDING: u32 = 2;
/// How many requests of a connection are answered with the certificate, and how many at all.
const ANSWERED: usize = 50;
const DECLINED: usize = 100;

/// The rule that a faulty client breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Announces the setting in its second SETTINGS
    AnnouncesLate,
    /// Sends an authenticator without a request
    Volunteers,
    /// Answers a server without the setting
    AnswersBeforeSetting,
    /// Accepts the value 2 of a server
    AcceptsTwo,
    /// Accepts a setting that goes back to 0
    AcceptsBack,
    /// Sends a byte after its authenticators
    TrailingByte,
    /// Sends another context than that of the request
    OtherContext,
    /// Sends an extension that was not requested
    AddsExtension,
    /// Signs with a scheme that was not requested
    OtherScheme,
    /// Sends a wrong signature
    WrongSignature,
    /// Sends a wrong MAC
    WrongMac,
    /// Ignores certificate_authorities
    IgnoresAuthorities,
    /// Declines if there are certificate_authorities
    DeclinesAuthorities,
    /// Ignores signature_algorithms
    IgnoresSchemes,
    /// Refuses contexts of less than 16 bytes
    RefusesShortContexts,
    /// Answers a context again
    RepeatsContexts,
    /// Refuses unknown extensions
    RefusesUnknown,
    /// Ignores malformed lists
    LaxLists,
    /// Answers requests of the type for clients
    TakesRequestsOfClients,
    /// Accepts lengths in the shortest form only
    ShortestOnly,
    /// Answers the last request first
    OutOfOrder,
    /// Sends all answers in one frame
    JoinsAnswers,
    /// Has no limit for outstanding requests
    NoLimit,
    /// Counts answered requests as outstanding
    CountsForLife,
    /// Sends each answer twice
    AnswersTwice,
    /// Accepts AUTHENTICATOR_REQUESTS on any stream
    AnyStream,
    /// Ignores CERTIFICATE of a server
    IgnoresCertificate,
    /// Refuses AUTHENTICATOR_REQUESTS with flags
    RefusesFlags,
    /// Reads frames of any length
    ReadsOversized,
    /// Answers requests without end
    Endless,
    /// Accepts AUTHENTICATOR_REQUESTS inside a header block
    TakesInsideHeaders,
    /// Sends CERTIFICATE inside a header block
    InterruptsHeaders,
}

pub(in crate::faulty) fn run(args: &SecondaryClientArgs) -> Result<(), Failure> {
    let identity = files::identity(&args.cert, &args.key)?;
    let authorities = files::certificates("--ca", &args.ca)?;
    let names = authorities.iter().filter_map(|der| anchor_from_trusted_cert(der).ok());
    let names = names.map(|anchor| distinguished_name(&anchor.subject)).collect();
    let config = ClientConfig { alpn: vec![b"h2".to_vec()], ..ClientConfig::default() };
    let line = Line::new(Peer::client(config)?, TcpStream::connect(args.to)?, true, PATIENCE)?;
    let setting = [(POINTS.setting(), OUTSTANDING)];
    let late = args.fault == Some(Fault::AnnouncesLate);
    let mut session = Session::new(line, if late { &[] } else { &setting })
        .map_err(|talk| Failure::Failed(talk.verdict().to_string()))?;
    if late {
        session.send(&Frame::settings(&setting));
    }
    if args.fault == Some(Fault::ReadsOversized) {
        session.max_frame = usize::MAX;
    }
    let exported = Exported::of(session.peer())?;
    let mut client = Client {
        fault: args.fault,
        exported,
        identity,
        names,
        announced: Announced::default(),
        contexts: Contexts::new(vec![0; 64 * 1024]),
        count: 0,
    };
    if client.is(Fault::Volunteers) {
        let own = request(&[7; 32], &[ECDSA_P256], &[])?;
        client.send(&mut session, client.answer(&own, false).unwrap_or_default());
    }
    let page = session.get("localhost", PAGE);
    while session.status(page).is_none() {
        let Some(received) = session.next(None) else { break };
        if let Err(code) = client.on(&mut session, &received) {
            session.go_away(code);
            session.close();
            return Err(Failure::Failed(format!("the server breaks the rules: {code}")));
        }
    }
    if session.oversized {
        session.go_away(Code::FRAME_SIZE_ERROR);
    }
    let status = session.status(page);
    session.close();
    if status == Some(200) {
        Ok(())
    } else {
        Err(Failure::Failed(format!("the status is {status:?}")))
    }
}

struct Client {
    fault: Option<Fault>,
    exported: Exported,
    identity: ChainAndKey,
    /// The authorities of the identity.
    names: Vec<Vec<u8>>,
    announced: Announced,
    contexts: Contexts<Vec<u8>>,
    /// How many requests were received.
    count: usize,
}

impl Client {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn on(&mut self, session: &mut Session, received: &Received) -> Result<(), Code> {
        let frame = &received.frame;
        if let Some(mut entries) = frame.entries() {
            if self.is(Fault::AcceptsBack) {
                entries.retain(|(_, value)| *value > 0);
            }
            self.announced.read(&entries)?;
            let refused = self.announced.value > 1 && !self.is(Fault::AcceptsTwo);
            return if refused { Err(Code::PROTOCOL_ERROR) } else { Ok(()) };
        }
        if frame.kind == POINTS.certificate() && !self.is(Fault::IgnoresCertificate) {
            return Err(Code::PROTOCOL_ERROR);
        }
        if frame.kind == POINTS.authenticator_requests() {
            return self.on_requests(session, received);
        }
        Ok(())
    }

    fn on_requests(&mut self, session: &mut Session, received: &Received) -> Result<(), Code> {
        let frame = &received.frame;
        let refused = (frame.stream != 0 && !self.is(Fault::AnyStream))
            || (self.announced.value == 0 && !self.is(Fault::AnswersBeforeSetting))
            || (received.inside_headers && !self.is(Fault::TakesInsideHeaders))
            || (frame.flags != 0 && self.is(Fault::RefusesFlags));
        if refused {
            return Err(Code::PROTOCOL_ERROR);
        }
        let requests = match parsed(&frame.payload) {
            Ok(requests) => requests,
            Err(_) if self.is(Fault::LaxLists) => return Ok(()),
            Err(_) if self.takes_type_17(&frame.payload) => return Ok(()),
            Err(_) => return Err(Code::PROTOCOL_ERROR),
        };
        let shortest = |request: &Vec<u8>| if request.len() < 64 { 1 } else { 2 };
        let length: usize = requests.iter().map(|it| shortest(it) + it.len()).sum();
        if self.is(Fault::ShortestOnly) && length != frame.payload.len() {
            return Err(Code::PROTOCOL_ERROR);
        }
        let before = if self.is(Fault::CountsForLife) { self.count } else { 0 };
        let outstanding = before + requests.len();
        if outstanding > OUTSTANDING as usize && !self.is(Fault::NoLimit) {
            return Err(Code::PROTOCOL_ERROR);
        }
        let mut answers = Vec::new();
        for request in requests {
            self.count += 1;
            if self.count > DECLINED && !self.is(Fault::Endless) {
                return Err(Code::ENHANCE_YOUR_CALM);
            }
            let shows = self.fits(&request)? && self.count <= ANSWERED;
            answers.push(self.answer(&request, shows).ok_or(Code(2))?);
        }
        if self.is(Fault::OutOfOrder) {
            answers.reverse();
        }
        if self.is(Fault::JoinsAnswers) {
            answers = vec![answers.concat()];
        }
        for answer in answers {
            self.send(session, answer);
        }
        Ok(())
    }

    fn takes_type_17(&self, payload: &[u8]) -> bool {
        let list = split(payload).unwrap_or_default();
        let is_of_client = |it: &Vec<u8>| Request::parse(Endpoint::Client, it).is_ok();
        self.is(Fault::TakesRequestsOfClients) && list.iter().all(is_of_client) && !list.is_empty()
    }

    /// Whether the identity fits a request.
    fn fits(&mut self, request: &[u8]) -> Result<bool, Code> {
        let request =
            Request::parse(Endpoint::Server, request).map_err(|_| Code::PROTOCOL_ERROR)?;
        let short = request.context().len() < 16 && self.is(Fault::RefusesShortContexts);
        let unknown = request.extensions().any(|(number, _)| ![13, 47].contains(&number));
        if short || (unknown && self.is(Fault::RefusesUnknown)) {
            return Err(Code::PROTOCOL_ERROR);
        }
        match self.contexts.received(request.context()) {
            Ok(()) => {}
            Err(ContextError::Repeated) if self.is(Fault::RepeatsContexts) => {}
            // Only the endless client has so many.
            Err(ContextError::Full) if self.is(Fault::Endless) => {}
            Err(_) => return Err(Code::PROTOCOL_ERROR),
        }
        let named = match request.extension(47) {
            _ if self.is(Fault::IgnoresAuthorities) => true,
            Some(_) if self.is(Fault::DeclinesAuthorities) => false,
            Some(list) => self.names.iter().any(|name| list.ends_with(name)),
            None => true,
        };
        let usable = request.schemes().any(|scheme| scheme == ECDSA_P256);
        Ok(named && (usable || self.is(Fault::IgnoresSchemes)))
    }

    /// An authenticator, with the fault.
    fn answer(&self, request: &[u8], shows: bool) -> Option<Vec<u8>> {
        let parsed = Request::parse(Endpoint::Server, request).ok()?;
        let mut bytes = if !shows {
            answer(&self.exported, &parsed, None).ok()?
        } else if parsed.schemes().any(|scheme| scheme == ECDSA_P256) && !self.forges() {
            answer(&self.exported, &parsed, Some(&self.identity)).ok()?
        } else {
            let context = if self.is(Fault::OtherContext) { &[7; 32] } else { parsed.context() };
            let mut certificate = certificate(context, &self.identity);
            if let (Some(leaf), true) =
                (certificate.entries.first_mut(), self.is(Fault::AddsExtension))
            {
                leaf.extensions.push(Extension::new(0xff5c, []));
            }
            let scheme = if self.is(Fault::OtherScheme) { 0x081c } else { ECDSA_P256 };
            let by_key = |message: &[u8]| {
                let mut signature = sign(&self.identity.key, message)?;
                if let (Some(last), true) = (signature.last_mut(), self.is(Fault::WrongSignature)) {
                    *last ^= 1;
                }
                Ok(signature)
            };
            forge(&self.exported, request, certificate, scheme, by_key).ok()?
        };
        if let (Some(last), true) = (bytes.last_mut(), self.is(Fault::WrongMac)) {
            *last ^= 1;
        }
        bytes.extend(self.is(Fault::TrailingByte).then_some(0));
        Some(bytes)
    }

    /// Whether the codec would not make this client's authenticators.
    fn forges(&self) -> bool {
        [Fault::OtherContext, Fault::AddsExtension, Fault::OtherScheme, Fault::WrongSignature]
            .iter()
            .any(|fault| self.is(*fault))
    }

    fn send(&self, session: &mut Session, answer: Vec<u8>) {
        let frame = certificate_frame(answer);
        if self.is(Fault::AnswersTwice) {
            session.send(&frame);
        }
        if !self.is(Fault::InterruptsHeaders) {
            return session.send(&frame);
        }
        let stream = session.open();
        let block = get_block("localhost", "/");
        session.send(&Frame::new(kind::HEADERS, stream, block).with(flag::END_STREAM));
        session.send(&frame);
        session.send(&Frame::new(kind::CONTINUATION, stream, []).with(flag::END_HEADERS));
    }
}
