//! `interop demo`: real clients, one after the other, at a server with a policy.
//!
//! The server's policy, first match wins:
//!
//! | who | is asked |
//! |---|---|
//! | whoever asks for `admin.localhost` | must show a certificate of the scope "staff" |
//! | whoever asks for `login.localhost` | is asked for one of the scope "staff", and may go on without, or with one that does not count |
//! | whoever asks for `agents.localhost` and offers | must show one of the scope "agents" |
//! | whoever else offers | is asked for one of the scope "agents", and may go on without |
//! | everybody else | is left alone |
//!
//! On all of these names, `/reports` is for those who are authenticated in the scope "agents".
//!
//! What must come of each client is next to it in [`cases`].

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
pub mod http3;
pub mod recorded;
pub mod round_trips;
pub mod row;
pub mod server;

use client_view::ClientView;
use recorded::HandshakeReport;
use row::Row;

/// Options of `interop demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Print an object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// The public host name.
pub const PUBLIC: &str = "localhost";
/// The host name that needs a certificate of the staff.
pub const ADMIN: &str = "admin.localhost";
/// The host name where people log in.
pub const LOGIN: &str = "login.localhost";
/// The host name that takes an offer at its word.
pub const AGENTS: &str = "agents.localhost";

/// How long the server's report of a connection may take when its client is done.
const TIMEOUT: Duration = Duration::from_secs(5);

/// All who take part.
#[derive(Debug)]
pub struct DemoPki {
    /// Issued the server's certificate.
    pub servers: Authority,
    /// The server, of all host names.
    pub server: IssuedCertificate,
    /// The anchors of the scope "agents".
    pub agents: Authority,
    /// One of them.
    pub agent: IssuedCertificate,
    /// The anchors of the scope "staff".
    pub staff: Authority,
    /// One of them.
    pub admin: IssuedCertificate,
    /// Of an authority that the server does not know.
    pub stranger: IssuedCertificate,
}

impl DemoPki {
    /// A new pki, with a server of these host names.
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
        })
    }
}

/// Do what `interop demo` says.
///
/// # Errors
/// If anything in the table is not as it should be.
pub async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let pki = DemoPki::new(&[PUBLIC, ADMIN, LOGIN, AGENTS])?;
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
            wrong.push(format!("{:?}: one connection too many", case.connections[0].0));
        }
    }
    let round_trips = round_trips::measure(&pki, &server).await?;
    wrong.extend(round_trips::differences(&round_trips));
    emit(if args.json {
        let all = json!({ "connections": rows, "round_trips": round_trips });
        serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
    } else {
        format!("{}\n{}", row::table(&rows), round_trips::table(&round_trips))
    });
    for line in &wrong {
        eprintln!("wrong: {line}");
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{count} things are not as they should be"))),
    }
}

/// The row of a connection, as the server has it. Where the client disagrees, the row is wrong.
fn combine(row: &str, report: &HandshakeReport, view: &ClientView, wrong: &mut Vec<String>) -> Row {
    let mut compare = |column: &str, client: String, server: String| {
        if client != server {
            wrong.push(format!(
                "{row:?}, {column}: the client says {client}, the server says {server}"
            ));
        }
    };
    let facts = view.facts.as_ref();
    // The server's side of a connection that was refused is gone, and with it this one fact.
    let acknowledged =
        report.acknowledged.or(facts.map(|facts| facts.acknowledged)).unwrap_or_default();
    if let Some(facts) = facts {
        compare("offered", row::word(facts.offered), row::word(report.offered));
        compare("asked", row::word(facts.asked), row::word(report.asked));
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
