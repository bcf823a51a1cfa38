//! Certificates and keys from PEM files, with errors that name the option and the file.

use std::path::Path;
use std::sync::Arc;

use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::pki_types::pem::{self, PemObject};
use rustls_ext::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::{Error, RootCertStore};

use crate::Failure;

/// The certificates of a PEM file, each a trust anchor.
///
/// # Errors
/// If the file cannot be read, has no certificate in it, or one that is no trust anchor.
pub fn roots(option: &str, path: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(option, path)? {
        roots.add(certificate).map_err(|err| {
            Failure::option(option, path.display(), format_args!("not a trust anchor: {err}"))
        })?;
    }
    Ok(roots)
}

/// A certificate chain and the key that belongs to it, from the files of `--cert` and `--key`.
///
/// # Errors
/// If one of them cannot be read, has nothing of its kind in it or an encrypted key, or if they do
/// not belong together.
pub fn identity(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    let chain = certificates("--cert", cert)?;
    let private = private_key("--key", key)?;
    CertifiedKey::from_der(chain, private, &ring::default_provider()).map(Arc::new).map_err(|err| {
        match err {
            Error::InconsistentKeys(_) => Failure::option(
                "--key",
                key.display(),
                format_args!("not the key of the certificate in --cert {}", cert.display()),
            ),
            // The certificate is parsed only to compare its key.
            Error::InvalidCertificate(_) => Failure::option("--cert", cert.display(), err),
            err => Failure::option("--key", key.display(), format_args!("not a usable key: {err}")),
        }
    })
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = read(option, path)?;
    let found = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| Failure::option(option, path.display(), not_pem(&err)))?;
    match found.is_empty() {
        true => Err(Failure::option(option, path.display(), "no certificate in it")),
        false => Ok(found),
    }
}

fn private_key(option: &str, path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    let text = read(option, path)?;
    let fail = |reason: String| Failure::option(option, path.display(), reason);
    // PKCS #8's own way, and that of OpenSSL's older formats.
    let encrypted = [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|mark| text.windows(mark.len()).any(|found| found == *mark)) {
        return Err(fail("the key is encrypted; `openssl pkey` decrypts it".into()));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|err| {
        fail(match err {
            pem::Error::NoItemsFound => "no private key in it".into(),
            err => not_pem(&err),
        })
    })
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|err| {
        Failure::option(option, path.display(), format_args!("cannot read it: {err}"))
    })
}

/// As the crate's own text, except for parts that are Debug dumps.
fn not_pem(err: &pem::Error) -> String {
    match err {
        pem::Error::MissingSectionEnd { .. } => "not PEM: a section has no end".into(),
        pem::Error::IllegalSectionStart { .. } => "not PEM: a section starts in a wrong way".into(),
        pem::Error::Base64Decode(_) => "not PEM: a section is not base64".into(),
        err => format!("not PEM: {err}"),
    }
}
