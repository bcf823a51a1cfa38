//! Counts the round trips until an agent has its first response.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_ext::ClientAuthOffer;
use rustls_ext::http::hyper::Client;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::tokio::Connector;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::cases::Certificate;
use super::client_view::failed;
use super::clients::{answering, config};
use super::open_client::OpenClient;
use super::recorded::{ACCOUNT, REPORTS};
use super::server::Server;
use super::{APP, DemoPki, GREETED, PUBLIC, TIMEOUT, row};
use command_line::Failure;
use rext_cli::tls;

/// The cost of a response, from the client's first byte to the last byte of the response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrips {
    /// The kind of client.
    pub client: &'static str,
    /// The status code of the response.
    pub http_status: u16,
    /// How many connections the client made.
    pub connections: u32,
    /// How often the client waited for an answer.
    pub round_trips: u32,
    /// The same, plus one round trip per connection for the TCP handshake (RFC 9293 section 3.5).
    pub with_tcp: u32,
}

impl RoundTrips {
    fn new(client: &'static str, http_status: u16, connections: u32, round_trips: u32) -> Self {
        let with_tcp = round_trips + connections;
        Self { client, http_status, connections, round_trips, with_tcp }
    }
}

/// The expected number of connections and round trips. A connection with TLS 1.3 takes one for the
/// handshake and one for the request; the client's certificate is sent together with the request. A
/// request for a certificate on the open connection takes one more.
const EXPECTED: [(&str, u32, u32); 8] = [
    ("offers at once", 1, 2),
    ("is challenged first", 2, 4),
    ("repeats its request", 0, 1),
    ("is challenged on its open connection", 1, 3),
    ("is asked on its open connection when needed", 0, 2),
    ("repeats its request there", 0, 1),
    ("was asked at once on its open connection", 0, 1),
    ("connects and is asked when needed", 1, 3),
];

/// Requests a page for agents in each way: `/reports` over HTTP/1.1, where a request and a response
/// are one flight each, and `/account` over HTTP/2 with requests on the open connection.
///
/// # Errors
/// If a client cannot be made, or gets no response.
pub(super) async fn measure(
    pki: &DemoPki,
    server: &mut Server,
) -> Result<Vec<RoundTrips>, Failure> {
    let mut measured = Vec::new();
    let mut before = server.connections.so_far();
    let mut note = |client: Option<&'static str>, http_status| {
        let now = server.connections.so_far();
        let (connections, round_trips) = (now.0 - before.0, now.1 - before.1);
        before = now;
        let line = |client| RoundTrips::new(client, http_status, connections, round_trips);
        measured.extend(client.map(line));
    };
    let addr = server.addr;
    let [(offers, ..), (challenged, ..), (later, ..), (reconnects, ..), on_open @ ..] = EXPECTED;
    note(Some(offers), offer_at_once(pki, addr).await?);

    let connect = move || TcpStream::connect(addr);
    let client = answering(pki, Certificate::Agent, tls::HTTP1, connect)?;
    for name in [challenged, later] {
        note(Some(name), get(&client, addr, REPORTS).await?);
    }
    let client = answering(pki, Certificate::Agent, tls::HTTP1, connect)?;
    note(None, get(&client, addr, "/").await?);
    note(Some(reconnects), get(&client, addr, REPORTS).await?);

    let mut server = OnOpen { server, pki };
    let [(needed, ..), (repeated, ..), (at_once, ..), (cold, ..)] = on_open;
    let (mut client, _) = server.connect(APP).await?;
    client.get("/").await?;
    for name in [needed, repeated] {
        measured.push(server.measure(name, &mut client, 0).await?);
    }
    let (mut client, _) = server.connect(GREETED).await?;
    client.get("/").await?;
    measured.push(server.measure(at_once, &mut client, 0).await?);
    let (mut client, handshake) = server.connect(APP).await?;
    let line = server.measure(cold, &mut client, handshake).await?;
    measured.push(RoundTrips::new(cold, line.http_status, 1 + line.connections, line.round_trips));
    Ok(measured)
}

