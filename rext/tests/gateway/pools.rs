//! The connections to servers behind across a reload.
#![cfg(unix)]

use std::process::Command;

use rext_cli::tls::H2;
use test_pki::IssuedCertificate;
use tokio::sync::mpsc::error::TryRecvError;

use crate::client::Site;
use crate::common::Files;
use crate::upstreams::{Behind, gateway};

/// Reloads the files, and sends a request.
async fn reload(site: &Site) {
    let id = site.gateway.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    site.gateway.wait_for_log(&["files reloaded"]);
    assert_eq!(site.connect(H2).await.get("/x").await.status, 200);
}

fn write_own(files: &Files, own: &IssuedCertificate) {
    files.write("own.pem", own.cert_pem());
    files.write("own.key", own.key_pem());
}

#[tokio::test]
async fn a_reload_keeps_connections_unless_their_route_or_certificates_have_changed() {
    let files = Files::new();
    write_own(&files, &files.client);
    let mut server = Behind::with_tls(&files, &[H2]).await;
    let route = format!(
        "[[gateway.routes]]\nprotocol = 'http2'\nca = 'server-ca.pem'\ncert = 'own.pem'\n\
         key = 'own.key'\nserver_name = 'localhost'\nupstream = 'https://127.0.0.1:{}'\n",
        server.addr.port()
    );
    let site = gateway(files, &route).await;
    assert_eq!(site.connect(H2).await.get("/x").await.status, 200);
    assert_eq!(server.subjects.recv().await.unwrap(), "CN=client-1");

    // Another route, and a requirement of another path.
    let more =
        "[[gateway.routes]]\npath = '/y'\nrequire = 'clients'\nupstream = 'http://127.0.0.1:1'\n";
    site.files.write("policy.toml", format!("{}{route}{more}", crate::client::POLICY));
    reload(&site).await;
    assert_eq!(server.subjects.try_recv(), Err(TryRecvError::Empty));

    // Another certificate of the gateway.
    write_own(&site.files, &site.files.clients.client("client-2").unwrap());
    reload(&site).await;
    assert_eq!(server.subjects.recv().await.unwrap(), "CN=client-2");

    // Another limit.
    let limited = format!("{route}max_waiting = 7\n");
    site.files.write("policy.toml", format!("{}{limited}", crate::client::POLICY));
    reload(&site).await;
    assert_eq!(server.subjects.recv().await.unwrap(), "CN=client-2");
}
