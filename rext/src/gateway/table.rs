//! The gateway's part of a setup, made of the options or of the policy file. A reload replaces it
//! together with the policy.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls_ext::http::client_cert::ClientCertLayer;
use rustls_ext::policy_file::OwnTable;
use rustls_ext::rustls::pki_types::ServerName;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};
use rustls_ext::{ClientAuthOffer, Files, LoadError, Policy, with_causes};

use super::GatewayArgs;
use super::config::{GatewayConfig, Protocol, RouteConfig};
use super::connect::Connector;
use super::fields::{Fields, FieldsConfig};
use super::paths::Demands;
use super::pool::Limits;
use super::pools::{Certificates, PoolKey, Pools};
use super::routes::{HostPattern, Prefix, Route, Routes, RoutesError};
use super::upstream::{Upstream, Upstreams};
use crate::tls;

/// The routes, and the settings that all of them share.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) routes: Routes,
    /// The path of the health endpoint.
    pub(super) health: Option<String>,
    pub(super) certificates: ClientCertLayer,
    /// What is done with the fields of requests.
    pub(super) fields: Arc<Fields>,
}

/// Makes the table of `--upstream`.
pub(super) fn from_options(
    args: &GatewayArgs,
    upstream: &Uri,
    pools: &Pools,
) -> Result<Table, LoadError> {
    let demands = args.require.iter().map(|demand| (&*demand.prefix, Some(&*demand.scope)));
    let demands = Demands::new(demands).map_err(|err| format!("--require: {err}"))?;
    let connector = connector(upstream, Protocol::Http1, None, None, args.connect_timeout)
        .map_err(Problem::into_load_error)?;
    let key = PoolKey {
        route: (None, None),
        server: (0, upstream.clone()),
        protocol: Protocol::Http1,
        server_name: None,
        certificates: None,
        limits: limits(args, None, None),
    };
    let upstream = Upstream::new(upstream.clone(), Protocol::Http1, pools.pool(key, connector));
    let route = Route {
        host: HostPattern::Any,
        path: Prefix::default(),
        demands,
        upstreams: Upstreams::new(vec![upstream]),
        upgrades: upgrades(None).map_err(Problem::into_load_error)?,
    };
    let routes = Routes::new(vec![route]).map_err(|_| "one route is no duplicate")?;
    let fields = Arc::new(Fields::new(&FieldsConfig::default(), &[]).map_err(LoadError::new)?);
    let certificates = certificates(&args.client_cert, args.client_cert_chain);
    Ok(Table { routes, health: None, certificates, fields })
}

fn certificates<'a>(
    scopes: impl IntoIterator<Item = &'a String>,
    with_chain: bool,
) -> ClientCertLayer {
    let layer = ClientCertLayer::new(scopes);
    if with_chain { layer.with_chain() } else { layer }
}

fn limits(args: &GatewayArgs, connections: Option<u32>, waiting: Option<u32>) -> Limits {
    Limits {
        connections: connections.unwrap_or(args.upstream_connections),
        waiting: waiting.unwrap_or(args.upstream_waiting),
        wait: args.connect_timeout,
        idle: args.server.idle_timeout,
    }
}

