use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::anchors::{Anchors, Authority, RevocationList, unsupported_key_of};
use crate::file_error::{FileError, FileProblem};
use crate::found::{Found, Kind};
use crate::{LoadError, crypto_provider, pem};

/// Reads the files of one load, and records their content so that later changes are noticed.
///
/// Each file is read once: reading a path again returns the same bytes or the same error, even if
/// the file has changed in between. So two scopes that share a file have the same anchors.
/// [`Live`](crate::Live) makes a new `Files` for each load. `==` compares the paths and the content
/// that was found there.
///
/// # PEM and DER
/// Certificates, revocation lists and keys are read from PEM (RFC 7468), or from DER if a file
/// contains exactly one of them. A PEM file is read completely, or the error names the line that is
/// not understood ([`FileProblem::NotPem`]):
/// * Text between the sections is allowed, such as the text of `openssl x509 -text`. Indented
///   lines, byte order marks, and several boundaries on one line are allowed, too.
/// * A line that looks like a boundary but is not a complete one is an error, and so is an unknown
///   label.
/// * Well-known sections of another kind are skipped: a private key in a file of certificates, or
///   `EC PARAMETERS` before a key. But a revocation list in a file of certificates is an error,
///   since it would have no effect there, and so are `TRUSTED CERTIFICATE` and `PKCS7`.
/// * `X509 CERTIFICATE`, `X.509 CERTIFICATE` and `CRL` are read as the labels that replaced them
///   (RFC 7468 sections 5.1 and 6).
#[derive(Clone, Default)]
pub struct Files {
    /// A fingerprint of what was found at each path; `None` if it could not be read.
    seen: BTreeMap<(PathBuf, Kind), Option<u64>>,
    /// What was found, kept only during a load because it includes keys.
    content: BTreeMap<(PathBuf, Kind), Result<Found, Arc<io::Error>>>,
}

impl Files {
    /// Starts with no files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes of a file, as they were when its path was first read.
    ///
    /// # Errors
    /// [`FileProblem::Unreadable`].
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Vec<u8>, FileError> {
        self.content_of(path.as_ref()).map(<[u8]>::to_vec)
    }

    fn content_of(&mut self, path: &Path) -> Result<&[u8], FileError> {
        self.found(path, Kind::File).map(Found::content)
    }

    /// Looks at a path, or returns what was found there earlier in this load.
    pub(crate) fn found(&mut self, path: &Path, kind: Kind) -> Result<&Found, FileError> {
        let key = (path.to_owned(), kind);
        let found = (self.content.entry(key.clone()))
            .or_insert_with(|| Found::look(path, kind).map_err(Arc::new));
        self.seen.insert(key, found.as_ref().ok().map(fingerprint));
        found.as_ref().map_err(|err| {
            let err = io::Error::new(err.kind(), err.clone());
            FileError::new(path, FileProblem::Unreadable(err))
        })
    }

