//! The values of options.

use std::time::Duration;

use http::Uri;
use rustls_ext::rustls::pki_types::DnsName;

use super::{PathDemand, Resolve};

pub(crate) fn number(text: &str) -> Result<u16, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` would take a sign after the prefix.
        Some(hex) if hex.starts_with(['+', '-']) => return Err("not a number".into()),
        Some(hex) => u16::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "not a number from 0 to 65535".into())
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(time)) if !time.is_zero() && time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("not a number of seconds above 0 and up to 3600".into()),
    }
}

pub(crate) fn up_to_a_week(text: &str) -> Result<Duration, String> {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(time)) if !time.is_zero() && time <= WEEK => Ok(time),
        _ => Err(format!("not a number of seconds above 0 and up to {}", WEEK.as_secs())),
    }
}

pub(crate) fn https(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|err| format!("not a URL: {err}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err("not an https URL".into()),
    }
}

pub(crate) fn host(text: &str) -> Result<String, String> {
    match DnsName::try_from(text) {
        Ok(name) if !text.ends_with('.') => Ok(name.to_lowercase_owned().as_ref().to_owned()),
        _ => Err("not a DNS name".into()),
    }
}

pub(crate) fn upstream(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|err| format!("not a URL: {err}"))?;
    let no_user = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), uri.host(), uri.path_and_query().map(|path| path.as_str())) {
        (Some("http"), Some(host), None | Some("/")) if !host.is_empty() && no_user => Ok(uri),
        _ => Err("not an http URL of a host and, where it is not 80, a port".into()),
    }
}

pub(crate) fn demand(text: &str) -> Result<PathDemand, String> {
    let (prefix, scope) = text.rsplit_once('=').ok_or("not of the form PREFIX=SCOPE")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '~');
    match prefix.starts_with('/') && prefix.chars().all(plain) && !scope.is_empty() {
        true => Ok(PathDemand { prefix: prefix.into(), scope: scope.into() }),
        false => {
            Err("not of the form PREFIX=SCOPE, with a PREFIX of / and letters, digits, - _ ~"
                .into())
        }
    }
}

pub(crate) fn resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || "not of the form HOST:PORT:ADDR".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, addr) = rest.split_once(':').ok_or_else(wrong)?;
    let addr = addr.strip_prefix('[').and_then(|addr| addr.strip_suffix(']')).unwrap_or(addr);
    Ok(Resolve {
        host: host.into(),
        port: port.parse().map_err(|_| wrong())?,
        addr: addr.parse().map_err(|_| wrong())?,
    })
}

pub(crate) fn backend(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.into())
        }
        _ => Err("not of the form HOST:PORT".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hex() {
        assert_eq!(number("62"), Ok(62));
        assert_eq!(number("0xfe01"), Ok(0xfe01));
        assert_eq!(number("0XFE01"), Ok(0xfe01));
        for bad in ["", "0x", "-1", "65536", "0x10000", "fe01", "0x+1", "1.5"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://app"] {
            assert!(upstream(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "app:80",
            "https://app",
            "http://app/x",
            "http://app/?q",
            "http://u@app",
            "http://",
        ] {
            assert!(upstream(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_demand_is_on_a_plain_prefix() {
        let expected = PathDemand { prefix: "/admin/x".into(), scope: "staff".into() };
        assert_eq!(demand("/admin/x=staff"), Ok(expected));
        for bad in
            ["", "/admin", "/admin=", "admin=staff", "/a%20b=staff", "/a/../b=staff", "/a;b=c"]
        {
            assert!(demand(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resolve_takes_both_families() {
        let expected = |addr: &str| Resolve {
            host: "a.example".into(),
            port: 443,
            addr: addr.parse().expect("an address"),
        };
        assert_eq!(resolve("a.example:443:127.0.0.1"), Ok(expected("127.0.0.1")));
        assert_eq!(resolve("a.example:443:::1"), Ok(expected("::1")));
        assert_eq!(resolve("a.example:443:[::1]"), Ok(expected("::1")));
        for bad in ["", "a", "a:1", "a:x:127.0.0.1", "a:1:b"] {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn backends_are_hosts_with_ports() {
        for good in ["localhost:1", "192.0.2.1:443", "[2001:db8::1]:65535"] {
            assert_eq!(backend(good), Ok(good.to_owned()));
        }
        for bad in ["", "localhost", ":443", "localhost:", "localhost:0", "localhost:65536"] {
            assert!(backend(bad).is_err(), "{bad}");
        }
    }
}
