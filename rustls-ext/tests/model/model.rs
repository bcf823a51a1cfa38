//! The expected result of a connection: the rules of resumption, once more and simply.

use rustls::AlertDescription as Alert;
use rustls::client::ClientAuthOfferStatus;
use rustls_ext::wire::Offer;

use crate::cast::{BRIEF, Cert, LIST, Trust};
use crate::steps::{Ask, Connect, Forge, HOSTS, Keeps, Of, Rule, Scope, Step, Version};

/// Hours for which clients keep sessions.
const STORED_TLS13: i64 = 24;
const TICKET: i64 = 12;
/// Hours for which one proof of possession counts, through any chain of resumptions.
pub const MAX_AGE: i64 = 20;

/// The current state.
#[derive(Clone, Debug)]
pub struct State {
    /// Hours since the start.
    pub now: i64,
    /// How many hours the server's clock is ahead.
    pub ahead: i64,
    pub rules: [Rule; HOSTS.len()],
    /// The anchors of each scope.
    pub trust: [Trust; Scope::ALL.len()],
    /// Whether the operator has bound each scope to its trust domain.
    pub bound: [bool; Scope::ALL.len()],
    pub revoked: bool,
    /// When the lists were issued, by the server's clock.
    pub listed: i64,
    pub forge: Forge,
    /// How many times the server lost its storage and keys.
    pub lives: usize,
}

impl State {
    pub fn new() -> Self {
        let nothing = Rule { ask: Ask::Nothing, scope: Scope::Agents, of: Of::All };
        Self {
            now: 0,
            ahead: 0,
            rules: [nothing; HOSTS.len()],
            trust: [Trust::Agents, Trust::Staff],
            bound: [false; Scope::ALL.len()],
            revoked: false,
            listed: 0,
            forge: Forge::Nothing,
            lives: 0,
        }
    }

    /// Applies `step`.
    pub fn apply(&mut self, step: &Step) {
        match *step {
            Step::Rule(host, rule) => self.rules[host] = rule,
            Step::Trust(scope, trust) => self.trust[scope as usize] = trust,
            Step::Bind(scope, bound) => self.bound[scope as usize] = bound,
            Step::Revoke(revoked) => {
                self.revoked = revoked;
                self.listed = self.server_now();
            }
            Step::Pass(hours) => self.now += hours,
            Step::Clock(hours) => self.ahead = hours,
            Step::Forge(forge) => self.forge = forge,
            Step::Torn(ref changes, _) => changes.iter().for_each(|change| self.apply(change)),
            Step::Forget => self.lives += 1,
            Step::Restart | Step::Connect(_) => {}
        }
    }

    /// The time of the server's clock.
    pub fn server_now(&self) -> i64 {
        self.now + self.ahead
    }

    /// Whether `cert` verifies in `scope` now; if not, the alert.
    pub fn verify(&self, cert: Cert, scope: Scope) -> Result<(), Alert> {
        let trust = self.trust[scope as usize];
        let trusted = match cert {
            Cert::Boss => trust != Trust::Agents,
            Cert::Stranger => false,
            _ => trust != Trust::Staff,
        };
        match cert {
            Cert::Brief if self.server_now() > BRIEF => Err(Alert::CertificateExpired),
            Cert::Misfit => Err(Alert::UnsupportedCertificate),
            _ if !trusted => Err(Alert::UnknownCA),
            Cert::Traitor if self.revoked => Err(Alert::CertificateRevoked),
            _ if !(self.listed..self.listed + LIST).contains(&self.server_now()) => {
                Err(Alert::CertificateUnknown)
            }
            // WIO-6
            _ if self.is_bound(scope) && cert.domain() != scope => Err(Alert::AccessDenied),
            _ => Ok(()),
        }
    }

    /// Whether a scope is bound to its trust domain.
    pub fn is_bound(&self, scope: Scope) -> bool {
        let hints = |rule: &Rule| rule.of == Of::Hinting && rule.scope == scope;
        self.bound[scope as usize] || self.rules.iter().any(hints)
    }

