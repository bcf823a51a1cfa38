//! The fields that belong to a proxy.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use rustls_ext::http::client_cert::{remove_where, strip};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Remove the fields that are for one connection only (RFC 9110 section 7.6.1), those among them
/// that `Connection` names.
pub(super) fn remove_hop_by_hop(fields: &mut HeaderMap) {
    const FIXED: [&str; 6] =
        ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
    let named: Vec<String> = fields
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|octet| *octet == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    remove_where(fields, |name| FIXED.contains(&name) || named.iter().any(|named| named == name));
}

/// Whether the sender understands trailers in the answer (RFC 9110 section 10.1.4).
pub(super) fn takes_trailers(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(header::TE).into_iter().filter_map(|value| value.to_str().ok());
    codings
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Whether only a proxy may say this to the server behind.
fn is_forwarded(name: &str) -> bool {
    name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
}

/// Remove what the client says of where it comes from, and say what is known (RFC 7239).
pub(super) fn set_forwarded(fields: &mut HeaderMap, peer: SocketAddr, host: &HeaderValue) {
    remove_where(fields, is_forwarded);
    let address = peer.ip().to_canonical();
    let node = match address.is_ipv6() {
        true => format!("\"[{address}]:{}\"", peer.port()),
        false => format!("\"{address}:{}\"", peer.port()),
    };
    // A host has nothing in it that would need escaping; what has was refused.
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

/// Say that a message in this version has come through here (RFC 9110 section 7.6.3).
pub(super) fn add_via(fields: &mut HeaderMap, version: Version) {
    let value = match version {
        Version::HTTP_2 => "2 interop",
        Version::HTTP_10 => "1.0 interop",
        _ => "1.1 interop",
    };
    fields.append(header::VIA, HeaderValue::from_static(value));
}

/// Remove from trailers whatever only this proxy may say, and what is for one connection only.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_hop_by_hop(trailers);
    remove_where(trailers, is_forwarded);
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
    fn rfc_9110_7_6_1_what_is_for_one_connection_is_removed() {
        let mut fields = fields(&[
            ("connection", "close, X-One ,"),
            ("connection", "x-two"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("transfer_encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("trailer", "x-four"),
        ]);
        remove_hop_by_hop(&mut fields);
        assert_eq!(names(&fields), ["trailer", "x-three"]);
    }

    #[test]
    fn te_is_read_as_a_list() {
        assert!(takes_trailers(&fields(&[("te", "gzip;q=0.5, Trailers")])));
        assert!(!takes_trailers(&fields(&[("te", "gzip, x-trailers")])));
        assert!(!takes_trailers(&HeaderMap::new()));
    }

    #[test]
    fn rfc_7239_what_is_said_of_the_client_is_what_is_known() {
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
