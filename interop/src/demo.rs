//! `interop demo`: real clients connect to a server with a policy, one after the other.
//!
//! The server's policy; the first rule that matches decides:
//!
//! | condition | the server |
//! |---|---|
//! | a hint at `spiffe://example.org` | requires a certificate of the scope "example.org", which is that trust domain |
//! | a hint at `spiffe://example.com` | the same for the scope "example.com" |
//! | name `admin.localhost` | requires a certificate of the scope "staff" |
//! | name `login.localhost` | requests one of the scope "staff", leniently |
//! | name `agents.localhost`, and an offer | requires one of the scope "agents" |
//! | an offer | requests one of the scope "agents" |
//! | otherwise | does not request a certificate |
//!
//! On all of these names, `/reports` requires an identity of the scope "agents".
//!
//! On open HTTP/2 and HTTP/3 connections, the server requests certificates of clients that take part:
//!
//! | host | scope | when |
//! |---|---|---|
//! | `app.localhost` | "agents", "staff" | when a page needs it |
//! | `greeted.localhost` | "agents" | at once, and when a page needs it |
//! | `again.localhost` | "agents" | when a page needs it, again after an hour |
//! | `partners.localhost` | "partners" | when a page needs it; the request names no authorities |
//!
//! The expected outcome of each client is in [`cases`], and for open connections in [`open`].

use clap::Args;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use command_line::{Failure, emit};
use test_pki::{Authority, IssuedCertificate};

pub mod cases;
pub mod client_view;
pub mod clients;
pub mod counted;
mod frames;
pub mod http3;
pub mod open;
mod open_client;
pub mod recorded;
pub mod round_trips;
pub mod row;
pub mod server;
pub mod workloads;

use client_view::ClientView;
use recorded::HandshakeReport;
use row::Row;
use workloads::Workloads;

/// Options of `interop demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Print a JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// The public host name.
pub const PUBLIC: &str = "localhost";
/// The host name that requires a certificate of the scope "staff".
pub const ADMIN: &str = "admin.localhost";
/// The host name with a login, where the request is lenient.
pub const LOGIN: &str = "login.localhost";
/// The host name that requires a certificate of clients that offer.
pub const AGENTS: &str = "agents.localhost";
/// A host name where certificates are requested on open connections, when a page needs them.
pub const APP: &str = "app.localhost";
/// The same, at the beginning of each connection.
pub const GREETED: &str = "greeted.localhost";
/// The same, again after an hour.
pub const AGAIN: &str = "again.localhost";
/// The same, by requests that name no authorities.
pub const PARTNER: &str = "partners.localhost";

/// The origin of the trust domain of the scope "example.org".
pub const ORG: &str = "spiffe://example.org";
/// The origin of the trust domain of the scope "example.com".
pub const COM: &str = "spiffe://example.com";

/// The host names of the first server.
const HOSTS: [&str; 4] = [PUBLIC, ADMIN, LOGIN, AGENTS];
/// Those of the server for open connections, which has a certificate of its own: each name makes it
/// longer, and the bytes of the other server's handshakes are compared.
const OPEN_HOSTS: [&str; 5] = [PUBLIC, APP, GREETED, AGAIN, PARTNER];

/// The timeout for the server's report of a connection, after its client has ended.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The certificates of the demo.
#[derive(Debug)]
pub struct DemoPki {
    /// The authority of the server's certificate.
    pub servers: Authority,
    /// The server's certificate, for all host names.
    pub server: IssuedCertificate,
    /// The authority of the scope "agents".
    pub agents: Authority,
    /// A certificate of this authority.
    pub agent: IssuedCertificate,
    /// The authority of the scope "staff".
    pub staff: Authority,
    /// A certificate of this authority.
    pub admin: IssuedCertificate,
    /// A certificate of an authority that the server does not trust.
    pub stranger: IssuedCertificate,
    /// The workloads of two trust domains.
    pub workloads: Workloads,
}

impl DemoPki {
    /// Issues new certificates, with a server certificate for these host names.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(hosts: &[&str]) -> Result<Self, test_pki::Error> {
        let servers = Authority::new("Server CA")?;
        let agents = Authority::new("Agent CA")?;
        let staff = Authority::new("Staff CA")?;
        let foreign = Authority::new("Foreign CA")?;
        Ok(Self {
            server: servers.server(hosts)?,
            servers,
            agent: agents.client("agent-7")?,
            agents,
            admin: staff.client("alice")?,
            staff,
            stranger: foreign.client("stranger")?,
            workloads: Workloads::new()?,
        })
    }
}

/// Runs `interop demo`.
///
/// # Errors
/// If the demo cannot run, or an outcome is not the expected one.
pub async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let pki = DemoPki::new(&HOSTS)?;
    let mut server = server::start(&pki).await?;
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    for case in cases::all() {
        let Some(view) = clients::send(&case, &pki, &server).await? else {
            continue;
        };
        for ((client, expected), view) in case.connections.iter().zip(&view) {
            let report = timeout(TIMEOUT, server.reports.recv()).await.ok().flatten();
            let Some(report) = report else {
                wrong.push(format!("{client:?}: no connection reached the server"));
                continue;
            };
            let row = combine(client, &report, view, &mut wrong);
            wrong.extend(expected.differences(&row));
            rows.push(row);
        }
        if server.reports.try_recv().is_ok() {
            wrong.push(format!(
                "{:?}: the server reports one connection too many",
                case.connections[0].0
            ));
        }
    }
    let pki = DemoPki::new(&OPEN_HOSTS)?;
    let mut server = server::start(&pki).await?;
    let open = open::run(&pki, &server, &mut wrong).await?;
    let round_trips = round_trips::measure(&pki, &mut server).await?;
    wrong.extend(round_trips::differences(&round_trips));
    emit(if args.json {
        let all =
            json!({ "connections": rows, "open_connections": open, "round_trips": round_trips });
        serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
    } else {
        let tables = [row::table(&rows), open::table(&open), round_trips::table(&round_trips)];
        tables.join("\n")
    });
    for line in &wrong {
        eprintln!("wrong: {line}");
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{count} differences from the expected outcomes"))),
    }
}

/// Makes the row of a connection from the server's report, and notes where the client disagrees.
fn combine(row: &str, report: &HandshakeReport, view: &ClientView, wrong: &mut Vec<String>) -> Row {
    let mut compare = |column: &str, client: String, server: String| {
        if client != server {
            wrong.push(format!(
                "{row:?}, {column}: the client reports {client}, the server reports {server}"
            ));
        }
    };
    let facts = view.facts.as_ref();
    // After a refusal, only the client knows whether the server acknowledged.
    let acknowledged =
        report.acknowledged.or(facts.map(|facts| facts.acknowledged)).unwrap_or_default();
    if let Some(facts) = facts {
        compare("offered", row::word(facts.offered), row::word(report.offered));
        compare("requested", row::word(facts.asked), row::word(report.asked));
        compare("acknowledged", row::word(facts.acknowledged), row::word(acknowledged));
    }
    if let Some(refused) = &view.refused {
        compare("refused", row::or_dash(refused), row::or_dash(&report.refused));
    }
    let (authenticated, scope) = match &report.verified {
        Some(verified) => (Some(verified.subject.clone()), Some(verified.scope.clone())),
        None => (None, None),
    };
    Row {
        client: row.into(),
        offered: report.offered,
        asked: report.asked,
        acknowledged,
        authenticated,
        scope,
        http_status: view.http_status,
        refused: report.refused.clone(),
        handshake_bytes: report.count.map(|count| count.bytes),
        flights: report.count.map(|count| count.flights),
    }
}
