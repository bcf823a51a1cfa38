//! Authorities, certificates, and the results of a verifier for them.

use std::collections::HashMap;
use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use crate::common::{Authority, CertAndKey, provider};
use crate::steps::HOSTS;

/// The start of each sequence, in seconds since the Unix epoch: 2030-01-01.
pub const START: u64 = 1_893_456_000;
/// Hours from then until the brief certificate has expired.
pub const BRIEF: u64 = 24;
const TRAITOR: u64 = 4711;

/// A certificate of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cert {
    /// Issued by the agents' authority.
    Agent,
    /// The same, but expires within hours.
    Brief,
    /// The same, but may be revoked.
    Traitor,
    /// The same, but for servers only.
    Misfit,
    /// Issued by the staff's authority.
    Boss,
    /// Issued by an authority that no scope trusts.
    Stranger,
}

impl Cert {
    pub const ALL: [Self; 6] =
        [Self::Agent, Self::Brief, Self::Traitor, Self::Misfit, Self::Boss, Self::Stranger];
}

/// The authorities that a scope trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    Agents,
    Staff,
    Both,
}

impl Trust {
    pub const ALL: [Self; 3] = [Self::Agents, Self::Staff, Self::Both];
}

/// Everything that all sequences share.
pub struct Cast {
    pub server: CertAndKey,
    pub server_verifier: Arc<WebPkiServerVerifier>,
    keys: [Arc<CertifiedKey>; Cert::ALL.len()],
    verifiers: HashMap<(Trust, bool), Arc<dyn ClientCertVerifier>>,
}

impl Cast {
    pub fn new() -> Self {
        let [servers, agents, staff, foreign] =
            ["servers", "agents", "staff", "foreign"].map(Authority::new);
        let sign = |authority: &Authority, change: fn(&mut CertificateParams)| {
            let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
            change(&mut params);
            authority.sign(params)
        };
        let keys = Cert::ALL.map(|cert| {
            let identity = match cert {
                Cert::Agent => sign(&agents, |_| {}),
                Cert::Brief => sign(&agents, |it| it.not_after = date_time_ymd(2030, 1, 2)),
                Cert::Traitor => {
                    sign(&agents, |it| it.serial_number = Some(SerialNumber::from(TRAITOR)))
                }
                Cert::Misfit => sign(&agents, |it| {
                    it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                }),
                Cert::Boss => sign(&staff, |_| {}),
                Cert::Stranger => sign(&foreign, |_| {}),
            };
            let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider());
            Arc::new(key.unwrap())
        });

        let mut verifiers = HashMap::new();
        for trust in Trust::ALL {
            for revoked in [false, true] {
                let roots = match trust {
                    Trust::Agents => agents.roots(),
                    Trust::Staff => staff.roots(),
                    Trust::Both => {
                        let mut roots = agents.roots();
                        roots.extend(staff.roots().roots);
                        roots
                    }
                };
                let traitor: &[u64] = if revoked { &[TRAITOR] } else { &[] };
                let lists = [agents.revoke(traitor), staff.revoke(&[])];
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                        .with_crls(lists)
                        .build()
                        .unwrap();
                verifiers.insert((trust, revoked), verifier);
            }
        }

        let params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        let roots = Arc::new(servers.roots());
        Self {
            server: servers.sign(params),
            server_verifier: WebPkiServerVerifier::builder_with_provider(roots, provider())
                .build()
                .unwrap(),
            keys,
            verifiers,
        }
    }

    pub fn key(&self, cert: Cert) -> &Arc<CertifiedKey> {
        &self.keys[cert as usize]
    }

    /// The certificate at the start of this chain.
    pub fn whose(&self, chain: &[CertificateDer<'_>]) -> Option<Cert> {
        Cert::ALL.into_iter().find(|cert| self.key(*cert).cert == chain)
    }

    pub fn verifier(&self, trust: Trust, revoked: bool) -> Arc<dyn ClientCertVerifier> {
        self.verifiers[&(trust, revoked)].clone()
    }
}
