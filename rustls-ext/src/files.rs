use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::Anchors;

/// The files that something is made of, which knows them again when they change.
///
/// [`Live`](crate::Live) hands one to what it loads with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// What each file had in it; `None` if it could not be read.
    seen: BTreeMap<PathBuf, Option<u64>>,
}

impl Files {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The octets of a file.
    ///
    /// # Errors
    /// [`FileProblem::Unreadable`].
    pub fn read(&mut self, path: impl AsRef<Path>) -> Result<Vec<u8>, FileError> {
        let path = path.as_ref();
        let read = std::fs::read(path);
        self.seen.insert(path.into(), read.as_deref().ok().map(fingerprint));
        read.map_err(|err| FileError::new(path, FileProblem::Unreadable(err)))
    }

    /// The files that were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.seen.keys().map(PathBuf::as_path)
    }

    /// The same files, as they are now.
    pub fn look_again(&self) -> Self {
        let now = |path: &PathBuf| std::fs::read(path).ok().as_deref().map(fingerprint);
        Self { seen: self.seen.keys().map(|path| (path.clone(), now(path))).collect() }
    }

    /// The certificates of a PEM file (RFC 7468), of which there is at least one.
    ///
    /// # Errors
    /// If the file cannot be read, is not PEM, or has no certificate in it.
    pub fn certificates(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<Vec<CertificateDer<'static>>, FileError> {
        self.sections(path.as_ref(), "certificate")
    }

    /// The certificate revocation lists of a PEM file, of which there is at least one; or the one
    /// list of a file in DER, as authorities publish it (RFC 5280 section 4.2.1.13).
    ///
    /// # Errors
    /// If the file cannot be read, or has no list in it. Whether a list is well-formed is seen when
    /// a policy is built with it.
    pub fn crls(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, FileError> {
        /// How a list in DER begins: a SEQUENCE whose length takes one octet or more.
        const DER: u8 = 0x30;
        let path = path.as_ref();
        let text = self.read(path)?;
        match text.first() {
            Some(&DER) => Ok(vec![text.into()]),
            _ => sections(path, &text, "certificate revocation list"),
        }
    }

    /// The certificates of a PEM file, each a trust anchor.
    ///
    /// # Errors
    /// If the file cannot be read, has no certificate in it, or one that is no trust anchor.
    pub fn anchors(&mut self, path: impl AsRef<Path>) -> Result<Anchors, FileError> {
        self.roots(path).map(Anchors::store)
    }

    /// The certificates of a PEM file, each a trust anchor, in rustls' own form.
    ///
    /// # Errors
    /// As [`anchors()`](Self::anchors).
    pub fn roots(&mut self, path: impl AsRef<Path>) -> Result<RootCertStore, FileError> {
        let path = path.as_ref();
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(path)? {
            roots
                .add(certificate)
                .map_err(|err| FileError::new(path, FileProblem::BadAnchor(err)))?;
        }
        Ok(roots)
    }

    /// The first private key of a PEM file, not encrypted.
    ///
    /// # Errors
    /// If the file cannot be read, is not PEM, or has no private key in it, or an encrypted one.
    pub fn private_key(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<PrivateKeyDer<'static>, FileError> {
        let path = path.as_ref();
        let text = self.read(path)?;
        let fail = |problem| Err(FileError::new(path, problem));
        // PKCS #8's own way, and that of OpenSSL's older formats.
        let encrypted = [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"];
        if encrypted.iter().any(|mark| text.windows(mark.len()).any(|found| found == *mark)) {
            return fail(FileProblem::EncryptedKey);
        }
        match PrivateKeyDer::from_pem_slice(&text) {
            Ok(key) => Ok(key),
            Err(pem::Error::NoItemsFound) => fail(FileProblem::Nothing("private key")),
            Err(err) => fail(FileProblem::NotPem(err)),
        }
    }

    /// A certificate chain, its own certificate first, and the key that belongs to it.
    ///
    /// # Errors
    /// If one of the files has nothing of its kind in it, or if they do not belong together.
    pub fn certified_key(
        &mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, FileError> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = self.certificates(certificate)?;
        let private = self.private_key(key)?;
        CertifiedKey::from_der(chain, private, provider).map(Arc::new).map_err(|err| match err {
            rustls::Error::InconsistentKeys(_) => {
                FileError::new(key, FileProblem::AnotherKey { certificate: certificate.into() })
            }
            // The certificate is parsed only to compare its key.
            rustls::Error::InvalidCertificate(_) => {
                FileError::new(certificate, FileProblem::BadCertificate(err))
            }
            err => FileError::new(key, FileProblem::BadKey(err)),
        })
    }

    fn sections<T: PemObject>(
        &mut self,
        path: &Path,
        what: &'static str,
    ) -> Result<Vec<T>, FileError> {
        let text = self.read(path)?;
        sections(path, &text, what)
    }
}

fn sections<T: PemObject>(
    path: &Path,
    text: &[u8],
    what: &'static str,
) -> Result<Vec<T>, FileError> {
    let found = T::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| FileError::new(path, FileProblem::NotPem(err)))?;
    match found.is_empty() {
        true => Err(FileError::new(path, FileProblem::Nothing(what))),
        false => Ok(found),
    }
}

