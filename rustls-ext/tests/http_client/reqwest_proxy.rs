//! CANT-6: reqwest with an `https` proxy.

use http::StatusCode;
use reqwest::Proxy;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::client::Unanswered;
use rustls_ext::http::reqwest::Client;
use rustls_ext::tokio::{Acceptor, policy_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::over_reqwest::{get, report, resolve, url};
use super::world::{Http, World};

#[tokio::test]
async fn cant_6_an_https_proxy_does_not_get_the_certificate() {
    let mut world = World::new();
    let site = world.usual_site("");
    let port = site.listen().await;

    // A proxy that requests a certificate from every client, and reports whether it got one.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_port = listener.local_addr().unwrap().port();
    let demand = world.pki.demand("agents");
    let mut tls = world.tls();
    tls.alpn_protocols.clear();
    let acceptor = Acceptor::new(
        tls.into(),
        policy_fn(move |_, _| std::future::ready(Ok(ClientAuthDecision::Request(demand.clone())))),
    );
    let (tell, mut got) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((tcp, peer)) = listener.accept().await {
            let mut tls = acceptor.accept(tcp, peer).await.unwrap();
            tell.send(tls.get_ref().1.peer_certificates().is_some()).unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(tls.read_u8().await.unwrap());
                }
                assert!(head.starts_with(b"CONNECT a.example.test:"));
                tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut tcp).await;
            });
        }
    });

    let proxy = format!("https://other.test:{proxy_port}");
    let client = Client::builder(world.client_tls(Http::Two), world.credentials())
        .configure(move |builder| resolve(builder).proxy(Proxy::all(&proxy).unwrap()))
        .build()
        .unwrap();
    let response = client.execute(get(&url("a.example.test", port, "/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response = client.execute(get(&url("a.example.test", port, "/agents"))).await.unwrap();
    assert_eq!(report(&response).unanswered, Some(Unanswered::StillChallenged));
    assert_eq!((got.recv().await, got.recv().await), (Some(false), Some(false)));
    assert!(got.try_recv().is_err());
    // and the server did not get it either, on the connection on which it requested one
    let seen = site.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].asked && seen[1].certificate.is_none());
}