    /// The files and directories that were read, including those that could not be read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.seen.keys().map(|(path, _)| path.as_path())
    }

    /// Reads the same files again, and returns what they contain now.
    pub fn look_again(&self) -> Self {
        let now = |path: &Path, kind| Found::look(path, kind).ok().as_ref().map(fingerprint);
        let look = |key: &(PathBuf, Kind)| (key.clone(), now(&key.0, key.1));
        let seen = self.seen.keys().map(look).collect();
        Self { seen, content: BTreeMap::new() }
    }

    /// The first of these files whose content differs from `before`.
    pub(crate) fn changed_since(&self, before: &Self) -> Option<&Path> {
        let changed = self.seen.iter().find(|(key, now)| before.seen.get(*key) != Some(*now));
        changed.map(|((path, _), _)| path.as_path())
    }

    /// Drops the content of the files, and keeps the fingerprints that show changes.
    pub(crate) fn without_content(self) -> Self {
        Self { content: BTreeMap::new(), ..self }
    }

    /// Reads the certificates of a PEM file, at least one, or the one certificate of a DER file.
    ///
    /// # Errors
    /// If the file cannot be read, if part of it is not understood, or if it contains no
    /// certificate.
    pub fn certificates(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<Vec<CertificateDer<'static>>, FileError> {
        self.items(path.as_ref())
    }

    /// Reads the certificate revocation lists of a PEM file, at least one, or the one list of a DER
    /// file, the format in which authorities publish lists (RFC 5280 section 4.2.1.13).
    ///
    /// # Errors
    /// If the file cannot be read, if part of it is not understood, if it contains no list, or if
    /// it contains a list that cannot be used: see [`CrlError`](crate::CrlError).
    pub fn crls(&mut self, path: impl AsRef<Path>) -> Result<Vec<RevocationList>, FileError> {
        let path = path.as_ref();
        let lists: Vec<CertificateRevocationListDer<'static>> = self.items(path)?;
        lists
            .into_iter()
            .map(|list| match RevocationList::from_der(list) {
                Ok(list) => Ok(list.with_source(path)),
                Err(err) => Err(FileError::new(path, FileProblem::BadCrl(err))),
            })
            .collect()
    }

    /// Reads the certificates of a PEM file as trust anchors.
    ///
    /// # Errors
    /// If the file cannot be read, if it contains no certificate, or if one of them is not the
    /// certificate of a certificate authority (RFC 5280 section 4.2.1.9). To accept exactly that
    /// certificate from a client, use [`pinned()`](Self::pinned).
    pub fn anchors(&mut self, path: impl AsRef<Path>) -> Result<Anchors, FileError> {
        let path = path.as_ref();
        let authority = |certificate| {
            Authority::of(&certificate)
                .map_err(|err| FileError::new(path, FileProblem::BadAnchor(err)))
        };
        let certificates = self.certificates(path)?;
        Ok(Anchors::authorities(certificates.into_iter().map(authority).collect::<Result<_, _>>()?))
    }

    /// Reads the certificates of a PEM file as trust anchors in the form that rustls uses.
    ///
    /// # Errors
    /// As [`anchors()`](Self::anchors).
    pub fn roots(&mut self, path: impl AsRef<Path>) -> Result<RootCertStore, FileError> {
        Ok(self.anchors(path)?.to_store())
    }

    /// Reads the certificates of a PEM file as pinned client certificates: see
    /// [`Anchors::with_pinned`].
    ///
    /// # Errors
    /// If the file cannot be read, if it contains no certificate, or if a certificate cannot be
    /// read.
    pub fn pinned(&mut self, path: impl AsRef<Path>) -> Result<Anchors, FileError> {
        let path = path.as_ref();
        Anchors::from_pinned(self.certificates(path)?)
            .map_err(|err| FileError::new(path, FileProblem::BadPinned(err)))
    }

    /// Reads the one private key of a PEM or DER file. The key must not be encrypted.
    ///
    /// # Errors
    /// If the file cannot be read, if part of it is not understood, or if it contains no private
    /// key, more than one, or an encrypted one.
    pub fn private_key(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<PrivateKeyDer<'static>, FileError> {
        let path = path.as_ref();
        let missing = || FileProblem::Missing { expected: "private key", found: Vec::new() };
        self.items(path)?.pop().ok_or_else(|| FileError::new(path, missing()))
    }

    /// Reads a certificate chain, the end-entity certificate first, and the private key that
    /// belongs to it.
    ///
    /// # Errors
    /// If one of the files contains nothing of its kind, or if the certificate and the key do not
    /// belong together.
    pub fn certified_key(
        &mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, FileError> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = self.certificates(certificate)?;
        let private = self.private_key(key)?;
        let algorithms = provider.signature_verification_algorithms;
        let unsupported =
            chain.first().and_then(|certificate| unsupported_key_of(certificate, &algorithms));
        CertifiedKey::from_der(chain, private, provider).map(Arc::new).map_err(|err| match err {
            rustls::Error::InconsistentKeys(_) => {
                FileError::new(key, FileProblem::AnotherKey { certificate: certificate.into() })
            }
            // The certificate is parsed only to compare its key.
            rustls::Error::InvalidCertificate(_) => {
                FileError::new(certificate, FileProblem::BadCertificate(err))
            }
            err => FileError::new(
                key,
                match unsupported {
                    Some(algorithm) => FileProblem::UnsupportedKey { algorithm },
                    None => FileProblem::BadKey(err),
                },
            ),
        })
    }

    fn items<T: pem::Item>(&mut self, path: &Path) -> Result<Vec<T>, FileError> {
        pem::read(self.content_of(path)?).map_err(|problem| FileError::new(path, problem.into()))
    }
}

/// Reads a certificate chain, the end-entity certificate first, and the private key that belongs to
/// it, for `SingleCertAndKey` and other resolvers of rustls.
///
/// The files can be in PEM or DER: see [`Files`], which also notices when a file has changed. The key
/// is used with [`crypto_provider()`](crate::crypto_provider).
///
/// ```no_run
/// use std::sync::Arc;
///
/// use rustls_ext::rustls::{ClientConfig, sign::SingleCertAndKey};
/// use rustls_ext::{LoadError, certified_key_from_pem_files};
///
/// fn show_certificate(config: &mut ClientConfig) -> Result<(), LoadError> {
///     let key = certified_key_from_pem_files("agent.pem", "agent.key")?;
///     config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
///     Ok(())
/// }
/// ```
///
/// # Errors
/// [`FileError`] as [`Files::certified_key`], and [`ProviderError`](crate::ProviderError).
pub fn certified_key_from_pem_files(
    certificate: impl AsRef<Path>,
    key: impl AsRef<Path>,
) -> Result<Arc<CertifiedKey>, LoadError> {
    Ok(Files::new().certified_key(certificate, key, &*crypto_provider()?)?)
}

impl Anchors {
    /// Reads the certificates of a PEM file as trust anchors.
    ///
    /// [`Files`] also reads revocation lists, and notices when a file has changed.
    ///
    /// # Errors
    /// As [`Files::anchors`].
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Files::new().anchors(path)
    }
}

impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}

impl Eq for Files {}

impl fmt::Debug for Files {
    /// Leaves out the content, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.paths()).finish()
    }
}

/// A fingerprint that changes with the content but does not reveal it, since the content may be a
/// key.
fn fingerprint(found: &Found) -> u64 {
    let mut hasher = DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}
