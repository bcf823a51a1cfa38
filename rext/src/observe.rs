//! What operators see of a server: metrics, and the access log.
//!
//! [`METRICS`] has the metrics of the commands; those of the library are in
//! [`rustls_ext::metrics::METRICS`]. Without `--metrics` and `--access-log`, nothing is recorded.

use std::net::SocketAddr;

use clap::Args;
use command_line::Failure;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use rustls_ext::metrics::{self as library, Metric};
use tokio::net::TcpListener;
use tracing::info;

mod counted;
mod exchange;
mod open;
mod page;
mod process;
mod table;
mod upstream;

pub(crate) use counted::Tally;
pub(crate) use exchange::{Connections, Observer, Refused};
pub(crate) use open::{Open, connection_refused};
#[doc(inline)]
pub use process::METRICS as PROCESS_METRICS;
pub use table::METRICS;
pub(crate) use table::{LOG_LINES, ROUTED, ROUTED_BYTES};
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

/// Starts to record metrics, and serves them, if the options say so. `command` is that of the
/// command line.
///
/// # Errors
/// If the address cannot be used.
pub(crate) async fn start(args: &MetricsArgs, command: &'static str) -> Result<(), Failure> {
    let Some(addr) = args.metrics else { return Ok(()) };
    let unusable = |reason: &dyn std::fmt::Display| Failure::option("--metrics", addr, reason);
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|err| unusable(&format_args!("cannot listen on this address: {err}")))?;
    let addr = listener.local_addr().map_err(|err| unusable(&err))?;
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
    tokio::spawn(page::serve(listener, prometheus));
    info!(%addr, "serving metrics");
    Ok(())
}
