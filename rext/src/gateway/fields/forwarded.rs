//! `Forwarded` (RFC 7239) and `X-Forwarded-…`: the way of a request through proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;

use super::Fields;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The maximum number of proxies of which a field tells. Only the last ones are passed on.
const MAX_HOPS: usize = 64;

/// A field in which proxies write the addresses of their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ClientField {
    /// `Forwarded`
    #[serde(rename = "Forwarded", alias = "forwarded")]
    Forwarded,
    /// `X-Forwarded-For`
    #[serde(rename = "X-Forwarded-For", alias = "x-forwarded-for")]
    XForwardedFor,
}

/// The address of the client, as far as trusted proxies tell. `None` if they do not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// A client or proxy (RFC 7239 section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// `unknown`, an obfuscated identifier, or malformed.
    Unknown,
}

/// One element of a field: a proxy's client, and the element of `Forwarded`.
#[derive(Clone, Debug)]
struct Hop {
    node: Node,
    element: String,
}

/// The peer of a connection, in the forms in which the fields contain it.
#[derive(Debug)]
pub(in crate::gateway) struct Peer {
    addr: SocketAddr,
    /// Its parameter in `Forwarded`.
    node: String,
    /// Its element in `X-Forwarded-For`.
    address: HeaderValue,
}

impl Peer {
    pub(in crate::gateway) fn new(addr: SocketAddr) -> Self {
        let (address, port) = (addr.ip().to_canonical(), addr.port());
        let node = if address.is_ipv6() {
            format!("for=\"[{address}]:{port}\"")
        } else {
            format!("for=\"{address}:{port}\"")
        };
        // An address is valid in a field.
        let address = HeaderValue::try_from(address.to_string());
        let address = address.unwrap_or(HeaderValue::from_static("unknown"));
        Self { addr, node, address }
    }

    /// Returns its address.
    pub(in crate::gateway) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Fields {
    /// Replaces all fields that only a gateway may set by `Forwarded` and `X-Forwarded-…` for this
    /// connection; extends them if the peer is a trusted proxy.
    pub(in crate::gateway) fn set_forwarded(
        &self,
        fields: &mut HeaderMap,
        peer: &Peer,
        host: &HeaderValue,
    ) {
        let is_trusted = self.trusts(peer.addr.ip());
        let hops = self.hops(fields, peer.addr);
        let kept = |name: HeaderName, is_valid: fn(&str) -> bool| {
            let text = is_trusted.then(|| single(fields, &name))?.filter(|text| is_valid(text))?;
            HeaderValue::from_str(text).ok()
        };
        let kept_host = kept(FORWARDED_HOST, is_host);
        let proto = kept(FORWARDED_PROTO, |text| matches!(text, "http" | "https"));
        let port = kept(FORWARDED_PORT, |text| text.parse::<u16>().is_ok());
        self.remove(fields);

        let (elements, addresses) = if hops.is_empty() {
            (element(peer, host), Some(peer.address.clone()))
        } else {
            let elements = hops.iter().map(|hop| hop.element.clone());
            let addresses = hops.iter().map(|hop| hop.node.to_string());
            let own = peer.address.to_str().map(str::to_owned).ok();
            let addresses = join(addresses.chain(own));
            (join(elements.chain([element(peer, host)])), HeaderValue::try_from(addresses).ok())
        };
        let lines = [
            (header::FORWARDED, HeaderValue::try_from(elements).ok()),
            (FORWARDED_FOR, addresses),
            (FORWARDED_HOST, kept_host.or_else(|| Some(host.clone()))),
            (FORWARDED_PROTO, proto.or(Some(HeaderValue::from_static("https")))),
            (FORWARDED_PORT, port),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                fields.insert(name, value);
            }
        }
    }

