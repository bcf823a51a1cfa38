//! A server under test: what it can do, and the experiments with it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rustls_ext_wire::CodePoints;

use super::bodies::body;
use super::case::CaseResult;
use super::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, accepted, refused};
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
mod request;
mod resumption;
mod retry;
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
    cases.extend(resumption::cases());
    for case in &mut cases {
        case.needs.insert(0, Need::Tls13);
    }
    cases.extend(tls12::cases());
    cases
}

/// Where the server is, and what to tell it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub addr: SocketAddr,
    /// server_name.
    pub name: Option<String>,
    /// A certificate that the server accepts.
    pub identity: Option<ChainAndKey>,
    /// The numbers on the wire.
    pub points: CodePoints,
    /// How long a connection may take.
    pub patience: Duration,
}

/// What a case works with.
#[derive(Debug)]
pub struct Lab {
    /// Where.
    pub target: Target,
    /// What is known of the server.
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

    /// The same, with this in its ClientHello.
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

    /// The body with the offer and these flags.
    fn body(&self, others: impl IntoIterator<Item = u16>) -> Vec<u8> {
        body([self.target.points.request_client_auth().get()].into_iter().chain(others))
    }

    /// The numbers on the wire.
    fn points(&self) -> CodePoints {
        self.target.points
    }

    /// Visits the server.
    fn visit(&mut self, config: ClientConfig) -> Rc<Talk> {
        let host = self.target.name.as_deref().unwrap_or("localhost");
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let target = &self.target;
        let talk = talk::visit(target.addr, config, request.as_bytes(), target.patience);
        let talk = Rc::new(talk);
        self.talks.push(Rc::clone(&talk));
        talk
    }

    /// Visits the server, which has to complete its part of the handshake, and then go on as it
    /// does with an honest client. That says nothing about what it makes of what is sent behind its
    /// Finished: see [`Lab::visit_to_the_end`].
    fn visit_well(&mut self, config: ClientConfig) -> Result<Rc<Talk>, Grade> {
        let talk = self.visit(config);
        match talk.verdict() {
            Verdict::Accepted => Ok(talk),
            // It asked, and there is nothing to show.
            Verdict::Alert(CERTIFICATE_REQUIRED) if self.target.identity.is_none() => Ok(talk),
            verdict if self.features.may_go_on(&talk, &verdict) => Ok(talk),
            other => Err(accepted(&other)),
        }
    }

    /// Visits the server, which has to go on, also after all that the client sends.
    fn visit_to_the_end(&mut self, config: ClientConfig) -> Result<Rc<Talk>, Grade> {
        let talk = self.visit_well(config)?;
        if self.features.may_go_on(&talk, &talk.verdict()) { Err(undecided()) } else { Ok(talk) }
    }

    /// The grade of a connection on which the server had to refuse the client: with `wanted`, or
    /// with one of `tolerated`.
    fn refused(&self, talk: &Talk, wanted: u8, tolerated: &[u8]) -> Grade {
        let verdict = talk.verdict();
        let alert_for_all = matches!(verdict, Verdict::Alert(got)
            if self.features.honest == verdict && (got == wanted || tolerated.contains(&got)));
        if alert_for_all || self.features.may_go_on(talk, &verdict) {
            return undecided();
        }
        refused(&verdict, wanted, tolerated)
    }

    /// Whether the server answers this client, which shows the certificate, as one that it accepts.
    ///
    /// A server that looks at certificates behind the handshake answers those that it does not
    /// accept with a status of 4xx, and others with something else.
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

    /// Visits the server, which has to refuse with illegal_parameter; decode_error is tolerated.
    fn visit_ill(&mut self, config: ClientConfig) -> CaseResult {
        let talk = self.visit(config);
        Ok(self.refused(&talk, ILLEGAL_PARAMETER, &[DECODE_ERROR]))
    }
}

/// The grade where nothing tells going on from giving up.
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

/// Whether the server asked for a certificate.
fn asks(talk: &Talk) -> bool {
    talk.peer.received(HandshakeType::CERTIFICATE_REQUEST).is_some()
}

/// A client that leaves it to the server to ask for a key share, of the one group that it can use.
fn without_share(mut config: ClientConfig) -> ClientConfig {
    config.groups = vec![group::X25519];
    config.shares = Shares::Only(Vec::new());
    config
}

/// The same, with this in its second hello.
fn second(config: ClientConfig, edit: Edit) -> ClientConfig {
    let mut config = without_share(config);
    config.plan.edits_mut(Slot::SecondClientHello).push(edit);
    config
}
