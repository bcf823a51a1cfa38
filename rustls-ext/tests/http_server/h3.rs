//! The same over QUIC: the identity of callers, and misdirected requests.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Bytes;
use rustls::version::TLS13;
use rustls_ext::http::server::{Caller, CallerLayer, ClientAuthOutcome, ConnectionInfo, Denied};
use rustls_ext::quic::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls_ext::wire::Offer;
use rustls_ext::{ClientAuthOffer, Policy};
use tokio::sync::mpsc;

use crate::common::{CertAndKey, Pki};
use crate::site::{policy, server_config};

async fn serve(
    incoming: quinn::Incoming,
    policy: Arc<Policy>,
    known: mpsc::UnboundedSender<ConnectionInfo>,
) {
    let connection = incoming.await.unwrap();
    let handshake = HandshakeData::from_quinn(connection.handshake_data()).unwrap();
    let info = ConnectionInfo::from_quic(&handshake, connection.remote_address());
    known.send(info.clone()).unwrap();
    let layer = CallerLayer::new(policy).with_connection(info);
    let answer = |request: Request<()>| -> Result<String, Denied> {
        let caller: Caller = layer.admit(&request.into_parts().0)?;
        let agent = caller.require("agents")?;
        Ok(agent.certificate().common_name().unwrap().to_owned())
    };
    let mut connection =
        h3::server::Connection::new(h3_quinn::Connection::new(connection)).await.unwrap();
    while let Ok(Some(resolver)) = connection.accept().await {
        let (request, mut stream) = resolver.resolve_request().await.unwrap();
        let (response, text) = match answer(request) {
            Ok(name) => (Response::new(()), name),
            Err(denied) => (denied.response(()), String::new()),
        };
        stream.send_response(response).await.unwrap();
        stream.send_data(Bytes::from(text)).await.unwrap();
        stream.finish().await.unwrap();
    }
}

/// The responses to requests for each of these hosts on one connection to `www.example`.
async fn visit(
    pki: &Pki,
    addr: std::net::SocketAddr,
    identity: Option<&CertAndKey>,
    offer: ClientAuthOffer,
    hosts: &[&str],
) -> Vec<(StatusCode, bool)> {
    let mut tls = pki.client_config(identity, offer, &[&TLS13]);
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connection = endpoint.connect_with(config, addr, "www.example").unwrap().await.unwrap();
    let (mut driver, mut sender) =
        h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    let requests = async move {
        let mut answers = Vec::new();
        for host in hosts {
            let request = Request::get(format!("https://{host}/")).body(()).unwrap();
            let mut stream = sender.send_request(request).await.unwrap();
            stream.finish().await.unwrap();
            let response = stream.recv_response().await.unwrap();
            while stream.recv_data().await.unwrap().is_some() {}
            let challenged = response.headers().contains_key("www-authenticate");
            answers.push((response.status(), challenged));
        }
        answers
    };
    tokio::select! {
        answers = requests => answers,
        ended = driver.wait_idle() => panic!("{ended}"),
    }
}

#[tokio::test]
async fn over_quic_callers_are_known_and_kept_where_they_belong() {
    let pki = Pki::new();
    let policy = Arc::new(policy(&pki));
    let mut tls = server_config(&pki, &[b"h3"]);
    tls.client_auth_policy = Some(crate::site::policy(&pki).for_config().unwrap());
    let config =
        quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let server = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = server.local_addr().unwrap();
    let (sender, mut known) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            tokio::spawn(serve(incoming, policy.clone(), sender.clone()));
        }
    });
    let hosts = ["www.example", "login.example", "admin.example"];
    let misdirected = (StatusCode::MISDIRECTED_REQUEST, false);

    let agent = visit(&pki, addr, Some(&pki.agent), ClientAuthOffer::flag(), &hosts).await;
    let ok = (StatusCode::OK, false);
    assert_eq!(agent, [ok, ok, misdirected]);
    let info = known.recv().await.unwrap();
    assert_eq!(info.identity("agents").unwrap().chain(), pki.agent.chain);
    assert!(info.identity("staff").is_none());
    assert_eq!(info.protocol(), Some(&b"h3"[..]));
    assert_eq!((info.offer(), info.acknowledged()), (Offer::FLAG, true));
    assert_eq!(info.tls_version(), rustls::ProtocolVersion::TLSv1_3);

    let nobody = visit(&pki, addr, None, ClientAuthOffer::default(), &hosts).await;
    assert_eq!(nobody, [(StatusCode::UNAUTHORIZED, true), misdirected, misdirected]);
    assert_eq!(known.recv().await.unwrap().outcome(), &ClientAuthOutcome::NotAsked);
}
