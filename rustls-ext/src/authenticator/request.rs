use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use super::fit::check;
use super::{
    AuthenticateError, Endpoint, Exporters, MakeRequestError, Misfit, Possession, Proof,
    RequestError, ValidateError,
};
use crate::wire::authenticator::{self as wire, MIN_CONTEXT, MakeError, WriteError};

/// A request for an authenticator.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    by: Endpoint,
    /// A request that was parsed once.
    bytes: Box<[u8]>,
}

/// The extension `certificate_authorities`.
const CERTIFICATE_AUTHORITIES: u16 = 47;

/// `certificate_authorities` is left out of a request if its body would be longer, in bytes. A frame
/// of HTTP/2 has 16 KiB, unless the peer allows more (SCC-12).
const MAX_AUTHORITIES: usize = 8 * 1024;

impl Request {
    /// Makes a server's request for a certificate that this verifier can verify, with a random
    /// context of 16 bytes (EA-3).
    ///
    /// It has the verifier's signature schemes, without those that TLS 1.3 does not allow (EA-7),
    /// and in `certificate_authorities` the verifier's hints, unless they have more than 8 KiB.
    ///
    /// # Errors
    /// [`MakeRequestError`]
    pub fn for_verifier(
        verifier: &dyn ClientCertVerifier,
        provider: &CryptoProvider,
    ) -> Result<Self, MakeRequestError> {
        let mut names = vec![0, 0];
        for name in verifier.root_hint_subjects() {
            let name = name.as_ref();
            let Ok(length) = u16::try_from(name.len()) else { continue };
            names.extend_from_slice(&length.to_be_bytes());
            names.extend_from_slice(name);
        }
        let list = u16::try_from(names.len() - 2).ok().filter(|length| *length > 0);
        let mut extensions = Vec::new();
        if let Some(list) = list.filter(|_| names.len() <= MAX_AUTHORITIES) {
            names.splice(..2, list.to_be_bytes());
            extensions.push((CERTIFICATE_AUTHORITIES, &names[..]));
        }
        let schemes = verifier.supported_verify_schemes();
        Self::new(Endpoint::Server, &schemes, &extensions, provider)
    }

    /// Makes a request of the side `by`, with a random context of 16 bytes (EA-3).
    ///
    /// Signature schemes that TLS 1.3 does not allow are left out (EA-7). `extensions` are the
    /// numbers and bodies of the other extensions.
    ///
    /// # Errors
    /// [`MakeRequestError`]
    pub fn new(
        by: Endpoint,
        schemes: &[SignatureScheme],
        extensions: &[(u16, &[u8])],
        provider: &CryptoProvider,
    ) -> Result<Self, MakeRequestError> {
        let mut context = [0; MIN_CONTEXT];
        provider.secure_random.fill(&mut context).map_err(|_| MakeRequestError::NoRandom)?;
        let schemes: Vec<u16> = schemes
            .iter()
            .map(|scheme| u16::from(*scheme))
            .filter(|scheme| wire::is_allowed_scheme(*scheme))
            .collect();
        if schemes.is_empty() {
            return Err(MakeRequestError::NoSchemes);
        }
        let others: usize = extensions.iter().map(|(_, body)| 4 + body.len()).sum();
        let mut buffer = vec![0; 64 + 2 * schemes.len() + others];
        let request = wire::Request::write(by, &context, &schemes, extensions, &mut buffer)
            .map_err(MakeRequestError::Write)?;
        Ok(Self { by, bytes: request.bytes().into() })
    }

    /// Reads a request of the side `by`: one handshake message with its header, and nothing behind
    /// it.
    ///
    /// # Errors
    /// [`RequestError`] if it is malformed (EA-2, EA-4).
    pub fn parse(by: Endpoint, bytes: impl Into<Box<[u8]>>) -> Result<Self, RequestError> {
        let bytes = bytes.into();
        wire::Request::parse(by, &bytes)?;
        Ok(Self { by, bytes })
    }

    /// Returns the side that requests; the other one answers.
    pub fn by(&self) -> Endpoint {
        self.by
    }

    /// Returns the message with its header, to be sent to the peer.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the context: 0 to 255 bytes, 16 in requests that were made here.
    pub fn context(&self) -> &[u8] {
        self.wire().map_or(&[], |request| request.context())
    }

    /// Returns the signature schemes that an answer may use, in the order of the request (EA-7).
    pub fn schemes(&self) -> Vec<SignatureScheme> {
        let schemes = self.wire().map(|request| request.schemes());
        schemes.into_iter().flatten().map(SignatureScheme::from).collect()
    }

    /// Returns the body of an extension, by its number.
    pub fn extension(&self, number: u16) -> Option<&[u8]> {
        self.wire().ok()?.extension(number)
    }

