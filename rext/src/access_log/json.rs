use std::borrow::Cow;
use std::io;

use rustls_ext::http::server::ProvedBy;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::{Entry, time};

/// The fields of a line in the format `json`, in their order, and what they contain. A field without
/// a value is left out.
pub const FIELDS: &[(&str, &str)] = &[
    ("time", "when the head of the request arrived, in UTC (RFC 3339)"),
    ("peer", "the address and port of the connection's client"),
    (
        "client",
        "the address of the proxy's client, if the peer is one of `trusted_proxies`; `unknown` if the proxies \
         do not tell it",
    ),
    ("method", "the method"),
    ("host", "the host of the request, as the client wrote it"),
    ("path", "the path of the target, without the query"),
    ("query", "the query; only with `--access-log-query`"),
    ("protocol", "the version of HTTP: `1.0`, `1.1`, `2` or `3`"),
    ("status", "the status of the response; absent if the client went away before there was one"),
    ("complete", "false if the response did not end as it should"),
    ("received", "bytes of the request's body that were read"),
    ("sent", "bytes of the response's body that were passed to the connection"),
    ("seconds", "time from the head of the request to the end of the response"),
    ("tls_version", "`1.2` or `1.3`"),
    ("resumed", "true if the connection resumed a session"),
    ("scope", "the scope in which the client is authenticated"),
    ("subject", "the subject of the client's certificate (RFC 4514)"),
    ("fingerprint", "the SHA-256 fingerprint of the client's certificate"),
    (
        "proved_by",
        "how the client proved it: `handshake`, `resumption` (in the handshake of an earlier connection), or \
         `authenticator` (on the open connection)",
    ),
    ("other_scopes", "further scopes in which the client is authenticated on this connection"),
    ("reason", "why the request was refused"),
    ("upstream", "the URL of the server behind, from the configuration"),
    ("upstream_status", "the status of its response; absent if there was none"),
    ("upstream_seconds", "time until the head of its response arrived, or until it failed"),
    ("user_agent", "the field User-Agent"),
    ("request_id", "the field X-Request-Id of the request"),
];

/// A line. The names are those of [`FIELDS`].
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Cow<'a, str>>,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    protocol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    complete: bool,
    received: u64,
    sent: u64,
    seconds: f64,
    tls_version: &'a str,
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proved_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_scopes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
}

/// Makes a line of JSON, in ASCII.
pub(super) fn line(entry: &Entry<'_>) -> Vec<u8> {
    let (head, connection) = (&entry.head, entry.connection);
    let lossy = |value: &'_ Option<Vec<u8>>| {
        value.as_deref().map(String::from_utf8_lossy).map(Cow::into_owned).map(Cow::Owned)
    };
    let identities = connection.identities();
    let identity = identities.first();
    let certificate = identity.map(|identity| identity.certificate());
    let upstream = entry.upstream.as_ref();
    let line = Line {
        time: time::rfc3339(entry.time),
        peer: connection.peer().map(|peer| peer.to_string()),
        client: entry.client.map(|client| client.to_string()),
        method: &head.method,
        host: lossy(&head.host),
        path: &head.path,
        query: head.query.as_deref(),
        protocol: entry.protocol,
        status: entry.status,
        complete: entry.is_complete,
        received: entry.received,
        sent: entry.sent,
        seconds: rounded(entry.took.as_secs_f64()),
        tls_version: match connection.tls_version() {
            rustls_ext::rustls::ProtocolVersion::TLSv1_3 => "1.3",
            rustls_ext::rustls::ProtocolVersion::TLSv1_2 => "1.2",
            _ => "other",
        },
        resumed: connection.resumed(),
        scope: identity.map(|identity| identity.scope()),
        subject: certificate.and_then(|certificate| certificate.subject().ok()),
        fingerprint: certificate.map(|certificate| certificate.fingerprint().to_string()),
        proved_by: identity.map(|identity| match identity.proved_by() {
            ProvedBy::Handshake => "handshake",
            ProvedBy::Resumption => "resumption",
            ProvedBy::Authenticator => "authenticator",
            _ => "other",
        }),
        other_scopes: identities.iter().skip(1).map(|identity| identity.scope()).collect(),
        reason: entry.reason.as_deref(),
        upstream: upstream.map(|upstream| &*upstream.url),
        upstream_status: upstream.and_then(|upstream| upstream.status),
        upstream_seconds: upstream.map(|upstream| rounded(upstream.took.as_secs_f64())),
        user_agent: lossy(&head.user_agent),
        request_id: lossy(&head.request_id),
    };
    let mut bytes = Vec::with_capacity(512);
    // Only a writer that fails or a map without strings as keys makes an error.
    let _ = line.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii));
    bytes.push(b'\n');
    bytes
}

/// To microseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Escapes all characters other than printable ASCII, so that no terminal is controlled by C1
/// controls or changes the direction of text.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}
