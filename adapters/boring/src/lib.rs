//! Client authentication by offer for servers on BoringSSL, through the `boring` crate.
//!
//! [`install`] configures a context before its connections. For each ClientHello, a closure of the
//! server sees the client's values, including its offer to authenticate, and decides whether the
//! server requests a certificate on this connection, and in which scope.
//!
//! ```no_run
//! use std::sync::Arc;
//! use adapter_boring::{Decision, Scope, identity, install};
//! use boring::ssl::{SslAcceptor, SslMethod};
//!
//! let anchors = boring::x509::X509::stack_from_pem(&std::fs::read("agents-ca.pem")?)?;
//! let agents = Arc::new(Scope::new("agents", anchors)?);
//! let mut server = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
//! install(&mut server, Default::default(), move |hello| if hello.offer().is_none() {
//!     Decision::None
//! } else {
//!     Decision::Request(agents.clone())
//! })?;
//! let server = server.build();
//! # let tcp = std::net::TcpStream::connect("localhost:443")?;
//! let tls = server.accept(tcp)?;
//! println!("an agent: {}", identity(tls.ssl(), "agents").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits of BoringSSL's API
//! - No extension in CertificateRequest: offers are not acknowledged (RCA-2), as in the drafts
//!   before -03. No new extension in EncryptedExtensions or ServerHello: CARE is not echoed
//!   (CARE-3).
//! - No choice of the alert for a bad offer: it is `handshake_failure`, not `illegal_parameter`
//!   (FLAGS-2, FLAGS-3, CARE-1). [`ClientAuth::refusal`](adapter_common::ClientAuth::refusal)
//!   returns the fault.
//! - No callback for the ClientHello after a HelloRetryRequest: the offer in the first one counts,
//!   and is not compared with the second (FLAGS-12).
//!
//! # Resumption
//! A session of BoringSSL does not record the scope in which its client was asked for a
//! certificate, and a connection cannot choose which sessions it accepts. So certificates are
//! requested in full handshakes only: such connections neither accept tickets nor send them. All
//! other connections resume by ticket, only from each other's sessions. Session ids (the other way
//! in TLS 1.2) are disabled: leave the cache as [`install`] sets it, and set neither a callback
//! that looks up sessions nor a verification mode on the context.
//!
//! A callback that replaces BoringSSL's verification (`set_cert_verify_callback`,
//! `set_custom_verify_callback`) does not authenticate clients: [`identity`] is `None`. But it may
//! accept clients that [`Decision::Require`] must refuse, so a server that sets one must check
//! [`identity`].
//!
//! # Contexts
//! A connection on which a certificate is requested must keep its context: if a callback selects
//! another one, the client's certificate is refused. Select the context earlier, or use only one.
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

mod client_auth;
mod scope;

use std::sync::OnceLock;

use boring::error::ErrorStack;
use boring::ex_data::Index;
use boring::ssl::{
    ClientHello as BoringHello, SelectCertError, Ssl, SslContextBuilder, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use boring::stack::Stack;
use boring::x509::{X509Name, X509StoreContext};
use rustls_ext_wire::{CodePoints, Scan, Version};

pub use adapter_common::{Hello, Refusal};
use client_auth::State;
pub use client_auth::{ClientAuth, Decision, client_auth, identity};
pub use scope::{NoAnchors, Scope};

/// Configures a context so that `decide` is called for each ClientHello, and decides whether the
/// server requests a certificate.
///
/// This replaces the context's select-certificate callback and its verification mode, and disables
/// the session cache.
///
/// # Errors
/// If BoringSSL cannot allocate memory.
pub fn install(
    context: &mut SslContextBuilder,
    code_points: CodePoints,
    decide: impl Fn(&Hello<'_>) -> Decision + Send + Sync + 'static,
) -> Result<(), ErrorStack> {
    let index = index()?;
    let scan = Scan::new(&code_points);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_verify(SslVerifyMode::NONE);
    context.set_select_certificate_callback(move |mut client_hello: BoringHello<'_>| {
        // A copy, since the connection is changed while the ClientHello is borrowed.
        let bytes = client_hello.as_bytes().to_vec();
        let ssl = client_hello.ssl_mut();
        // FLAGS-9: under TLS 1.2, flags are ignored.
        let highest = ssl.max_proto_version().unwrap_or(SslVersion::TLS1_3);
        // Adds none, and returns the current ones.
        let options = ssl.set_options(SslOptions::empty());
        let tls13 = highest == SslVersion::TLS1_3 && !options.contains(SslOptions::NO_TLSV1_3);
        let best = if tls13 { Version::Tls13 } else { Version::Tls12 };
        let (auth, outcome) = match Hello::read(&bytes, &scan, code_points, best) {
            Ok(hello) => {
                let decision = decide(&hello);
                let outcome = demand(ssl, &decision).map_err(|_| SelectCertError::ERROR);
                (ClientAuth::new(hello.offer(), decision), outcome)
            }
            Err(refusal) => (ClientAuth::refused(refusal), Err(SelectCertError::ERROR)),
        };
        ssl.replace_ex_data(index, State::from(auth));
        outcome
    });
    Ok(())
}

/// Configures a connection by the decision.
fn demand(ssl: &mut SslRef, decision: &Decision) -> Result<(), ErrorStack> {
    let (scope, mode) = match decision {
        Decision::None => return Ok(()),
        Decision::Request(scope) => (scope, SslVerifyMode::PEER),
        Decision::Require(scope) => {
            (scope, SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT)
        }
    };
    // RES-2: neither accept nor create a session.
    ssl.set_options(SslOptions::NO_TICKET);
    ssl.set_verify_cert_store(scope.store())?;
    let mut authorities = Stack::new()?;
    for anchor in scope.anchors() {
        authorities.push(X509Name::from_der(&anchor.subject_name().to_der()?)?)?;
    }
    ssl.set_client_ca_list(authorities);
    // RCA-8: a callback that selects another context, for example by server name, would replace the
    // authorities by those of that context.
    let context = address(ssl);
    ssl.set_verify_callback(mode, move |verified, store| {
        let ssl = X509StoreContext::ssl_idx().ok().and_then(|index| store.ex_data(index));
        let verified = verified && ssl.is_some_and(|ssl| address(ssl) == context);
        if let Some(state) = ssl.and_then(State::of) {
            state.record(verified);
        }
        verified
    });
    Ok(())
}

/// Identifies the context of a connection.
fn address(ssl: &SslRef) -> usize {
    std::ptr::from_ref(ssl.ssl_context()).addr()
}

/// The index under which connections store their [`State`].
fn index() -> Result<Index<Ssl, State>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, State>> = OnceLock::new();
    match INDEX.get() {
        Some(index) => Ok(*index),
        None => {
            let new = Ssl::new_ex_index()?;
            Ok(*INDEX.get_or_init(|| new))
        }
    }
}