/// Makes the table of the policy file.
///
/// # Errors
/// If an entry cannot be used. Errors name its line.
pub(super) fn from_file(
    args: &GatewayArgs,
    file: &OwnTable<GatewayConfig>,
    policy: &Policy,
    files: &mut Files,
    pools: &Pools,
) -> Result<Table, LoadError> {
    let config = &file.value;
    let known = |scope: &str, span: Range<usize>| match policy.challenge(scope) {
        Some(_) => Ok(()),
        None => Err(file.error(span.start, format!("the policy has no scope {scope:?}"))),
    };
    if let Some(health) = &config.health {
        let is_path = health.get_ref().parse::<http::uri::PathAndQuery>().is_ok();
        if !is_path || !health.get_ref().starts_with('/') || health.get_ref().contains('?') {
            let problem = "health must be a path, such as \"/healthz\"";
            return Err(file.error(health.span().start, problem).into());
        }
    }
    let trusted: Vec<_> = config.trusted_proxies.iter().map(|network| network.0).collect();
    let fields = Fields::new(config.fields.get_ref(), &trusted);
    let fields_at = config.fields.span();
    let fields = fields.map_err(|err| {
        file.error(fields_at.start, format!("[gateway.fields]: {}", with_causes(&err)))
    })?;
    for scope in fields.scopes() {
        known(scope, fields_at.clone())?;
    }
    for scope in &config.client_cert {
        known(scope.get_ref(), scope.span())?;
    }
    if config.client_cert_chain && config.client_cert.is_empty() {
        let problem =
            "client_cert_chain needs client_cert, the scopes whose certificates are passed on";
        return Err(file.error(file.offset(), problem).into());
    }
    if config.routes.is_empty() {
        let problem = "no [[gateway.routes]]: add one with at least the key upstream";
        return Err(file.error(file.offset(), problem).into());
    }
    let folder = file.path().parent().unwrap_or(Path::new(""));
    let mut routes = Vec::new();
    for entry in &config.routes {
        if let Some(scope) = &entry.get_ref().require {
            known(scope, entry.span())?;
        }
        let made = route(args, entry.get_ref(), folder, files, pools);
        routes.push(made.map_err(|err| match err {
            Problem::Entry(problem) => file.error(entry.span().start, problem).into(),
            Problem::Other(err) => err,
        })?);
    }
    let spans: Vec<_> = config.routes.iter().map(|entry| entry.span().start).collect();
    let offset = |number: usize| spans.get(number).copied().unwrap_or_default();
    let routes = Routes::new(routes).map_err(|err| match err {
        RoutesError::Duplicate(number, other) => {
            let line = file.line(offset(other));
            let problem = format!("the route on line {line} is for the same host and path");
            file.error(offset(number), problem)
        }
        RoutesError::Prefix(number, err) => {
            file.error(offset(number), format!("the routes of this host: {err}"))
        }
    })?;
    let scopes = config.client_cert.iter().map(toml::Spanned::get_ref);
    let certificates = certificates(scopes, config.client_cert_chain);
    let health = config.health.as_ref().map(|path| path.get_ref().clone());
    Ok(Table { routes, health, certificates, fields: Arc::new(fields) })
}

/// Why a route cannot be used.
enum Problem {
    /// Its entry is wrong.
    Entry(String),
    /// A file that it names is wrong, for example.
    Other(LoadError),
}

impl Problem {
    fn into_load_error(self) -> LoadError {
        match self {
            Self::Entry(problem) => problem.into(),
            Self::Other(err) => err,
        }
    }
}

impl<E: Into<LoadError>> From<E> for Problem {
    fn from(err: E) -> Self {
        Self::Other(err.into())
    }
}

fn route(
    args: &GatewayArgs,
    entry: &RouteConfig,
    folder: &Path,
    files: &mut Files,
    pools: &Pools,
) -> Result<Route, Problem> {
    let host = entry.host.as_deref().map(HostPattern::parse).transpose().map_err(Problem::Entry)?;
    let path = entry.path.as_deref().map(Prefix::parse).transpose().map_err(Problem::Entry)?;
    let urls = match (&entry.upstream, entry.upstreams.as_slice()) {
        (Some(url), []) => std::slice::from_ref(url),
        (None, urls @ [_, ..]) => urls,
        _ => {
            let problem = "exactly one of upstream and upstreams must be given";
            return Err(Problem::Entry(problem.into()));
        }
    };
    if entry.max_connections == Some(0) {
        return Err(Problem::Entry("max_connections must be at least 1".into()));
    }
    let urls: Result<Vec<Uri>, Problem> = urls
        .iter()
        .map(|url| upstream_url(url).map_err(|err| Problem::Entry(format!("{url:?}: {err}"))))
        .collect();
    let urls = urls?;
    let is_https = |url: &Uri| url.scheme_str() == Some("https");
    let config = if urls.iter().any(is_https) {
        Some(tls_config(entry, folder, files)?)
    } else if entry.ca.is_some() || entry.cert.is_some() || entry.server_name.is_some() {
        let problem = "ca, cert, key and server_name are for https upstreams only";
        return Err(Problem::Entry(problem.into()));
    } else {
        None
    };
    let limits = limits(args, entry.max_connections, entry.max_waiting);
    let mut upstreams = Vec::new();
    for (at, url) in urls.into_iter().enumerate() {
        let (tls, certificates) = config.clone().filter(|_| is_https(&url)).unzip();
        let name = entry.server_name.as_deref();
        let connector = connector(&url, entry.protocol, tls, name, args.connect_timeout)?;
        let key = PoolKey {
            route: (entry.host.clone(), entry.path.clone()),
            server: (at, url.clone()),
            protocol: entry.protocol,
            server_name: entry.server_name.clone(),
            certificates,
            limits,
        };
        upstreams.push(Upstream::new(url, entry.protocol, pools.pool(key, connector)));
    }
    // The choice of the route is the choice of the paths that this is for.
    let demand = entry.require.iter().map(|scope| ("/", Some(scope.as_str())));
    let demands = Demands::new(demand).map_err(|err| Problem::Entry(err.to_string()))?;
    Ok(Route {
        host: host.unwrap_or(HostPattern::Any),
        path: path.unwrap_or_default(),
        demands,
        upstreams: Upstreams::new(upstreams),
        upgrades: upgrades(entry.upgrades.as_deref())?,
    })
}

