//! Requests for certificates, from a demand to a frame.

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;

use super::super::{Frame, Outbox, SendError};
use crate::PostHandshakeDemand;
use crate::authenticator::{Contexts, Endpoint, Request};
use crate::wire::authenticator as wire;
use crate::wire::secondary::Requests;

/// A record with room for the contexts of so many requests.
pub(super) fn contexts(most: u32) -> Contexts<Vec<u8>> {
    const CONTEXT: usize = 2 + wire::MIN_CONTEXT;
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_mul(CONTEXT);
    Contexts::new(vec![0; room])
}

/// Sends a request for a certificate that meets the demand. Returns `None` if it cannot be made or
/// sent.
pub(super) fn send(
    outbox: &Outbox,
    demand: &PostHandshakeDemand,
    provider: &CryptoProvider,
    contexts: &mut Contexts<Vec<u8>>,
) -> Option<Request> {
    let verifier = demand.demand().verifier();
    let request = Request::for_verifier(&**verifier, provider).ok()?;
    match queue(outbox, &request, contexts)? {
        Ok(()) => Some(request),
        Err(SendError::TooLong { .. }) => {
            let request = without_names(&**verifier, provider)?;
            queue(outbox, &request, contexts)?.ok().map(|()| request)
        }
        Err(_) => None,
    }
}

/// A request without `certificate_authorities` (SCC-12).
fn without_names(verifier: &dyn ClientCertVerifier, provider: &CryptoProvider) -> Option<Request> {
    let schemes = verifier.supported_verify_schemes();
    Request::new(Endpoint::Server, &schemes, &[], provider).ok()
}

fn queue(
    outbox: &Outbox,
    request: &Request,
    contexts: &mut Contexts<Vec<u8>>,
) -> Option<Result<(), SendError>> {
    /// The longest form of the length before a request.
    const LENGTH: usize = 8;
    let mut buffer = vec![0; request.bytes().len() + LENGTH];
    let parsed = wire::Request::parse(Endpoint::Server, request.bytes()).ok()?;
    let length = Requests::write(&[parsed], &mut buffer).ok()?.len();
    buffer.truncate(length);
    // A context that is recorded and not sent cannot be answered.
    contexts.sent(request.context()).ok()?;
    Some(outbox.send(Frame::AuthenticatorRequests, buffer))
}
