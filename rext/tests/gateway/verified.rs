//! Open connections whose certificates no longer verify after a reload.

use std::process::Command;

use axum::body::Body;
use http::StatusCode;
use rext_cli::tls::{H2, HTTP1};
use test_pki::IssuedCertificate;

use crate::client::{Connection, ReceivedResponse, Site, get, request};
use crate::common::Files;
use crate::upstream::Upstream;

const ARGS: [&str; 7] = [
    "--end-unverified",
    "--client-crl",
    "clients.crl",
    "--client-cert",
    "clients",
    "--idle-timeout",
    "60",
];

struct Revoking {
    site: Site,
    other: IssuedCertificate,
}

/// A site with two clients, of which one is revoked later.
async fn start(more: &[&str]) -> Revoking {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let files = Files::new();
    files.write("clients.crl", files.clients.crl(&[]).unwrap());
    let other = files.clients.client("client-2").unwrap();
    files.write("other.pem", other.cert_pem());
    files.write("other.key", other.key_pem());
    let site = Site::with_files(files, upstream, &url, &[&ARGS, more].concat());
    Revoking { site, other }
}

impl Revoking {
    fn hang_up(&self) {
        let id = self.site.gateway.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    /// Revokes the certificate of `client`, and waits until its connection is known to be affected.
    fn revoke(&self) {
        let files = &self.site.files;
        files.write("clients.crl", files.clients.crl(&[&files.client]).unwrap());
        self.hang_up();
        self.site.gateway.wait_for_log(&[
            "WARN",
            "no longer verifies after a reload",
            "client-1",
            "scope=\"clients\"",
        ]);
    }
}

fn has_certificate(answer: &ReceivedResponse) -> bool {
    let (fields, _, _) = answer.echo();
    fields.iter().any(|field| field.starts_with("client-cert:"))
}

async fn is_open(connection: &mut Connection) -> bool {
    match connection {
        Connection::Http1(sender) => sender.ready().await.is_ok(),
        Connection::Http2(sender) => sender.ready().await.is_ok(),
    }
}

#[tokio::test]
async fn a_revoked_client_is_not_authenticated_on_its_open_connection_which_ends() {
    for protocol in [H2, HTTP1] {
        let Revoking { mut site, other } = start(&[]).await;
        let mut revoked = site.connect_as(protocol, "client").await;
        let mut stays = site.connect_as(protocol, "other").await;
        assert!(has_certificate(&revoked.get("/echo").await));
        assert!(has_certificate(&stays.get("/echo").await));
        // A request is unfinished, so that the connection stays open.
        let held = match &revoked {
            Connection::Http2(sender) => {
                let mut sender = Connection::Http2(sender.clone());
                let request = request("POST", "/hold", &[], Body::from("four"));
                Some(tokio::spawn(async move { sender.send(request).await }))
            }
            Connection::Http1(_) => None,
        };
        site.upstream.seen();
        if held.is_some() {
            assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
        }
        let revoking = Revoking { site, other };
        revoking.revoke();
        // What still gets through on that connection is not authenticated.
        if let Ok(answer) = revoked.begin(get("/echo")).await {
            assert!(!has_certificate(&ReceivedResponse::of(answer).await.unwrap()));
        }
        revoking.site.upstream.release.add_permits(1);
        if let Some(held) = held {
            assert_eq!(held.await.unwrap().text, "4");
        }
        while is_open(&mut revoked).await {
            let _ = revoked.begin(get("/echo")).await;
        }
        // The other client's connection stays, and a new one of the revoked client is refused.
        assert!(has_certificate(&stays.get("/echo").await));
        revoking.hang_up();
        revoking.site.gateway.wait_for_log(&["INFO", "files reloaded"]);
        assert!(has_certificate(&stays.get("/echo").await));
        let _ = revoking.other;
    }
}

#[tokio::test]
async fn without_the_option_a_connection_keeps_its_certificate() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let files = Files::new();
    files.write("clients.crl", files.clients.crl(&[]).unwrap());
    let args = ["--client-crl", "clients.crl", "--client-cert", "clients"];
    let site = Site::with_files(files, upstream, &url, &args);
    let mut connection = site.connect_as(H2, "client").await;
    assert!(has_certificate(&connection.get("/echo").await));
    let files = &site.files;
    files.write("clients.crl", files.clients.crl(&[&files.client]).unwrap());
    let id = site.gateway.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    site.gateway.wait_for_log(&["INFO", "files reloaded"]);
    assert!(has_certificate(&connection.get("/echo").await));
}

#[tokio::test]
async fn requests_that_require_the_scope_are_refused_on_the_connection() {
    let Revoking { mut site, other } = start(&["--require", "/=clients"]).await;
    let mut revoked = site.connect_as(H2, "client").await;
    assert_eq!(revoked.get("/echo").await.status, StatusCode::OK);
    let Connection::Http2(sender) = &revoked else { panic!("HTTP/1.1") };
    let mut sender = Connection::Http2(sender.clone());
    let held = tokio::spawn(async move {
        sender.send(request("POST", "/hold", &[], Body::from("four"))).await
    });
    site.upstream.seen();
    assert_eq!(site.upstream.requests.recv().await.unwrap(), "POST /hold");
    let mut revoking = Revoking { site, other };
    revoking.revoke();
    if let Ok(answer) = revoked.begin(get("/echo")).await {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(revoking.site.upstream.seen(), [""; 0]);
    revoking.site.upstream.release.add_permits(1);
    // It was admitted before.
    assert_eq!(held.await.unwrap().text, "4");
}
