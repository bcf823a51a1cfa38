use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::table::EXPIRY;
use crate::Policy;

/// The kinds and scopes that were recorded last.
static RECORDED: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());

/// Records when the first of the trust anchors, pinned certificates and revocation lists of each
/// scope expires.
///
/// Call it after each successful load: the policy is that of the new [`Setup`](crate::Setup). Scopes
/// that the policy no longer has are set to NaN. Nothing is recorded about scopes with a verifier of
/// your own ([`Anchors::from_verifier`](crate::Anchors::from_verifier)).
pub fn expiries(policy: &Policy) {
    let mut earliest: BTreeMap<(&'static str, &str), UnixTime> = BTreeMap::new();
    for (scope, kind, at) in policy.expiries() {
        let first = earliest.entry((kind, scope)).or_insert(at);
        *first = at.min(*first);
    }
    // Nothing can panic while this is held, other than a recorder.
    let mut recorded = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
    for (kind, scope) in &*recorded {
        if !earliest.contains_key(&(*kind, &**scope)) {
            EXPIRY.set(f64::NAN, &[kind, scope]);
        }
    }
    *recorded = earliest.keys().map(|(kind, scope)| (*kind, (*scope).to_owned())).collect();
    for ((kind, scope), at) in earliest {
        EXPIRY.set(seconds(at), &[kind, scope]);
    }
}

/// Records when the server's certificate expires: the first one of its chain that expires.
///
/// Call it after each successful load. A certificate that cannot be read is left out.
pub fn server_certificate(chain: &[CertificateDer<'_>]) {
    let not_after = |der: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificate.validity().not_after.timestamp())
    };
    if let Some(first) = chain.iter().filter_map(not_after).min() {
        EXPIRY.set(first as f64, &["server_certificate"]);
    }
}

fn seconds(at: UnixTime) -> f64 {
    at.as_secs() as f64
}
