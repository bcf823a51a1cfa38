//! Upgrades to WebSocket and other protocols (RFC 9110 section 7.8), and extended `CONNECT` over HTTP/2
//! (RFC 8441), which becomes an upgrade over HTTP/1.1 for the server behind.
//!
//! A request that asks for another upgrade, or that has a body, is passed on without an upgrade.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_ext::with_causes;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::time::timeout;
use tracing::{Instrument, debug, info_span};

use super::fields::{add_via, remove_hop_by_hop};
use crate::server::{Tunnel, TunnelEnd, Tunnels};

mod recorded;

use recorded::{Recorded, Traffic};

/// The name of WebSocket among the protocols.
const WEBSOCKET: &str = "websocket";
/// How much of each direction of a tunnel is in memory, in bytes.
const BUFFER: usize = 8 * 1024;
/// How long the end of a tunnel may take.
const CLOSING: Duration = Duration::from_secs(1);

/// A client's request for other protocols.
#[derive(Debug)]
pub(super) struct UpgradeRequest {
    /// In the client's order of preference.
    protocols: Vec<String>,
    client: OnUpgrade,
    tunnels: Tunnels,
    /// The client's `Sec-WebSocket-Key`, or a new one for an extended `CONNECT`.
    key: Option<HeaderValue>,
    is_connect: bool,
}

/// A client's request for a protocol that its route allows.
#[derive(Debug)]
pub(super) struct Upgrade {
    protocol: HeaderValue,
    client: OnUpgrade,
    tunnels: Tunnels,
    /// The `Sec-WebSocket-Key` for the server behind, if the protocol is WebSocket.
    key: Option<HeaderValue>,
    is_connect: bool,
}

/// Why a client does not get another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpgradeError {
    /// The gateway does not pass on this `CONNECT`.
    Connect,
    /// The server behind switched to a protocol that was not requested, or broke the rules of the one
    /// that was.
    Switched,
    /// The server behind refused the upgrade with a success code, which would mean the opposite in the
    /// response to an extended `CONNECT`.
    NotSwitched,
    /// The system has no random numbers.
    Random,
    /// The server behind is used in HTTP/2, which has no upgrades.
    Http2,
}

impl UpgradeError {
    /// The status code of the response.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Connect | Self::Http2 => StatusCode::NOT_IMPLEMENTED,
            Self::Switched | Self::NotSwitched => StatusCode::BAD_GATEWAY,
            Self::Random => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The text of the response.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Connect => {
                "this proxy passes on CONNECT over HTTP/2 only, for the protocol websocket"
            }
            Self::Switched => "the server behind switched to a protocol that was not requested",
            Self::NotSwitched => "the server behind did not switch to the requested protocol",
            Self::Random => "the proxy has no random numbers",
            Self::Http2 => "this proxy passes on CONNECT to servers in HTTP/1.1 only",
        }
    }
}

impl UpgradeRequest {
    /// Takes the upgrade from a request, if it asks for one. An extended `CONNECT` becomes a `GET`.
    ///
    /// # Errors
    /// If the request is a `CONNECT` that is not passed on.
    pub(super) fn take<B: HttpBody>(
        request: &mut Request<B>,
    ) -> Result<Option<Self>, UpgradeError> {
        let is_connect = *request.method() == Method::CONNECT;
        if !is_connect && request.version() != Version::HTTP_11 {
            return Ok(None);
        }
        let (protocols, key) = if is_connect {
            let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
            let websocket = protocol.filter(|name| *name == WEBSOCKET);
            (vec![websocket.ok_or(UpgradeError::Connect)?.to_owned()], Some(new_key()?))
        } else {
            let key = single(request.headers()).filter(|_| *request.method() == Method::GET);
            (requested(request).map(str::to_owned).collect(), key.cloned())
        };
        if protocols.is_empty() || !request.body().is_end_stream() {
            return Ok(None);
        }
        let extensions = request.extensions_mut();
        let client = extensions.remove::<OnUpgrade>();
        let (Some(client), Some(tunnels)) = (client, extensions.get::<Tunnels>().cloned()) else {
            return if is_connect { Err(UpgradeError::Connect) } else { Ok(None) };
        };
        if is_connect {
            *request.method_mut() = Method::GET;
        }
        Ok(Some(Self { protocols, client, tunnels, key, is_connect }))
    }