/// Requests a page of the public host, reads the response, and returns its status code.
async fn get(client: &Client<Empty<Bytes>>, addr: SocketAddr, path: &str) -> Result<u16, Failure> {
    let url = format!("https://{PUBLIC}:{}{path}", addr.port());
    let request = Request::get(&url).body(Empty::new()).map_err(failed)?;
    let answer = client.request(request).await.map_err(failed)?;
    let status = answer.status().as_u16();
    answer.into_body().collect().await.map_err(failed)?;
    Ok(status)
}

/// A server, and clients that it asks on open connections.
struct OnOpen<'a> {
    server: &'a mut Server,
    pki: &'a DemoPki,
}

impl OnOpen<'_> {
    /// Connects as an agent. Returns the client, and the round trips of the handshake: the client's
    /// last flight travels with its first request.
    async fn connect(&mut self, host: &'static str) -> Result<(OpenClient, u32), Failure> {
        let reports = &mut self.server.reports;
        while reports.try_recv().is_ok() {}
        let agent = Some(&[Certificate::Agent][..]);
        let client = OpenClient::connect(self.pki, agent, host, self.server.addr).await?;
        let report = timeout(TIMEOUT, reports.recv()).await.map_err(failed)?;
        let flights = report.and_then(|report| report.count).map(|count| count.flights);
        Ok((client, flights.unwrap_or_default() / 2))
    }

    /// Requests the page that needs a certificate; `handshake` are the round trips before that.
    async fn measure(
        &self,
        name: &'static str,
        client: &mut OpenClient,
        handshake: u32,
    ) -> Result<RoundTrips, Failure> {
        let connections = || self.server.connections.so_far().0;
        let before = (connections(), client.round_trips());
        let status = client.get(ACCOUNT).await?;
        let round_trips = handshake + client.round_trips() - before.1;
        Ok(RoundTrips::new(name, status, connections() - before.0, round_trips))
    }
}

/// Requests the page with a client that offers on its first connection, and returns the status code.
async fn offer_at_once(pki: &DemoPki, addr: SocketAddr) -> Result<u16, Failure> {
    let config = config(pki, ClientAuthOffer::flag(), Some(Certificate::Agent), tls::HTTP1)?;
    let name = ServerName::try_from(PUBLIC).map_err(failed)?;
    let tcp = TcpStream::connect(addr).await.map_err(failed)?;
    let stream = Connector::new(Arc::new(config)).connect(name, tcp).await.map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);
    let request = Request::get(REPORTS).header(http::header::HOST, PUBLIC);
    let request = request.body(Empty::<Bytes>::new()).map_err(failed)?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status().as_u16();
    answer.into_body().collect().await.map_err(failed)?;
    Ok(status)
}

/// The differences from [`EXPECTED`], one line each.
pub(super) fn differences(measured: &[RoundTrips]) -> Vec<String> {
    let all = measured.iter().zip(EXPECTED);
    all.filter(|(got, (_, connections, round_trips))| {
        (got.http_status, got.connections, got.round_trips) != (200, *connections, *round_trips)
    })
    .map(|(got, (_, connections, round_trips))| {
        format!("{got:?}: expected {round_trips} round trips on {connections} connections")
    })
    .collect()
}

/// The numbers as a text table.
pub(super) fn table(measured: &[RoundTrips]) -> String {
    let head =
        ["an agent that", "HTTP status", "new connections", "round trips", "with TCP handshake"];
    let lines = measured.iter().map(|line| {
        [
            line.client.to_owned(),
            line.http_status.to_string(),
            line.connections.to_string(),
            line.round_trips.to_string(),
            line.with_tcp.to_string(),
        ]
    });
    row::columns(&[head.map(str::to_owned)].into_iter().chain(lines).collect::<Vec<_>>())
}
