//! Checks a message of the Workload API.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::spiffe::{SpiffeId, TrustDomain, X509Bundle, X509Context, X509Svid};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::StoresServerSessions;
use rustls::sign::CertifiedKey;

use super::error::WorkloadError;
use super::svid::Leaf;
use super::update::{Bundle, Svid, Update};
use crate::{Anchors, Usage};

/// What is the same for all updates of a workload.
pub(super) struct Reader {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) sessions: Arc<dyn StoresServerSessions>,
    /// The SVID that the program chose.
    pub(super) chosen: Option<SpiffeId>,
}

impl Reader {
    pub(super) fn read(
        &self,
        context: &X509Context,
        now: UnixTime,
    ) -> Result<Update, WorkloadError> {
        let svids = context.svids().iter().map(|svid| self.svid(svid, now));
        let svids = svids.collect::<Result<Vec<_>, _>>()?;
        let svid = match &self.chosen {
            None => svids.first().ok_or(WorkloadError::NoSvid)?,
            Some(id) => (svids.iter().find(|svid| svid.id == *id))
                .ok_or_else(|| WorkloadError::OtherSvids { id: id.to_string() })?,
        };
        let bundles = context.bundle_set().iter();
        let bundles = bundles
            .map(|(trust_domain, bundle)| Ok((trust_domain.clone(), self.bundle(bundle)?)))
            .collect::<Result<BTreeMap<TrustDomain, Bundle>, WorkloadError>>()?;
        Ok(Update {
            svid: svid.clone(),
            svids,
            bundles,
            provider: self.provider.clone(),
            sessions: self.sessions.clone(),
        })
    }

    fn svid(&self, svid: &X509Svid, now: UnixTime) -> Result<Svid, WorkloadError> {
        let chain: Vec<_> = svid.cert_chain().iter().map(|it| der(it.as_bytes())).collect();
        let first = chain.first().ok_or(WorkloadError::NoSvid)?;
        let Leaf { id, not_after } = Leaf::of(first).map_err(WorkloadError::BadSvid)?;
        let text = id.to_string();
        if now > not_after {
            return Err(WorkloadError::ExpiredSvid { id: text, not_after });
        }
        let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec()).into();
        let key = CertifiedKey::from_der(chain, key, &self.provider)
            .map_err(|error| WorkloadError::BadKey { id: text.clone(), error })?;
        let hint = svid.hint().map(str::to_owned);
        Ok(Svid { id, text, hint, key: Arc::new(key), not_after })
    }

    fn bundle(&self, bundle: &X509Bundle) -> Result<Bundle, WorkloadError> {
        let trust_domain = bundle.trust_domain().as_str();
        if bundle.authorities().is_empty() {
            return Err(WorkloadError::EmptyBundle { trust_domain: trust_domain.into() });
        }
        let certificates = bundle.authorities().iter().map(|it| der(it.as_bytes()));
        let anchors = Anchors::from_certificates(certificates).map_err(|error| {
            WorkloadError::BadBundle { trust_domain: trust_domain.into(), error }
        })?;
        let build = |anchors: Anchors| {
            let provider = || Ok(self.provider.clone());
            let built = anchors.build(trust_domain, &provider);
            built.map(|built| built.verifier).map_err(WorkloadError::UnusableBundle)
        };
        Ok(Bundle {
            clients: build(anchors.clone())?,
            servers: build(anchors.with_usage(Usage::server()))?,
        })
    }
}

fn der(bytes: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(bytes.to_vec())
}
