//! Workloads of two trust domains, which hint at them.

use std::sync::Arc;

use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::client::ResolvesClientCert;
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS, DistinguishedName, SignatureScheme};
use test_pki::{Authority, Error, IssuedCertificate};

use super::cases::Workload;
use super::client_view::failed;
use super::{COM, DemoPki, ORG};
use command_line::Failure;
use rext_cli::tls;

/// Two trust domains with an authority each, and their certificates.
#[derive(Debug)]
pub struct Workloads {
    /// The authority of `spiffe://example.org`.
    pub org: Authority,
    /// The authority of `spiffe://example.com`.
    pub com: Authority,
    of_org: IssuedCertificate,
    of_com: IssuedCertificate,
    /// Issued by the authority of `spiffe://example.org`, for the other domain.
    liar: IssuedCertificate,
}

impl Workloads {
    pub(super) fn new() -> Result<Self, Error> {
        let (org, com) = (Authority::new("example.org CA")?, Authority::new("example.com CA")?);
        Ok(Self {
            of_org: org.workload("org-7", &format!("{ORG}/agent/7"))?,
            of_com: com.workload("com-7", &format!("{COM}/agent/7"))?,
            liar: org.workload("liar", &format!("{COM}/agent/7"))?,
            org,
            com,
        })
    }
}

/// A client that hints at one trust domain, and has a certificate for each. It sends the one whose
/// authority the server names, if it names one alone.
pub(super) fn config(pki: &DemoPki, workload: Workload) -> Result<ClientConfig, Failure> {
    let Workloads { org, com, of_org, of_com, liar } = &pki.workloads;
    let (origin, for_org) = match workload {
        Workload::Org => (ORG, of_org),
        Workload::Com => (COM, of_org),
        Workload::Liar => (ORG, liar),
    };
    let mut keys = Vec::new();
    for (authority, issued) in [(org, for_org), (com, of_com)] {
        for name in authority.roots()?.subjects() {
            keys.push((name, issued.certified_key()?));
        }
    }
    let offer = ClientAuthOffer::default().with_origins([origin]).map_err(failed)?;
    let roots = pki.servers.roots()?;
    let mut config =
        tls::client_config(roots, None, offer, DEFAULT_VERSIONS, &[tls::H2]).map_err(failed)?;
    config.client_auth_cert_resolver = Arc::new(ByAuthority(keys));
    Ok(config)
}

/// Certificates, each with the name of its authority.
#[derive(Debug)]
struct ByAuthority(Vec<(DistinguishedName, Arc<CertifiedKey>)>);

impl ResolvesClientCert for ByAuthority {
    fn resolve(&self, names: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let [name] = names else { return None };
        let (_, key) = self.0.iter().find(|(authority, _)| authority.as_ref() == *name)?;
        Some(key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
