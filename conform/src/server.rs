//! A server under test: what it can do, and the experiments with it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rustls_ext_wire::CodePoints;

use super::bodies::body;
use super::case::CaseResult;
use super::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, accepted, refused};
use super::origins::list;
use super::run::Bench;
use super::talk::{self, Talk, Verdict};
use raw_peer::{
    CertificateAnswer, ChainAndKey, ClientConfig, Direction, Edit, HandshakeType, Shares, Slot,
    Ticket, group,
};

mod answer;
mod care;
mod certificate;
mod features;
mod hello;
mod origin;
mod request;
mod resumption;
mod retry;
mod secondary;
mod tls12;

pub use features::{Implements, Need, ServerFeatures};

/// certificate_required.
const CERTIFICATE_REQUIRED: u8 = 116;

/// A body of flags, by the numbers on the wire.
type Body = fn(&Lab) -> Vec<u8>;

/// A client of a case.
type Client = fn(&Lab) -> ClientConfig;

/// A case with a server.
pub type Case = super::case::Case<Lab, Need>;

/// Every case, in order.
pub fn cases() -> Vec<Case> {
    let mut cases = hello::cases();
    cases.extend(retry::cases());
    cases.extend(answer::cases());
    cases.extend(request::cases());
    cases.extend(certificate::cases());
    cases.extend(care::cases());
    cases.extend(origin::cases());
    cases.extend(resumption::cases());
    for case in &mut cases {
        case.needs.insert(0, Need::Tls13);
    }
    cases.extend(tls12::cases());
    cases.extend(secondary::cases());
    cases
}

/// The server under test, and the values to send to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub addr: SocketAddr,
    /// The server_name to send.
    pub name: Option<String>,
    /// A certificate that the server accepts.
    pub identity: Option<ChainAndKey>,
    /// The origin to hint at.
    pub origin: String,
    /// A path that needs a certificate on the open connection.
    pub secondary_path: Option<String>,
    /// The code points.
    pub points: CodePoints,
    /// The timeout of a connection.
    pub patience: Duration,
}

/// The lab of a server under test.
#[derive(Debug)]
pub struct Lab {
    /// The server under test.
    pub target: Target,
    /// The server's features.
    pub features: ServerFeatures,
    /// The connections of the case.
    pub talks: Vec<Rc<Talk>>,
}

impl Lab {
    /// A client that keeps all rules, offers nothing, and has the certificate if there is one.
    fn honest(&self) -> ClientConfig {
        ClientConfig {
            server_name: self.target.name.clone(),
            alpn: vec![b"http/1.1".to_vec()],
            answer: self
                .target
                .identity
                .clone()
                .map_or(CertificateAnswer::Empty, CertificateAnswer::With),
            ..ClientConfig::default()
        }
    }

    /// The same, with these extensions in its ClientHello.
    fn hello(&self, edits: impl IntoIterator<Item = Edit>) -> ClientConfig {
        let mut config = self.honest();
        config.plan.client_hello.extend(edits);
        config
    }

    /// The same, that also offers.
    fn offering(&self) -> ClientConfig {
        self.hello([self.offer()])
    }

    /// The same, by CARE.
    fn caring(&self) -> ClientConfig {
        self.hello(self.care([]))
    }

    /// tls_flags with this body.
    fn flags(&self, body: impl Into<Vec<u8>>) -> Edit {
        Edit::add(self.target.points.tls_flags(), body)
    }

    /// tls_flags with the offer in it.
    fn offer(&self) -> Edit {
        self.flags(self.body([]))
    }

    /// client_authentication_request with this body, if there is a number for it.
    fn care(&self, body: impl Into<Vec<u8>>) -> Option<Edit> {
        Some(Edit::add(self.target.points.care()?, body))
    }

    /// workload_identifier_origin_hint with this body, if there is a number for it.
    fn hint(&self, body: impl Into<Vec<u8>>) -> Option<Edit> {
        Some(Edit::add(self.target.points.origin_hint()?, body))
    }

    /// The client that keeps all rules, with a hint at these origins and no other offer.
    fn hinting<S: AsRef<[u8]>>(&self, origins: impl IntoIterator<Item = S>) -> ClientConfig {
        self.hello(self.hint(list(origins)))
    }

    /// The body with the offer and these flags.
    fn body(&self, others: impl IntoIterator<Item = u16>) -> Vec<u8> {
        body([self.target.points.request_client_auth().get()].into_iter().chain(others))
    }

    /// The numbers on the wire.
    fn points(&self) -> CodePoints {
        self.target.points
    }

    /// Connects to the server, and sends a request.
    fn visit(&mut self, config: ClientConfig) -> Rc<Talk> {
        let host = self.target.name.as_deref().unwrap_or("localhost");
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let target = &self.target;
        let talk = talk::visit(target.addr, config, request.as_bytes(), target.patience);
        let talk = Rc::new(talk);
        self.talks.push(Rc::clone(&talk));
        talk
    }

