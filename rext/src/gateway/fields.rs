//! The header fields that only proxies may set.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use rustls_ext::http::client_cert::{fold, remove_where, strip};
use serde::Deserialize;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The table `[gateway.fields]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldsConfig {
    /// More fields to remove from requests.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Fields of the default list to keep.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Fields to set, each with its template.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// Removes the fields that are for one connection only (RFC 9110 section 7.6.1), including those
/// that `Connection` names.
pub(super) fn remove_hop_by_hop(fields: &mut HeaderMap) {
    const FIXED: [&str; 6] =
        ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
    let named: HashSet<String> = fields
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| fold(String::from_utf8_lossy(name).trim()).into_owned())
        .collect();
    remove_where(fields, |name| FIXED.contains(&name) || named.contains(name));
}

/// Returns true if the sender accepts trailers in the response (RFC 9110 section 10.1.4).
pub(super) fn accepts_trailers(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(header::TE).into_iter().filter_map(|value| value.to_str().ok());
    codings
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Returns true if only a proxy may send this field to the server behind: fields about the client's
/// address, its identity, its request, and the proxy to use. `name` is folded.
///
/// `Client-Cert` and its chain have a separate [`strip`].
fn is_for_proxies(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "forwarded",
        "x-real-ip",
        "x-arr-clientcert",
        "x-ssl",
        "remote-user",
        "x-remote-user",
        // CGI passes it on as HTTP_PROXY, which programs read as the proxy to use ("httpoxy").
        "proxy",
        // Some servers use these as the target.
        "x-original-url",
        "x-rewrite-url",
        "x-original-uri",
    ];
    // Fields in which TLS servers pass on a client's certificate: Apache, nginx, HAProxy, AWS,
    // WebLogic and others.
    const PREFIXES: [&str; 8] = [
        "x-forwarded-",
        "ssl-client-",
        "x-ssl-",
        "x-client-cert",
        "x-client-verif",
        "x-client-dn",
        "x-amzn-mtls-",
        "wl-proxy-",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Removes the client's own fields that only a proxy may send.
pub(super) fn remove_for_proxies(fields: &mut HeaderMap) {
    remove_where(fields, is_for_proxies);
}

/// Sets `Forwarded` (RFC 7239) and `X-Forwarded-…` from the client's connection.
pub(super) fn set_forwarded(fields: &mut HeaderMap, peer: SocketAddr, host: &HeaderValue) {
    remove_for_proxies(fields);
    let address = peer.ip().to_canonical();
    let node = if address.is_ipv6() {
        format!("\"[{address}]:{}\"", peer.port())
    } else {
        format!("\"{address}:{}\"", peer.port())
    };
    // A host needs no escaping: requests with other characters in it were refused.
    let quoted = host.to_str().map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
    let lines = [
        (header::FORWARDED, HeaderValue::try_from(format!("for={node}{quoted};proto=https"))),
        (FORWARDED_FOR, HeaderValue::try_from(address.to_string())),
        (FORWARDED_HOST, Ok(host.clone())),
        (FORWARDED_PROTO, Ok(HeaderValue::from_static("https"))),
    ];
    for (name, value) in lines {
        if let Ok(value) = value {
            fields.insert(name, value);
        }
    }
}

/// Adds this proxy to `Via` for a message in this version (RFC 9110 section 7.6.3).
pub(super) fn add_via(fields: &mut HeaderMap, version: Version) {
    let value = match version {
        Version::HTTP_2 => "2 rext",
        Version::HTTP_10 => "1.0 rext",
        _ => "1.1 rext",
    };
    fields.append(header::VIA, HeaderValue::from_static(value));
}

/// Removes from trailers all fields that only this proxy may set, and those for one connection
/// only.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_hop_by_hop(trailers);
    remove_for_proxies(trailers);
    strip(trailers);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .fold(HeaderMap::new(), |mut fields: HeaderMap, (name, value)| {
                fields.append(name, value);
                fields
            })
    }

    fn names(fields: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn rfc_9110_7_6_1_hop_by_hop_fields_are_removed() {
        let mut fields = fields(&[
            ("connection", "close, X-One ,"),
            ("connection", "x-two, X_Four"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("transfer_encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x_two", "2"),
            ("x-three", "3"),
            ("x_four", "4"),
            ("x-four", "4"),
            ("trailer", "x-four"),
        ]);
        remove_hop_by_hop(&mut fields);
        assert_eq!(names(&fields), ["trailer", "x-three"]);
    }

    #[test]
    fn fields_that_only_a_proxy_may_send_are_removed_in_every_spelling() {
        for name in [
            "ssl-client-verify",
            "ssl-client-cert",
            "x-ssl-client-verify",
            "x-ssl-client-s-dn",
            "x-ssl-cert",
            "x-ssl-issuer",
            "x-client-cert",
            "x-client-certificate",
            "x-client-cert-chain",
            "x-client-verify",
            "x-client-verified",
            "x-client-dn",
            "x-arr-clientcert",
            "x-amzn-mtls-clientcert-leaf",
            "wl-proxy-client-cert",
            "remote-user",
            "proxy",
            "x-original-url",
            "x-rewrite-url",
            "x-forwarded-client-cert",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
        ] {
            for spelling in [
                name.to_owned(),
                name.to_uppercase(),
                name.replace('-', "_"),
                name.replace('-', "."),
                name.replacen('-', "!", 1),
            ] {
                let mut fields = fields(&[(&spelling, "x"), ("kept", "x")]);
                remove_for_proxies(&mut fields);
                assert_eq!(names(&fields), ["kept"], "{spelling}");
            }
        }
        let harmless = [
            ("client", "x"),
            ("proxy-authorization", "x"),
            ("ssl", "x"),
            ("user", "x"),
            ("x-client-id", "x"),
            ("x-original", "x"),
        ];
        let mut kept = fields(&harmless);
        remove_for_proxies(&mut kept);
        assert_eq!(names(&kept), harmless.map(|(name, _)| name));
    }

    #[test]
    fn te_is_parsed_as_a_list() {
        assert!(accepts_trailers(&fields(&[("te", "gzip;q=0.5, Trailers")])));
        assert!(!accepts_trailers(&fields(&[("te", "gzip, x-trailers")])));
        assert!(!accepts_trailers(&HeaderMap::new()));
    }

    #[test]
    fn rfc_7239_forwarded_fields_describe_the_connection_and_replace_the_clients_own() {
        let mut fields = fields(&[
            ("forwarded", "for=1.1.1.1"),
            ("forwarded", "for=2.2.2.2"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded-port", "1"),
            ("x-real-ip", "1.1.1.1"),
            ("other", "x"),
        ]);
        let host = HeaderValue::from_static("a.example:8443");
        set_forwarded(&mut fields, "[::ffff:192.0.2.7]:5".parse().unwrap(), &host);
        assert_eq!(
            names(&fields),
            ["forwarded", "other", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
        );
        let expected = "for=\"192.0.2.7:5\";host=\"a.example:8443\";proto=https";
        assert_eq!(fields["forwarded"], expected);
        assert_eq!(fields["x-forwarded-for"], "192.0.2.7");
        assert_eq!(fields["x-forwarded-host"], "a.example:8443");
        set_forwarded(&mut fields, "[2001:db8::7]:5".parse().unwrap(), &host);
        let expected = "for=\"[2001:db8::7]:5\";host=\"a.example:8443\";proto=https";
        assert_eq!(fields["forwarded"], expected);
    }
}
