//! What a peer is: a TLS library as a program, with what it can and cannot do, as data.

use std::process::Output;

use rustls_ext::wire::Offer;
use serde_json::Value;
use tokio::process::Command;

use super::case::Serving;
use super::site::Site;

/// Something that a peer can do, or the reason why it cannot.
pub type Can = Result<(), &'static str>;

/// A TLS library.
pub trait Peer: Sync {
    /// Its name on the command line and in tables.
    fn name(&self) -> &'static str;

    /// What it can do as a client; `None` if it is none here.
    fn client(&self) -> Option<Client> {
        None
    }

    /// What it can do as a server; `None` if it is none here.
    fn server(&self) -> Option<Server> {
        None
    }

    /// Finds it, or builds it if that is a matter of seconds; its version, as it says itself.
    ///
    /// # Errors
    /// Why it is missing, and what to do about it.
    fn find(&self, site: &Site) -> Result<String, String>;

    /// The command that serves for ever.
    fn serve(&self, _: &Site, _: &Serving) -> Command {
        Command::new("false")
    }

    /// The port, from a line in which the server says where it listens.
    fn listening(&self, line: &str) -> Option<u16> {
        line.strip_prefix("listening on 127.0.0.1:")?.trim_end().parse().ok()
    }

    /// What the server says of a connection in its answer; `None` if it does so in a line of JSON on
    /// standard output.
    fn answer(&self, body: &str) -> Option<PeerView> {
        body.lines().rev().find_map(|line| PeerView::of_server(&serde_json::from_str(line).ok()?))
    }

    /// The command with this number, from 0 on, of those that make the connections of a visit, one
    /// after the other; `None` if there is no further one.
    fn connect(&self, _: &Site, _: &Visit, _number: u32) -> Option<Step> {
        None
    }

    /// Whether the client makes more connections than it is asked to.
    fn makes_more_connections(&self) -> bool {
        false
    }

    /// What a command of the client's printed, the server's answer in it.
    fn printed(&self, output: &Output) -> String {
        text(output)
    }

    /// What the client says of the last connection.
    fn view(&self, outputs: &[Output]) -> PeerView {
        outputs.last().map(json_line).unwrap_or_default()
    }
}

/// What a peer can do as a client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// How it offers, or why it cannot.
    pub offers: Result<Offer, &'static str>,
    /// Whether it can resume a session when it is told to connect twice.
    pub resumes: Can,
}

/// What a peer can do as a server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Whether it can ask those who offer, and nobody else.
    pub requests_on_offer: Can,
    /// Whether it can say in CertificateRequest that it asks because of the offer.
    pub acknowledges: Can,
    /// Whether those who are authenticated can resume.
    pub resumes_authenticated: Can,
}

impl Server {
    /// A server that knows nothing of offers, for this reason.
    pub const fn plain(why: &'static str) -> Self {
        Self {
            requests_on_offer: Err(why),
            acknowledges: Err(why),
            resumes_authenticated: Err(why),
        }
    }
}

/// What a client is to do.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The port of `localhost`.
    pub port: u16,
    /// Whether to offer.
    pub offer: bool,
    /// How many connections to make, with the sessions of those before.
    pub connections: u32,
}

/// A command, and what it is told on standard input.
#[derive(Debug)]
pub struct Step {
    /// The command.
    pub command: Command,
    /// Its standard input.
    pub stdin: &'static str,
}

impl Step {
    /// The only one.
    pub fn only(number: u32, command: Command) -> Option<Self> {
        (number == 0).then_some(Self { command, stdin: "" })
    }
}

/// What one end says of a connection; `None` where it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PeerView {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: Option<String>,
    /// Whether the session is an earlier one.
    pub resumed: Option<bool>,
    /// Whether the client was asked for a certificate on this connection.
    pub asked: Option<bool>,
    /// Whether the client was told that it is because of its offer.
    pub acknowledged: Option<bool>,
    /// The verified subject of its certificate; the inner `None` for a client that is nobody.
    pub subject: Option<Option<String>>,
}

impl PeerView {
    /// What a server says in JSON, in the words of `rext serve` or of an adapter's example.
    pub fn of_server(line: &Value) -> Option<Self> {
        let either = |one: &str, other: &str| line.get(one).or_else(|| line.get(other)).cloned();
        let resumed = line.get("resumed").and_then(Value::as_bool);
        // Clients say nothing of that.
        let decision = either("decision", "demand")?;
        let subject = either("verified_subject", "subject");
        Some(Self {
            tls_version: either("tls_version", "version")?.as_str().map(str::to_owned),
            resumed,
            asked: Some(decision.as_str()? != "none" && resumed != Some(true)),
            acknowledged: line.get("acknowledged").and_then(Value::as_bool),
            subject: subject.map(|subject| subject.as_str().map(str::to_owned)),
        })
    }

    /// What a client says in JSON.
    pub fn of_client(line: &Value) -> Option<Self> {
        if line.get("decision").or_else(|| line.get("demand")).is_some() {
            return None; // what the server says, in its answer
        }
        let version = line.get("tls_version").or_else(|| line.get("version"))?;
        let fact = |name: &str| line.get(name).and_then(Value::as_bool);
        Some(Self {
            tls_version: version.as_str().map(str::to_owned),
            resumed: fact("resumed"),
            asked: fact("asked"),
            acknowledged: fact("acknowledged"),
            subject: None,
        })
    }
}

/// What the last line of JSON says that a client printed.
pub(super) fn json_line(output: &Output) -> PeerView {
    let text = text(output);
    let mut lines = text.lines().rev();
    lines
        .find_map(|line| PeerView::of_client(&serde_json::from_str(line).ok()?))
        .unwrap_or_default()
}

/// All that a program printed, standard error first.
pub(super) fn text(output: &Output) -> String {
    let text = [&output.stderr[..], b"\n", &output.stdout].concat();
    String::from_utf8_lossy(&text).into_owned()
}