/// Enough to notice a change, and of no use to anybody who would like to know a key.
fn fingerprint(octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    octets.hash(&mut hasher);
    hasher.finish()
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: FileProblem,
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: FileProblem) -> Self {
        Self { path: path.into(), problem }
    }
}

/// What can be wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is not PEM (RFC 7468).
    NotPem(pem::Error),
    /// There is nothing of this kind in it.
    Nothing(&'static str),
    /// The private key is encrypted.
    EncryptedKey,
    /// The private key is not one that can be used.
    BadKey(rustls::Error),
    /// The private key belongs to another certificate than this file's.
    AnotherKey {
        /// The file.
        certificate: PathBuf,
    },
    /// The certificate cannot be parsed.
    BadCertificate(rustls::Error),
    /// One of the certificates is none that can be a trust anchor.
    BadAnchor(rustls::Error),
    /// It is not a policy.
    #[cfg(feature = "policy-file")]
    BadPolicy(crate::policy_file::PolicyFileError),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(err) => write!(f, "cannot read it: {err}"),
            // Some of its texts are dumps.
            Self::NotPem(pem::Error::MissingSectionEnd { .. }) => {
                f.write_str("not PEM: a section has no end")
            }
            Self::NotPem(pem::Error::IllegalSectionStart { .. }) => {
                f.write_str("not PEM: a section starts in a wrong way")
            }
            Self::NotPem(pem::Error::Base64Decode(_)) => {
                f.write_str("not PEM: a section is not base64")
            }
            Self::NotPem(err) => write!(f, "not PEM: {err}"),
            Self::Nothing(what) => write!(f, "no {what} in it"),
            Self::EncryptedKey => f.write_str("the key is encrypted; `openssl pkey` decrypts it"),
            Self::BadKey(err) => write!(f, "not a usable key: {err}"),
            Self::AnotherKey { certificate } => {
                write!(f, "not the key of the certificate in {}", certificate.display())
            }
            Self::BadCertificate(err) => err.fmt(f),
            Self::BadAnchor(err) => write!(f, "not a trust anchor: {err}"),
            #[cfg(feature = "policy-file")]
            Self::BadPolicy(err) => err.fmt(f),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            FileProblem::Unreadable(err) => Some(err),
            FileProblem::NotPem(err) => Some(err),
            FileProblem::BadKey(err)
            | FileProblem::BadCertificate(err)
            | FileProblem::BadAnchor(err) => Some(err),
            FileProblem::Nothing(_)
            | FileProblem::EncryptedKey
            | FileProblem::AnotherKey { .. } => None,
            #[cfg(feature = "policy-file")]
            FileProblem::BadPolicy(err) => Some(err),
        }
    }
}
