//! The server of `/metrics`, on an address of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{interval, sleep, timeout};
use tracing::warn;

use super::{REPLACED, process};

/// The maximum number of connections; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 16;
/// The time limit for a connection, which carries one request.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The maximum size of a request's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How often the values of histograms are moved into their buckets, so that they need no memory
/// while nobody reads the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// The type of the text format (version 0.0.4).
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Moves the values of histograms into their buckets, until the program ends.
pub(super) async fn upkeep(prometheus: PrometheusHandle) {
    let mut ticks = interval(UPKEEP);
    loop {
        ticks.tick().await;
        prometheus.run_upkeep();
    }
}

/// Serves the metrics, until the program ends or is replaced.
pub(super) async fn serve(listener: TcpListener, prometheus: PrometheusHandle) {
    let mut replaced = REPLACED.subscribe();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = replaced.wait_for(|replaced| *replaced) => return,
        };
        let tcp = match accepted {
            Ok((tcp, _)) => tcp,
            Err(err) => {
                warn!(%err, "cannot accept a connection for metrics; trying again");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let prometheus = prometheus.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = respond(&request, &prometheus);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(TIME_LIMIT)
                .max_buf_size(MAX_HEAD)
                .keep_alive(false);
            let served = http.serve_connection(TokioIo::new(tcp), service);
            // An error affects only this connection.
            let _ = timeout(TIME_LIMIT, served).await;
            drop(place);
        });
    }
}

fn respond<B>(request: &Request<B>, prometheus: &PrometheusHandle) -> Response<Body> {
    let plain = |status, text: &'static str| {
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "not found: the metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut text = prometheus.render();
    process::write(&mut text);
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}
