use std::collections::HashMap;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Fingerprint, HashName};

/// The facts about a chain's certificates that challenges need, computed once.
#[derive(Clone, Debug)]
pub(crate) struct ChainFacts {
    chain: Vec<CertificateDer<'static>>,
    /// The names of issuers, in DER.
    issuers: Vec<Vec<u8>>,
}

impl ChainFacts {
    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let issuer = |der: &CertificateDer<'_>| {
            // A certificate that cannot be parsed has no issuer that a challenge could name.
            X509Certificate::from_der(der).ok().map(|(_, read)| read.issuer().as_raw().to_vec())
        };
        Self {
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            issuers: chain.iter().filter_map(issuer).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    pub(super) fn has_issuer(&self, name: &[u8]) -> bool {
        self.issuers.iter().any(|issuer| issuer == name)
    }

    /// A cache of fingerprints for one challenge.
    pub(super) fn fingerprints(&self) -> Fingerprints<'_> {
        Fingerprints { chain: &self.chain, made: HashMap::new() }
    }
}

/// Computes the fingerprints of a chain on demand, each once.
pub(super) struct Fingerprints<'a> {
    chain: &'a [CertificateDer<'static>],
    made: HashMap<HashName, Vec<Fingerprint>>,
}

impl Fingerprints<'_> {
    pub(super) fn have(&mut self, wanted: &Fingerprint) -> bool {
        let chain = self.chain;
        let make = || chain.iter().filter_map(|der| Fingerprint::new(der, wanted.hash())).collect();
        self.made.entry(wanted.hash().clone()).or_insert_with(make).contains(wanted)
    }
}
