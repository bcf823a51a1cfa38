//! `axum::serve` over TCP: it requests certificates on open connections by itself.

use std::sync::Arc;

use http::StatusCode;
use rustls_ext::Live;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo};
use rustls_ext::tokio::Listener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::client::{Answers, Connection, silent, with};
use crate::site::{Site, app, client_config, staff};

struct Served {
    site: Site,
    addr: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn serve() -> Served {
    let site = Site::new(staff);
    let live: Live = site.live.clone();
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = app().layer(CallerLayer::new(live));
    let app = app.into_make_service_with_connect_info::<ConnectionInfo>();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    Served { site, addr, stop, ended: tokio::spawn(server.into_future()) }
}

impl Served {
    async fn connect(&self, answers: Answers) -> Connection {
        let tcp = TcpStream::connect(self.addr).await.unwrap();
        let connector = TlsConnector::from(client_config(&self.site.pki, None));
        let tls = connector.connect("www.example".try_into().unwrap(), tcp).await.unwrap();
        Connection::open(tls, 1, answers).await
    }
}

#[tokio::test]
async fn scc_10_axum_serve_requests_certificates_on_open_connections() {
    let served = serve().await;
    let connection = served.connect(with(&[&served.site.pki.boss])).await;
    assert_eq!(connection.get("www.example", "/").await.1, "home");
    assert_eq!(connection.get("www.example", "/staff").await.1, "staff: boss");
    assert_eq!(connection.get("www.example", "/all").await.1, "boss Authenticator");
    assert_eq!(connection.client.requests(), 1);
    let other = served.connect(with(&[])).await;
    assert_eq!(other.status("/layer").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_graceful_shutdown_waits_for_the_answer_and_serves_the_page() {
    let served = serve().await;
    let connection = Arc::new(served.connect(silent()).await);
    let page = tokio::spawn({
        let connection = connection.clone();
        async move { connection.get("www.example", "/staff").await }
    });
    while connection.client.requests() == 0 {
        tokio::task::yield_now().await;
    }
    served.stop.send(()).unwrap();
    // The listener is gone, so the shutdown has begun.
    while TcpStream::connect(served.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    connection.client.answer(&with(&[&served.site.pki.boss]));
    assert_eq!(page.await.unwrap(), (StatusCode::OK, "staff: boss".into()));
    served.ended.await.unwrap().unwrap();
}
