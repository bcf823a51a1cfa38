use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::{ClientAuthOffer, ResolvesClientCert};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ClientAuthPolicy;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// A verifier that carries a policy, and accepts nothing by itself.
///
/// rustls asks the policy and does not call the other methods. They are called only if a wrapper
/// hides the policy, and then fail closed.
#[derive(Debug)]
pub(crate) struct PolicyVerifier {
    policy: Arc<dyn ClientAuthPolicy>,
    schemes: Vec<SignatureScheme>,
}

impl PolicyVerifier {
    /// `schemes` are the signature schemes in a CertificateRequest that is sent without the policy.
    /// With them a client can send a certificate, and is refused with an error that gives the
    /// reason.
    pub(crate) fn shared(
        policy: Arc<dyn ClientAuthPolicy>,
        mut schemes: Vec<SignatureScheme>,
    ) -> Arc<dyn ClientCertVerifier> {
        if schemes.is_empty() {
            // An empty list is malformed (RFC 8446 section 4.2.3). These are the schemes that are
            // mandatory for signatures in handshakes (section 9.1).
            schemes = vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256];
        }
        Arc::new(Self { policy, schemes })
    }

    fn refuse<T>() -> Result<T, Error> {
        Err(Error::General(
            "no certificate is accepted: the verifier of this server carries a policy, which was not \
             asked; a verifier that wraps it must forward `client_auth_policy()`"
                .into(),
        ))
    }
}

impl ClientCertVerifier for PolicyVerifier {
    fn client_auth_policy(&self) -> Option<&dyn ClientAuthPolicy> {
        Some(&*self.policy)
    }

    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::refuse()
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::refuse()
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::refuse()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// A client certificate resolver that carries an offer, for programs whose users can set a resolver
/// and nothing else.
///
/// With the patched rustls, a config with this resolver makes the offer, as if it were in
/// [`ClientConfig::client_auth_offer`]. A value of that field that differs from the default takes
/// precedence. So to make no offer in spite of the resolver, set the field to a value that differs
/// from the default and makes no offer, such as `ClientAuthOffer::default().prefer_resumption()`.
/// The inner resolver supplies the certificates.
///
/// A client keeps its sessions with its resolver: configs that are to share sessions need the same
/// `Arc` of it.
///
/// ```
/// # use std::sync::Arc;
/// # use rustls_ext::rustls::{ClientConfig, RootCertStore, client::ResolvesClientCert};
/// use rustls_ext::{ClientAuthOffer, OfferingResolver};
///
/// # fn config(roots: RootCertStore, certificate: Arc<dyn ResolvesClientCert>) -> ClientConfig {
/// let resolver = OfferingResolver::new(certificate, ClientAuthOffer::flag());
/// let config = ClientConfig::builder()
///     .with_root_certificates(roots)
///     .with_client_cert_resolver(Arc::new(resolver));
/// # config
/// # }
/// ```
///
/// [`ClientConfig::client_auth_offer`]: rustls::ClientConfig::client_auth_offer
#[derive(Clone, Debug)]
pub struct OfferingResolver {
    resolver: Arc<dyn ResolvesClientCert>,
    offer: ClientAuthOffer,
}

impl OfferingResolver {
    /// Makes `offer`, and uses the certificates of `resolver`.
    ///
    /// If `resolver` carries an offer of its own, that offer is not made.
    pub fn new(resolver: Arc<dyn ResolvesClientCert>, offer: ClientAuthOffer) -> Self {
        Self { resolver, offer }
    }
}

impl ResolvesClientCert for OfferingResolver {
    fn client_auth_offer(&self) -> Option<&ClientAuthOffer> {
        Some(&self.offer)
    }

    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.resolver.resolve(root_hint_subjects, sigschemes)
    }

    fn resolve_with_acknowledgement(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
        acknowledged: bool,
    ) -> Option<Arc<CertifiedKey>> {
        self.resolver.resolve_with_acknowledgement(root_hint_subjects, sigschemes, acknowledged)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}
