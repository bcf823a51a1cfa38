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
/// rustls asks the policy instead of the other methods. They are called only where a wrapper hides
/// the policy, and then fail closed.
#[derive(Debug)]
pub(crate) struct PolicyVerifier {
    policy: Arc<dyn ClientAuthPolicy>,
    schemes: Vec<SignatureScheme>,
}

impl PolicyVerifier {
    /// `schemes` are those in a CertificateRequest that is sent without the policy, so that a client
    /// can send a certificate and is refused with an error that says why.
    pub(crate) fn shared(
        policy: Arc<dyn ClientAuthPolicy>,
        mut schemes: Vec<SignatureScheme>,
    ) -> Arc<dyn ClientCertVerifier> {
        if schemes.is_empty() {
            // An empty list is malformed (RFC 8446 section 4.2.3). These are the mandatory ones
            // (section 9.1) for signatures in handshakes.
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

/// A resolver that carries an offer, for programs that let their user set a resolver and no more.
///
/// With the patched rustls, a config with this resolver makes the offer, as if it were in
/// [`ClientConfig::client_auth_offer`]; a value of that field that differs from the default wins. So to
/// make no offer in spite of the resolver, give the field a value that differs and makes none, such as
/// `ClientAuthOffer::default().prefer_resumption()`.
/// Certificates are those of the inner resolver.
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
    /// Make `offer`, and answer with the certificates of `resolver`.
    ///
    /// An offer that `resolver` carries itself is not made.
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
