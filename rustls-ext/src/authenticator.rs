//! Exported authenticators (RFC 9261) over connections of rustls: proofs of a certificate's key on
//! an open connection, which the application carries.
//!
//! One side makes a [`Request`] and sends its bytes; the other one answers with
//! [`Request::authenticate`] or [`Request::decline`]. The first side validates the answer:
//! [`Request::validate`]. [`Exporters`] ties all of it to the connection, so that an answer from
//! another connection, or through a proxy that terminates TLS, does not validate.
//!
//! ```
//! # #[cfg(feature = "ring")]
//! # fn example(
//! #     client: &rustls_ext::rustls::ClientConnection,
//! #     server: &rustls_ext::rustls::ServerConnection,
//! #     key: &rustls_ext::rustls::sign::CertifiedKey,
//! #     verifier: &dyn rustls_ext::rustls::server::danger::ClientCertVerifier,
//! #     provider: &rustls_ext::rustls::crypto::CryptoProvider,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use rustls_ext::authenticator::{Endpoint, Exporters, Proof, Request};
//! use rustls_ext::rustls::pki_types::UnixTime;
//!
//! // The server, once the handshake is complete. It sends the bytes to the client.
//! let exporters = Exporters::for_sender(server, Endpoint::Client)?;
//! let request = Request::for_verifier(verifier, provider)?;
//! let bytes = request.bytes();
//!
//! // The client.
//! let received = Request::parse(Endpoint::Server, bytes.to_vec())?;
//! let of_client = Exporters::for_sender(client, Endpoint::Client)?;
//! let answer = match received.authenticate(&of_client, key) {
//!     Ok(answer) => answer,
//!     Err(_) => received.decline(&of_client)?,
//! };
//!
//! // The server.
//! let proof = request.validate(&exporters, &answer, |message, certificate, signature| {
//!     verifier.verify_tls13_signature(message, certificate, signature)
//! })?;
//! match proof {
//!     Proof::Possession(proof) => proof.verify_client(verifier, UnixTime::now())?,
//!     Proof::Declined => println!("the client has no suitable certificate"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A validated authenticator proves possession of a key, and nothing else (EA-14). An identity needs
//! a chain that verifies, too: [`Possession::verify_client`].
//!
//! Each request must be answered once, and no context may be used twice (EA-3, EA-11). The caller
//! ensures it, for example with [`Contexts`]. In HTTP/2 and HTTP/3, `http::secondary` does.
//!
//! TLS 1.3 only: this version of rustls does not tell whether a TLS 1.2 connection has the extended
//! master secret (EA-12).

mod error;
mod exporters;
mod fit;
mod proof;
mod request;

pub use crate::wire::authenticator::{
    AuthenticatorError, ContextError, Contexts, Endpoint, RequestError,
};
pub use error::{AuthenticateError, ExporterError, MakeRequestError, ValidateError};
pub use exporters::Exporters;
pub use fit::Misfit;
pub use proof::{Possession, Proof};
pub use request::Request;
