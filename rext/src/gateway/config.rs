//! The table `[gateway]` of the policy file: routes to the servers behind, and the gateway's own
//! settings.
//!
//! ```toml
//! [gateway]
//! health = "/healthz"               # answered by the gateway itself; without it, no path is
//! trusted_proxies = ["10.0.0.0/8"]  # whose Forwarded and X-Forwarded-* fields are extended
//! client_cert = ["staff"]           # scopes whose certificates are passed on (RFC 9440)
//! client_cert_chain = true          # and the rest of their chains; the default is false
//! [gateway.fields]                  # see `fields`
//!
//! [[gateway.routes]]                # the most specific route that matches is used
//! host = "app.example.com"          # or "*.example.com"; without it, all hosts
//! path = "/api"                     # a prefix of whole segments; without it, all paths
//! require = "staff"                 # a scope; without it, the route is for everybody
//! upstreams = ["https://10.0.0.7:8443", "https://10.0.0.8:8443"] # or upstream = "…", only one
//! protocol = "http2"                # h2c for http URLs; the default is "http1"
//! ca = "inside-ca.pem"              # required for https
//! server_name = "app.internal"      # in place of the URL's host
//! cert = "gateway.pem"              # the gateway's own client certificate, and its key
//! key = "gateway.key"
//! upgrades = ["websocket"]          # the default; other protocols of Upgrade over HTTP/1.1, or []
//! max_connections = 256             # to each upstream
//! max_waiting = 256                 # requests that wait for one of these; further ones get 503
//! ```

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::fields::FieldsConfig;

/// The name of the table.
pub const TABLE: &str = "gateway";

/// How many connections to one upstream are open at the same time, if the file has no other number.
pub const MAX_CONNECTIONS: u32 = 256;
/// How many requests wait for a connection to one upstream, if the file has no other number.
pub const MAX_WAITING: u32 = 256;

/// The table `[gateway]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The path of the gateway's own health endpoint.
    pub health: Option<Spanned<String>>,
    /// The proxies whose `Forwarded` and `X-Forwarded-*` fields are extended rather than replaced.
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    /// The scopes whose certificates are passed on.
    #[serde(default)]
    pub client_cert: Vec<Spanned<String>>,
    /// True if the rest of the chain is passed on, too.
    #[serde(default)]
    pub client_cert_chain: bool,
    /// Which fields are removed and set.
    #[serde(default = "no_fields")]
    pub fields: Spanned<FieldsConfig>,
    /// The routes.
    #[serde(default)]
    pub routes: Vec<Spanned<RouteConfig>>,
}

fn no_fields() -> Spanned<FieldsConfig> {
    Spanned::new(0..0, FieldsConfig::default())
}

/// One entry of `[[gateway.routes]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// A host name, or `*.` and a domain; `None` for all hosts.
    pub host: Option<String>,
    /// A path prefix; `None` for all paths.
    pub path: Option<String>,
    /// The scope in which clients must be authenticated.
    pub require: Option<String>,
    /// The only server behind.
    pub upstream: Option<String>,
    /// The servers behind.
    #[serde(default)]
    pub upstreams: Vec<String>,
    /// The protocol of the servers behind.
    #[serde(default)]
    pub protocol: Protocol,
    /// The roots for certificates of the servers behind.
    pub ca: Option<PathBuf>,
    /// The name that their certificates must have, if it is not the URL's host.
    pub server_name: Option<String>,
    /// The gateway's own client certificate.
    pub cert: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
    /// The protocols to which connections may switch (RFC 9110 section 7.8); `None` for WebSocket.
    pub upgrades: Option<Vec<String>>,
    /// The maximum number of open connections to each server behind.
    pub max_connections: Option<u32>,
    /// The maximum number of requests that wait for one of these.
    pub max_waiting: Option<u32>,
}

/// The protocol that the gateway uses to a server behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: with prior knowledge for `http` URLs, by ALPN for `https` URLs (RFC 9113 section 3).
    Http2,
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is neither an address such as \"10.0.0.1\" nor a network such as \
                 \"10.0.0.0/8\""
            )
        };
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| bad())?,
        };
        // It may have been meant as the network or as the one address.
        if network.network() == network.addr() { Ok(Self(network)) } else { Err(bad()) }
    }
}
