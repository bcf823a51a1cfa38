//! Authorities, certificates, and the results of a verifier for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType, SerialNumber, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls_ext::{Anchors, RevocationList};

use crate::common::{Authority, CertAndKey, provider};
use crate::steps::{HOSTS, Scope};

/// The start of each sequence, in seconds since the Unix epoch: 2030-01-01.
pub const START: u64 = 1_893_456_000;
/// Hours from then until the brief certificate has expired.
pub const BRIEF: i64 = 24;
/// Hours for which a revocation list is valid.
pub const LIST: i64 = 40;
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
    /// Issued by the agents' authority, for the trust domain of the staff.
    Liar,
    /// Issued by an authority that no scope trusts.
    Stranger,
}

impl Cert {
    pub const ALL: [Self; 7] = [
        Self::Agent,
        Self::Brief,
        Self::Traitor,
        Self::Misfit,
        Self::Boss,
        Self::Liar,
        Self::Stranger,
    ];

    /// The scope whose trust domain its identifier is in.
    pub fn domain(self) -> Scope {
        match self {
            Self::Boss | Self::Liar => Scope::Staff,
            _ => Scope::Agents,
        }
    }
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
    authorities: [Authority; 2],
    anchors: Mutex<HashMap<(Trust, bool, i64), Anchors>>,
}

impl Cast {
    pub fn new() -> Self {
        let [servers, agents, staff, foreign] =
            ["servers", "agents", "staff", "foreign"].map(Authority::new);
        let keys = Cert::ALL.map(|cert| {
            let sign = |authority: &Authority, change: fn(&mut CertificateParams)| {
                let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
                let identifier = format!("{}/client", cert.domain().origin());
                params.subject_alt_names.push(SanType::URI(identifier.try_into().unwrap()));
                change(&mut params);
                authority.sign(params)
            };
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
                Cert::Liar => sign(&agents, |_| {}),
                Cert::Stranger => sign(&foreign, |_| {}),
            };
            let key = CertifiedKey::from_der(identity.chain.clone(), identity.key(), &provider());
            Arc::new(key.unwrap())
        });

        let params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        let roots = Arc::new(servers.roots());
        Self {
            server: servers.sign(params),
            server_verifier: WebPkiServerVerifier::builder_with_provider(roots, provider())
                .build()
                .unwrap(),
            keys,
            authorities: [agents, staff],
            anchors: Mutex::default(),
        }
    }

    pub fn key(&self, cert: Cert) -> &Arc<CertifiedKey> {
        &self.keys[cert as usize]
    }

    /// The certificate at the start of this chain.
    pub fn whose(&self, chain: &[CertificateDer<'_>]) -> Option<Cert> {
        Cert::ALL.into_iter().find(|cert| self.key(*cert).cert == chain)
    }

    /// The leaf certificates of all clients.
    pub fn leaves(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.keys.iter().flat_map(|key| key.cert.first())
    }

    /// The anchors of a scope, with lists that were issued at the hour `listed`.
    pub fn anchors(&self, trust: Trust, revoked: bool, listed: i64) -> Anchors {
        let make = || {
            let [agents, staff] = &self.authorities;
            let trusted = match trust {
                Trust::Agents => vec![agents.der.clone()],
                Trust::Staff => vec![staff.der.clone()],
                Trust::Both => vec![agents.der.clone(), staff.der.clone()],
            };
            let validity = seconds(listed)..seconds(listed + LIST);
            let traitor: &[u64] = if revoked { &[TRAITOR] } else { &[] };
            let lists = [
                agents.revoke_between(traitor, validity.clone()),
                staff.revoke_between(&[], validity),
            ];
            let lists = lists.map(|list| RevocationList::from_der(list).unwrap());
            Anchors::from_certificates(trusted).unwrap().with_crls(lists)
        };
        let mut known = self.anchors.lock().unwrap();
        known.entry((trust, revoked, listed)).or_insert_with(make).clone()
    }
}

/// An hour of a clock, in seconds since the Unix epoch.
pub fn seconds(hour: i64) -> u64 {
    START.checked_add_signed(hour * 3600).unwrap()
}