/// The protocols to which connections of a route may switch.
fn upgrades(names: Option<&[String]>) -> Result<Vec<String>, Problem> {
    let names = names.map_or_else(|| vec!["websocket".to_owned()], <[_]>::to_vec);
    let is_protocol = |name: &String| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/'))
    };
    // In these, the client would send further requests, which the gateway would not see.
    let is_http = |name: &&String| {
        let name = name.to_ascii_lowercase();
        ["h2", "http", "tls"].iter().any(|start| name.starts_with(start))
    };
    if let Some(name) = names.iter().find(is_http) {
        return Err(Problem::Entry(format!(
            "upgrades: requests in the protocol {name:?} would bypass the gateway; remove it"
        )));
    }
    match names.iter().find(|name| !is_protocol(name)) {
        Some(name) => Err(Problem::Entry(format!(
            "upgrades: {name:?} is not the name of a protocol, such as \"websocket\""
        ))),
        None => Ok(names.iter().map(|name| name.to_ascii_lowercase()).collect()),
    }
}

/// Parses the URL of a server behind.
///
/// # Errors
/// If it is not a URL that consists of `http` or `https`, a host and an optional port.
pub(super) fn upstream_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|err| format!("not a URL: {err}"))?;
    let no_user = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), uri.host(), uri.path_and_query().map(|path| path.as_str())) {
        (Some("http" | "https"), Some(host), None | Some("/")) if !host.is_empty() && no_user => {
            Ok(uri)
        }
        _ => Err("not an http or https URL that consists of a host and an optional port".into()),
    }
}

fn tls_config(
    entry: &RouteConfig,
    folder: &Path,
    files: &mut Files,
) -> Result<(Arc<ClientConfig>, Certificates), Problem> {
    let Some(ca) = &entry.ca else {
        let problem = "an https upstream needs ca, a file with the authorities that may issue its \
                       certificate";
        return Err(Problem::Entry(problem.into()));
    };
    let ca = folder.join(ca);
    let mut roots = RootCertStore::empty();
    let authorities = files.certificates(&ca)?;
    for certificate in &authorities {
        roots.add(certificate.clone()).map_err(|err| {
            let problem = format!("{}: not a trust anchor: {}", ca.display(), with_causes(&err));
            Problem::Entry(problem)
        })?;
    }
    let identity = match (&entry.cert, &entry.key) {
        (Some(cert), Some(key)) => {
            Some(files.certified_key(folder.join(cert), folder.join(key), &tls::provider())?)
        }
        (None, None) => None,
        _ => return Err(Problem::Entry("cert and key must be given together".into())),
    };
    let alpn = match entry.protocol {
        Protocol::Http1 => tls::HTTP1,
        Protocol::Http2 => tls::H2,
    };
    let offer = ClientAuthOffer::default();
    let own = identity.as_ref().map(|key| key.cert.clone()).unwrap_or_default();
    let config = tls::client_config(roots, identity, offer, DEFAULT_VERSIONS, &[alpn])?;
    Ok((Arc::new(config), Certificates { authorities, own }))
}

fn connector(
    url: &Uri,
    protocol: Protocol,
    config: Option<Arc<ClientConfig>>,
    server_name: Option<&str>,
    timeout: Duration,
) -> Result<Connector, Problem> {
    let host = url.host().unwrap_or_default();
    // An IPv6 address is in brackets in a URL.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tls = match config {
        Some(config) => {
            let name = server_name.unwrap_or(&host).to_owned();
            let bad = |_| Problem::Entry(format!("{name:?} is not a server name"));
            Some((config, ServerName::try_from(name.clone()).map_err(bad)?))
        }
        None => None,
    };
    let port = url.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    Ok(Connector { host, port, protocol, tls, timeout })
}
