//! `axum::serve` with a listener whose connections are authenticated, and one layer for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{Request, StatusCode};
use rustls::AlertDescription;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo};
use rustls_ext::tokio::{AcceptError, Listener, OtherProtocol};
use rustls_ext::{ClientAuthOffer, Live, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

use crate::common::Pki;
use crate::site::{Log, Site, app, policy, server_config, tls};

/// A site, the connections that its listener refuses, and its shutdown.
struct Served {
    site: Site,
    refused: mpsc::UnboundedReceiver<String>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve(prepare: impl FnOnce(Listener) -> Listener) -> Served {
    let pki = Pki::new();
    let config = server_config(&pki, &[b"h2", b"http/1.1"]);
    let live = Live::from(Setup::new(config, policy(&pki)));
    let (sender, refused) = mpsc::unbounded_channel();
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let listener = prepare(listener).on_refusal(move |refused| {
        let what = match refused.error {
            AcceptError::Tls(error) => format!("{:?}", error.alert_sent()),
            AcceptError::OtherProtocol(other, _) => format!("{other:?}"),
            other => format!("{other:?}"),
        };
        let name = refused.report.server_name.as_deref().unwrap_or("no name");
        let _ = sender.send(format!("{} {name} {what}", refused.peer.ip()));
    });
    let addr = listener.local_addr().unwrap();
    let log = Log::default();
    let app = app(log.clone()).layer(CallerLayer::new(live.clone()));
    let app = app.into_make_service_with_connect_info::<ConnectionInfo>();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let ended = tokio::spawn(server.into_future());
    let site = Site { pki, live, addr, log, connections: Arc::default() };
    Served { site, refused, stop, ended }
}

#[tokio::test]
async fn each_request_is_checked_against_its_own_connection() {
    let served = serve(|listener| listener).await;
    let site = &served.site;
    for client in [site.client(), site.client().http1()] {
        let mut stranger = client.clone().connect("www.example").await;
        let agent = client.with(&site.pki.agent).offering(ClientAuthOffer::flag());
        let mut agent = agent.connect("login.example").await;
        assert_eq!(stranger.get("www.example", "/").await.status, StatusCode::OK);
        assert_eq!(
            stranger.get("login.example", "/").await.status,
            StatusCode::MISDIRECTED_REQUEST
        );
        assert_eq!(agent.get("login.example", "/").await.status, StatusCode::OK);
        assert_eq!(agent.get("admin.example", "/").await.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(site.reached(), ["/", "/"]);
    }
}

#[tokio::test]
async fn a_refused_client_is_reported_and_delays_no_other() {
    let mut served = serve(|listener| listener).await;
    // A client that sends nothing, and one that does not use TLS.
    let _silent = TcpStream::connect(served.site.addr).await.unwrap();
    let mut plain = TcpStream::connect(served.site.addr).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(served.site.client().get("www.example", "/").await.status, StatusCode::OK);
    let expected = format!("127.0.0.1 no name {:?}", OtherProtocol::Http);
    assert_eq!(served.refused.recv().await.unwrap(), expected);

    // TLS 1.2, so that the client sees the refusal in its handshake.
    let client = served.site.client().tls12();
    let connector = tokio_rustls::TlsConnector::from(client.config());
    let tcp = TcpStream::connect(served.site.addr).await.unwrap();
    let error = connector.connect("admin.example".try_into().unwrap(), tcp).await.unwrap_err();
    let alert = rustls_ext::tls_error(&error).unwrap();
    assert_eq!(*alert, rustls::Error::AlertReceived(AlertDescription::CertificateRequired));
    let expected =
        format!("127.0.0.1 admin.example {:?}", Some(AlertDescription::CertificateRequired));
    assert_eq!(served.refused.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let deadline = Duration::from_millis(50);
    let mut served = serve(|listener| listener.with_handshake_timeout(deadline)).await;
    let mut silent = TcpStream::connect(served.site.addr).await.unwrap();
    let expected = format!("127.0.0.1 no name Timeout({deadline:?})");
    assert_eq!(served.refused.recv().await.unwrap(), expected);
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn there_are_so_many_handshakes_at_a_time_and_then_the_next() {
    let pki = Pki::new();
    let live = Live::from(Setup::new(server_config(&pki, &[b"h2"]), policy(&pki)));
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let mut listener = listener.with_max_handshakes(2);
    let addr = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(TcpStream::connect(addr).await.unwrap());
    }
    // All of them have connected when the first is accepted.
    while format!("{listener:?}").contains("handshakes: 0") {
        tokio::select! {
            biased;
            _ = listener.accept() => unreachable!("nobody has said anything"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(format!("{listener:?}").contains("handshakes: 2"), "{listener:?}");

    drop(clients);
    let site = Site { pki, live, addr, log: Log::default(), connections: Arc::default() };
    let config = site.client().config();
    let (_, client) = tokio::join!(listener.accept(), tls(config, "www.example", addr));
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_shutdown_answers_what_was_asked_and_gives_up_handshakes() {
    let served = serve(|listener| listener.with_handshake_timeout(Duration::MAX)).await;
    let _silent = TcpStream::connect(served.site.addr).await.unwrap();
    let mut connection = served.site.client().connect("www.example").await;
    assert_eq!(connection.get("www.example", "/").await.status, StatusCode::OK);
    served.stop.send(()).unwrap();
    served.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.site.addr).await.is_err());
}

#[tokio::test]
async fn a_layer_for_all_answers_500_to_a_request_that_does_not_say_its_connection() {
    let pki = Pki::new();
    let app = Router::new()
        .route("/", get(|| async { "for nobody" }))
        .layer(CallerLayer::new(policy(&pki)));
    let request = Request::get("https://www.example/").body(axum::body::Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Rule: by default, a refused connection is an event.
#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_refused_connection_is_an_event_with_the_reason() {
    let (log, _guard) = events();
    let pki = Pki::new();
    let live = Live::from(Setup::new(server_config(&pki, &[b"h2"]), policy(&pki)));
    let mut listener = Listener::bind("127.0.0.1:0", live.clone()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = async {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    };
    tokio::select! {
        _ = listener.accept() => unreachable!("there is no good client"),
        () = client => {}
    }
    while log.lock().unwrap().is_empty() {
        tokio::select! {
            biased;
            _ = listener.accept() => unreachable!("there is no good client"),
            () = tokio::task::yield_now() => {}
        }
    }
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(text.contains(" INFO "), "{text}");
    assert!(text.contains("connection refused peer=127.0.0.1:"), "{text}");
    assert!(text.contains("HTTP"), "{text}");
}

/// Rule: a denial with status 500 is a mistake in the program, so it is an event at level ERROR.
#[cfg(feature = "tracing")]
#[test]
fn a_denial_with_status_500_is_an_error_event_with_the_reason() {
    use rustls_ext::http::server::{Denied, HostProblem};

    let (log, _guard) = events();
    let unknown = || Denied::UnknownScope { scope: "admins".into() };
    for denied in [Denied::NoCaller, Denied::NoConnection, unknown()] {
        let text = denied.to_string();
        assert_eq!(denied.response(()).status(), StatusCode::INTERNAL_SERVER_ERROR);
        let logged = String::from_utf8(std::mem::take(&mut *log.lock().unwrap())).unwrap();
        assert!(logged.contains("ERROR "), "{logged}");
        assert!(logged.ends_with(&format!("request denied: {text}\n")), "{logged}");
    }
    for denied in [Denied::Misdirected, Denied::OtherScope, Denied::Host(HostProblem::Missing)] {
        drop(denied.response(()));
        assert!(log.lock().unwrap().is_empty());
    }
}

/// Collects the events of this thread as text, until the guard is dropped.
#[cfg(feature = "tracing")]
fn events() -> (Arc<std::sync::Mutex<Vec<u8>>>, tracing::subscriber::DefaultGuard) {
    let log: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || Writer(writer.clone()))
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[cfg(feature = "tracing")]
struct Writer(Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(feature = "tracing")]
impl std::io::Write for Writer {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
