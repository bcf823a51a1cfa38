//! How many round trips it takes an agent to get its first answer, counted on the connection.

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

/// What an answer took, from the client's first byte to the answer's last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrips {
    /// What kind of client it is.
    pub client: &'static str,
    /// The status code of the answer.
    pub http_status: u16,
    /// The connections that were made for it.
    pub connections: u32,
    /// How often the client sent something, and waited for what came back.
    pub round_trips: u32,
    /// The same with the handshakes of TCP, one for each connection (RFC 9293 section 3.5).
    pub with_tcp: u32,
}

/// What must come of it: the connections, and the round trips on them. Those of TLS 1.3 take one for
/// the handshake and one for the request, with which the client's certificate goes.
const EXPECTED: [(&str, u32, u32); 3] =
    [("offers at once", 1, 2), ("is challenged first", 2, 4), ("the same agent, later on", 0, 1)];

/// Get `/reports` in all ways, by HTTP/1.1, in which a request, and an answer, are a flight each.
///
/// # Errors
/// If a client cannot be made, or gets no answer.
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

/// The status code of the answer to a client that knows that it will be asked.
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

/// What is not as it must be, a line for each.
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

/// The numbers as a table for people.
pub(super) fn table(measured: &[RoundTrips]) -> String {
    let head = ["an agent that", "HTTP status", "new connections", "round trips", "with TCP's"];
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
