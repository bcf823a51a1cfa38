//! Counts the round trips until an agent has its first response.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::tokio::Connector;
use serde::Serialize;
use tokio::net::TcpStream;

use super::cases::Certificate;
use super::client_view::failed;
use super::clients::{answering, config};
use super::recorded::REPORTS;
use super::server::Server;
use super::{DemoPki, PUBLIC, row};
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

/// The expected number of connections and round trips. A connection with TLS 1.3 takes one for the
/// handshake and one for the request; the client's certificate is sent together with the request.
const EXPECTED: [(&str, u32, u32); 3] =
    [("offers at once", 1, 2), ("is challenged first", 2, 4), ("repeats its request", 0, 1)];

/// Requests `/reports` in each way over HTTP/1.1, where a request and a response are one flight each.
///
/// # Errors
/// If a client cannot be made, or gets no response.
pub async fn measure(pki: &DemoPki, server: &Server) -> Result<Vec<RoundTrips>, Failure> {
    let mut measured = Vec::new();
    let mut before = server.connections.so_far();
    let mut note = |client, http_status| {
        let now = server.connections.so_far();
        let (connections, round_trips) = (now.0 - before.0, now.1 - before.1);
        before = now;
        let with_tcp = round_trips + connections;
        measured.push(RoundTrips { client, http_status, connections, round_trips, with_tcp });
    };
    let addr = server.addr;
    let [(offers, ..), (challenged, ..), (later, ..)] = EXPECTED;
    note(offers, offer_at_once(pki, addr).await?);

    let client = answering(pki, Certificate::Agent, tls::HTTP1, move || TcpStream::connect(addr))?;
    let url = format!("https://{PUBLIC}:{}{REPORTS}", addr.port());
    for name in [challenged, later] {
        let request = Request::get(&url).body(Empty::new()).map_err(failed)?;
        let answer = client.request(request).await.map_err(failed)?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.map_err(failed)?;
        note(name, status);
    }
    Ok(measured)
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
    let request = request.body(Empty::<hyper::body::Bytes>::new()).map_err(failed)?;
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
