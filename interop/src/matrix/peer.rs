//! A peer: a TLS library as a program, with its features as data.

use std::process::Output;

use rustls_ext::wire::Offer;
use serde_json::Value;
use tokio::process::Command;

use super::case::Serving;
use super::site::Site;

/// A feature: `Ok` if the peer has it, or the reason why it does not.
pub type Can = Result<(), &'static str>;

/// A TLS library.
pub trait Peer: Sync {
    /// Its name on the command line and in tables.
    fn name(&self) -> &'static str;

    /// Its features as a client; `None` if it is not used as a client.
    fn client(&self) -> Option<Client> {
        None
    }

    /// Its features as a server; `None` if it is not used as a server.
    fn server(&self) -> Option<Server> {
        None
    }

    /// Finds the program, or builds it if this takes seconds. Returns the version that it prints.
    ///
    /// # Errors
    /// The reason why it is missing, and what to do.
    fn find(&self, site: &Site) -> Result<String, String>;

    /// The command of the server, which runs until it is stopped.
    fn serve(&self, _: &Site, _: &Serving) -> Command {
        Command::new("false")
    }

    /// The port, from the line in which the server prints its address.
    fn listening(&self, line: &str) -> Option<u16> {
        line.strip_prefix("listening on 127.0.0.1:")?.trim_end().parse().ok()
    }

    /// The server's report of a connection, from its response; `None` if the server prints it as a
    /// line of JSON on standard output.
    fn answer(&self, body: &str) -> Option<PeerView> {
        body.lines().rev().find_map(|line| PeerView::of_server(&serde_json::from_str(line).ok()?))
    }

    /// Command `number`, counted from 0, of those that make the connections of a visit in order;
    /// `None` after the last one.
    fn connect(&self, _: &Site, _: &Visit, _number: u32) -> Option<Step> {
        None
    }

    /// Whether the client makes more connections than the visit has.
    fn makes_more_connections(&self) -> bool {
        false
    }

    /// The output of a command of the client, with the server's response.
    fn printed(&self, output: &Output) -> String {
        text(output)
    }

    /// The client's report of the last connection.
    fn view(&self, outputs: &[Output]) -> PeerView {
        outputs.last().map(json_line).unwrap_or_default()
    }
}

/// The features of a peer as a client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its offer, or the reason why it cannot offer.
    pub offers: Result<Offer, &'static str>,
    /// Whether it can send an origin hint instead of its offer.
    pub hints: Can,
    /// Whether it can resume a session on a second connection.
    pub resumes: Can,
}

impl Client {
    /// A client that does not offer, for this reason.
    pub const fn plain(why: &'static str, resumes: Can) -> Self {
        Self { offers: Err(why), hints: Err(why), resumes }
    }
}

/// The features of a peer as a server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Whether it can request a certificate exactly of clients that offer.
    pub requests_on_offer: Can,
    /// Whether it can acknowledge the offer in CertificateRequest.
    pub acknowledges: Can,
    /// Whether it can request a certificate of a trust domain because of an origin hint.
    pub requests_on_origin: Can,
    /// Whether it resumes sessions of authenticated clients.
    pub resumes_authenticated: Can,
}

impl Server {
    /// A server with all of these features.
    pub const FULL: Self = Self {
        requests_on_offer: Ok(()),
        acknowledges: Ok(()),
        requests_on_origin: Ok(()),
        resumes_authenticated: Ok(()),
    };

    /// A server without any of these features, for this reason.
    pub const fn plain(why: &'static str) -> Self {
        Self {
            requests_on_offer: Err(why),
            acknowledges: Err(why),
            requests_on_origin: Err(why),
            resumes_authenticated: Err(why),
        }
    }
}

/// The task of a client.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The port of `localhost`.
    pub port: u16,
    /// Whether the client offers.
    pub offer: bool,
    /// Whether it hints at [`ORIGIN`](super::ORIGIN), and makes no other offer.
    pub hint: bool,
    /// How many connections it makes, each with the sessions of earlier ones.
    pub connections: u32,
}

/// A command, and its standard input.
#[derive(Debug)]
pub struct Step {
    /// The command.
    pub command: Command,
    /// Its standard input.
    pub stdin: &'static str,
}

impl Step {
    /// The only command of a visit.
    pub fn only(number: u32, command: Command) -> Option<Self> {
        (number == 0).then_some(Self { command, stdin: "" })
    }
}

/// The report of client or server about a connection; `None` for unknown values.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PeerView {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: Option<String>,
    /// Whether the session is an earlier one.
    pub resumed: Option<bool>,
    /// Whether the server requested a certificate on this connection.
    pub asked: Option<bool>,
    /// Whether the server acknowledged the offer.
    pub acknowledged: Option<bool>,
    /// The verified subject of the client's certificate; the inner `None` if it is not authenticated.
    pub subject: Option<Option<String>>,
}

impl PeerView {
    /// Reads a server's report in JSON, in the format of `rext serve` or of an adapter's example. A decision of `null` is
    /// unknown.
    pub fn of_server(line: &Value) -> Option<Self> {
        let either = |one: &str, other: &str| line.get(one).or_else(|| line.get(other)).cloned();
        let resumed = line.get("resumed").and_then(Value::as_bool);
        // Reports of clients do not have this.
        let decision = either("decision", "demand")?;
        let subject = either("verified_subject", "subject");
        Some(Self {
            tls_version: either("tls_version", "version")?.as_str().map(str::to_owned),
            resumed,
            asked: decision.as_str().map(|decision| decision != "none" && resumed != Some(true)),
            acknowledged: line.get("acknowledged").and_then(Value::as_bool),
            subject: subject.map(|subject| subject.as_str().map(str::to_owned)),
        })
    }

    /// Reads a client's report in JSON.
    pub fn of_client(line: &Value) -> Option<Self> {
        if line.get("decision").or_else(|| line.get("demand")).is_some() {
            return None; // the server's report, in its response
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

/// The report in the last line of JSON that a client printed.
pub(super) fn json_line(output: &Output) -> PeerView {
    let text = text(output);
    let mut lines = text.lines().rev();
    lines
        .find_map(|line| PeerView::of_client(&serde_json::from_str(line).ok()?))
        .unwrap_or_default()
}

/// The output of a program, standard error first.
pub(super) fn text(output: &Output) -> String {
    let text = [&output.stderr[..], b"\n", &output.stdout].concat();
    String::from_utf8_lossy(&text).into_owned()
}