    /// The policy's decision for `connect`.
    pub fn ask(&self, connect: &Connect) -> (Ask, Scope) {
        let rule = self.rules[connect.host];
        let applies = match rule.of {
            Of::All => true,
            Of::Offering => offered(connect),
            Of::Hinting => hint(connect) == Some(rule.scope),
        };
        (if applies { rule.ask } else { Ask::Nothing }, rule.scope)
    }
}

/// The offer that the server sees: there are no flags (FLAGS-9) and no hints (WIO-7) in TLS 1.2.
pub fn offer(connect: &Connect) -> Offer {
    let flag = connect.offer.has_flag() && connect.version == Version::Tls13;
    Offer::new(flag, connect.offer.has_care()).with_origins(hint(connect).is_some())
}

/// The hint that the server sees.
pub fn hint(connect: &Connect) -> Option<Scope> {
    connect.hint.filter(|_| connect.version == Version::Tls13)
}

/// Whether the server sees an offer.
pub fn offered(connect: &Connect) -> bool {
    !offer(connect).is_none()
}

/// The results of a connection at client and server.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectResult {
    pub resumed: bool,
    /// Whether early data reached the server.
    pub early: bool,
    pub client: ClientAuthOfferStatus,
    /// Whether the server echoed CARE (CARE-3).
    pub echoed: bool,
    pub server: Server,
    /// How many sessions of it the client then keeps.
    pub kept: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Server {
    NotAsked,
    Declined,
    /// The certificate does not count, and the handshake continued.
    Refused,
    Authenticated {
        scope: Scope,
        cert: Cert,
        at: i64,
    },
    /// The handshake ended with this alert of the server.
    Ended(Alert),
}

/// The contents of a session.
#[derive(Clone, Debug)]
struct Session {
    made: i64,
    /// The same by the server's clock.
    made_at_server: i64,
    life: usize,
    /// Whether the client proved possession of a certificate, as far as the client knows.
    proved: bool,
    /// The scope in which the client was asked, and its proof with the time (RES-1).
    record: Option<(Scope, Option<(Cert, i64)>)>,
}

/// All past events.
pub struct Model {
    keeps: Keeps,
    pub state: State,
    /// The session of each connection, if it has one.
    sessions: Vec<Option<Session>>,
}

impl Model {
    pub fn new(keeps: Keeps) -> Self {
        Self { keeps, state: State::new(), sessions: Vec::new() }
    }

    /// The number of the next connection.
    pub fn next(&self) -> usize {
        self.sessions.len()
    }

    /// The expected result of `connect`, if the client has the session of connection `picked`.
    pub fn connect(&mut self, connect: &Connect, picked: Option<usize>) -> ConnectResult {
        let (ask, scope) = self.state.ask(connect);
        let session = picked
            .and_then(|number| self.sessions[number].clone())
            .filter(|session| self.client_presents(connect, session))
            .filter(|session| self.server_resumes(connect, session, ask, scope));
        let resumed = session.is_some();
        let (server, proved) = match &session {
            Some(session) => (resumption(session), session.proved),
            None => self.full_handshake(connect, ask, scope),
        };
        // The age that the client tells is right by the server's clock (RFC 8446 section 8.3).
        let fresh = session.as_ref().is_some_and(|session| {
            let age = self.state.server_now() - session.made_at_server;
            age.max(0) == self.state.now - session.made
        });
        let early = connect.early
            && fresh
            && connect.version == Version::Tls13
            && self.keeps == Keeps::Stored
            && !connect.retry;
        let served = !matches!(server, Server::Ended(_));
        self.sessions.push(served.then(|| self.session_of(connect, session, server, proved)));
        ConnectResult {
            resumed,
            early,
            client: self.client_status(connect, ask, resumed),
            echoed: connect.offer.has_care() && !resumed,
            server,
            kept: match connect.version {
                _ if !served => 0,
                Version::Tls13 => 2,
                Version::Tls12 => 1,
            },
        }
    }

