//! What operators see of a server: metrics, and the access log.
//!
//! [`METRICS`] has the metrics of the commands; those of the library are in
//! [`rustls_ext::metrics::METRICS`]. Without `--metrics` and `--access-log`, nothing is recorded.

use std::net::SocketAddr;
use std::sync::LazyLock;

use clap::Args;
use command_line::Failure;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use rustls_ext::metrics::{self as library, Metric};
use tokio::sync::watch;
use tracing::info;

use crate::listener::sockets;

mod counted;
mod exchange;
mod open;
mod page;
mod process;
mod table;
mod upstream;

pub(crate) use counted::Tally;
pub(crate) use exchange::{Connections, Observed, Observer, Refused};
pub(crate) use open::{Open, connection_refused};
#[doc(inline)]
pub use process::METRICS as PROCESS_METRICS;
pub use table::METRICS;
pub(crate) use table::{LOG_LINES, ROUTED, ROUTED_BYTES, TUNNEL_BYTES};
pub(crate) use upstream::{Upstream, UpstreamRequest, retried};

/// Where the metrics of a command are served.
#[derive(Clone, Debug, Default, Args)]
pub struct MetricsArgs {
    /// Serve metrics in Prometheus' text format at http://ADDR:PORT/metrics, without TLS and
    /// without authentication; port 0 selects a free port. Use an address that only Prometheus can
    /// connect to
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// The purpose of the socket for metrics, for a process that replaces this one.
pub(crate) const SOCKET: &str = "metrics";

/// True when another process has replaced this one.
static REPLACED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Stops to serve metrics: the process that has replaced this one serves its own on the same socket.
pub(crate) fn replaced() {
    REPLACED.send_replace(true);
}

/// Starts to record metrics, and serves them, if the options say so. `command` is that of the
/// command line.
///
/// # Errors
/// If the address cannot be used.
pub(crate) async fn start(args: &MetricsArgs, command: &'static str) -> Result<(), Failure> {
    let Some(addr) = args.metrics else { return Ok(()) };
    let unusable = |reason: &dyn std::fmt::Display| Failure::option("--metrics", addr, reason);
    let listeners = sockets::listen(SOCKET, "--metrics", &addr.into()).await?;
    let mut builder = PrometheusBuilder::new();
    for metric in library::METRICS.iter().chain(METRICS) {
        if let Some(buckets) = metric.buckets() {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name().to_owned()), buckets)
                .map_err(|err| unusable(&err))?;
        }
    }
    let prometheus = builder.install_recorder().map_err(|err| unusable(&err))?;
    library::enable();
    METRICS.iter().copied().for_each(Metric::describe);
    table::BUILD_INFO.set(1.0, &[env!("CARGO_PKG_VERSION"), command]);
    for listener in listeners {
        let addr = listener.local_addr().map_err(|err| unusable(&err))?;
        tokio::spawn(page::serve(listener, prometheus.clone()));
        info!(%addr, "serving metrics");
    }
    tokio::spawn(page::upkeep(prometheus));
    Ok(())
}
