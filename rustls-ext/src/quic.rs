//! Offers, policies and the client's identity over QUIC, with an unmodified quinn.
//!
//! quinn's own rustls integration does not show applications the outcome of an offer, neither at
//! the client nor at the server. The configs of this module are drop-in replacements for those of
//! `quinn::crypto::rustls` at both, and [`HandshakeData`] contains the outcome.
//!
//! ```no_run
//! use rustls_ext::quic::{HandshakeData, QuicServerConfig};
//! # use rustls_ext::rustls::ServerConfig;
//!
//! # async fn serve(tls: ServerConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let crypto = QuicServerConfig::try_from(tls)?; // with `tls.client_auth_policy`
//! let config = quinn::ServerConfig::with_crypto(std::sync::Arc::new(crypto));
//! let endpoint = quinn::Endpoint::server(config, "[::]:443".parse()?)?;
//! while let Some(incoming) = endpoint.accept().await {
//!     let connection = incoming.await?;
//!     let handshake = HandshakeData::from_quinn(connection.handshake_data());
//!     let agent = handshake.as_ref().and_then(|handshake| handshake.peer_identity("agents"));
//! #   let _ = agent;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! For a policy with rules on the peer's address, and for one that is loaded again while the server
//! runs, see [`QuicServerConfig::from_live`].
//!
//! # Differences from quinn's rustls integration
//! * `handshake_data()` of a connection is a [`HandshakeData`] of this module.
//! * `peer_identity()` is `None` on servers with a policy, since a chain alone does not contain the
//!   scope in which it counts. Use [`HandshakeData::peer_identity`], which takes the scope.
//! * A TLS config that cannot be used for QUIC is an error when the QUIC config is made, not a
//!   panic on the first connection.
//!
//! Everything else is the same: 0-RTT, key updates, retries, versions, transport parameters and
//! exported keys. As there, the peer receives the text of the TLS error that ended its handshake: a
//! policy of your own should put nothing confidential into an error.
//!
//! # Early data
//! If a server application continues before the handshake is complete (`into_0rtt`), the client is
//! not authenticated yet, whatever the policy requires: [`HandshakeData::peer_identity`] is `None`
//! until then, and the connection may fail instead. An application that waits for the handshake, as
//! in the example, has a complete handshake and a fulfilled `Require`.

#[doc(no_inline)]
pub use quinn_proto;
use quinn_proto::{ConnectionError, TransportErrorCode};
use rustls::AlertDescription;

mod config;
mod error;
mod handshake;
mod initial;
mod session;

pub use config::{QuicClientConfig, QuicServerConfig};
pub use error::ConfigError;
pub use handshake::HandshakeData;

/// Returns the TLS alert with which the peer closed the connection (RFC 9001 section 4.8), if it
/// was an alert.
///
/// A server refuses a client's certificate after the client's handshake is complete: the client
/// gets this error from its next operation on the connection.
pub fn alert_received(err: &ConnectionError) -> Option<AlertDescription> {
    match err {
        ConnectionError::ConnectionClosed(close) => alert(close.error_code),
        _ => None,
    }
}

/// Returns the TLS alert with which this endpoint closed the connection (RFC 9001 section 4.8), if
/// it was an alert.
pub fn alert_sent(err: &ConnectionError) -> Option<AlertDescription> {
    match err {
        ConnectionError::TransportError(err) => alert(err.code),
        _ => None,
    }
}

fn alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let alert = u64::from(code).checked_sub(0x100)?;
    u8::try_from(alert).ok().map(AlertDescription::from)
}
