//! A client under test: how it is started, what it can do, and the experiments with it.

use std::ffi::{OsStr, OsString};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls_ext_wire::CodePoints;

use super::bodies::body;
use super::case::CaseResult;
use super::grade::{DECODE_ERROR, Grade, ILLEGAL_PARAMETER, accepted, refused};
use super::run::Bench;
use super::talk::{self, Talk, Verdict};
use command_line::{Failure, emit};
use raw_peer::{ChainAndKey, Edit, HandshakeType, Peer, ServerConfig, Slot};

mod answer;
mod care;
mod features;
mod hello;
mod origin;
mod request;
mod resumption;
mod secondary;
mod ticket;
pub(super) mod tls12;

pub use features::{ClientFeatures, Need};

/// The maximum number of connections to serve per command, for clients that connect again and again.
const MOST_CONNECTIONS: usize = 32;

/// How often to check for a connection, and whether the command still runs.
const POLL: Duration = Duration::from_millis(2);

/// A case with a client.
pub type Case = super::case::Case<Lab, Need>;

/// Every case, in order.
pub fn cases() -> Vec<Case> {
    let mut cases = hello::cases();
    cases.extend(answer::cases());
    cases.extend(request::cases());
    cases.extend(ticket::cases());
    cases.extend(care::cases());
    cases.extend(origin::cases());
    cases.extend(resumption::cases());
    cases.extend(tls12::cases());
    cases.extend(secondary::cases());
    cases
}

/// The lab of a client under test.
#[derive(Debug)]
pub struct Lab {
    /// Accepts the client's connections.
    pub listener: TcpListener,
    /// The command that starts the client; `None` waits for a client.
    pub command: Option<Vec<OsString>>,
    /// The server's certificate.
    pub identity: ChainAndKey,
    /// The temporary folder of the certificates, if there is one.
    pub files: Option<tempfile::TempDir>,
    /// The folder of the certificates.
    pub pki: PathBuf,
    /// The client's own certificate.
    pub client_leaf: Vec<u8>,
    /// The distinguished name of its authority.
    pub authority: Vec<u8>,
    /// The code points.
    pub points: CodePoints,
    /// The timeout of a connection.
    pub patience: Duration,
    /// The client's features.
    pub features: ClientFeatures,
    /// The connections of the case.
    pub talks: Vec<Rc<Talk>>,
}

impl Lab {
    /// A server that keeps all rules, and requests a certificate.
    fn honest(&self) -> ServerConfig {
        let mut config = ServerConfig::new(self.identity.clone());
        config.alpn = vec![b"http/1.1".to_vec()];
        config.ask_certificate = true;
        config.tickets = 1;
        if self.features.offers_flag {
            config.plan.certificate_request.push(self.acknowledgement());
        }
        config
    }

    /// The same, with this edit of one message.
    fn with(&self, slot: Slot, edit: Edit) -> ServerConfig {
        let mut config = self.honest();
        config.hello_retry = slot == Slot::HelloRetryRequest;
        if slot == Slot::CertificateRequest {
            config.plan.certificate_request.clear();
        }
        config.plan.edits_mut(slot).push(edit);
        config
    }

    /// tls_flags with this body.
    fn flags(&self, body: impl Into<Vec<u8>>) -> Edit {
        Edit::add(self.points.tls_flags(), body)
    }

    /// tls_flags with the flag of the offer.
    fn acknowledgement(&self) -> Edit {
        self.flags(body([self.points.request_client_auth().get()]))
    }

    /// client_authentication_request with this body.
    fn care(&self, body: impl Into<Vec<u8>>) -> Edit {
        Edit::add(self.points.care().unwrap_or_default(), body)
    }

    /// workload_identifier_origin_hint with this body.
    fn hint(&self, body: impl Into<Vec<u8>>) -> Edit {
        Edit::add(self.points.origin_hint().unwrap_or_default(), body)
    }

    /// Runs the client, and returns its first connection.
    fn host(&mut self, config: ServerConfig) -> Result<Rc<Talk>, Grade> {
        let first = self.host_all(config, None).into_iter().next();
        first.ok_or_else(|| Grade::Failed("the client did not connect".into()))
    }

    /// The same; `play` sends the server's messages after the ClientHello.
    fn host_by(&mut self, config: ServerConfig, play: Play<'_>) -> Result<Rc<Talk>, Grade> {
        let first = self.host_all(config, Some(play)).into_iter().next();
        first.ok_or_else(|| Grade::Failed("the client did not connect".into()))
    }

    /// Runs the client, which must continue.
    fn host_well(&mut self, config: ServerConfig) -> Result<Rc<Talk>, Grade> {
        let reads = self.reads(&config);
        let talk = self.host(config)?;
        match talk.verdict() {
            Verdict::Accepted if reads => Ok(talk),
            Verdict::Accepted => Err(undecided()),
            other => Err(accepted(&other)),
        }
    }

    /// Whether the client can show that it accepted all messages of this configuration. For messages
    /// after its Finished, only the exit code of its command shows this.
    fn reads(&self, config: &ServerConfig) -> bool {
        self.features.reads_on || config.plan.new_session_ticket.is_empty()
    }

    /// Runs the client, which must refuse with illegal_parameter, or with one of `tolerated`.
    fn host_ill(&mut self, config: ServerConfig, tolerated: &[u8]) -> CaseResult {
        let tolerated = [&[DECODE_ERROR], tolerated].concat();
        self.host_refusing(config, ILLEGAL_PARAMETER, &tolerated)
    }

    /// Runs the client, which must refuse with `wanted`, or with one of `tolerated`.
    fn host_refusing(&mut self, config: ServerConfig, wanted: u8, tolerated: &[u8]) -> CaseResult {
        let reads = self.reads(&config);
        let verdict = self.host(config)?.verdict();
        if verdict == Verdict::Accepted && !reads {
            return Ok(undecided());
        }
        Ok(refused(&verdict, wanted, tolerated))
    }

