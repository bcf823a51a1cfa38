//! Files that options name; errors name the option and the file.

use std::path::Path;

use command_line::Failure;
use pki_types::pem::{Error, PemObject};
use pki_types::{CertificateDer, PrivateKeyDer};
use webpki::EndEntityCert;

/// Reads the certificates of a PEM file.
///
/// # Errors
/// If the file cannot be read, has no certificate, or has an unreadable one.
pub fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |why: String| Failure::option(option, path.display(), why);
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|err| wrong(reason(&err)))?;
    if certificates.is_empty() {
        Err(wrong("the file contains no certificate".into()))
    } else {
        Ok(certificates)
    }
}

/// Reads the chain and the key of `--cert` and `--key` for the raw peer.
///
/// # Errors
/// If one of them cannot be read, if the key is not a P-256 key in PKCS #8, or if they do not belong
/// together.
pub fn identity(cert: &Path, key: &Path) -> Result<raw_peer::ChainAndKey, Failure> {
    let chain = certificates("--cert", cert)?;
    let wrong = |why: String| Failure::option("--key", key.display(), why);
    let read = PrivateKeyDer::from_pem_file(key).map_err(|err| wrong(reason(&err)))?;
    let PrivateKeyDer::Pkcs8(read) = read else {
        let advice = "not in PKCS #8: convert it with `openssl pkcs8 -topk8 -nocrypt`";
        return Err(wrong(advice.into()));
    };
    let identity = raw_peer::ChainAndKey {
        chain: chain.iter().map(|der| der.to_vec()).collect(),
        key: read.secret_pkcs8_der().to_vec(),
    };
    let public = identity.public_key().map_err(|err| wrong(err.to_string()))?;
    let leaf = chain.first().map(EndEntityCert::try_from);
    let Some(Ok(leaf)) = leaf else {
        return Err(Failure::option("--cert", cert.display(), "the certificate cannot be read"));
    };
    if leaf.subject_public_key_info().ends_with(&public) {
        Ok(identity)
    } else {
        Err(wrong(format!("it is not the key of the certificate in {}", cert.display())))
    }
}

fn reason(err: &Error) -> String {
    match err {
        Error::Io(err) => err.to_string(),
        Error::NoItemsFound => {
            "the file contains no key or certificate of this kind, or is encrypted".into()
        }
        other => format!("it cannot be read: {other}"),
    }
}