    /// The names in `certificate_authorities`, in DER.
    pub(super) fn authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.wire().into_iter().flat_map(|request| request.certificate_authorities())
    }

    /// Returns `Ok` if an answer with this certificate is possible: the key has a scheme of the
    /// request, and the chain fits `signature_algorithms_cert`, `certificate_authorities` and
    /// `oid_filters`, where the request has them (EA-6).
    ///
    /// Filters other than those on key usage and extended key usage are ignored (RFC 8446 section
    /// 4.2.5).
    ///
    /// # Errors
    /// [`Misfit`]
    pub fn accepts(&self, key: &CertifiedKey) -> Result<(), Misfit> {
        check(self, key)
    }

    /// Makes an authenticator with this certificate.
    ///
    /// # Errors
    /// [`AuthenticateError`]; with [`AuthenticateError::Misfit`], another certificate may fit.
    pub fn authenticate(
        &self,
        exporters: &Exporters,
        key: &CertifiedKey,
    ) -> Result<Vec<u8>, AuthenticateError> {
        self.accepts(key).map_err(AuthenticateError::Misfit)?;
        let signer = key
            .key
            .choose_scheme(&self.schemes())
            .ok_or(AuthenticateError::Misfit(Misfit::Scheme))?;
        let scheme = u16::from(signer.scheme());
        let chain: Vec<&[u8]> = key.cert.iter().map(|certificate| certificate.as_ref()).collect();
        let certificates: usize = chain.iter().map(|certificate| certificate.len() + 5).sum();
        let mut buffer = vec![0; certificates + MOST_WITHOUT_CERTIFICATES];
        let request =
            self.wire().map_err(|error| AuthenticateError::Write(WriteError::Request(error)))?;
        let made = request.authenticate(
            exporters,
            &chain,
            scheme,
            |message| signer.sign(message),
            &mut buffer,
        );
        let length = made
            .map_err(|error| match error {
                MakeError::Sign(error) => AuthenticateError::Sign(error),
                MakeError::Write(error) => AuthenticateError::Write(error),
            })?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Makes an empty authenticator: this side has no suitable certificate, or does not want to show
    /// one (EA-10).
    ///
    /// # Errors
    /// [`WriteError::ExporterLength`] if the exporters are for authenticators of the other side.
    pub fn decline(&self, exporters: &Exporters) -> Result<Vec<u8>, WriteError> {
        let mut buffer = vec![0; MOST_WITHOUT_CERTIFICATES];
        let request = self.wire().map_err(WriteError::Request)?;
        let length = request.decline(exporters, &mut buffer)?.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Validates the peer's answer to this request.
    ///
    /// `verify` gets the signed message, the certificate with the key, and the signature: call the
    /// verifier's `verify_tls13_signature`.
    ///
    /// The MAC is checked before the signature, so that an authenticator of another connection costs
    /// one HMAC (EA-9).
    ///
    /// # Errors
    /// [`ValidateError`] with the first fault.
    pub fn validate(
        &self,
        exporters: &Exporters,
        authenticator: &[u8],
        verify: impl FnOnce(
            &[u8],
            &CertificateDer<'_>,
            &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<Proof, ValidateError> {
        let malformed = |_| ValidateError::Authenticator(wire::AuthenticatorError::Context);
        let request = self.wire().map_err(malformed)?;
        let proof = request.validate(exporters, authenticator, |signed| {
            let (certificate, _) =
                signed.certificates.clone().next().ok_or(rustls::Error::NoCertificatesPresented)?;
            let scheme = SignatureScheme::from(signed.scheme);
            let signature = DigitallySignedStruct::new(scheme, signed.signature.to_vec());
            verify(signed.message, &CertificateDer::from(certificate), &signature).map(drop)
        });
        Ok(match proof {
            Ok(wire::Proof::Declined) => Proof::Declined,
            Ok(wire::Proof::Possession { certificates, scheme }) => {
                let chain = certificates.map(|(der, _)| CertificateDer::from(der.to_vec()));
                Proof::Possession(Possession::new(chain.collect(), SignatureScheme::from(scheme)))
            }
            Err(wire::ValidateError::Authenticator(error)) => {
                return Err(ValidateError::Authenticator(error));
            }
            Err(wire::ValidateError::Signature(error)) => {
                return Err(ValidateError::Signature(error));
            }
        })
    }

    /// The bytes as the codec reads them; it has read them before.
    fn wire(&self) -> Result<wire::Request<'_>, RequestError> {
        wire::Request::parse(self.by, &self.bytes)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("by", &self.by)
            .field("context", &self.context())
            .field("schemes", &self.schemes())
            .finish_non_exhaustive()
    }
}

/// The length of an authenticator without its certificates, at most: a context of 255 bytes, and
/// room for the signatures of ML-DSA and of RSA with 16384 bits.
const MOST_WITHOUT_CERTIFICATES: usize = 8 * 1024;