    /// Returns the upgrade to the first protocol in `allowed`, which are in lower case. `None` if the
    /// request is to be passed on without an upgrade.
    ///
    /// # Errors
    /// If it is a `CONNECT`, for which there is no other way.
    pub(super) fn allowed_by(self, allowed: &[String]) -> Result<Option<Upgrade>, UpgradeError> {
        let Self { protocols, client, tunnels, key, is_connect } = self;
        let is_allowed =
            |name: &&String| allowed.iter().any(|allowed| name.eq_ignore_ascii_case(allowed));
        let protocol = protocols.iter().find(is_allowed);
        let is_websocket = protocol.is_some_and(|name| name.eq_ignore_ascii_case(WEBSOCKET));
        match protocol.map(|name| HeaderValue::from_str(name)) {
            // Without its key, the server behind will say what is missing.
            Some(Ok(_)) if is_websocket && key.is_none() => Ok(None),
            Some(Ok(protocol)) => {
                let key = key.filter(|_| is_websocket);
                Ok(Some(Upgrade { protocol, client, tunnels, key, is_connect }))
            }
            _ if is_connect => Err(UpgradeError::Connect),
            _ => Ok(None),
        }
    }
}

impl Upgrade {
    /// Returns true if the client asked by an extended `CONNECT`.
    pub(super) fn is_connect(&self) -> bool {
        self.is_connect
    }

    /// Sets the fields of the request for the server behind. The fields for one connection only must
    /// have been removed.
    pub(super) fn set_fields(&self, fields: &mut HeaderMap) {
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(header::UPGRADE, self.protocol.clone());
        // A response after which the connection is a tunnel has no trailers.
        fields.remove(header::TE);
        match &self.key {
            // RFC 8441 section 5: these are not used over HTTP/2.
            Some(key) if self.is_connect => {
                fields.remove(header::SEC_WEBSOCKET_ACCEPT);
                fields.insert(header::SEC_WEBSOCKET_KEY, key.clone());
            }
            _ => {}
        }
    }

    /// Takes the response of the server behind. If it has switched to the protocol, this returns the
    /// response for the client, and the tunnel begins, which takes `held` and drops it at its end;
    /// otherwise it gives the response back.
    ///
    /// # Errors
    /// If the server behind broke the rules.
    pub(super) fn finish<B>(
        self,
        mut response: Response<B>,
        held: &mut Option<impl Send + 'static>,
    ) -> Result<Result<Response<Body>, Response<B>>, UpgradeError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let is_opposite = self.is_connect && response.status().is_success();
            return if is_opposite { Err(UpgradeError::NotSwitched) } else { Ok(Err(response)) };
        }
        if !self.is_answered_by(response.headers()) {
            return Err(UpgradeError::Switched);
        }
        let server = hyper::upgrade::on(&mut response);
        let (mut parts, _) = response.into_parts();
        remove_hop_by_hop(&mut parts.headers);
        parts.headers.remove(header::CONTENT_LENGTH);
        add_via(&mut parts.headers, parts.version);
        if self.is_connect {
            parts.status = StatusCode::OK;
            parts.headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        } else {
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(header::UPGRADE, self.protocol.clone());
        }
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let tunnel = self.tunnels.open();
        let span = info_span!("tunnel", protocol = ?self.protocol);
        let (held, relayed) = (held.take(), relay(self.client, server, tunnel));
        let relayed = async move {
            relayed.await;
            drop(held);
        };
        tokio::spawn(relayed.instrument(span));
        Ok(Ok(Response::from_parts(parts, Body::empty())))
    }

    /// Returns true if the fields of the response with status 101 are those of this upgrade.
    fn is_answered_by(&self, fields: &HeaderMap) -> bool {
        let mut protocols = fields.get_all(header::UPGRADE).iter();
        let protocol = protocols.next().filter(|_| protocols.next().is_none());
        let protocol = protocol.map(HeaderValue::as_bytes).unwrap_or_default();
        let accept = fields.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        protocol.eq_ignore_ascii_case(self.protocol.as_bytes())
            && names_upgrade(fields)
            && self.key.as_ref().is_none_or(|key| accept == Some(accept_of(key).as_bytes()))
    }
}