    /// Connects to the server, which must complete its part of the handshake, and then continue as
    /// with an honest client. This does not show its reaction to messages after its Finished: see
    /// [`Lab::visit_to_the_end`].
    fn visit_well(&mut self, config: ClientConfig) -> Result<Rc<Talk>, Grade> {
        let talk = self.visit(config);
        match talk.verdict() {
            Verdict::Accepted => Ok(talk),
            // It requested a certificate, and the tester has none.
            Verdict::Alert(CERTIFICATE_REQUIRED) if self.target.identity.is_none() => Ok(talk),
            verdict if self.features.may_go_on(&talk, &verdict) => Ok(talk),
            other => Err(accepted(&other)),
        }
    }

    /// Connects to the server, which must continue, also after all messages of the client.
    fn visit_to_the_end(&mut self, config: ClientConfig) -> Result<Rc<Talk>, Grade> {
        let talk = self.visit_well(config)?;
        if self.features.may_go_on(&talk, &talk.verdict()) { Err(undecided()) } else { Ok(talk) }
    }

    /// Grades a connection on which the server must refuse the client, with `wanted` or one of
    /// `tolerated`.
    fn refused(&self, talk: &Talk, wanted: u8, tolerated: &[u8]) -> Grade {
        let verdict = talk.verdict();
        let alert_for_all = matches!(verdict, Verdict::Alert(got)
            if self.features.honest == verdict && (got == wanted || tolerated.contains(&got)));
        if alert_for_all || self.features.may_go_on(talk, &verdict) {
            return undecided();
        }
        refused(&verdict, wanted, tolerated)
    }

    /// Whether the server's response shows that it accepts this client's certificate.
    ///
    /// A server that checks certificates after the handshake answers clients that it does not accept
    /// with status 4xx, and others with another status.
    fn accepts(&self, talk: &Talk) -> bool {
        let is_error = talk.status().is_some_and(|status| (400..500).contains(&status));
        let turned_down = is_error && talk.status() != self.features.anonymous_status;
        talk.verdict() == Verdict::Accepted && !turned_down
    }

    /// A session of the server's, made by this client.
    fn session(&mut self, config: ClientConfig) -> Result<Ticket, Grade> {
        let ticket = self.visit_well(config)?.peer.tickets().last().cloned();
        ticket.ok_or_else(|| Grade::Skipped("the server gave no ticket this time".into()))
    }

    /// Connects to the server, which must refuse with illegal_parameter; decode_error is tolerated.
    fn visit_ill(&mut self, config: ClientConfig) -> CaseResult {
        let talk = self.visit(config);
        Ok(self.refused(&talk, ILLEGAL_PARAMETER, &[DECODE_ERROR]))
    }
}

/// The grade if nothing shows whether the server continued or refused.
fn undecided() -> Grade {
    Grade::Undecided(
        "the server answers no honest client either, so going on cannot be told from giving up: \
         let it answer GET / by HTTP/1.1"
            .into(),
    )
}

impl Bench for Lab {
    type Need = Need;

    fn lacks(&self, need: Need) -> Option<String> {
        self.features.lacks(need)
    }

    fn take_talks(&mut self) -> Vec<Rc<Talk>> {
        std::mem::take(&mut self.talks)
    }
}

/// The bodies of this extension in all messages of this type that the server sent.
fn received(talk: &Talk, typ: HandshakeType, number: u16) -> Vec<Vec<u8>> {
    let messages = talk.peer.messages().filter(|m| m.typ == typ);
    let theirs = messages.filter(|m| m.direction == Direction::Received);
    let extensions = theirs.filter_map(|m| m.extensions().ok()).flatten();
    extensions.filter(|e| e.typ == number).map(|e| e.body).collect()
}

/// The body of this extension in the last ClientHello, if it has it.
fn last_sent(talk: &Talk, number: u16) -> Option<Vec<u8>> {
    let hellos = talk.peer.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO);
    hellos.last().and_then(|hello| hello.find_extension(number))
}

/// Whether the server requested a certificate.
fn asks(talk: &Talk) -> bool {
    talk.peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
}

/// A client without a key share, so that the server sends a HelloRetryRequest.
fn without_share(mut config: ClientConfig) -> ClientConfig {
    config.groups = vec![group::X25519];
    config.shares = Shares::Only(Vec::new());
    config
}

/// The same, with these extensions in its second ClientHello.
fn second(config: ClientConfig, edit: Edit) -> ClientConfig {
    let mut config = without_share(config);
    config.plan.edits_mut(Slot::SecondClientHello).push(edit);
    config
}
