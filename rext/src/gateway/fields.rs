//! The header fields that only proxies may set.
//!
//! Names are compared as a server behind may fold them: without regard to case, and with all
//! characters that are neither letters nor digits treated as equal.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashSet};

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use ipnet::IpNet;
use rustls_ext::http::client_cert::{fold, remove_where};
use serde::Deserialize;

use super::templates::{Templates, Value};

mod error;
mod forwarded;
mod patterns;

pub use error::FieldsError;
pub(super) use forwarded::Peer;
pub use forwarded::{ClientAddress, ClientField};
use patterns::{Names, Pattern};

/// The fields that are removed from requests by default, since only a gateway may set them. A final
/// `*` stands for any text.
pub const REMOVED_BY_DEFAULT: [&str; 20] = [
    "Client-Cert*",
    "Forwarded",
    "X-Forwarded-*",
    "X-Real-IP",
    // Fields in which TLS servers pass on a client's certificate: Apache, nginx, HAProxy, AWS,
    // WebLogic and others.
    "SSL-Client-*",
    "X-SSL",
    "X-SSL-*",
    "X-Client-Cert*",
    "X-Client-Verif*",
    "X-Client-DN*",
    "X-ARR-ClientCert",
    "X-Amzn-Mtls-*",
    "WL-Proxy-*",
    "Remote-User",
    "X-Remote-User",
    // CGI passes it on as HTTP_PROXY, which programs read as the proxy to use ("httpoxy").
    "Proxy",
    // Some servers use these as the target.
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-Rewrite-URI",
];

/// The fields that the gateway sets itself, folded. The client's are always removed.
const OWN: [&str; 6] = [
    "client-cert",
    "client-cert-chain",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// The fields that are for one connection only (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// Further fields that the gateway or the framing of messages needs.
const NEEDED: [&str; 5] = ["host", "content-length", "trailer", "via", "expect"];

/// The beginning of the fields of WebSocket's handshake.
const WEBSOCKET: &str = "sec-websocket-";

/// The table `[gateway.fields]`: which fields of requests are removed, and which are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldsConfig {
    /// Names of further fields to remove. A final `*` stands for any text.
    pub remove: Vec<String>,
    /// Names of fields, or entries of [`REMOVED_BY_DEFAULT`], that are not removed.
    pub keep: Vec<String>,
    /// The field in which the trusted proxies write the client's address.
    pub client_address: Option<ClientField>,
    /// The scopes whose identities `set` passes on.
    pub scopes: Vec<String>,
    /// Fields that are set from the certificates of clients: names, and what they contain.
    pub set: BTreeMap<String, Value>,
}

/// What is done with the fields of requests.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    removed: Names,
    trusted: Vec<IpNet>,
    client_address: Option<ClientField>,
    templates: Templates,
}

impl Fields {
    /// Takes the table, and the addresses of the proxies whose `Forwarded` and `X-Forwarded-…` are
    /// extended.
    ///
    /// # Errors
    /// If the table contradicts itself, or the gateway could not work with it.
    pub(super) fn new(config: &FieldsConfig, trusted: &[IpNet]) -> Result<Self, FieldsError> {
        let templates = Templates::new(&config.set, &config.scopes)?;
        let keep = patterns(&config.keep)?;
        let remove = patterns(&config.remove)?;
        let mut removed = Names::default();
        let mut unused: Vec<_> = keep.iter().collect();
        for pattern in REMOVED_BY_DEFAULT.into_iter().filter_map(Pattern::parse) {
            let before = unused.len();
            unused.retain(|(_, kept)| *kept != pattern);
            if unused.len() == before {
                removed.insert(&pattern);
            }
        }
        for (text, kept) in unused {
            match kept.name() {
                Some(name) if removed.contains(name) => removed.except(name),
                _ => return Err(FieldsError::NotRemoved(text.to_string())),
            }
        }
        for (text, kept) in &keep {
            if kept.name().is_some_and(is_own) {
                return Err(FieldsError::Own(text.to_string()));
            }
            let set = templates.names().any(|name| kept.matches(&fold(name.as_str())));
            if set || remove.iter().any(|(_, removed)| removed == kept) {
                return Err(FieldsError::Contradiction(text.to_string()));
            }
        }
        for (text, pattern) in &remove {
            if HOP_BY_HOP.iter().chain(&NEEDED).any(|name| pattern.matches(name)) {
                return Err(FieldsError::Needed(text.to_string()));
            }
            removed.insert(pattern);
        }
        OWN.iter().for_each(|name| removed.insert_name(name));
        templates.names().for_each(|name| removed.insert_name(&fold(name.as_str())));
        let (trusted, client_address) = (trusted.to_vec(), config.client_address);
        Ok(Self { removed, trusted, client_address, templates })
    }

