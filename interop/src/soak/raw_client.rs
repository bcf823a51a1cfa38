//! Clients that break rules, or keep them as no library does, and clients that speak no TLS.

use rustls_ext::rustls::AlertDescription as Alert;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Cast;
use super::client::encode;
use super::ends::{AGENTS, Accepted, ClientEnd, Served, ServerEnd, Status};
use super::who::{Expected, Host};
use raw_peer::{Answer, ClientConfig, Edit, HandshakeType, Peer, Shares, Ticket};

/// The number of `tls_flags`.
const FLAGS: u16 = 62;
/// The number of `client_authentication_request`.
const CARE: u16 = 0xffca;
/// The number of `server_name`.
const SERVER_NAME: u16 = 0;
/// An offer.
const OFFER: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// An offer, and a flag that nobody knows.
const MORE: [u8; 12] = [11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A rule, and a client that is about it.
#[derive(Clone, Copy, Debug)]
pub struct RawCase {
    /// The rule.
    pub rule: &'static str,
    /// Whom the client asks for.
    pub host: Host,
    prepare: fn(&Cast, &mut ClientConfig),
    right: Right,
    /// Whether the client puts forward a session of the public host, in which it was not asked.
    pub resumes: bool,
}

/// What is right.
#[derive(Clone, Copy, Debug)]
enum Right {
    NotAsked,
    Resumed,
    Declined,
    Agent,
    /// Refused before, or after, the client's handshake is complete.
    Refused(Alert, bool),
    /// Refused with this alert, which the server's error does not tell.
    Unnamed(Alert),
    Timeout,
}

const ILLEGAL: Right = Right::Refused(Alert::IllegalParameter, false);
const UNEXPECTED: Right = Right::Refused(Alert::UnexpectedMessage, true);
const UNPROVEN: Right = Right::Refused(Alert::DecryptError, true);
const UNREADABLE: Right = Right::Unnamed(Alert::DecryptError);
const NOT_WITHOUT: Right = Right::Refused(Alert::CertificateRequired, true);

/// A client that leaves nothing to be said.
pub const PLAIN: RawCase = case("none", Host::Public, |_, _| {}, Right::NotAsked);

/// All others.
pub const CASES: [RawCase; 20] = [
    case("FLAGS-1", Host::Public, |_, c| offer(c, &OFFER), Right::Declined),
    case("FLAGS-2", Host::Public, |_, c| offer(c, &[2, 1, 0]), ILLEGAL),
    case("FLAGS-3, nothing", Host::Public, |_, c| offer(c, &[0]), ILLEGAL),
    case("FLAGS-3, length", Host::Admin, |_, c| offer(c, &[3, 1]), ILLEGAL),
    case("FLAGS-4", Host::Public, |_, c| offer(c, &[2, 0, 1]), ILLEGAL),
    case(
        "FLAGS-5",
        Host::Agents,
        flags_in_certificate,
        Right::Refused(Alert::IllegalParameter, true),
    ),
    case("FLAGS-6", Host::Agents, |cast, c| agent(cast, c, &MORE), Right::Agent),
    case("FLAGS-10", Host::Public, two_extensions, ILLEGAL),
    case("FLAGS-12", Host::Public, |_, c| retry(c, Edit::replace(FLAGS, MORE)), ILLEGAL),
    case("CARE-1", Host::Public, |_, c| c.plan.client_hello.push(Edit::add(CARE, [0])), ILLEGAL),
    case("RCA-9", Host::Lenient, |_, c| offer(c, &MORE), Right::Declined),
    case("another name", Host::Agents, |_, c| retry(c, Edit::remove(SERVER_NAME)), ILLEGAL),
    case("no Certificate", Host::Admin, |_, c| c.answer = Answer::NoCertificate, UNEXPECTED),
    case("Certificate unasked", Host::Public, |_, c| c.answer_unasked = true, UNEXPECTED),
    case("no proof", Host::Agents, no_proof, UNPROVEN),
    case("another Finished", Host::Public, |_, c| c.plan.finished.push(flip()), UNREADABLE),
    case("silence", Host::Admin, |_, c| c.answer = Answer::Silence, Right::Timeout),
    resuming(case("RES-2 and RES-6", Host::Admin, early, NOT_WITHOUT)),
    resuming(case("RES-3", Host::Public, |_, c| offer(c, &OFFER), Right::Declined)),
    resuming(case("RES-4", Host::Public, |_, _| {}, Right::Resumed)),
];

const fn case(
    rule: &'static str,
    host: Host,
    prepare: fn(&Cast, &mut ClientConfig),
    right: Right,
) -> RawCase {
    RawCase { rule, host, prepare, right, resumes: false }
}

const fn resuming(mut case: RawCase) -> RawCase {
    case.resumes = true;
    case
}

fn offer(config: &mut ClientConfig, body: &[u8]) {
    config.plan.client_hello.push(Edit::add(FLAGS, body));
}

fn agent(cast: &Cast, config: &mut ClientConfig, body: &[u8]) {
    offer(config, body);
    config.answer = Answer::With(cast.raw_agent.clone());
}

fn flags_in_certificate(cast: &Cast, config: &mut ClientConfig) {
    agent(cast, config, &OFFER);
    config.plan.certificate.push(Edit::add(FLAGS, OFFER));
}

fn two_extensions(_: &Cast, config: &mut ClientConfig) {
    offer(config, &OFFER);
    config.plan.client_hello.push(Edit::duplicate(FLAGS));
}

fn retry(config: &mut ClientConfig, edit: Edit) {
    offer(config, &OFFER);
    config.shares = Shares::Only(Vec::new());
    config.plan.second_client_hello.push(edit);
}

fn no_proof(cast: &Cast, config: &mut ClientConfig) {
    agent(cast, config, &OFFER);
    config.plan.certificate_verify.push(flip());
}

fn early(_: &Cast, config: &mut ClientConfig) {
    config.early_data = Some(b"early".to_vec());
}

fn flip() -> Edit {
    Edit::raw(|octets| {
        if let Some(last) = octets.last_mut() {
            *last ^= 1;
        }
    })
}

impl RawCase {
    /// Whether the server has to wait for nothing.
    pub fn stalls(&self) -> bool {
        matches!(self.right, Right::Timeout)
    }

    /// What is right.
    pub fn expected(&self) -> Expected {
        let (status, scopes, resumed) = match self.right {
            Right::NotAsked => (Status::NotAsked, vec![], false),
            Right::Resumed => (Status::NotAsked, vec![], true),
            Right::Declined => (Status::Declined, vec![], false),
            Right::Agent => (Status::Authenticated, vec![AGENTS], false),
            Right::Refused(alert, late) => {
                let client = ClientEnd::Refused { alert, late };
                return Expected { server: ServerEnd::Sent(alert), client };
            }
            Right::Unnamed(alert) => {
                let client = ClientEnd::Refused { alert, late: true };
                return Expected { server: ServerEnd::Refused, client };
            }
            Right::Timeout => {
                return Expected { server: ServerEnd::Timeout, client: ClientEnd::Broken };
            }
        };
        // Here whoever offers is asked, and only they are.
        let asked = status != Status::NotAsked;
        let acknowledged = asked && self.host != Host::Lenient;
        let accepted = Accepted {
            tls12: false,
            status,
            scopes,
            offered: asked,
            acknowledged,
            resumed,
            retried: false,
            early: 0,
        };
        Expected {
            server: ServerEnd::Accepted(accepted),
            client: ClientEnd::Served(Served { asked, acknowledged, resumed, early: false }),
        }
    }

    /// The client, with a session to put forward.
    ///
    /// # Errors
    /// If it cannot be made, which is a fault of the cast's.
    pub fn client(&self, cast: &Cast, ticket: Option<Ticket>) -> Result<Peer, raw_peer::Error> {
        let mut config = ClientConfig {
            server_name: Some(self.host.name().into()),
            ticket,
            ..ClientConfig::default()
        };
        (self.prepare)(cast, &mut config);
        Peer::client(config)
    }
}

/// A raw client's connection; a message of so many octets is to be sent back.
pub async fn exchange(
    peer: &mut Peer,
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    message: usize,
) -> ClientEnd {
    let sent = encode(message);
    let mut to_send = Some(&sent);
    let mut buf = [0; 4096];
    loop {
        if peer.is_complete() && to_send.take().is_some_and(|data| peer.send_data(data).is_err()) {
            return ClientEnd::Odd("a key is missing".into());
        }
        // What cannot be written any more is no reason not to read.
        let _ = io.write_all(&peer.take_output()).await;
        let alert = peer.alerts().next();
        match alert {
            Some(alert) if alert.description != 0 => {
                let late = peer.is_complete();
                return ClientEnd::Refused { alert: alert.description.into(), late };
            }
            Some(_) if peer.received_data() == sent => {
                let _ = peer.send_alert(1, 0);
                let _ = io.write_all(&peer.take_output()).await;
                return ClientEnd::Served(served(peer));
            }
            Some(_) => return ClientEnd::Odd("another message came back".into()),
            None => {}
        }
        let octets = match io.read(&mut buf).await {
            Ok(read @ 1..) => buf.get(..read).unwrap_or_default(),
            _ => return ClientEnd::Broken,
        };
        if let Err(err) = peer.read(octets) {
            let _ = io.write_all(&peer.take_output()).await;
            return ClientEnd::GaveUp(Some(err.alert().into()));
        }
    }
}

fn served(peer: &Peer) -> Served {
    let request = peer.received(HandshakeType::CERTIFICATE_REQUEST);
    Served {
        asked: request.is_some(),
        acknowledged: request.is_some_and(|request| request.find_extension(FLAGS).is_some()),
        resumed: peer.is_resumed(),
        early: peer.early_data_accepted(),
    }
}

/// Sends `octets` that are no TLS, closes, and reads the answer.
pub async fn shout(octets: &[u8], io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> ClientEnd {
    let _ = io.write_all(octets).await;
    let _ = io.shutdown().await;
    let mut answer = Vec::new();
    let _ = io.read_to_end(&mut answer).await;
    match answer[..] {
        // an alert in the clear (RFC 8446 sections 5.1 and 6)
        [21, 3, _, 0, 2, 2, description] => {
            ClientEnd::Refused { alert: description.into(), late: false }
        }
        [] => ClientEnd::Broken,
        _ => ClientEnd::Odd(format!("the answer to noise is {answer:?}")),
    }
}
