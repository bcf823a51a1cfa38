use rustls::SignatureScheme;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

/// The outcome of a valid authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The peer has the key of a certificate. This is not an identity yet.
    Possession(Possession),
    /// The peer has no suitable certificate, or does not want to show one (EA-10).
    Declined,
}

/// A proof that the peer has the key of a certificate, whose chain has not been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession {
    chain: Vec<CertificateDer<'static>>,
    scheme: SignatureScheme,
}

impl Possession {
    pub(super) fn new(chain: Vec<CertificateDer<'static>>, scheme: SignatureScheme) -> Self {
        Self { chain, scheme }
    }

    /// Returns the certificates as the peer sent them, its own first; never empty.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns the scheme of the signature.
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// Verifies the chain as that of a client at `now` (EA-14).
    ///
    /// # Errors
    /// The errors of [`ClientCertVerifier::verify_client_cert`].
    pub fn verify_client(
        &self,
        verifier: &dyn ClientCertVerifier,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let (own, others) =
            self.chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        verifier.verify_client_cert(own, others, now).map(drop)
    }
}
