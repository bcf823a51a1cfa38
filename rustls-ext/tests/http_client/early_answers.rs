//! Servers that answer before they have read the request.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::client::Credentials;
use rustls_ext::http::hyper::Client;
use rustls_ext::tokio::{Acceptor, HelloInfo, policy_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::{Http, World, identity, read};

/// Answers each first request of a connection by its head alone, and closes the connection.
async fn hasty(world: &World) -> u16 {
    let demand = world.pki.demand("agents").because_offered();
    let policy = policy_fn(move |hello: HelloInfo, _| {
        let demand = demand.clone();
        std::future::ready(Ok(if hello.offered {
            ClientAuthDecision::Request(demand)
        } else {
            ClientAuthDecision::None
        }))
    });
    let acceptor = Arc::new(Acceptor::new(Arc::new(world.tls()), policy));
    let challenge = world.agents().to_value().unwrap().to_str().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, peer)) = listener.accept().await {
            let (acceptor, challenge) = (acceptor.clone(), challenge.clone());
            tokio::spawn(async move {
                // Or else the answer waits for an acknowledgement, and is lost by the reset.
                tcp.set_nodelay(true).unwrap();
                let mut tls = acceptor.accept(tcp, peer).await.unwrap();
                let is_known = tls.get_ref().1.peer_certificates().is_some();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(tls.read_u8().await.unwrap());
                }
                let answer = if is_known {
                    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome".to_owned()
                } else {
                    format!(
                        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n\
                         Content-Length: 12\r\n\r\nwho are you?"
                    )
                };
                tls.write_all(answer.as_bytes()).await.unwrap();
                tls.flush().await.unwrap();
                // Dropped with most of the body unread, which resets the connection.
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_before_the_body_is_sent_is_answered() {
    let world = World::new();
    let url = format!("https://localhost:{}/", hasty(&world).await);
    let agent = identity("agent", &world.pki.agent).for_host("localhost").unwrap();
    let own = Credentials::new().with(agent).unwrap();
    for size in [1 << 16, 1 << 20, 1 << 23] {
        // This is a race, so it runs several times.
        for _ in 0..10 {
            let client: Client<Full<Bytes>> =
                Client::builder(world.client_tls(Http::One), own.clone()).build();
            let request = Request::post(&url).body(Full::from(vec![7; size])).unwrap();
            let answer = read(client.request(request).await.unwrap()).await;
            assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "welcome"), "{size}");
            assert_eq!((answer.identity(), answer.report.sent), (Some("agent"), 2), "{size}");
        }
    }
}
