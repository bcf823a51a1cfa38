//! All metrics of this crate.

use super::{Label, Metric, Unit};

const TRANSPORT: Label = Label::one_of("transport", &["tcp", "quic"]);
const SCOPE: Label = Label::configured("scope", "a scope of the policy; empty if there is none");
const REASON: Label = Label::one_of("reason", REASONS);

/// Why a handshake or a certificate was refused. `none` is for handshakes that were accepted.
pub(super) const REASONS: &[&str] = &[
    "none",
    // The certificate.
    "no_certificate",
    "expired",
    "not_yet_valid",
    "revoked",
    "revocation_list",
    "unknown_authority",
    "bad_signature",
    "purpose",
    "bad_certificate",
    // The handshake.
    "client_alert",
    "other_protocol",
    "closed",
    "timeout",
    "unfinished",
    "io",
    "policy_failed",
    "incompatible",
    "misbehaved",
    "malformed",
    "other",
];

/// Buckets for durations of handshakes, in seconds.
const HANDSHAKE_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub(crate) static HANDSHAKES: Metric = Metric::counter(
    "rustls_ext_handshakes_total",
    "TLS handshakes that ended, by outcome; the reason is none if the outcome is accepted.",
)
.with_labels(&[TRANSPORT, Label::one_of("outcome", &["accepted", "refused"]), REASON]);

pub(crate) static HANDSHAKE_SECONDS_SPENT: Metric = Metric::histogram(
    "rustls_ext_handshake_seconds",
    HANDSHAKE_SECONDS,
    "Duration of TLS handshakes, including the time that the client takes.",
)
.with_labels(&[TRANSPORT, Label::one_of("outcome", &["accepted", "refused"])]);

pub(crate) static OFFERS: Metric = Metric::counter(
    "rustls_ext_offers_total",
    "Accepted handshakes by how the client offered to authenticate.",
)
.with_labels(&[TRANSPORT, Label::one_of("offer", &OFFER_NAMES)]);

/// [`Offer::name`](rustls::ext_wire::Offer::name) of each offer.
const OFFER_NAMES: [&str; 8] =
    ["none", "flag", "care", "both", "origins", "flag+origins", "care+origins", "both+origins"];

pub(crate) static CLIENT_AUTH: Metric = Metric::counter(
    "rustls_ext_certificate_requests_total",
    "Handshakes for which the policy requests or requires a certificate, by outcome; failed: the \
     handshake was refused. A resumed session counts with the outcome that it has recorded.",
)
.with_labels(&[
    TRANSPORT,
    SCOPE,
    Label::one_of("outcome", &["authenticated", "declined", "refused", "failed", "other"]),
]);

pub(crate) static ACKNOWLEDGED: Metric = Metric::counter(
    "rustls_ext_acknowledged_total",
    "Accepted handshakes in which the server acknowledged that it requested a certificate because \
     of the client's offer.",
)
.with_labels(&[TRANSPORT]);

pub(crate) static SESSIONS: Metric = Metric::counter(
    "rustls_ext_sessions_total",
    "Accepted handshakes by TLS version, and whether they resumed a session.",
)
.with_labels(&[
    TRANSPORT,
    Label::one_of("tls_version", &["1.2", "1.3", "other"]),
    Label::one_of("resumed", &["true", "false"]),
]);

pub(crate) static REFUSED_CERTIFICATES: Metric = Metric::counter(
    "rustls_ext_refused_certificates_total",
    "Client certificates that were refused, whether the connection ended or continued without.",
)
.with_labels(&[Label::one_of("transport", &["tcp", "quic", "open"]), SCOPE, REASON]);

pub(crate) static DENIED: Metric = Metric::counter(
    "rustls_ext_denied_total",
    "HTTP requests that were denied because of their host or their client's identity, by status.",
)
.with_labels(&[
    Label::one_of("status", &["400", "401", "403", "421", "500", "other"]),
    Label::one_of(
        "reason",
        &[
            "host",
            "misdirected",
            "unauthenticated",
            "other_scope",
            "refused",
            "never_asked",
            "no_spiffe_id",
            "no_layer",
            "unknown_scope",
            "other",
        ],
    ),
    SCOPE,
]);

pub(crate) static OPEN_REQUESTS: Metric = Metric::counter(
    "rustls_ext_open_requests_total",
    "Certificate requests that were sent on open HTTP/2 and HTTP/3 connections.",
)
.with_labels(&[SCOPE]);

pub(crate) static OPEN_ANSWERS: Metric = Metric::counter(
    "rustls_ext_open_answers_total",
    "Answers to certificate requests on open connections; invalid: the client broke a rule, and the \
     connection ended.",
)
.with_labels(&[SCOPE, Label::one_of("outcome", &["shown", "declined", "refused", "invalid", "other"])]);

pub(crate) static LOADS: Metric = Metric::counter(
    "rustls_ext_loads_total",
    "Loads of certificate, key and policy, the first one and reloads; after a failure, the previous \
     files stay in use.",
)
.with_labels(&[Label::one_of("outcome", &["success", "failure"])]);

pub(crate) static LAST_LOAD: Metric =
    Metric::gauge("rustls_ext_last_load_timestamp_seconds", "Time of the last successful load.")
        .with_unit(Unit::Seconds);

pub(crate) static EXPIRY: Metric = Metric::gauge(
    "rustls_ext_expiry_timestamp_seconds",
    "Earliest expiry of the server's certificate, and of a scope's trust anchors, pinned \
     certificates, and revocation lists (their nextUpdate). NaN if there is none any more.",
)
.with_labels(&[
    Label::one_of("kind", &["server_certificate", "anchor", "pinned", "revocation_list"]),
    SCOPE,
])
.with_unit(Unit::Seconds);

/// All metrics of this crate.
pub static METRICS: &[&Metric] = &[
    &HANDSHAKES,
    &HANDSHAKE_SECONDS_SPENT,
    &OFFERS,
    &CLIENT_AUTH,
    &ACKNOWLEDGED,
    &SESSIONS,
    &REFUSED_CERTIFICATES,
    &DENIED,
    &OPEN_REQUESTS,
    &OPEN_ANSWERS,
    &LOADS,
    &LAST_LOAD,
    &EXPIRY,
];