/// Returns the protocols that an HTTP/1.1 request asks for, in its order of preference.
fn requested<B>(request: &Request<B>) -> impl Iterator<Item = &str> {
    let can_upgrade = request.version() == Version::HTTP_11 && names_upgrade(request.headers());
    let lines = request.headers().get_all(header::UPGRADE).iter().filter(move |_| can_upgrade);
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim)
}

/// Returns true if `Connection` contains `upgrade`.
fn names_upgrade(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(header::CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|name| name.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// Returns the request's only `Sec-WebSocket-Key`.
fn single(fields: &HeaderMap) -> Option<&HeaderValue> {
    let mut keys = fields.get_all(header::SEC_WEBSOCKET_KEY).iter();
    keys.next().filter(|_| keys.next().is_none())
}

/// Makes a `Sec-WebSocket-Key` (RFC 6455 section 4.1).
fn new_key() -> Result<HeaderValue, UpgradeError> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| UpgradeError::Random)?;
    HeaderValue::try_from(STANDARD.encode(nonce)).map_err(|_| UpgradeError::Random)
}

/// Returns the `Sec-WebSocket-Accept` for a key (RFC 6455 section 4.2.2).
fn accept_of(key: &HeaderValue) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), GUID].concat()))
}

/// Passes on the data of both directions, until both have ended or the tunnel must end.
async fn relay(client: OnUpgrade, server: OnUpgrade, tunnel: Tunnel) {
    let traffic = Traffic::new(tunnel);
    let both = async { tokio::try_join!(client, server) };
    let (client, server) = tokio::select! {
        both = both => match both {
            Ok(both) => both,
            Err(err) => return debug!(reason = %with_causes(&err), "no tunnel"),
        },
        end = traffic.must_end() => return debug!(?end, "no tunnel"),
    };
    let mut client = Recorded::new(TokioIo::new(client), &traffic, "to_client");
    let mut server = Recorded::new(TokioIo::new(server), &traffic, "to_backend");
    let copied = tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER) => Ok(copied),
        end = traffic.must_end() => Err(end),
    };
    log_end(copied);
    // So that both sides see an end, rather than an error.
    let _ = timeout(CLOSING, async { tokio::join!(client.shutdown(), server.shutdown()) }).await;
}

fn log_end(copied: Result<io::Result<(u64, u64)>, TunnelEnd>) {
    match copied {
        Ok(Ok((sent, received))) => debug!(sent, received, "the tunnel ended"),
        Ok(Err(err)) => debug!(reason = %with_causes(&err), "the tunnel failed"),
        Err(TunnelEnd::Idle) => debug!("the tunnel was idle"),
        Err(TunnelEnd::Connection) => debug!("the tunnel ended with its connection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6455_1_3_the_accept_of_a_key() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept_of(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn each_key_is_new_and_has_16_bytes() {
        let [one, other] = [(); 2].map(|()| new_key().unwrap());
        assert_ne!(one, other);
        assert_eq!(STANDARD.decode(one).unwrap().len(), 16);
    }

    #[test]
    fn rfc_9110_7_8_an_upgrade_is_requested_by_both_fields_in_http_1_1_only() {
        for (version, connection, upgrade, expected) in [
            (Version::HTTP_11, "keep-alive, Upgrade", "h2c, WebSocket", &["h2c", "WebSocket"][..]),
            (Version::HTTP_11, "keep-alive", "websocket", &[]),
            (Version::HTTP_10, "upgrade", "websocket", &[]),
            (Version::HTTP_2, "upgrade", "websocket", &[]),
        ] {
            let request = Request::builder().version(version);
            let request = request.header(header::CONNECTION, connection);
            let request = request.header(header::UPGRADE, upgrade).body(()).unwrap();
            assert_eq!(requested(&request).collect::<Vec<_>>(), expected);
        }
    }
}
