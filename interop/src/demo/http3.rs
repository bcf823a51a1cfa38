//! The demo over HTTP/3: the same policy and the same answers, with quinn and h3 as they are.

use std::error::Error as StdError;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use hyper::body::Bytes;
use quinn::{Connection, ConnectionError, Endpoint, Incoming};
use rustls_ext::Policy;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo};
use rustls_ext::quic::{
    HandshakeData, QuicClientConfig, QuicServerConfig, alert_received, alert_sent,
};
use rustls_ext::rustls::{ClientConfig, ServerConfig};
use rustls_ext::{alert_name, with_causes};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::noted::{Noting, Report, answer};
use super::seen::{Seen, failed};
use command_line::Failure;
use rext_cli::client::ConnectionSummary;
use rext_cli::debug_info::Verified;
use rext_cli::tls;

/// How long a connection and its request may each take.
const PATIENCE: Duration = Duration::from_secs(10);

type BoxError = Box<dyn StdError + Send + Sync>;

/// Start a server of HTTP/3 on a free port of the loopback interface; where it listens.
///
/// # Errors
/// If there is none, or the config cannot be used for QUIC.
pub(super) fn start(
    config: &ServerConfig,
    policy: &Arc<Policy>,
    reports: &UnboundedSender<Report>,
) -> Result<SocketAddr, BoxError> {
    let mut config = config.clone();
    config.alpn_protocols = vec![tls::H3.to_vec()];
    let quic = for_quic(config.clone())?;
    let endpoint = Endpoint::server(quic, (Ipv4Addr::LOCALHOST, 0).into())?;
    let addr = endpoint.local_addr()?;
    let (policy, reports) = (policy.clone(), reports.clone());
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let noting = Noting { policy: policy.clone(), noted: Arc::default() };
            tokio::spawn(serve(incoming, config.clone(), noting, reports.clone()));
        }
    });
    Ok(addr)
}

fn for_quic(config: ServerConfig) -> Result<quinn::ServerConfig, BoxError> {
    Ok(quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config)?)))
}

async fn serve(
    incoming: Incoming,
    mut config: ServerConfig,
    noting: Noting,
    reports: UnboundedSender<Report>,
) {
    let (noted, rules) = (noting.noted.clone(), noting.policy.clone());
    config.client_auth_policy = Some(Arc::new(noting));
    match accept(incoming, config).await {
        Err(err) => {
            let noted = noted.get().copied().unwrap_or_default();
            let _ = reports.send(Report::refused(noted, err, None));
        }
        Ok(connection) => {
            let handshake = HandshakeData::from_quinn(connection.handshake_data());
            let verified = handshake.as_ref().and_then(Verified::over_quic);
            let auth = handshake.as_ref().and_then(HandshakeData::client_auth);
            let _ = reports.send(Report::accepted(auth, verified, None));
            // What fails now fails at the client, too, and is seen there.
            let peer = connection.remote_address();
            let info = handshake.as_ref().map(|known| ConnectionInfo::from_quic(known, peer));
            if let Some(info) = info {
                let _ =
                    answer_all(connection, &CallerLayer::new(rules).with_connection(info)).await;
            }
        }
    }
}

/// A connection under a config of its own, or why there is none.
async fn accept(incoming: Incoming, config: ServerConfig) -> Result<Connection, String> {
    let config = for_quic(config).map_err(|err| with_causes(&*err))?;
    match incoming.accept_with(Arc::new(config)) {
        Ok(connecting) => connecting.await,
        Err(err) => Err(err),
    }
    .map_err(|err| refusal(&err, "server", "client"))
}

async fn answer_all(connection: Connection, layer: &CallerLayer) -> Result<(), BoxError> {
    let mut connection = h3::server::Connection::new(h3_quinn::Connection::new(connection)).await?;
    while let Some(resolver) = connection.accept().await? {
        let (request, mut stream) = resolver.resolve_request().await?;
        // Else the client might be told to stop before it has come to its end.
        while stream.recv_data().await?.is_some() {}
        let (head, text) = answer(layer, &request.into_parts().0).into_parts();
        stream.send_response(Response::from_parts(head, ())).await?;
        stream.send_data(Bytes::from(text)).await?;
        stream.finish().await?;
    }
    Ok(())
}

/// Connect, send one GET request, and read the answer.
///
/// # Errors
/// If the client cannot be made. What comes of its connection is never an error.
pub(super) async fn get(
    config: ClientConfig,
    host: &str,
    url: &str,
    addr: SocketAddr,
) -> Result<Seen, Failure> {
    let uri = url.parse::<Uri>().map_err(failed)?;
    let offer = config.client_auth_offer.offer();
    let crypto = QuicClientConfig::try_from(config).map_err(failed)?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).map_err(failed)?;
    let connecting = endpoint.connect_with(config, addr, host).map_err(failed)?;
    let connection = match timeout(PATIENCE, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(err)) => {
            return Ok(Seen {
                refused: Some(Some(refusal(&err, "client", "server"))),
                ..Seen::default()
            });
        }
        Err(_) => return Ok(Seen::default()),
    };
    let answer = timeout(PATIENCE, ask(connection.clone(), uri)).await;
    let status = answer.ok().and_then(Result::ok);
    let refused = match status {
        Some(_) => None,
        // Why there is no answer is why there is no connection any more.
        None => timeout(PATIENCE, connection.closed())
            .await
            .ok()
            .map(|err| refusal(&err, "client", "server")),
    };
    let facts = HandshakeData::from_quinn(connection.handshake_data())
        .and_then(|handshake| ConnectionSummary::over_quic(&handshake, offer));
    let http_status = status.map(|status| status.as_u16());
    Ok(Seen { facts, refused: Some(refused), http_status })
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
            // Says goodbye, since there is nobody left to ask anything.
            driver.wait_idle().await;
            answer
        }
        ended = driver.wait_idle() => Err(ended.into()),
    }
}

/// What ended a connection and who sent it, as `unknown_ca from server`.
fn refusal(err: &ConnectionError, we: &str, they: &str) -> String {
    match (alert_sent(err), alert_received(err)) {
        (Some(alert), _) => format!("{} from {we}", alert_name(alert)),
        (None, Some(alert)) => format!("{} from {they}", alert_name(alert)),
        (None, None) => with_causes(err),
    }
}