    /// Returns the address of the client of a request with these fields, which came from `peer`.
    /// `None` if the peer is the client.
    pub(in crate::gateway) fn client_address(
        &self,
        fields: &HeaderMap,
        peer: SocketAddr,
    ) -> Option<ClientAddress> {
        self.trusts(peer.ip()).then(|| self.client_of(&self.hops(fields, peer), peer))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Walks from the right over trusted proxies to the first address that is none of them.
    fn client_of(&self, hops: &[Hop], peer: SocketAddr) -> ClientAddress {
        let mut client = Some(peer.ip().to_canonical());
        for hop in hops.iter().rev() {
            match client {
                Some(address) if self.trusts(address) => client = hop.node.address(),
                _ => break,
            }
        }
        ClientAddress(client)
    }

    /// Returns the hops before `peer`, if it is a trusted proxy that tells them.
    ///
    /// A proxy may write one of the two fields, and pass on the client's own value of the other one.
    /// So two different fields count for nothing, unless the operator has chosen one of them.
    fn hops(&self, fields: &HeaderMap, peer: SocketAddr) -> Vec<Hop> {
        if !self.trusts(peer.ip()) {
            return Vec::new();
        }
        let has = |name: &HeaderName| fields.contains_key(name);
        let mut hops = match self.client_address {
            Some(ClientField::Forwarded) => forwarded(fields).unwrap_or_default(),
            Some(ClientField::XForwardedFor) => forwarded_for(fields),
            None => match (has(&header::FORWARDED), has(&FORWARDED_FOR)) {
                (true, false) => forwarded(fields).unwrap_or_default(),
                (false, _) => forwarded_for(fields),
                (true, true) => {
                    let (one, other) = (forwarded(fields), forwarded_for(fields));
                    let nodes =
                        |hops: &[Hop]| hops.iter().map(|hop| hop.node.clone()).collect::<Vec<_>>();
                    one.filter(|one| nodes(one) == nodes(&other)).unwrap_or_default()
                }
            },
        };
        hops.drain(..hops.len().saturating_sub(MAX_HOPS));
        hops
    }
}

impl Node {
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Unknown => None,
        }
    }

    /// Parses an address with or without brackets and port. IPv6 needs brackets if
    /// `with_brackets` (RFC 7239 section 6).
    fn parse(text: &str, with_brackets: bool) -> Self {
        let is_port = |port: &str| {
            port.strip_prefix(':')
                .is_some_and(|port| port.parse::<u16>().is_ok() || is_obfuscated(port))
        };
        let v6 = || -> Option<IpAddr> {
            let (address, port) = text.strip_prefix('[')?.split_once(']')?;
            (port.is_empty() || is_port(port))
                .then_some(address.parse::<std::net::Ipv6Addr>().ok()?.into())
        };
        let v4 = || -> Option<IpAddr> {
            let end = text.find(':').unwrap_or(text.len());
            let (address, port) = text.split_at_checked(end)?;
            (port.is_empty() || is_port(port))
                .then_some(address.parse::<std::net::Ipv4Addr>().ok()?.into())
        };
        let bare = || text.parse::<IpAddr>().ok().filter(|_| !with_brackets);
        match v6().or_else(v4).or_else(bare) {
            Some(address) => Self::Address(address.to_canonical()),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ClientAddress(self.address()).fmt(f)
    }
}

/// An obfuscated identifier (RFC 7239 section 6.3).
fn is_obfuscated(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_plain))
}

/// The hops of `X-Forwarded-For`. Elements that are not addresses are unknown.
fn forwarded_for(fields: &HeaderMap) -> Vec<Hop> {
    let hop = |text: &str| {
        let node = Node::parse(text, false);
        let element = match &node {
            Node::Address(address @ IpAddr::V6(_)) => format!("for=\"[{address}]\""),
            node => format!("for={node}"),
        };
        Hop { node, element }
    };
    let lines = fields.get_all(FORWARDED_FOR).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|text| std::str::from_utf8(text.trim_ascii()).unwrap_or("?"))
        .filter(|text| !text.is_empty())
        .map(hop)
        .collect()
}

/// The hops of `Forwarded`. `None` if the field is malformed: where an element ends is then
/// uncertain.
fn forwarded(fields: &HeaderMap) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in fields.get_all(header::FORWARDED) {
        for element in split_quoted(line.to_str().ok()?, ',')? {
            let element = element.trim_matches([' ', '\t']);
            if element.is_empty() {
                continue;
            }
            let mut names = Vec::new();
            let mut node = Node::Unknown;
            for pair in split_quoted(element, ';')? {
                let (name, value) = pair.split_once('=')?;
                let name = name.to_ascii_lowercase();
                if !is_token(&name) || names.contains(&name) {
                    return None;
                }
                let value = unquote(value)?;
                if name == "for" {
                    node = Node::parse(&value, true);
                }
                names.push(name);
            }
            hops.push(Hop { node, element: element.to_owned() });
        }
    }
    Some(hops)
}

/// Splits text at separators outside of quoted strings. `None` if a quoted string does not end.
fn split_quoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted && !is_escaped).then_some(parts)
}

/// Returns the value of a token or a quoted string (RFC 9110 section 5.6).
fn unquote(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return is_token(text).then(|| text.to_owned());
    };
    let mut value = String::new();
    let mut characters = quoted.strip_suffix('"')?.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return None,
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
    Some(value)
}

fn is_token(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// Returns true for a host with an optional port.
fn is_host(text: &str) -> bool {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !text.is_empty() && text.chars().all(is_plain)
}

/// Returns the value of a field that has one line only.
fn single<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = fields.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok(),
        _ => None,
    }
}

/// The element of `Forwarded` for a request.
fn element(peer: &Peer, host: &HeaderValue) -> String {
    const HOST: &str = ";host=\"";
    const PROTO: &str = ";proto=https";
    let host = host.to_str().ok();
    let quotes = HOST.len() + 1;
    let length = peer.node.len() + host.map_or(0, |host| quotes + host.len()) + PROTO.len();
    let mut element = String::with_capacity(length);
    element.push_str(&peer.node);
    if let Some(host) = host {
        // It needs no escaping: requests with other characters in it were refused.
        element.push_str(HOST);
        element.push_str(host);
        element.push('"');
    }
    element.push_str(PROTO);
    element
}

fn join(elements: impl Iterator<Item = String>) -> String {
    elements.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
