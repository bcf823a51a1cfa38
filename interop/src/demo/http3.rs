//! The demo over HTTP/3: the same policy and responses, with unmodified quinn and h3.

use std::error::Error as StdError;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use h3::server::RequestResolver;
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Bytes;
use quinn::{Connecting, Connection, ConnectionError, Endpoint, Incoming};
use rustls_ext::Policy;
use rustls_ext::authenticator::{self, ExporterError, Exporters};
use rustls_ext::http::secondary::{
    Exchange, Http3, HttpCodePoints, Outbox, ServerExchange, ServerOptions,
};
use rustls_ext::http::server::{CallerLayer, ConnectionInfo};
use rustls_ext::quic::{
    HandshakeData, QuicClientConfig, QuicServerConfig, alert_received, alert_sent,
};
use rustls_ext::rustls::{ClientConfig, ServerConfig};
use rustls_ext::{alert_name, with_causes};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::client_view::{ClientView, failed};
use super::recorded::{HandshakeReport, RecordingPolicy, answer};
use super::server::Latest;
use command_line::Failure;
use rext_cli::client::ConnectionSummary;
use rext_cli::debug_info::Verified;
use rext_cli::tls;

/// The timeout for a connection, and for its request.
const TIMEOUT: Duration = Duration::from_secs(10);

type BoxError = Box<dyn StdError + Send + Sync>;

/// Starts an HTTP/3 server on a free port of the loopback interface, and returns its address and the
/// number of its connections.
///
/// # Errors
/// If no port is free, or the config cannot be used for QUIC.
pub(super) fn start(
    config: &ServerConfig,
    policy: &Arc<Policy>,
    reports: &UnboundedSender<HandshakeReport>,
    latest: &Latest,
) -> Result<(SocketAddr, Arc<AtomicU32>), BoxError> {
    let mut config = config.clone();
    config.alpn_protocols = vec![tls::H3.to_vec()];
    let quic = for_quic(config.clone())?;
    let endpoint = Endpoint::server(quic, (Ipv4Addr::LOCALHOST, 0).into())?;
    let addr = endpoint.local_addr()?;
    let (policy, reports, latest) = (policy.clone(), reports.clone(), latest.clone());
    let connections = Arc::<AtomicU32>::default();
    let accepted = connections.clone();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let noting = RecordingPolicy { policy: policy.clone(), noted: Arc::default() };
            let (config, latest) = (config.clone(), latest.clone());
            tokio::spawn(serve(incoming, config, noting, reports.clone(), latest));
        }
    });
    Ok((addr, connections))
}

fn for_quic(config: ServerConfig) -> Result<quinn::ServerConfig, BoxError> {
    Ok(quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config)?)))
}

async fn serve(
    incoming: Incoming,
    mut config: ServerConfig,
    noting: RecordingPolicy,
    reports: UnboundedSender<HandshakeReport>,
    latest: Latest,
) {
    let (noted, rules) = (noting.noted.clone(), noting.policy.clone());
    config.client_auth_policy = Some(Arc::new(noting));
    match accept(incoming, config.clone()).await {
        Err(err) => {
            let noted = noted.get().copied().unwrap_or_default();
            let _ = reports.send(HandshakeReport::refused(noted, err, None));
        }
        Ok(connection) => {
            let handshake = HandshakeData::from_quinn(connection.handshake_data());
            let verified = handshake.as_ref().and_then(Verified::over_quic);
            let auth = handshake.as_ref().and_then(HandshakeData::client_auth);
            let _ = reports.send(HandshakeReport::accepted(auth, verified, None));
            // The client reports errors of the exchange.
            let peer = connection.remote_address();
            let Some(handshake) = handshake else { return };
            let info = ConnectionInfo::from_quic(&handshake, peer);
            latest.set(info.clone());
            let _ = answer_all(connection, &handshake, info, &Arc::new(config), rules).await;
        }
    }
}

/// Accepts a connection with its own config. The error is the reason for the refusal.
async fn accept(incoming: Incoming, config: ServerConfig) -> Result<Connection, String> {
    let config = for_quic(config).map_err(|err| with_causes(&*err))?;
    match incoming.accept_with(Arc::new(config)) {
        Ok(connecting) => connecting.await,
        Err(err) => Err(err),
    }
    .map_err(|err| refusal(&err, "server", "client"))
}

