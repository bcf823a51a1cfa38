use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::ext_wire::resumption::Voucher;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientAuthDecision, ClientAuthDemand, ClientAuthPolicy};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};

/// Facts about a connection that was accepted or refused, for a log.
///
/// [`Acceptor::accept_and_report`](super::Acceptor::accept_and_report) returns one for each
/// connection. Nothing in it is an authenticated identity: name and certificate are values that the
/// client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptReport {
    /// The server name that the client sent (RFC 6066), in lower case; `None` if it sent no name,
    /// or no complete ClientHello.
    pub server_name: Option<String>,
    /// The scope in which a certificate was requested or required; `None` if none was, or if the
    /// policy did not decide.
    pub scope: Option<String>,
    /// The client's own certificate if it was refused, whether the handshake then failed or
    /// continued without it. [`subject_of`](crate::subject_of) returns its subject as text.
    pub refused: Option<CertificateDer<'static>>,
}

/// Observes which certificate a verifier refuses.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer(Option<Arc<Observed>>);

#[derive(Clone, Debug)]
struct Seen {
    certificate: CertificateDer<'static>,
    /// True if the client has signed with it on this connection. A resumed session's chain is
    /// verified without a signature.
    signed: bool,
}

impl Observer {
    /// Returns the same decision, with a verifier that is observed.
    pub(super) fn observe(&mut self, decision: ClientAuthDecision) -> ClientAuthDecision {
        let mut observed = |demand: ClientAuthDemand| {
            let verifier = demand.verifier().clone();
            let observed = Arc::new(Observed { verifier, seen: Mutex::default() });
            self.0 = Some(observed.clone());
            demand.with_verifier(observed)
        };
        match decision {
            ClientAuthDecision::Request(demand) => ClientAuthDecision::Request(observed(demand)),
            ClientAuthDecision::Require(demand) => ClientAuthDecision::Require(observed(demand)),
            other => other,
        }
    }

    /// Returns the client's certificate, if this error is its refusal.
    pub(super) fn refused(&self, error: &Error) -> Option<CertificateDer<'static>> {
        let seen = &self.0.as_ref()?.seen;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let is_about_certificate = match error {
            Error::InvalidCertificate(_) => true,
            Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
                seen.signed
            }
            _ => false,
        };
        is_about_certificate.then_some(seen.certificate)
    }
}

/// A verifier that decides as another one does, and records the certificate that it refused.
#[derive(Debug)]
struct Observed {
    verifier: Arc<dyn ClientCertVerifier>,
    /// The certificate that it refused last.
    seen: Mutex<Option<Seen>>,
}

impl Observed {
    fn saw<T>(
        &self,
        certificate: &CertificateDer<'_>,
        signed: bool,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if outcome.is_err() {
            let seen = Seen { certificate: certificate.clone().into_owned(), signed };
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        outcome
    }
}

impl ClientCertVerifier for Observed {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let outcome = self.verifier.verify_client_cert(end_entity, intermediates, now);
        self.saw(end_entity, false, outcome)
    }

    fn vouch(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<Voucher> {
        self.verifier.vouch(end_entity, intermediates, now)
    }

    fn honors(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        voucher: &Voucher,
    ) -> bool {
        self.verifier.honors(end_entity, intermediates, voucher)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.saw(cert, true, self.verifier.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.saw(cert, true, self.verifier.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.verifier.requires_raw_public_keys()
    }

    fn client_auth_policy(&self) -> Option<&dyn ClientAuthPolicy> {
        self.verifier.client_auth_policy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Anchors, Policy, Verdict};

    #[test]
    fn an_observed_verifier_carries_the_policy_of_the_one_that_it_observes() {
        let policy = Policy::builder().otherwise(Verdict::None).build().unwrap();
        let demand = ClientAuthDemand::new(policy.for_verifier().unwrap(), "agents").unwrap();
        let observed = Observer::default().observe(ClientAuthDecision::Require(demand));
        let verifier = observed.demand().unwrap().verifier();
        assert!(verifier.client_auth_policy().is_some());
    }

    #[test]
    fn res_5_an_observed_verifier_gives_and_honors_the_vouchers_of_the_one_that_it_observes() {
        let authority = test_pki::Authority::new("agents").unwrap();
        let client = authority.client("agent").unwrap();
        let provider = || Ok(Arc::new(rustls::crypto::ring::default_provider()));
        let anchors = Anchors::from_certificates([authority.der().clone()]).unwrap();
        let inner = anchors.build("agents", &provider).unwrap().verifier;
        let demand = ClientAuthDemand::new(inner.clone(), "agents").unwrap();
        let observed = Observer::default().observe(ClientAuthDecision::Require(demand));
        let verifier = observed.demand().unwrap().verifier();

        let now = UnixTime::now();
        let voucher = verifier.vouch(client.der(), &[], now).unwrap();
        assert_eq!(inner.vouch(client.der(), &[], now), Some(voucher));
        assert!(verifier.honors(client.der(), &[], &voucher));
        let forged = Voucher { not_after: u64::MAX, ..voucher };
        assert!(!verifier.honors(client.der(), &[], &forged));
    }
}
