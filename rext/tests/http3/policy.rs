//! Which clients are asked for certificates, and what is known of them.

use std::process::Command;
use std::sync::Arc;

use http::StatusCode;
use rext_cli::tls::{self, H2, HTTP1};
use rustls_ext::http::client_cert::client_cert;
use rustls_ext::quic::alert_received;
use rustls_ext::rustls::{AlertDescription, HandshakeKind};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Connection, Site, config, connect, connecting, raw};
use crate::common::{Files, without_peer};
use crate::tcp;

/// The server's view of a new connection.
async fn debug(connection: &mut Connection) -> Value {
    let response = connection.get("/debug").await;
    assert_eq!(response.status, StatusCode::OK);
    without_peer(&serde_json::from_slice(&response.body).unwrap())
}

#[tokio::test]
async fn the_policy_asks_clients_that_offer_and_knows_them() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--http3"]);
    let mut anyone = connect(&files, &server, None).await;
    let mut expected = json!({
        "protocol": "HTTP/3.0", "tls_version": "TLSv1.3", "resumed": false, "offered_by": "none",
        "flags_received": [], "decision": "none", "status": "not_asked", "verified_subject": null,
        "acknowledged": false, "scope": null,
    });
    assert_eq!(debug(&mut anyone).await, expected);

    let mut client = connect(&files, &server, Some("client")).await;
    let flags = debug(&mut client).await["flags_received"].clone();
    expected["offered_by"] = "flag".into();
    expected["flags_received"] = flags;
    expected["decision"] = "request".into();
    expected["status"] = "authenticated".into();
    expected["verified_subject"] = "CN=client-1".into();
    expected["acknowledged"] = true.into();
    expected["scope"] = "clients".into();
    assert_eq!(debug(&mut client).await, expected);
    let parts = ["connected", "protocol=\"HTTP/3\"", "status=\"authenticated\"", "CN=client-1"];
    server.wait_for_log(&parts);
}

#[tokio::test]
async fn a_certificate_of_another_authority_ends_the_connection_and_is_logged() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--http3"]);
    let connection = raw(&files, &server, Some("stranger")).await;
    assert_eq!(alert_received(&connection.closed().await), Some(AlertDescription::UnknownCA));
    let parts = ["handshake failed", "alert=unknown_ca", "from=\"server\"", "protocol=\"HTTP/3\""];
    server.wait_for_log(&parts);
}

#[tokio::test]
async fn a_resumed_connection_has_the_identity_of_its_session_and_no_early_data() {
    let files = Files::new();
    let server = files.serve(&["--policy", "offered", "--http3"]);
    let mut config = config(&files, tls::H3, Some("client"));
    config.enable_early_data = true;
    let addr = ([127, 0, 0, 1], server.port).into();
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let connecting = connecting(config.clone(), addr);
        let Err(connecting) = connecting.into_0rtt() else {
            panic!("the server's session allows early data")
        };
        let mut connection = Connection::over(connecting.await.unwrap()).await;
        assert_eq!(connection.handshake().kind, Some(kind));
        let view = debug(&mut connection).await;
        assert_eq!(view["resumed"], kind == HandshakeKind::Resumed);
        assert_eq!(view["verified_subject"], "CN=client-1");
    }
}

#[tokio::test]
async fn a_path_that_needs_a_certificate_is_a_401_without_one_and_passes_it_on_with_one() {
    let mut site = Site::start(&["--require", "/hold=clients", "--client-cert", "clients"]).await;
    let mut anyone = site.connect(None).await;
    let response = anyone.get("/hold").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    let challenge = response.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("ClientCertificate "), "{challenge}");
    assert_eq!(site.upstream.seen(), [""; 0]);
    assert!(!anyone.get("/echo").await.text().contains("client-cert"));

    site.upstream.release.add_permits(1);
    let mut client = site.connect(Some("client")).await;
    assert_eq!(client.get("/hold").await.text(), "0");
    let identity =
        rext_cli::files::identity(&site.files.path("client.pem"), &site.files.path("client.key"))
            .unwrap();
    let value = client_cert(&identity.cert[0]).unwrap();
    let line = format!("client-cert: {}\n", value.to_str().unwrap());
    assert!(client.get("/echo").await.text().contains(&line));
    assert_eq!(site.upstream.seen(), ["GET /echo", "GET /hold", "GET /echo"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_connection_has_the_policy_of_the_last_reload() {
    let files = Files::new();
    files.write("policy.toml", "otherwise = { ask = 'nothing' }");
    let args = ["--policy-file", "policy.toml", "--http3"];
    let server = files.serve_without_ca(&args, |_| {});
    let mut old = connect(&files, &server, Some("client")).await;
    assert_eq!(debug(&mut old).await["status"], "not_asked");

    let policy =
        "otherwise = { require = 'clients' }\n[scopes.clients]\nanchors = ['client-ca.pem']";
    files.write("policy.toml", policy);
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    server.wait_for_log(&["files reloaded"]);
    let mut new = connect(&files, &server, Some("client")).await;
    assert_eq!(debug(&mut new).await["status"], "authenticated");
    let refused = raw(&files, &server, None).await;
    let alert = alert_received(&refused.closed().await);
    assert_eq!(alert, Some(AlertDescription::CertificateRequired));
    assert_eq!(debug(&mut old).await["status"], "not_asked");
}

/// `Alt-Svc` of a response over TCP.
async fn alt_svc(files: &Files, port: u16, protocol: &[u8]) -> Option<String> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(files, protocol, None)));
    let stream = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    let response = tcp::Connection::over(stream, protocol == H2).await.get("/").await;
    let value = response.headers.get("alt-svc")?;
    Some(value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn responses_over_tcp_offer_http3_and_those_over_http3_do_not() {
    let files = Files::new();
    let server = files.serve(&["--policy", "never", "--http3"]);
    let expected = format!("h3=\":{}\"; ma=86400", server.port);
    for protocol in [H2, HTTP1] {
        assert_eq!(alt_svc(&files, server.port, protocol).await.as_ref(), Some(&expected));
    }
    let response = connect(&files, &server, None).await.get("/").await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(!response.headers.contains_key("alt-svc"));

    let other = files.serve(&["--policy", "never", "--http3", "--alt-svc-port", "443"]);
    let value = alt_svc(&files, other.port, H2).await;
    assert_eq!(value.as_deref(), Some("h3=\":443\"; ma=86400"));

    let without = files.serve(&["--policy", "never"]);
    assert_eq!(alt_svc(&files, without.port, H2).await, None);
}

#[tokio::test]
async fn a_denied_request_over_tcp_offers_http3_too() {
    let site = Site::start(&["--require", "/=clients"]).await;
    let value = alt_svc(&site.files, site.gateway.port, H2).await;
    assert_eq!(value, Some(format!("h3=\":{}\"; ma=86400", site.gateway.port)));
}
