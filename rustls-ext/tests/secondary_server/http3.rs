//! HTTP/3: unmodified h3 and quinn.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::server::RequestResolver;
use http::{Request, Response, StatusCode};
use quinn::Connection;
use rustls::version::TLS13;
use rustls_ext::ClientAuthOffer;
use rustls_ext::authenticator::Endpoint;
use rustls_ext::http::secondary::{
    Exchange, Http3, HttpCodePoints, Outbox, ServerExchange, ServerOptions,
};
use rustls_ext::http::server::{Caller, CallerLayer, ConnectionInfo};
use rustls_ext::quic::{HandshakeData, QuicClientConfig, QuicServerConfig};

use crate::client::{Answers, Client, changed, with};
use crate::site::{Site, staff};

type Transport = Http3<h3_quinn::Connection>;

/// A connection to a server of `site`, at the client and at the server.
async fn connect(site: &Site) -> (Connection, Connection) {
    let mut tls = site.live.current().config_with_policy().unwrap().as_ref().clone();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = quinn::Endpoint::server(config, loopback).unwrap();
    let mut tls = site.pki.client_config(None, ClientAuthOffer::default(), &[&TLS13]);
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    let client = quinn::Endpoint::client(loopback).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let addr = server.local_addr().unwrap();
    let connecting = client.connect_with(config, addr, "www.example").unwrap();
    let accepted = async { server.accept().await.unwrap().await.unwrap() };
    let (client, server) = tokio::join!(connecting, accepted);
    (client.unwrap(), server)
}

fn transport(connection: Connection, exchange: Arc<dyn Exchange>, outbox: Outbox) -> Transport {
    let transport = h3_quinn::Connection::new(connection);
    Http3::new(transport, HttpCodePoints::DEFAULT, exchange, outbox)
}

fn exporters(connection: &Connection) -> rustls_ext::authenticator::Exporters {
    let handshake = HandshakeData::from_quinn(connection.handshake_data()).unwrap();
    let export = |output: &mut [u8], label: &[u8], context: &[u8]| {
        connection.export_keying_material(output, label, context)
    };
    handshake.exporters(Endpoint::Client, export).unwrap()
}

async fn serve(site: &Site, connection: Connection) {
    let handshake = HandshakeData::from_quinn(connection.handshake_data()).unwrap();
    let info = ConnectionInfo::from_quic(&handshake, connection.remote_address());
    let (live, exporters) = (site.live.clone(), exporters(&connection));
    let exchange = ServerExchange::attach(
        &info,
        exporters,
        live.current().config(),
        Arc::new(live.clone()),
        ServerOptions::new(),
    );
    let outbox = exchange.outbox().clone();
    let callers = CallerLayer::new(live).with_connection(info);
    let transport = transport(connection, exchange, outbox);
    tokio::spawn(async move {
        let mut connection = h3::server::builder().build(transport).await.unwrap();
        while let Ok(Some(resolver)) = connection.accept().await {
            tokio::spawn(respond(resolver, callers.clone()));
        }
    });
}

/// Answers with the name of a member of staff.
async fn respond(resolver: RequestResolver<Transport, Bytes>, callers: CallerLayer) {
    let Ok((request, mut stream)) = resolver.resolve_request().await else { return };
    let (parts, ()) = request.into_parts();
    let staff = match callers.admit(&parts) {
        Ok(caller) => Caller::ask(&caller, "staff").await,
        Err(denied) => Err(denied),
    };
    let (status, text) = match staff {
        Ok(staff) => (StatusCode::OK, staff.certificate().common_name().unwrap().to_owned()),
        Err(denied) => (denied.status(), denied.to_string()),
    };
    let response = Response::builder().status(status).body(()).unwrap();
    if stream.send_response(response).await.is_ok() {
        let _ = stream.send_data(text.into()).await;
        let _ = stream.finish().await;
    }
}

/// Two pages of a client that answers in this way, and how often it was asked.
async fn pages(answers: impl FnOnce(&Site) -> Answers) -> Result<(Vec<String>, usize), String> {
    let site = Site::new(staff);
    let (client, server) = connect(&site).await;
    serve(&site, server).await;
    let outbox = Outbox::new();
    let exchange = Arc::new(Client::new(exporters(&client), outbox.clone(), answers(&site), 1));
    let transport = transport(client, exchange.clone(), outbox);
    let (mut driver, mut requests) = h3::client::builder().build(transport).await.unwrap();
    let driver = tokio::spawn(async move { driver.wait_idle().await });
    let mut found = Vec::new();
    for _ in 0..2 {
        let request = Request::get("https://www.example/").body(()).unwrap();
        let page = async {
            let mut stream = requests.send_request(request).await?;
            stream.finish().await?;
            let status = stream.recv_response().await?.status();
            let mut text = format!("{} ", status.as_u16());
            while let Some(mut data) = stream.recv_data().await? {
                let data = data.copy_to_bytes(data.remaining());
                text += std::str::from_utf8(&data).unwrap();
            }
            Ok::<_, h3::error::StreamError>(text)
        };
        match page.await {
            Ok(text) => found.push(text),
            Err(_) => return Err(format!("{:?}", driver.await.unwrap())),
        }
    }
    Ok((found, exchange.requests()))
}

#[tokio::test]
async fn scc_10_a_page_of_http_3_waits_for_the_certificate() {
    let (found, asked) = pages(|site| with(&[&site.pki.boss])).await.unwrap();
    assert_eq!((found, asked), (vec!["200 boss".into(), "200 boss".into()], 1));
}

#[tokio::test]
async fn ea_10_a_client_of_http_3_that_declines_gets_401() {
    let (found, asked) = pages(|_| with(&[])).await.unwrap();
    let denied = "401 a client certificate is required".to_owned();
    assert_eq!((found, asked), (vec![denied.clone(), denied], 1));
}

#[tokio::test]
async fn ea_9_a_changed_mac_ends_a_connection_of_http_3_with_message_error() {
    let change = |mut answer: Vec<u8>| {
        *answer.last_mut().unwrap() ^= 1;
        vec![answer]
    };
    let error = pages(|site| changed(&site.pki.boss, change)).await.unwrap_err();
    assert!(error.contains("H3_MESSAGE_ERROR") || error.contains("270"), "{error}");
}
