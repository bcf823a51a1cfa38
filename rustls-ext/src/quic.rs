//! The offer, the policy and what came of them, over an unmodified quinn.
//!
//! quinn's own glue to rustls shows its applications neither a client's status nor a server's. The
//! configs of this module are drop-in replacements for those of `quinn::crypto::rustls`, for
//! either end, and [`HandshakeData`] tells the rest.
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
//! # What differs from quinn's own glue
//! * `handshake_data()` of a connection is a [`HandshakeData`] of this module.
//! * `peer_identity()` is `None` on servers with a policy, since a chain alone does not say for
//!   which scope it is good: that is what [`HandshakeData::peer_identity`] asks for.
//! * A TLS config that cannot be used for QUIC is an error when the config is made, not a panic
//!   when the first connection is.
//!
//! All else, 0-RTT, key updates, retries, versions, transport parameters and exported keys, is as
//! it is there. That the peer gets the text of the TLS error that ended its handshake is as it is
//! there, too: a policy of your own should put nothing into an error that is not for everybody.
//!
//! # Early data
//! Where an application of a server goes on before the handshake is complete (`into_0rtt`), nobody
//! is authenticated yet, whatever the policy demands: [`HandshakeData::peer_identity`] is `None`
//! until then, and the connection may come to its end instead. Who waits for the handshake, as the
//! example does, has it complete, and a `Require` fulfilled.

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

/// The TLS alert with which the peer ended the connection (RFC 9001 section 4.8), if it was one.
///
/// A server refuses a client's certificate after the client's handshake is complete: the client
/// learns of it from whatever it does next.
pub fn alert_received(err: &ConnectionError) -> Option<AlertDescription> {
    match err {
        ConnectionError::ConnectionClosed(close) => alert(close.error_code),
        _ => None,
    }
}

/// The TLS alert with which this end ended the connection (RFC 9001 section 4.8), if it was one.
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