    /// Runs the client, and returns all its connections; each can resume an earlier session.
    fn host_all(&mut self, config: ServerConfig, play: Option<Play<'_>>) -> Vec<Rc<Talk>> {
        self.host_all_with(config, talk::ANSWER, play)
    }

    /// The same, with this response to each request.
    fn host_all_with(
        &mut self,
        mut config: ServerConfig,
        answer: &[u8],
        play: Option<Play<'_>>,
    ) -> Vec<Rc<Talk>> {
        let mut child = if self.command.is_some() {
            match self.start() {
                Ok(child) => Some(child),
                Err(_) => return Vec::new(),
            }
        } else {
            emit("waiting for the client\n");
            None
        };
        let deadline = Instant::now() + self.patience;
        let mut talks = Vec::new();
        while let Some(stream) = self.accept(child.as_mut(), deadline, talks.is_empty()) {
            let peer = Peer::server(config.clone());
            if let Ok(talk) = talk::host(peer, stream, self.patience, answer, play) {
                config.known_tickets.extend_from_slice(talk.peer.tickets());
                talks.push(talk);
            }
            if child.is_none() || talks.len() >= MOST_CONNECTIONS {
                break;
            }
        }
        let ended = child.as_mut().map_or(Ended::Well, |child| end(child, deadline));
        // Its exit code proves something only if it succeeds with an honest server.
        if let (Some(last), true) = (talks.last_mut(), self.features.succeeds) {
            last.complains = ended == Ended::Complaining;
            last.hangs = ended == Ended::Killed;
        }
        self.features.ended_well = ended == Ended::Well;
        let talks: Vec<_> = talks.into_iter().map(Rc::new).collect();
        self.talks.extend(talks.iter().cloned());
        talks
    }

    fn start(&self) -> std::io::Result<Child> {
        let port = self.listener.local_addr()?.port().to_string();
        let file = |name: &str| self.pki.join(name).to_string_lossy().into_owned();
        let replaced = |word: &OsString| -> OsString {
            let Some(word) = word.to_str() else { return word.clone() };
            let word = word.replace("{port}", &port).replace("{ca}", &file("ca.pem"));
            word.replace("{cert}", &file("client.pem")).replace("{key}", &file("client.key")).into()
        };
        let words: Vec<_> = self.command.iter().flatten().map(replaced).collect();
        let (program, args) =
            words.split_first().map_or((OsStr::new(""), &[][..]), |(p, a)| (p.as_os_str(), a));
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn()
    }

    /// The next connection, until the command ends or the deadline has passed.
    fn accept(
        &self,
        mut child: Option<&mut Child>,
        deadline: Instant,
        first: bool,
    ) -> Option<TcpStream> {
        loop {
            // In this order, since connections from before its end are still to be accepted.
            let gone = child.as_mut().is_some_and(|c| !matches!(c.try_wait(), Ok(None)));
            match self.listener.accept() {
                Ok((stream, _)) => return stream.set_nonblocking(false).ok().map(|()| stream),
                Err(_) if gone => return None,
                // Without a command, there is no deadline for the first connection.
                Err(_) if child.is_none() && first => {}
                Err(_) if Instant::now() >= deadline => return None,
                Err(_) => {}
            }
            sleep(POLL);
        }
    }

    /// Detects what the client does with secondary certificates, and nothing else.
    ///
    /// # Errors
    /// If it does not connect, or requests no page by HTTP/2.
    pub fn look_for_secondary(&mut self) -> Result<(), Failure> {
        self.features.only_secondary = true;
        secondary::look(self)
    }

    /// Checks that the command can be started.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn check_command(&self) -> Result<(), Failure> {
        let Some(program) = self.command.as_ref().and_then(|words| words.first()) else {
            return Ok(());
        };
        let mut child = self.start().map_err(|err| {
            Failure::Usage(format!("cannot start {}: {err}", program.to_string_lossy()))
        })?;
        let _ = child.kill();
        let _ = child.wait();
        // Drop the connections of this run.
        while self.listener.accept().is_ok() {}
        Ok(())
    }
}

/// The end of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It exited with success.
    Well,
    /// It exited with a failure.
    Complaining,
    /// It did not end before the timeout, and was killed.
    Killed,
}

/// Waits for the end of the command, or kills it after the timeout.
fn end(child: &mut Child, deadline: Instant) -> Ended {
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return if status.success() { Ended::Well } else { Ended::Complaining };
        }
        sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
    Ended::Killed
}

/// The grade if nothing shows whether the client read the messages after its Finished.
fn undecided() -> Grade {
    Grade::Undecided(
        "the client does not show that it reads messages after the handshake: its command should \
         exit with 0 if it gets a response, and only then"
            .into(),
    )
}

/// Sends the messages of a server after a ClientHello.
pub type Play<'a> = &'a dyn Fn(&mut Peer);

impl Bench for Lab {
    type Need = Need;

    fn lacks(&self, need: Need) -> Option<String> {
        self.features.lacks(need)
    }

    fn take_talks(&mut self) -> Vec<Rc<Talk>> {
        std::mem::take(&mut self.talks)
    }
}

/// The bodies of this extension in each received ClientHello.
fn in_hellos(talk: &Talk, number: u16) -> Vec<Vec<Vec<u8>>> {
    let hellos = talk.peer.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO);
    let extensions = hellos.map(|m| m.extensions().unwrap_or_default());
    let bodies = extensions.map(|all| all.into_iter().filter(|e| e.typ == number));
    bodies.map(|found| found.map(|e| e.body).collect()).collect()
}
