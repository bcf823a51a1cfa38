//! All metrics of the commands, other than those of the process.

use rustls_ext::metrics::{Label, Metric, Unit};

const TRANSPORT: Label = Label::one_of("transport", &["tcp", "quic"]);
const PROTOCOL: Label = Label::one_of("protocol", &["1.0", "1.1", "2", "3", "other"]);
const UPSTREAM: Label =
    Label::configured("upstream", "the URL of a server behind, from the options or the file");
const DIRECTION: Label = Label::one_of("direction", &["to_backend", "to_client"]);
const BACKEND: Label = Label::one_of("backend", &["offered", "default", "none"]);

/// Buckets for durations of requests, in seconds.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

pub(super) static BUILD_INFO: Metric =
    Metric::gauge("rext_build_info", "The version and the command; the value is always 1.")
        .with_labels(&[
            Label::configured("version", "the version of rext"),
            Label::one_of("command", &["serve", "gateway", "route"]),
        ]);

pub(super) static CONNECTIONS_OPEN: Metric = Metric::gauge(
    "rext_connections_open",
    "Client connections that are open, from before their handshake to their end.",
)
.with_labels(&[TRANSPORT]);

pub(super) static CONNECTIONS: Metric = Metric::counter(
    "rext_connections_total",
    "Client connections that were accepted, before their handshake.",
)
.with_labels(&[TRANSPORT]);

pub(super) static CONNECTIONS_REFUSED: Metric = Metric::counter(
    "rext_connections_refused_total",
    "Client connections that were closed before their handshake, because of a limit or their PROXY \
     header.",
)
.with_labels(&[Label::one_of("reason", &["memory", "per_address", "proxy_header", "other"])]);

pub(super) static REQUESTS_OPEN: Metric =
    Metric::gauge("rext_requests_open", "Requests whose response has not ended.")
        .with_labels(&[PROTOCOL]);

pub(super) static REQUESTS: Metric = Metric::counter(
    "rext_requests_total",
    "Requests whose response has ended, by class of the status; none: the client went away before \
     there was a response.",
)
.with_labels(&[
    PROTOCOL,
    Label::one_of("status", &["1xx", "2xx", "3xx", "4xx", "5xx", "none", "other"]),
]);

pub(super) static ERRORS: Metric = Metric::counter(
    "rext_error_responses_total",
    "Responses with a status of 400 or more, by status.",
)
.with_labels(&[Label::one_of(
    "status",
    &[
        "400", "401", "403", "404", "405", "408", "413", "421", "429", "431", "500", "501", "502",
        "503", "504", "other",
    ],
)]);

pub(super) static ABORTED: Metric = Metric::counter(
    "rext_requests_aborted_total",
    "Requests that ended early: before the response, or within its body.",
)
.with_labels(&[Label::one_of("phase", &["before_response", "in_response"])]);

pub(super) static REQUEST_SECONDS: Metric = Metric::histogram(
    "rext_request_seconds",
    REQUEST_BUCKETS,
    "Time from the head of a request to the end of its response.",
)
.with_labels(&[PROTOCOL]);

pub(super) static RECEIVED_BYTES: Metric = Metric::counter(
    "rext_received_body_bytes_total",
    "Bytes of request bodies that were read from clients.",
)
.with_unit(Unit::Bytes);

pub(super) static SENT_BYTES: Metric = Metric::counter(
    "rext_sent_body_bytes_total",
    "Bytes of response bodies that were passed to the connections of clients.",
)
.with_unit(Unit::Bytes);

pub(crate) static TUNNEL_BYTES: Metric = Metric::counter(
    "rext_tunnel_bytes_total",
    "Bytes that rext gateway has copied through WebSockets and other upgraded connections, by direction.",
)
.with_labels(&[DIRECTION])
.with_unit(Unit::Bytes);

pub(super) static UPSTREAM_REQUESTS: Metric = Metric::counter(
    "rext_upstream_requests_total",
    "Requests to servers behind, by outcome; busy: no connection was free, abandoned: the client went \
     away, or there was no response in time.",
)
.with_labels(&[
    UPSTREAM,
    Label::one_of(
        "outcome",
        &["response", "connect_failed", "failed", "busy", "abandoned", "other"],
    ),
]);

pub(super) static UPSTREAM_RESPONSES: Metric = Metric::counter(
    "rext_upstream_responses_total",
    "Responses of servers behind, by class of the status.",
)
.with_labels(&[UPSTREAM, Label::one_of("status", &["1xx", "2xx", "3xx", "4xx", "5xx", "other"])]);

pub(super) static UPSTREAM_SECONDS: Metric = Metric::histogram(
    "rext_upstream_seconds",
    REQUEST_BUCKETS,
    "Time until the head of a response of a server behind arrived.",
)
.with_labels(&[UPSTREAM]);

pub(super) static UPSTREAM_RETRIES: Metric = Metric::counter(
    "rext_upstream_retries_total",
    "Requests that were sent to a server behind once more, since nothing of them was processed.",
)
.with_labels(&[UPSTREAM]);

pub(crate) static ROUTED: Metric = Metric::counter(
    "rext_routed_connections_total",
    "Connections that rext route has routed or refused, by backend and outcome.",
)
.with_labels(&[
    BACKEND,
    Label::one_of(
        "outcome",
        &["routed", "no_client_hello", "malformed", "connect_failed", "other"],
    ),
]);

pub(crate) static ROUTED_BYTES: Metric =
    Metric::counter("rext_routed_bytes_total", "Bytes that rext route has copied, by direction.")
        .with_labels(&[DIRECTION])
        .with_unit(Unit::Bytes);

pub(crate) static LOG_LINES: Metric =
    Metric::counter("rext_access_log_lines_total", "Lines of the access log, by outcome.")
        .with_labels(&[Label::one_of("outcome", &["written", "dropped", "failed"])]);

/// All metrics of the commands, other than those of the process.
pub static METRICS: &[&Metric] = &[
    &BUILD_INFO,
    &CONNECTIONS_OPEN,
    &CONNECTIONS,
    &CONNECTIONS_REFUSED,
    &REQUESTS_OPEN,
    &REQUESTS,
    &ERRORS,
    &ABORTED,
    &REQUEST_SECONDS,
    &RECEIVED_BYTES,
    &SENT_BYTES,
    &TUNNEL_BYTES,
    &UPSTREAM_REQUESTS,
    &UPSTREAM_RESPONSES,
    &UPSTREAM_SECONDS,
    &UPSTREAM_RETRIES,
    &ROUTED,
    &ROUTED_BYTES,
    &LOG_LINES,
];

/// The class of a status code, as a label.
pub(super) fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}
