use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::anchors::{AnchorError, CrlError};
use crate::explain::explain;
use crate::pem::{PemError, Unusable};
use crate::tickets::TicketKeyError;
use crate::with_causes;

/// An error about one file: its path and the problem.
///
/// `Debug` shows the text and the causes, since `main` prints errors with it.
#[non_exhaustive]
pub struct FileError {
    /// The path that was read.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: FileProblem,
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: FileProblem) -> Self {
        Self { path: path.into(), problem }
    }
}

impl fmt::Debug for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

/// The problem with a file in a [`FileError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum FileProblem {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// A line of a PEM file (RFC 7468) is not understood.
    NotPem(PemError),
    /// The file is in DER, but is not exactly one structure of this kind.
    NotDer(&'static str),
    /// The file is neither PEM nor DER.
    NotText,
    /// The file changed between reading and comparing, in each of this number of attempts.
    KeepsChanging {
        /// The number of attempts.
        attempts: usize,
    },
    /// The file contains nothing of the expected kind.
    Missing {
        /// What was expected, such as "certificate".
        expected: &'static str,
        /// The labels of the PEM sections that the file contains instead, each once.
        found: Vec<String>,
    },
    /// The private key is encrypted.
    EncryptedKey,
    /// The private key cannot be used.
    BadKey(rustls::Error),
    /// The cryptography provider does not support the algorithm of the private key.
    UnsupportedKey {
        /// The algorithm, and the curve if it has one.
        algorithm: String,
    },
    /// The private key belongs to another certificate, not to the one in this file.
    AnotherKey {
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The certificate cannot be parsed.
    BadCertificate(rustls::Error),
    /// One of the certificates cannot be a trust anchor.
    BadAnchor(AnchorError),
    /// One of the certificates cannot be pinned.
    BadPinned(AnchorError),
    /// One of the revocation lists cannot be used.
    BadCrl(CrlError),
    /// The file or directory with secrets has permissions for its group or for all users.
    NotPrivate {
        /// Its permission bits, such as `0o644`.
        mode: u32,
        /// The arguments of `chmod` that correct it.
        chmod: &'static str,
    },
    /// The file with secrets belongs neither to root nor to the owner of its directory.
    AnotherOwner {
        /// The number of the user that owns the file, or the symbolic link to it.
        owner: u32,
        /// The number of the user that owns the directory.
        expected: u32,
    },
    /// The file has no place in a directory of ticket keys.
    UnexpectedFile,
    /// The file is not a regular file.
    NotAFile,
    /// The ticket key cannot be used, or the ticket keys of the directory cannot be used together.
    BadTicketKey(TicketKeyError),
    /// The file is not a valid policy.
    #[cfg(feature = "policy-file")]
    BadPolicy(crate::error::PolicyFileError),
}

impl From<Unusable> for FileProblem {
    fn from(problem: Unusable) -> Self {
        match problem {
            Unusable::NotPem(err) => Self::NotPem(err),
            Unusable::NotDer(what) => Self::NotDer(what),
            Unusable::NotText => Self::NotText,
            Unusable::Missing { expected, found } => Self::Missing { expected, found },
            Unusable::EncryptedKey => Self::EncryptedKey,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(_) => f.write_str("cannot read it"),
            Self::NotPem(err) => err.fmt(f),
            Self::NotDer(what) => write!(
                f,
                "in DER, but not exactly one {what}: for PKCS #12 (.p12, .pfx), `openssl pkcs12 \
                 -nodes -in FILE -out NEW` converts it; for PKCS #7 (.p7b), `openssl pkcs7 -inform \
                 der -print_certs -in FILE -out NEW`"
            ),
            Self::NotText => {
                f.write_str("neither PEM nor DER; if it is text in UTF-16, save it as UTF-8")
            }
            Self::KeepsChanging { attempts } => write!(
                f,
                "changed while it was read, {attempts} times in a row: write new files beside the \
                 old ones, and put them in place by renaming"
            ),
            Self::Missing { expected, found } => {
                write!(f, "no {expected} in it")?;
                if found.is_empty() { Ok(()) } else { write!(f, ", only {}", found.join(", ")) }
            }
            Self::EncryptedKey => f.write_str("the key is encrypted; `openssl pkey` decrypts it"),
            Self::BadKey(_) => f.write_str("not a usable key"),
            Self::UnsupportedKey { algorithm } => write!(
                f,
                "not a usable key: it is for {algorithm}, which the cryptography provider does not \
                 have"
            ),
            Self::AnotherKey { certificate } => {
                write!(f, "not the key of the certificate in {}", certificate.display())
            }
            Self::BadCertificate(err) => f.write_str(&explain(err)),
            Self::BadAnchor(_) => f.write_str("not a trust anchor"),
            Self::BadPinned(_) => f.write_str("not a certificate that can be pinned"),
            Self::BadCrl(err) => err.fmt(f),
            Self::NotPrivate { mode, chmod } => write!(
                f,
                "other users may read or change it (mode {mode:04o}), and ticket keys can forge any \
                 identity: `chmod {chmod}` it, or set `defaultMode: 0400` in Kubernetes"
            ),
            Self::AnotherOwner { owner, expected } => write!(
                f,
                "it belongs to the user with number {owner}, not to root or to the owner of its \
                 directory (number {expected}): remove or `chown` it"
            ),
            Self::UnexpectedFile => f.write_str(
                "not a ticket key: remove it; only files that end in .ticket-key, and names that \
                 begin with a dot, may be in a directory of ticket keys",
            ),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::BadTicketKey(err) => err.fmt(f),
            #[cfg(feature = "policy-file")]
            Self::BadPolicy(err) => err.fmt(f),
        }
    }
}

/// The text contains the problem; the source is the problem's source.
impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

impl std::error::Error for FileProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(err) => Some(err),
            Self::BadKey(err) => Some(err),
            Self::BadAnchor(err) | Self::BadPinned(err) => Some(err),
            // This error's own text already contains their texts.
            Self::BadCertificate(err) => err.source(),
            Self::NotPem(err) => err.source(),
            Self::BadCrl(err) => err.source(),
            Self::BadTicketKey(err) => err.source(),
            #[cfg(feature = "policy-file")]
            Self::BadPolicy(err) => err.source(),
            Self::NotDer(_)
            | Self::NotText
            | Self::KeepsChanging { .. }
            | Self::NotPrivate { .. }
            | Self::AnotherOwner { .. }
            | Self::UnexpectedFile
            | Self::NotAFile
            | Self::Missing { .. }
            | Self::EncryptedKey
            | Self::UnsupportedKey { .. }
            | Self::AnotherKey { .. } => None,
        }
    }
}
