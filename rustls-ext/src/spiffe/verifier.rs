//! The verifiers of clients and servers, and the resolver of clients.

use std::sync::Arc;

use ::spiffe::{SpiffeId, TrustDomain};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::error::WorkloadError;
use super::svid::{Leaf, spiffe_id};
use super::workload::Current;

/// Accepts clients of one trust domain.
///
/// It has no vouchers, so each chain is verified again when its session resumes.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) trust_domain: TrustDomain,
    /// Verifies chains against the trust domain's bundle; `None` if there is no bundle.
    pub(super) chains: Option<Arc<dyn ClientCertVerifier>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Members {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.as_ref().map(|chains| chains.root_hint_subjects()).unwrap_or_default()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // The chain first: nothing that the certificate says is known to be true before.
        let chains = self.chains.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        let verified = chains.verify_client_cert(end_entity, intermediates, now)?;
        let leaf = Leaf::of(end_entity)?;
        if *leaf.id.trust_domain() == self.trust_domain {
            return Ok(verified);
        }
        // WIO-6
        let (expected, presented) = (self.trust_domain.id_string(), vec![leaf.id.to_string()]);
        Err(CertificateError::OutsideTrustDomain { expected, presented }.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The servers that a client expects.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Member(TrustDomain),
    Exactly(SpiffeId),
}

impl Expected {
    /// Reads a SPIFFE ID with a path, a SPIFFE ID of a trust domain, or the name of one.
    pub(super) fn parse(text: &str) -> Result<Self, WorkloadError> {
        let id = if text.contains(':') {
            spiffe_id(text)
        } else if text.contains('/') {
            Err("it has a path, but does not begin with spiffe://".into())
        } else {
            spiffe_id(&format!("spiffe://{text}"))
        };
        let id = id.map_err(|reason| WorkloadError::bad_id(text, &reason))?;
        Ok(if id.path().is_empty() {
            Self::Member(id.trust_domain().clone())
        } else {
            Self::Exactly(id)
        })
    }

    fn includes(&self, id: &SpiffeId) -> bool {
        match self {
            Self::Member(trust_domain) => id.trust_domain() == trust_domain,
            Self::Exactly(expected) => id == expected,
        }
    }
}

/// Accepts servers by their SPIFFE ID, against the bundles of the current update.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) current: Arc<Current>,
    pub(super) expected: Vec<Expected>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = Leaf::of(end_entity)?;
        let update = self.current.update();
        // What the certificate says chooses the bundle, and that bundle alone can confirm it.
        let chains = update.servers(leaf.id.trust_domain());
        chains.ok_or(CertificateError::UnknownIssuer)?.verify_client_cert(
            end_entity,
            intermediates,
            now,
        )?;
        if self.expected.iter().any(|expected| expected.includes(&leaf.id)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Presents the SVID of the current update.
#[derive(Debug)]
pub(super) struct CurrentSvid(pub(super) Arc<Current>);

impl ResolvesClientCert for CurrentSvid {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.0.update().svid().certified_key().clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
