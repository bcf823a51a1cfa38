//! Rows for certificates on an open HTTP/2 or HTTP/3 connection: the clients, and the expected outcome of each.

use std::sync::atomic::Ordering;

use command_line::Failure;
use rustls_ext::subject_of;
use serde::Serialize;

use super::cases::Certificate::{self, Admin, Agent, Stranger};
use super::open_client::{Answer, Http3Client, OpenClient};
use super::recorded::{ACCOUNT, ADMINISTRATION, PARTNERS};
use super::server::Server;
use super::{AGAIN, APP, DemoPki, GREETED, PARTNER, PUBLIC, row};

/// The outcome of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenRow {
    /// The kind of client.
    pub client: String,
    /// How many connections the server accepted.
    pub connections: u32,
    /// The status codes of the responses, in order.
    pub http_status: Vec<u16>,
    /// How many certificates the server requested on the open connection.
    pub requested: usize,
    /// The subjects of the certificates that the client showed, in order.
    pub shown: Vec<String>,
    /// How many requests the client declined.
    pub declined: usize,
    /// The client's identities on the connection, as the server reports them: `CN=a (scope)`.
    pub identities: Vec<String>,
    /// Why a certificate that was shown does not count.
    pub refused: Option<String>,
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Requests this page, and reads the response.
    Get(&'static str),
    /// Waits for two hours, by the server's clock.
    Later,
}

struct OpenCase {
    host: &'static str,
    /// The certificates that it has, the preferred one first; `None` if it does not take part.
    certificates: Option<&'static [Certificate]>,
    steps: &'static [Step],
    expected: OpenRow,
}

const AGENT: &str = "CN=agent-7";
const STAFF: &str = "CN=alice";

fn cases() -> Vec<OpenCase> {
    use Step::{Get, Later};
    let asked =
        |client: &str, http_status: [u16; 2], shown: &[&str], identities: &[&str]| OpenRow {
            client: client.into(),
            connections: 1,
            http_status: http_status.to_vec(),
            requested: shown.len(),
            shown: shown.iter().map(|subject| (*subject).to_owned()).collect(),
            declined: 0,
            identities: identities.iter().map(|identity| (*identity).to_owned()).collect(),
            refused: None,
        };
    let agent = "CN=agent-7 (agents)";
    vec![
        OpenCase {
            host: APP,
            certificates: Some(&[Agent]),
            steps: &[Get("/"), Get(ACCOUNT)],
            expected: asked("asked when a page needs it", [200, 200], &[AGENT], &[agent]),
        },
        OpenCase {
            host: GREETED,
            certificates: Some(&[Agent]),
            steps: &[Get("/"), Get(ACCOUNT)],
            expected: asked("asked at once", [200, 200], &[AGENT], &[agent]),
        },
        // The policy lets a proof count for an hour on this host.
        OpenCase {
            host: AGAIN,
            certificates: Some(&[Agent]),
            steps: &[Get(ACCOUNT), Later, Get(ACCOUNT)],
            expected: asked("asked again after an hour", [200, 200], &[AGENT, AGENT], &[agent]),
        },
        // The certificate is from none of the authorities in the request (EA-6, EA-10).
        OpenCase {
            host: APP,
            certificates: Some(&[Admin]),
            steps: &[Get(ACCOUNT), Get("/")],
            expected: OpenRow {
                requested: 1,
                declined: 1,
                ..asked("declines", [401, 200], &[], &[])
            },
        },
        // The request names no authorities. The proof is valid and the chain is not, which ends
        // nothing (SCC-9).
        OpenCase {
            host: PARTNER,
            certificates: Some(&[Stranger]),
            steps: &[Get(PARTNERS), Get("/")],
            expected: OpenRow {
                refused: Some(UNKNOWN.into()),
                ..asked("certificate of a foreign CA", [403, 200], &["CN=stranger"], &[])
            },
        },
        OpenCase {
            host: APP,
            certificates: Some(&[Agent, Admin]),
            steps: &[Get(ACCOUNT), Get(ADMINISTRATION)],
            expected: asked(
                "two identities, one after the other",
                [200, 200],
                &[AGENT, STAFF],
                &[agent, "CN=alice (staff)"],
            ),
        },
        // The policy requests nothing on open connections to this host.
        OpenCase {
            host: PUBLIC,
            certificates: Some(&[Agent]),
            steps: &[Get("/"), Get(ACCOUNT)],
            expected: asked("host without such requests", [200, 401], &[], &[]),
        },
        OpenCase {
            host: APP,
            certificates: None,
            steps: &[Get("/"), Get(ACCOUNT)],
            expected: asked("does not take part", [200, 401], &[], &[]),
        },
    ]
}