    fn client_presents(&self, connect: &Connect, session: &Session) -> bool {
        let lifetime = match (connect.version, self.keeps) {
            (_, Keeps::Tickets) => TICKET,
            (Version::Tls13, Keeps::Stored) => STORED_TLS13,
            (Version::Tls12, Keeps::Stored) => i64::MAX,
        };
        let fresh = self.state.now - session.made <= lifetime;
        // RES-8
        let offers = !connect.offer.is_none() || connect.hint.is_some();
        fresh && (!offers || connect.prefer_resumption || session.proved)
    }

    /// RES-2 to RES-5.
    fn server_resumes(&self, connect: &Connect, session: &Session, ask: Ask, scope: Scope) -> bool {
        let known = session.life == self.state.lives;
        let authenticated = session.record.and_then(|(_, proof)| proof);
        known
            && match (ask, authenticated) {
                (Ask::Nothing, proof) => proof.is_none(),
                (Ask::Require, None) => false,
                (_, None) => {
                    session.record.is_some_and(|(asked, _)| asked == scope) && !offered(connect)
                }
                (_, Some((cert, at))) => {
                    session.record.is_some_and(|(asked, _)| asked == scope)
                        && (0..=MAX_AGE).contains(&(self.state.server_now() - at))
                        && self.state.forge != Forge::Chain
                        && self.state.verify(cert, scope).is_ok()
                }
            }
    }

    /// The server's result for a client, and the client's proof.
    fn full_handshake(&self, connect: &Connect, ask: Ask, scope: Scope) -> (Server, bool) {
        if ask == Ask::Nothing {
            return (Server::NotAsked, false);
        }
        let sent = connect
            .certificate
            .filter(|_| connect.version == Version::Tls13 || connect.clear /* CARE-5 */);
        match sent {
            None if ask == Ask::Require => (Server::Ended(Alert::CertificateRequired), false),
            None => (Server::Declined, false),
            Some(cert) => match self.state.verify(cert, scope) {
                Ok(()) => {
                    (Server::Authenticated { scope, cert, at: self.state.server_now() }, true)
                }
                Err(_) if ask == Ask::Lenient => (Server::Refused, true),
                Err(alert) => (Server::Ended(alert), true),
            },
        }
    }

    fn session_of(
        &self,
        connect: &Connect,
        resumed: Option<Session>,
        server: Server,
        proved: bool,
    ) -> Session {
        let (ask, scope) = self.state.ask(connect);
        let kept = match &resumed {
            // TLS 1.2 keeps the stored session unchanged.
            Some(session) if connect.version == Version::Tls12 && self.keeps == Keeps::Stored => {
                session.record
            }
            _ => match server {
                _ if ask == Ask::Nothing => None,
                Server::Declined => Some((scope, None)),
                Server::Authenticated { cert, at, .. } => Some((scope, Some((cert, at)))),
                Server::NotAsked | Server::Refused | Server::Ended(_) => None,
            },
        };
        Session {
            made: self.state.now,
            made_at_server: self.state.server_now(),
            life: self.state.lives,
            proved,
            record: kept,
        }
    }

    fn client_status(&self, connect: &Connect, ask: Ask, resumed: bool) -> ClientAuthOfferStatus {
        let because_offered = self.state.rules[connect.host].of != Of::All;
        match (offered(connect), ask != Ask::Nothing && !resumed) {
            // RCA-2, RCA-3; CARE has no acknowledgement
            (true, true) if because_offered && offer(connect).has_flag() => {
                ClientAuthOfferStatus::Acknowledged
            }
            (_, true) => ClientAuthOfferStatus::AskedWithoutAcknowledgement,
            (true, false) => ClientAuthOfferStatus::Offered,
            (false, false) => ClientAuthOfferStatus::NotOffered,
        }
    }
}

/// The client's status on a resumed connection.
fn resumption(session: &Session) -> Server {
    match session.record {
        None => Server::NotAsked,
        Some((_, None)) => Server::Declined,
        Some((scope, Some((cert, at)))) => Server::Authenticated { scope, cert, at },
    }
}
