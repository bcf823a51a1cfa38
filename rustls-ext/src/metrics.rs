//! Numbers for operators: handshakes by outcome and reason, offers, certificate requests and their
//! outcomes by scope, refused requests, reloads, and the expiry of the policy's files.
//!
//! They go to the recorder that the program has installed for the crate [metrics], for example that
//! of `metrics-exporter-prometheus`. Nothing is recorded until the program has called [`enable()`];
//! before that, and in programs that never call it, each place that records costs one atomic load.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use rustls_ext::metrics::{self, METRICS};
//!
//! let mut builder = PrometheusBuilder::new();
//! for metric in METRICS {
//!     if let Some(buckets) = metric.buckets() {
//!         builder = builder.set_buckets_for_metric(Matcher::Full(metric.name().into()), buckets)?;
//!     }
//! }
//! let prometheus = builder.install_recorder()?;
//! metrics::enable();
//!
//! // Serve it where only Prometheus can connect, not on the public address.
//! let page = move || std::future::ready(prometheus.render());
//! let app: Router = Router::new().route("/metrics", get(page));
//! # Ok(())
//! # }
//! ```
//!
//! # Where it is recorded
//! | place | metrics |
//! |---|---|
//! | `tokio::Acceptor` and so `tokio::Listener`, `quic::QuicServerConfig` | handshakes, offers, certificate requests, sessions |
//! | `CallerLayer`, `RequireScope` and the extractors of axum | denied requests; for [`Caller::ask`] in your own code, call [`denied`] |
//! | certificate requests on open connections | requests and answers by scope |
//! | [`Live`](crate::Live) | loads |
//! | [`expiries`] and [`server_certificate`], which the program calls after a load | expiry |
//!
//! # Labels
//! The values of each label are a closed set that [`METRICS`] contains, or the names of scopes, which
//! the operator chooses. A value from a client (a host name, a path, a subject) is never a label, so
//! no client can make a server record without end.
//!
//! An application can describe and record its own metrics with [`Metric`] in the same way.
//!
//! [metrics]: https://docs.rs/metrics
#![cfg_attr(feature = "http", doc = "[`Caller::ask`]: crate::http::server::Caller::ask")]
#![cfg_attr(not(feature = "http"), doc = "[`Caller::ask`]: crate#features")]
#![cfg_attr(not(feature = "http"), doc = "[`denied`]: crate#features")]

mod expiry;
mod metric;
pub(crate) mod reason;
pub(crate) mod table;

use std::sync::atomic::{AtomicBool, Ordering};

pub use expiry::{expiries, server_certificate};
pub use metric::{Kind, Label, Metric, Unit, Values};
pub use table::METRICS;

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Describes [`METRICS`] to the recorder of the crate metrics, and starts to record.
///
/// Call it once, after the recorder was installed. Recording cannot be switched off again.
pub fn enable() {
    for metric in METRICS {
        metric.describe();
    }
    ENABLED.store(true, Ordering::Relaxed);
}

/// Returns true after [`enable()`].
pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Counts a request that was denied because its client is not authenticated in `scope`; `None` if it
/// was not denied for a scope.
///
/// The layers and extractors of this crate call it. Call it for denials of your own, such as an error
/// of [`Caller::ask`](crate::http::server::Caller::ask) that you answer. `scope` must be a name that
/// your program or its operator chose.
#[cfg(feature = "http")]
pub fn denied(denied: &crate::http::server::Denied, scope: Option<&str>) {
    if is_enabled() {
        let status = denied.status();
        let values = [status.as_str(), reason::of_denied(denied), scope.unwrap_or_default()];
        table::DENIED.add(1, &values);
    }
}
