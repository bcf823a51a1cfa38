//! The server behind: an HTTP/1.1 server without TLS that records its requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A server that runs as long as the runtime.
pub struct Upstream {
    pub addr: SocketAddr,
    /// Method and target of each request, as soon as its head has arrived.
    pub requests: UnboundedReceiver<String>,
    /// `/hold` and `/short` wait for a permit.
    pub release: Arc<Semaphore>,
    /// One for each connection that has ended.
    #[allow(dead_code)] // the tests of HTTP/3 wait for it
    pub ended: UnboundedReceiver<()>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, requests) = unbounded_channel();
        let release = Arc::new(Semaphore::new(0));
        let gate = release.clone();
        let (end, ended) = unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (sender, gate) = (sender.clone(), gate.clone());
                let service =
                    service_fn(move |request| answer(request, sender.clone(), gate.clone()));
                let http = hyper::server::conn::http1::Builder::new();
                let end = end.clone();
                tokio::spawn(async move {
                    // An error of the service closes the connection.
                    let _ = http.serve_connection(TokioIo::new(tcp), service).await;
                    let _ = end.send(());
                });
            }
        });
        Self { addr, requests, release, ended }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Returns the requests since the last call.
    pub fn seen(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

/// Writes fields or trailers, sorted, one per line.
pub fn lines(fields: &HeaderMap) -> String {
    let mut lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines.concat()
}

async fn answer(
    request: Request<Incoming>,
    seen: UnboundedSender<String>,
    gate: Arc<Semaphore>,
) -> Result<Response<Body>, BoxError> {
    let (parts, body) = request.into_parts();
    let _ = seen.send(format!("{} {}", parts.method, parts.uri));
    let whole = Bytes::from("whole");
    match parts.uri.path() {
        // The whole request, in the body.
        "/echo" | "*" => {
            let body = body.collect().await?;
            let trailers = body.trailers().map(lines).unwrap_or_default();
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            let text = format!("{}--\n{body}--\n{trailers}", lines(&parts.headers));
            Ok(Response::new(Body::from(text)))
        }
        // The request's body, part by part.
        "/stream" => Ok(Response::new(Body::new(body))),
        "/trailers" => {
            let trailers = [
                ("x-sum", "7"),
                ("client-cert", ":AAAA:"),
                ("x-forwarded-for", "1.1.1.1"),
                ("connection", "close"),
            ];
            let trailers: HeaderMap = trailers
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .into_iter()
                .collect();
            let body =
                Full::new(whole).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
            let names = "x-sum, client-cert, x-forwarded-for, connection";
            let response = Response::builder().header(header::TRAILER, names);
            Ok(response.body(Body::new(body.map_frame(|frame| frame)))?)
        }
        "/hop" => {
            let response = Response::builder()
                .header(header::CONNECTION, "x-secret, keep-alive")
                .header("x-secret", "1")
                .header("keep-alive", "timeout=5")
                .header("proxy-connection", "keep-alive")
                .header("x-kept", "1")
                .header("set-cookie", "a=1")
                .header("set-cookie", "b=2");
            Ok(response.body(Body::from(whole))?)
        }
        // No response until there is a permit; then the length of the body.
        "/hold" => {
            gate.acquire().await?.forget();
            let length = body.collect().await?.to_bytes().len();
            Ok(Response::new(Body::from(length.to_string())))
        }
        "/never" => std::future::pending().await,
        // The beginning of a body, which never ends.
        "/stall" => {
            let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
            sender.send_data(Bytes::from("first")).await?;
            tokio::spawn(async move {
                let _open = sender;
                std::future::pending::<()>().await;
            });
            Ok(Response::new(Body::new(body)))
        }
        // A body that never ends, as long as it is read.
        "/endless" => {
            let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
            let part = Bytes::from(vec![b'x'; 64 * 1024]);
            tokio::spawn(async move { while sender.send_data(part.clone()).await.is_ok() {} });
            Ok(Response::new(Body::new(body)))
        }
        // Less than its Content-Length, once there is a permit.
        "/short" => {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
            sender.send_data(whole).await?;
            tokio::spawn(async move {
                gate.acquire().await.unwrap().forget();
                sender.abort("closing the connection".into());
            });
            let response = Response::builder().header(header::CONTENT_LENGTH, "100");
            Ok(response.body(Body::new(body))?)
        }
        "/close" => Err("closing the connection".into()),
        "/redirect" => {
            let response =
                Response::builder().status(302).header(header::LOCATION, "http://other/");
            Ok(response.body(Body::empty())?)
        }
        _ => Ok(Response::builder().status(404).body(Body::empty())?),
    }
}
