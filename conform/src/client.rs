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
mod request;
mod resumption;
mod ticket;
pub(super) mod tls12;

pub use features::{ClientFeatures, Need};

/// The most connections of one command that are served: a client that ever connects again shows
/// nothing new.
const MOST_CONNECTIONS: usize = 32;

/// How often to look whether the command is still there, or somebody connects.
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
    cases.extend(resumption::cases());
    cases.extend(tls12::cases());
    cases
}

/// What a case works with.
#[derive(Debug)]
pub struct Lab {
    /// Where clients connect to.
    pub listener: TcpListener,
    /// What starts the client; `None` waits for one.
    pub command: Option<Vec<OsString>>,
    /// The server's certificate.
    pub identity: ChainAndKey,
    /// Keeps the files of the PKI, if they are to go away.
    pub files: Option<tempfile::TempDir>,
    /// Where they are.
    pub pki: PathBuf,
    /// The numbers on the wire.
    pub points: CodePoints,
    /// How long a connection may take.
    pub patience: Duration,
    /// What is known of the client.
    pub features: ClientFeatures,
    /// The connections of the case.
    pub talks: Vec<Rc<Talk>>,
}

impl Lab {
    /// A server that keeps all rules, and asks for a certificate.
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

    /// The same, with this in one message.
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

    /// Has the client connect, and gives its first connection.
    fn host(&mut self, config: ServerConfig) -> Result<Rc<Talk>, Grade> {
        let first = self.host_all(config, None).into_iter().next();
        first.ok_or_else(|| Grade::Failed("the client did not connect".into()))
    }

    /// The same, with somebody who speaks for the server once a hello is there.
    fn host_by(&mut self, config: ServerConfig, play: Play<'_>) -> Result<Rc<Talk>, Grade> {
        let first = self.host_all(config, Some(play)).into_iter().next();
        first.ok_or_else(|| Grade::Failed("the client did not connect".into()))
    }

    /// Has the client connect; it has to go on.
    fn host_well(&mut self, config: ServerConfig) -> Result<Rc<Talk>, Grade> {
        let reads = self.reads(&config);
        let talk = self.host(config)?;
        match talk.verdict() {
            Verdict::Accepted if reads => Ok(talk),
            Verdict::Accepted => Err(undecided()),
            other => Err(accepted(&other)),
        }
    }

    /// Whether the client shows that it went on with all that is bent in this configuration. Of
    /// what comes behind its Finished, it shows that only by what its command makes of it.
    fn reads(&self, config: &ServerConfig) -> bool {
        self.features.reads_on || config.plan.new_session_ticket.is_empty()
    }

    /// Has the client connect; it has to refuse with illegal_parameter, or by one of `tolerated`.
    fn host_ill(&mut self, config: ServerConfig, tolerated: &[u8]) -> CaseResult {
        let tolerated = [&[DECODE_ERROR], tolerated].concat();
        self.host_refusing(config, ILLEGAL_PARAMETER, &tolerated)
    }

    /// Has the client connect; it has to refuse with `wanted`, or by one of `tolerated`.
    fn host_refusing(&mut self, config: ServerConfig, wanted: u8, tolerated: &[u8]) -> CaseResult {
        let reads = self.reads(&config);
        let verdict = self.host(config)?.verdict();
        if verdict == Verdict::Accepted && !reads {
            return Ok(undecided());
        }
        Ok(refused(&verdict, wanted, tolerated))
    }

    /// Has the client connect, as often as it does: each can resume what came before.
    fn host_all(&mut self, config: ServerConfig, play: Option<Play<'_>>) -> Vec<Rc<Talk>> {
        self.host_all_with(config, talk::ANSWER, play)
    }

    /// The same, with this answer to each request.
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
        // Only where it ends well otherwise does its end show anything.
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

    /// The next connection, for as long as the command is there, or the deadline is not.
    fn accept(
        &self,
        mut child: Option<&mut Child>,
        deadline: Instant,
        first: bool,
    ) -> Option<TcpStream> {
        loop {
            // In this order: what came before its end is still to be accepted.
            let gone = child.as_mut().is_some_and(|c| !matches!(c.try_wait(), Ok(None)));
            match self.listener.accept() {
                Ok((stream, _)) => return stream.set_nonblocking(false).ok().map(|()| stream),
                Err(_) if gone => return None,
                // Who starts it by hand may take any time.
                Err(_) if child.is_none() && first => {}
                Err(_) if Instant::now() >= deadline => return None,
                Err(_) => {}
            }
            sleep(POLL);
        }
    }

    /// Makes sure that the command can be started.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_command(&self) -> Result<(), Failure> {
        let Some(program) = self.command.as_ref().and_then(|words| words.first()) else {
            return Ok(());
        };
        let mut child = self.start().map_err(|err| {
            Failure::Usage(format!("cannot start {}: {err}", program.to_string_lossy()))
        })?;
        let _ = child.kill();
        let _ = child.wait();
        // Whoever it was that connected meanwhile.
        while self.listener.accept().is_ok() {}
        Ok(())
    }
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It says that all was well.
    Well,
    /// It says that something went wrong.
    Complaining,
    /// It did not end in time.
    Killed,
}

/// Waits for its end, or makes one.
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

/// The grade of what comes behind the client's Finished, where nothing shows that it was read.
fn undecided() -> Grade {
    Grade::Undecided(
        "the client does not show that it reads what comes behind its handshake: its command should \
         exit with 0 if its request is answered, and only then"
            .into(),
    )
}

/// Speaks for a server, whose peer has just received a hello.
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

/// The bodies of this extension in each hello that came.
fn in_hellos(talk: &Talk, number: u16) -> Vec<Vec<Vec<u8>>> {
    let hellos = talk.peer.messages().filter(|m| m.typ == HandshakeType::CLIENT_HELLO);
    let extensions = hellos.map(|m| m.extensions().unwrap_or_default());
    let bodies = extensions.map(|all| all.into_iter().filter(|e| e.typ == number));
    bodies.map(|found| found.map(|e| e.body).collect()).collect()
}