/// A client over one of the two versions of HTTP.
enum Client {
    Http2(OpenClient),
    Http3(Http3Client),
}

impl Client {
    async fn get(&mut self, path: &str) -> Result<u16, Failure> {
        match self {
            Self::Http2(client) => client.get(path).await,
            Self::Http3(client) => client.get(path).await,
        }
    }

    fn answers(&self) -> Vec<Answer> {
        match self {
            Self::Http2(client) => client.answers(),
            Self::Http3(client) => client.answers(),
        }
    }
}

/// The server's reason for the certificate of the foreign CA.
const UNKNOWN: &str = "invalid peer certificate: UnknownIssuer";

/// The scopes of the policy.
const SCOPES: [&str; 3] = ["agents", "staff", "partners"];

/// Runs all clients, one after the other.
///
/// # Errors
/// If a client cannot be made, or gets no response.
pub(super) async fn run(
    pki: &DemoPki,
    server: &Server,
    wrong: &mut Vec<String>,
) -> Result<Vec<OpenRow>, Failure> {
    let mut rows = Vec::new();
    let http2 = cases().into_iter().map(|case| (false, case));
    let http3 = cases().into_iter().map(|mut case| {
        case.expected.client.insert_str(0, "HTTP/3, ");
        (true, case)
    });
    for (is_http3, OpenCase { host, certificates, steps, expected }) in http2.chain(http3) {
        let connections = || {
            if is_http3 {
                server.quic_connections.load(Ordering::SeqCst)
            } else {
                server.connections.so_far().0
            }
        };
        let before = connections();
        let mut client = if is_http3 {
            Client::Http3(Http3Client::connect(pki, certificates, host, server.quic).await?)
        } else {
            Client::Http2(OpenClient::connect(pki, certificates, host, server.addr).await?)
        };
        let mut http_status = Vec::new();
        for step in steps {
            match step {
                Step::Get(path) => http_status.push(client.get(path).await?),
                Step::Later => server.clock.two_hours_later(),
            }
        }
        let answers = client.answers();
        let shown = answers.iter().filter_map(|answer| match answer {
            Answer::Shown(subject) => Some(subject.clone()),
            Answer::Declined => None,
        });
        let shown: Vec<_> = shown.collect();
        let info = server.latest();
        let identities = info.iter().flat_map(|info| info.identities());
        let reason = |scope: &str| info.as_ref()?.refusal(scope);
        let row = OpenRow {
            client: expected.client.clone(),
            connections: connections() - before,
            http_status,
            requested: answers.len(),
            declined: answers.len() - shown.len(),
            shown,
            identities: identities
                .filter_map(|identity| {
                    let subject = subject_of(identity.chain().first()?);
                    Some(format!("{subject} ({})", identity.scope()))
                })
                .collect(),
            refused: SCOPES.into_iter().find_map(reason).map(|err| err.to_string()),
        };
        if row != expected {
            wrong.push(format!("on the open connection: expected {expected:?}, got {row:?}"));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The rows as a text table.
pub fn table(rows: &[OpenRow]) -> String {
    let head = [
        "on an open connection",
        "connections",
        "HTTP status",
        "requested",
        "shown",
        "declined",
        "authenticated as",
        "refused",
    ];
    let lines = rows.iter().map(|row| {
        let status: Vec<_> = row.http_status.iter().map(ToString::to_string).collect();
        [
            row.client.clone(),
            row.connections.to_string(),
            status.join(", "),
            row.requested.to_string(),
            joined(&row.shown),
            row.declined.to_string(),
            joined(&row.identities),
            row::or_dash(&row.refused),
        ]
    });
    row::columns(&[head.map(str::to_owned)].into_iter().chain(lines).collect::<Vec<_>>())
}

fn joined(texts: &[String]) -> String {
    if texts.is_empty() { "-".into() } else { texts.join(", ") }
}
