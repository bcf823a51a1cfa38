//! Client authentication by offer for servers on BoringSSL, through the `boring` crate.
//!
//! [`install`] hooks into a context before its connections: for each ClientHello, a closure of the
//! server's sees what the client says, whether it offers to authenticate among it, and decides
//! whether that connection is asked for a certificate, and which authorities' certificates count.
//!
//! ```no_run
//! use std::sync::Arc;
//! use adapter_boring::{Decision, Scope, identity, install};
//! use boring::ssl::{SslAcceptor, SslMethod};
//!
//! let anchors = boring::x509::X509::stack_from_pem(&std::fs::read("agents-ca.pem")?)?;
//! let agents = Arc::new(Scope::new("agents", anchors)?);
//! let mut server = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
//! install(&mut server, Default::default(), move |hello| match hello.offer().is_none() {
//!     true => Decision::None,
//!     false => Decision::Request(agents.clone()),
//! })?;
//! let server = server.build();
//! # let tcp = std::net::TcpStream::connect("localhost:443")?;
//! let tls = server.accept(tcp)?;
//! println!("an agent: {}", identity(tls.ssl(), "agents").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What BoringSSL has no way for
//! - An extension in CertificateRequest: offers are not acknowledged (RCA-2), as in the drafts before
//!   -03. An extension of ours in EncryptedExtensions or ServerHello: CARE is not echoed (CARE-3).
//! - An alert of our choice for a bad offer: it is `handshake_failure`, not `illegal_parameter`
//!   (FLAGS-2, FLAGS-3, CARE-1). [`ClientAuth::refusal`](adapter_common::ClientAuth::refusal) says what it was.
//! - A look at the ClientHello after a HelloRetryRequest: the first one counts, and what the second
//!   says of an offer is not seen (FLAGS-12).
//!
//! # Resumption
//! A session of BoringSSL does not record in which scope its client was asked, and a connection cannot
//! say which sessions it accepts. So whoever is asked is asked in a full handshake: such connections
//! neither accept tickets nor give any. All others resume by ticket, and only among themselves. Session
//! identifiers (the other way in TLS 1.2) are switched off: leave the cache as [`install`] sets it, set
//! no callback that looks up sessions, and no verification on the context. A verification of the
//! server's own in place of BoringSSL's (`set_cert_verify_callback`, `set_custom_verify_callback`) makes
//! nobody known: [`identity`] is `None`. But it may let clients pass that [`Decision::Require`] is to keep
//! out, so a server that sets one has to look at [`identity`] itself.
//!
//! # Contexts
//! Whoever is asked must stay with the context of the decision: if a callback selects another one,
//! the client's certificate is refused. Choose the context before, or decide in one.
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

/// Has `decide` decide for each connection of a context whether its client is asked.
///
/// It replaces the context's select-certificate callback and its mode of verification, and switches
/// the session cache off.
///
/// # Errors
/// If BoringSSL has no memory for it.
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
        // Both by their own, since the connection is written to while the hello is read.
        let bytes = client_hello.as_bytes().to_vec();
        let ssl = client_hello.ssl_mut();
        // FLAGS-9: in TLS 1.2 nobody looks at flags.
        let most = ssl.max_proto_version().unwrap_or(SslVersion::TLS1_3);
        let options = ssl.set_options(SslOptions::empty()); // adds none, and says which there are
        let tls13 = most == SslVersion::TLS1_3 && !options.contains(SslOptions::NO_TLSV1_3);
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

/// Has a connection do as it was decided.
fn demand(ssl: &mut SslRef, decision: &Decision) -> Result<(), ErrorStack> {
    let (scope, mode) = match decision {
        Decision::None => return Ok(()),
        Decision::Request(scope) => (scope, SslVerifyMode::PEER),
        Decision::Require(scope) => {
            (scope, SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT)
        }
    };
    // RES-2: neither accept a session nor leave one behind.
    ssl.set_options(SslOptions::NO_TICKET);
    ssl.set_verify_cert_store(scope.store())?;
    let mut authorities = Stack::new()?;
    for anchor in scope.anchors() {
        authorities.push(X509Name::from_der(&anchor.subject_name().to_der()?)?)?;
    }
    ssl.set_client_ca_list(authorities);
    // RCA-8: a callback that selects another context, by server name say, would bring that one's
    // authorities.
    let context = address(ssl);
    ssl.set_verify_callback(mode, move |verified, store| {
        let ssl = X509StoreContext::ssl_idx().ok().and_then(|index| store.ex_data(index));
        let verified = verified && ssl.is_some_and(|ssl| address(ssl) == context);
        if let Some(state) = ssl.and_then(State::of) {
            state.note(verified);
        }
        verified
    });
    Ok(())
}

/// Which context a connection belongs to.
fn address(ssl: &SslRef) -> usize {
    std::ptr::from_ref(ssl.ssl_context()).addr()
}

/// Where connections keep what is known of their clients.
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
