//! Raw peers that break a rule, or test one in a way that no library allows, and clients that send no TLS.

use rustls_ext::rustls::AlertDescription as Alert;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::SoakPki;
use super::client::encode;
use super::honest_client::{Expected, Host};
use super::outcome::{AGENTS, Accepted, ClientOutcome, Served, ServerOutcome, Status};
use raw_peer::{CertificateAnswer, ClientConfig, Edit, HandshakeType, Peer, Shares, Ticket};

/// The number of `tls_flags`.
const FLAGS: u16 = 62;
/// The number of `client_authentication_request`.
const CARE: u16 = 0xffca;
/// The number of `server_name`.
const SERVER_NAME: u16 = 0;
/// An offer.
const OFFER: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// An offer, and an unknown flag.
const MORE: [u8; 12] = [11, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A rule, and a client that tests it.
#[derive(Clone, Copy, Debug)]
pub struct RawCase {
    /// The rule.
    pub rule: &'static str,
    /// The host in the client's server_name.
    pub host: Host,
    prepare: fn(&SoakPki, &mut ClientConfig),
    right: RawOutcome,
    /// Whether the client first makes a session without a request at the public host, and then
    /// offers that session.
    pub resumes: bool,
}

/// The expected outcome of a raw client.
#[derive(Clone, Copy, Debug)]
enum RawOutcome {
    NotAsked,
    Resumed,
    Declined,
    Agent,
    /// Refused with this alert. True: after the client's handshake is complete.
    Refused(Alert, bool),
    /// Refused with this alert, which the server's error does not name.
    Unnamed(Alert),
    Timeout,
}

const ILLEGAL: RawOutcome = RawOutcome::Refused(Alert::IllegalParameter, false);
const UNEXPECTED: RawOutcome = RawOutcome::Refused(Alert::UnexpectedMessage, true);
const UNPROVEN: RawOutcome = RawOutcome::Refused(Alert::DecryptError, true);
const UNREADABLE: RawOutcome = RawOutcome::Unnamed(Alert::DecryptError);
const NOT_WITHOUT: RawOutcome = RawOutcome::Refused(Alert::CertificateRequired, true);

/// A client that breaks no rule and makes no offer.
pub const PLAIN: RawCase = case("none", Host::Public, |_, _| {}, RawOutcome::NotAsked);

/// All other clients.
pub const CASES: [RawCase; 20] = [
    case("FLAGS-1", Host::Public, |_, c| offer(c, &OFFER), RawOutcome::Declined),
    case("FLAGS-2", Host::Public, |_, c| offer(c, &[2, 1, 0]), ILLEGAL),
    case("FLAGS-3, empty", Host::Public, |_, c| offer(c, &[0]), ILLEGAL),
    case("FLAGS-3, length", Host::Admin, |_, c| offer(c, &[3, 1]), ILLEGAL),
    case("FLAGS-4", Host::Public, |_, c| offer(c, &[2, 0, 1]), ILLEGAL),
    case(
        "FLAGS-5",
        Host::Agents,
        flags_in_certificate,
        RawOutcome::Refused(Alert::IllegalParameter, true),
    ),
    case("FLAGS-6", Host::Agents, |pki, c| agent(pki, c, &MORE), RawOutcome::Agent),
    case("FLAGS-10", Host::Public, two_extensions, ILLEGAL),
    case("FLAGS-12", Host::Public, |_, c| retry(c, Edit::replace(FLAGS, MORE)), ILLEGAL),
    case("CARE-1", Host::Public, |_, c| c.plan.client_hello.push(Edit::add(CARE, [0])), ILLEGAL),
    case("RCA-9", Host::Lenient, |_, c| offer(c, &MORE), RawOutcome::Declined),
    case(
        "RFC 8446, changed name",
        Host::Agents,
        |_, c| retry(c, Edit::remove(SERVER_NAME)),
        ILLEGAL,
    ),
    case(
        "no Certificate",
        Host::Admin,
        |_, c| c.answer = CertificateAnswer::NoCertificate,
        UNEXPECTED,
    ),
    case(
        "RFC 8446, unrequested Certificate",
        Host::Public,
        |_, c| c.answer_unasked = true,
        UNEXPECTED,
    ),
    case("RFC 8446, wrong CertificateVerify", Host::Agents, no_proof, UNPROVEN),
    case("RFC 8446, wrong Finished", Host::Public, |_, c| c.plan.finished.push(flip()), UNREADABLE),
    case(
        "no answer",
        Host::Admin,
        |_, c| c.answer = CertificateAnswer::Silence,
        RawOutcome::Timeout,
    ),
    resuming(case("RES-2 and RES-6", Host::Admin, early, NOT_WITHOUT)),
    resuming(case("RES-3", Host::Public, |_, c| offer(c, &OFFER), RawOutcome::Declined)),
    resuming(case("RES-4", Host::Public, |_, _| {}, RawOutcome::Resumed)),
];

const fn case(
    rule: &'static str,
    host: Host,
    prepare: fn(&SoakPki, &mut ClientConfig),
    right: RawOutcome,
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

fn agent(pki: &SoakPki, config: &mut ClientConfig, body: &[u8]) {
    offer(config, body);
    config.answer = CertificateAnswer::With(pki.raw_agent.clone());
}

fn flags_in_certificate(pki: &SoakPki, config: &mut ClientConfig) {
    agent(pki, config, &OFFER);
    config.plan.certificate.push(Edit::add(FLAGS, OFFER));
}

fn two_extensions(_: &SoakPki, config: &mut ClientConfig) {
    offer(config, &OFFER);
    config.plan.client_hello.push(Edit::duplicate(FLAGS));
}

fn retry(config: &mut ClientConfig, edit: Edit) {
    offer(config, &OFFER);
    config.shares = Shares::Only(Vec::new());
    config.plan.second_client_hello.push(edit);
}

fn no_proof(pki: &SoakPki, config: &mut ClientConfig) {
    agent(pki, config, &OFFER);
    config.plan.certificate_verify.push(flip());
}

fn early(_: &SoakPki, config: &mut ClientConfig) {
    config.early_data = Some(b"early".to_vec());
}

fn flip() -> Edit {
    Edit::raw(|bytes| {
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
    })
}

impl RawCase {
    /// Whether the client stalls, so that the server times out.
    pub fn stalls(&self) -> bool {
        matches!(self.right, RawOutcome::Timeout)
    }

    /// The expected outcome of a raw client.
    pub fn expected(&self) -> Expected {
        let (status, scopes, resumed) = match self.right {
            RawOutcome::NotAsked => (Status::NotAsked, vec![], false),
            RawOutcome::Resumed => (Status::NotAsked, vec![], true),
            RawOutcome::Declined => (Status::Declined, vec![], false),
            RawOutcome::Agent => (Status::Authenticated, vec![AGENTS], false),
            RawOutcome::Refused(alert, late) => {
                let client = ClientOutcome::Refused { alert, late };
                return Expected { server: ServerOutcome::Sent(alert), client };
            }
            RawOutcome::Unnamed(alert) => {
                let client = ClientOutcome::Refused { alert, late: true };
                return Expected { server: ServerOutcome::Refused, client };
            }
            RawOutcome::Timeout => {
                return Expected { server: ServerOutcome::Timeout, client: ClientOutcome::Broken };
            }
        };
        // In these cases, the server requests a certificate exactly if the client offers.
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
            server: ServerOutcome::Accepted(accepted),
            client: ClientOutcome::Served(Served { asked, acknowledged, resumed, early: false }),
        }
    }

    /// Makes the client, which offers the session of `ticket`.
    ///
    /// # Errors
    /// If the client's certificate cannot be used.
    pub fn client(&self, pki: &SoakPki, ticket: Option<Ticket>) -> Result<Peer, raw_peer::Error> {
        let mut config = ClientConfig {
            server_name: Some(self.host.name().into()),
            ticket,
            ..ClientConfig::default()
        };
        (self.prepare)(pki, &mut config);
        Peer::client(config)
    }
}

/// Runs the connection of a raw client, which sends a message of this many bytes and reads it back.
pub async fn exchange(
    peer: &mut Peer,
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    message: usize,
) -> ClientOutcome {
    let sent = encode(message);
    let mut to_send = Some(&sent);
    let mut buf = [0; 4096];
    loop {
        if peer.is_complete() && to_send.take().is_some_and(|data| peer.send_data(data).is_err()) {
            return ClientOutcome::Unexpected("the raw peer has no key".into());
        }
        // Read even if writing fails: the server may have sent an alert.
        let _ = io.write_all(&peer.take_output()).await;
        let alert = peer.alerts().next();
        match alert {
            Some(alert) if alert.description != 0 => {
                let late = peer.is_complete();
                return ClientOutcome::Refused { alert: alert.description.into(), late };
            }
            Some(_) if peer.received_data() == sent => {
                let _ = peer.send_alert(1, 0);
                let _ = io.write_all(&peer.take_output()).await;
                return ClientOutcome::Served(served(peer));
            }
            Some(_) => {
                return ClientOutcome::Unexpected("the server sent back another message".into());
            }
            None => {}
        }
        let bytes = match io.read(&mut buf).await {
            Ok(read @ 1..) => buf.get(..read).unwrap_or_default(),
            _ => return ClientOutcome::Broken,
        };
        if let Err(err) = peer.read(bytes) {
            let _ = io.write_all(&peer.take_output()).await;
            return ClientOutcome::GaveUp(Some(err.alert().into()));
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

/// Sends `bytes`, which are not TLS, closes the sending side, and reads the answer.
pub async fn send_noise(
    bytes: &[u8],
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> ClientOutcome {
    let _ = io.write_all(bytes).await;
    let _ = io.shutdown().await;
    let mut answer = Vec::new();
    let _ = io.read_to_end(&mut answer).await;
    match answer[..] {
        // an unencrypted alert (RFC 8446 sections 5.1 and 6)
        [21, 3, _, 0, 2, 2, description] => {
            ClientOutcome::Refused { alert: description.into(), late: false }
        }
        [] => ClientOutcome::Broken,
        _ => ClientOutcome::Unexpected(format!("the answer to noise is {answer:?}")),
    }
}