    /// Returns the scopes that the table names.
    pub(super) fn scopes(&self) -> &[String] {
        self.templates.scopes()
    }

    /// Removes the client's own fields that only a gateway may set.
    pub(super) fn remove(&self, fields: &mut HeaderMap) {
        remove_where(fields, |name| self.removed.contains(name));
    }

    /// Removes from trailers all fields that only the gateway may set, and those for one connection
    /// only.
    pub(super) fn clean_trailers(&self, trailers: &mut HeaderMap) {
        remove_hop_by_hop(trailers);
        self.remove(trailers);
    }

    /// Sets the fields that the table configures. The client's own must have been
    /// [removed](Self::remove).
    pub(super) fn set(&self, request: &mut http::request::Parts) {
        self.templates.apply(request);
    }
}

fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// Checks that the table may set a field of this folded name.
pub(super) fn check_settable(name: &HeaderName) -> Result<(), FieldsError> {
    let folded = fold(name.as_str());
    if is_own(&folded) {
        Err(FieldsError::Own(name.to_string()))
    } else if HOP_BY_HOP.contains(&&*folded)
        || NEEDED.contains(&&*folded)
        || folded.starts_with(WEBSOCKET)
    {
        Err(FieldsError::Needed(name.to_string()))
    } else {
        Ok(())
    }
}

fn patterns(texts: &[String]) -> Result<Vec<(&str, Pattern)>, FieldsError> {
    let parse =
        |text: &'_ String| Pattern::parse(text).ok_or_else(|| FieldsError::Name(text.clone()));
    texts.iter().map(|text| Ok((&**text, parse(text)?))).collect()
}

/// Removes the fields that are for one connection only (RFC 9110 section 7.6.1), including those
/// that `Connection` names.
pub(super) fn remove_hop_by_hop(fields: &mut HeaderMap) {
    // `Connection` may contain many more names than there are fields.
    let present = LazyCell::new(|| {
        let names = fields.keys().map(|name| fold(name.as_str()).into_owned());
        names.collect::<HashSet<String>>()
    });
    let named: HashSet<String> = fields
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| std::str::from_utf8(name.trim_ascii()).ok())
        .map(fold)
        .filter(|name| !is_hop_by_hop(name))
        .filter_map(|name| present.get(&*name).cloned())
        .collect();
    remove_where(fields, |name| is_hop_by_hop(name) || named.contains(name));
}

fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Returns true if the sender accepts trailers in the response (RFC 9110 section 10.1.4).
pub(super) fn accepts_trailers(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(header::TE).into_iter().filter_map(|value| value.to_str().ok());
    codings
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Adds this proxy to `Via` for a message in this version (RFC 9110 section 7.6.3).
pub(super) fn add_via(fields: &mut HeaderMap, version: Version) {
    let value = match version {
        Version::HTTP_3 => "3 rext",
        Version::HTTP_2 => "2 rext",
        Version::HTTP_10 => "1.0 rext",
        _ => "1.1 rext",
    };
    fields.append(header::VIA, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests;
