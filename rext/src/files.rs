//! Reads files that options name; errors name the option and the file.

use std::path::Path;
use std::sync::Arc;

use rustls_ext::rustls::RootCertStore;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::{FileError, FileProblem, Files, with_causes};

use command_line::Failure;

/// Reads the certificates of a PEM file as trust anchors for servers. A server's self-signed
/// certificate is accepted, too.
///
/// # Errors
/// If the file cannot be read, contains no certificate, or contains one that cannot be read.
pub fn roots(option: &str, path: &Path) -> Result<RootCertStore, Failure> {
    let read = Files::new().certificates(path);
    let certificates = read.map_err(|err| failure(&[(option, path)], &err))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let wrong = |err| Failure::option(option, path.display(), err);
        roots
            .add(certificate)
            .map_err(|err| wrong(format!("not a trust anchor: {}", with_causes(&err))))?;
    }
    Ok(roots)
}

/// Reads a certificate chain and the key that belongs to it, from the files of `--cert` and
/// `--key`.
///
/// # Errors
/// If one of them cannot be read, contains nothing of its kind or an encrypted key, or if they do
/// not belong together.
pub fn identity(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    identity_from(&mut Files::new(), cert, key)
}

fn identity_from(files: &mut Files, cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    files
        .certified_key(cert, key, &ring::default_provider())
        .map_err(|err| failure(&[("--cert", cert), ("--key", key)], &err))
}

/// Returns the failure for `err`. It names the option if one of `options` names the file; the file
/// may also be named in a policy file.
pub fn failure(options: &[(&str, &Path)], err: &FileError) -> Failure {
    let is_key = matches!(
        err.problem,
        FileProblem::Missing { expected: "private key", .. }
            | FileProblem::EncryptedKey
            | FileProblem::BadKey(_)
            | FileProblem::UnsupportedKey { .. }
            | FileProblem::AnotherKey { .. }
    );
    let named = |(option, path): &&(&str, &Path)| {
        // One file may be named by two options, of which only one is wrong.
        *path == err.path && (*option == "--key") == is_key
    };
    let other = || options.iter().find(|(_, path)| *path == err.path);
    match options.iter().find(named).or_else(other) {
        Some((option, path)) => Failure::option(option, path.display(), with_causes(&err.problem)),
        None => Failure::Usage(with_causes(err)),
    }
}