async fn answer_all(
    connection: Connection,
    handshake: &HandshakeData,
    info: ConnectionInfo,
    config: &Arc<ServerConfig>,
    rules: Arc<Policy>,
) -> Result<(), BoxError> {
    let exporters = exporters(&connection, handshake)?;
    let (hosts, options) = (Arc::new(rules.clone()), ServerOptions::default());
    let exchange = ServerExchange::attach(&info, exporters, config, hosts, options);
    let outbox = exchange.outbox().clone();
    let transport = transport(connection, exchange, outbox);
    let layer = CallerLayer::new(rules).with_connection(info);
    let mut connection = h3::server::Connection::new(transport).await?;
    while let Some(resolver) = connection.accept().await? {
        // In a task of its own, since it may wait for a certificate while the connection is driven.
        tokio::spawn(respond(resolver, layer.clone()));
    }
    Ok(())
}

async fn respond(
    resolver: RequestResolver<Transport, Bytes>,
    layer: CallerLayer,
) -> Result<(), BoxError> {
    let (request, mut stream) = resolver.resolve_request().await?;
    // Otherwise the client could receive STOP_SENDING before the end of its request.
    while stream.recv_data().await?.is_some() {}
    let (head, text) = answer(&layer, &request.into_parts().0).await.into_parts();
    stream.send_response(Response::from_parts(head, ())).await?;
    stream.send_data(Bytes::from(text)).await?;
    Ok(stream.finish().await?)
}

/// A connection with the frames for certificates.
pub(super) type Transport = Http3<h3_quinn::Connection>;

pub(super) fn transport(
    connection: Connection,
    exchange: Arc<dyn Exchange>,
    outbox: Outbox,
) -> Transport {
    let transport = h3_quinn::Connection::new(connection);
    Http3::new(transport, HttpCodePoints::DEFAULT, exchange, outbox)
}

/// The values for the client's authenticators.
pub(super) fn exporters(
    connection: &Connection,
    handshake: &HandshakeData,
) -> Result<Exporters, ExporterError> {
    handshake.exporters(authenticator::Endpoint::Client, |output, label, context| {
        connection.export_keying_material(output, label, context)
    })
}

/// Connects, sends one GET request, and reads the response.
///
/// # Errors
/// If the client cannot be made. The outcome of its connection is never an error.
pub(super) async fn get(
    config: ClientConfig,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<ClientView, Failure> {
    let uri = url.parse::<Uri>().map_err(failed)?;
    let offer = config.client_auth_offer.offer();
    let connecting = connecting(config, host, addr)?;
    let connection = match timeout(TIMEOUT, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(err)) => {
            return Ok(ClientView {
                refused: Some(Some(refusal(&err, "client", "server"))),
                ..ClientView::default()
            });
        }
        Err(_) => return Ok(ClientView::default()),
    };
    let answer = timeout(TIMEOUT, ask(connection.clone(), uri)).await;
    let status = answer.ok().and_then(Result::ok);
    let refused = match status {
        Some(_) => None,
        // The connection's end is the reason for the missing response.
        None => timeout(TIMEOUT, connection.closed())
            .await
            .ok()
            .map(|err| refusal(&err, "client", "server")),
    };
    let facts = HandshakeData::from_quinn(connection.handshake_data())
        .and_then(|handshake| ConnectionSummary::over_quic(&handshake, offer));
    let http_status = status.map(|status| status.as_u16());
    Ok(ClientView { facts, refused: Some(refused), http_status })
}

/// Begins a connection.
pub(super) fn connecting(
    config: ClientConfig,
    host: &str,
    addr: SocketAddr,
) -> Result<Connecting, Failure> {
    let crypto = QuicClientConfig::try_from(config).map_err(failed)?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).map_err(failed)?;
    endpoint.connect_with(config, addr, host).map_err(failed)
}

async fn ask(connection: Connection, uri: Uri) -> Result<StatusCode, BoxError> {
    let (mut driver, mut sender) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
    let request = async move {
        let mut stream = sender.send_request(Request::get(uri).body(())?).await?;
        stream.finish().await?;
        let status = stream.recv_response().await?.status();
        while stream.recv_data().await?.is_some() {}
        Ok(status)
    };
    tokio::select! {
        biased;
        answer = request => {
            // Closes the connection in order, since no request sender is left.
            driver.wait_idle().await;
            answer
        }
        ended = driver.wait_idle() => Err(ended.into()),
    }
}

/// The alert that ended a connection and the side that sent it, such as `unknown_ca from server`.
fn refusal(err: &ConnectionError, this_side: &str, peer: &str) -> String {
    match (alert_sent(err), alert_received(err)) {
        (Some(alert), _) => format!("{} from {this_side}", alert_name(alert)),
        (None, Some(alert)) => format!("{} from {peer}", alert_name(alert)),
        (None, None) => with_causes(err),
    }
}
