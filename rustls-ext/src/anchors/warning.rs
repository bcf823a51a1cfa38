//! Warnings about scopes that can be used nevertheless.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::{SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::spki_for_anchor;

use super::authority::Validity;
use super::names::MANY_NAMES;
use super::revocation::{Budget, CrlExpiry, RevocationList, newest};
use super::verifier::Verifier;
use super::x509::{self, Name, rfc3339, unsupported_key};

/// A fact about a scope that its operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The scope.
    pub scope: String,
    /// What the warning is about.
    pub kind: WarningKind,
}

/// The subject of a [`Warning`]. Names are in the format of RFC 4514. The file of a list is `None`
/// if the list was not read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// A trust anchor, or a pinned certificate, has expired. The anchor is still used; the pinned
    /// certificate is refused.
    Expired {
        /// Its subject.
        subject: String,
        /// When it expired.
        not_after: UnixTime,
        /// True for a pinned certificate, false for a trust anchor.
        pinned: bool,
    },
    /// A trust anchor, or a pinned certificate, is not valid yet.
    NotYetValid {
        /// Its subject.
        subject: String,
        /// The start of its validity.
        not_before: UnixTime,
        /// True for a pinned certificate, false for a trust anchor.
        pinned: bool,
    },
    /// The provider cannot verify signatures made with the key of a trust anchor or pinned
    /// certificate.
    UnusableKey {
        /// The subject.
        subject: String,
        /// The algorithm of its key.
        key: String,
    },
    /// A trust anchor has name constraints of unsupported kinds: certificates that have names of
    /// these kinds are refused.
    NameConstraints {
        /// The anchor's subject.
        subject: String,
        /// The kinds of names. Every certificate has a directory name.
        kinds: Vec<&'static str>,
    },
    /// The names of the authorities in a CertificateRequest are so large that some clients refuse
    /// the message.
    ManyNames {
        /// The size of the names in bytes.
        bytes: usize,
    },
    /// The revocation list in use is past its `nextUpdate`.
    ListExpired {
        /// Its issuer.
        authority: String,
        /// When the next list was due.
        next_update: UnixTime,
        /// The file of the list.
        source: Option<PathBuf>,
        /// True if certificates are refused because of it.
        enforced: bool,
    },
    /// The revocation list in use is before its `thisUpdate`.
    ListNotYetValid {
        /// Its issuer.
        authority: String,
        /// The start of its validity.
        this_update: UnixTime,
        /// The file of the list.
        source: Option<PathBuf>,
        /// True if certificates are refused because of it.
        enforced: bool,
    },
    /// The revocation list in use has a fifth of its validity period left, or less.
    ListExpiresSoon {
        /// Its issuer.
        authority: String,
        /// When the next list is due.
        next_update: UnixTime,
        /// The file of the list.
        source: Option<PathBuf>,
    },
    /// A revocation list is not used, since there is a newer one of the same issuer and key.
    OlderList {
        /// Its issuer.
        authority: String,
        /// The file of the list.
        source: Option<PathBuf>,
        /// The file of the newer list, which is used.
        newer: Option<PathBuf>,
    },
    /// A revocation list has the name of a trust anchor as its issuer, but no anchor of that name
    /// signed it.
    ForeignList {
        /// Its issuer.
        authority: String,
        /// The file of the list.
        source: Option<PathBuf>,
    },
    /// There are revocation lists, but none of this trust anchor: certificates that it issued are
    /// refused.
    NoList {
        /// The anchor's subject.
        authority: String,
    },
}

impl Warning {
    /// Returns true if connections are refused because of it, so that it should be logged as an
    /// error.
    pub fn is_error(&self) -> bool {
        match &self.kind {
            WarningKind::NoList { .. } | WarningKind::UnusableKey { .. } => true,
            WarningKind::Expired { pinned, .. } | WarningKind::NotYetValid { pinned, .. } => {
                *pinned
            }
            WarningKind::ListExpired { enforced, .. }
            | WarningKind::ListNotYetValid { enforced, .. } => *enforced,
            WarningKind::NameConstraints { .. }
            | WarningKind::ManyNames { .. }
            | WarningKind::ListExpiresSoon { .. }
            | WarningKind::OlderList { .. }
            | WarningKind::ForeignList { .. } => false,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scope {:?}: {}", self.scope, self.kind)
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |source: &Option<PathBuf>| match source {
            Some(path) => format!(" ({})", path.display()),
            None => String::new(),
        };
        let what = |pinned: &bool| if *pinned { "pinned certificate" } else { "trust anchor" };
        let refused = |enforced: &bool| {
            if *enforced {
                "certificates that it covers are refused"
            } else {
                "this is ignored, as configured"
            }
        };
        let every = |kinds: &[&str]| {
            if kinds.contains(&"directory names") {
                ", and every certificate has a directory name, its subject"
            } else {
                ""
            }
        };
        match self {
            Self::Expired { subject, not_after, pinned } => {
                write!(f, "the {} {subject} expired at {}", what(pinned), rfc3339(*not_after))
            }
            Self::NotYetValid { subject, not_before, pinned } => write!(
                f,
                "the {} {subject} is not valid before {}",
                what(pinned),
                rfc3339(*not_before)
            ),
            Self::UnusableKey { subject, key } => write!(
                f,
                "the key of {subject} is for {key}, which the cryptography provider does not have, \
                 so certificates that need it are refused"
            ),
            Self::NameConstraints { subject, kinds } => write!(
                f,
                "the trust anchor {subject} has name constraints on {}, which are not supported: \
                 certificates with such names are refused{}",
                kinds.join(" and "),
                every(kinds)
            ),
            Self::ManyNames { bytes } => write!(
                f,
                "the names of its authorities take up {bytes} bytes of each CertificateRequest, \
                 and some clients refuse more than {MANY_NAMES}: send no names, or \
                 trust fewer authorities"
            ),
            Self::ListExpired { authority, next_update, source, enforced } => write!(
                f,
                "the revocation list of {authority}{} expired at {}: {}",
                file(source),
                rfc3339(*next_update),
                refused(enforced)
            ),
            Self::ListNotYetValid { authority, this_update, source, enforced } => write!(
                f,
                "the revocation list of {authority}{} is not valid before {}: {}",
                file(source),
                rfc3339(*this_update),
                refused(enforced)
            ),
            Self::ListExpiresSoon { authority, next_update, source } => write!(
                f,
                "the revocation list of {authority}{} expires at {}: install the next one",
                file(source),
                rfc3339(*next_update)
            ),
            Self::OlderList { authority, source, newer } => write!(
                f,
                "a revocation list of {authority}{} is not used, since there is a newer one{}",
                file(source),
                file(newer)
            ),
            Self::ForeignList { authority, source } => write!(
                f,
                "the revocation list of {authority}{} is not signed by the trust anchor of that \
                 name, so it is not used for that anchor",
                file(source)
            ),
            Self::NoList { authority } => write!(
                f,
                "there is no revocation list of the trust anchor {authority}: certificates that it \
                 issued are refused"
            ),
        }
    }
}

impl Verifier {
    /// Finds the anchors that signed each list, and removes duplicate lists.
    pub(super) fn prepare_lists(&mut self) {
        let mut lists: Vec<RevocationList> = Vec::new();
        for list in std::mem::take(&mut self.lists) {
            if !lists.iter().any(|known| known.is(&list)) {
                lists.push(list);
            }
        }
        let budget = Budget::unlimited();
        for anchor in &self.anchors {
            let (name, key) = (Name::of(&anchor.subject), spki_for_anchor(anchor));
            for list in lists.iter().filter(|list| list.is_of(&name)) {
                list.is_signed_by(&key, self.algorithms.all, &budget);
            }
        }
        self.lists = lists;
    }

    /// The warnings at `now`.
    pub(super) fn warnings(&self, now: UnixTime) -> Vec<WarningKind> {
        let mut warnings = Vec::new();
        for (anchor, limits) in self.anchors.iter().zip(&self.limits) {
            let subject = x509::name(&anchor.subject);
            warnings.extend(limits.validity.and_then(|it| self.validity(&subject, it, false, now)));
            let kinds = anchor.name_constraints.as_deref().map(x509::unsupported_constraints);
            if let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) {
                warnings.push(WarningKind::NameConstraints { subject: subject.clone(), kinds });
            }
            warnings.extend(self.unusable(subject, &spki_for_anchor(anchor)));
        }
        for pinned in &self.pinned {
            warnings.extend(self.validity(&pinned.subject, pinned.validity, true, now));
            warnings.extend(self.unusable(pinned.subject.clone(), &pinned.key));
        }
        self.list_warnings(now, &mut warnings);
        warnings
    }

    /// When each anchor, each pinned certificate and each list that is used expires.
    #[cfg(feature = "metrics")]
    pub(super) fn expiries(&self) -> Vec<(&'static str, UnixTime)> {
        let validities = self.limits.iter().filter_map(|limits| limits.validity);
        let anchors = validities.map(|validity| ("anchor", validity.not_after));
        let pinned = self.pinned.iter().map(|it| ("pinned", it.validity.not_after));
        let lists = self.lists.iter().filter(|list| self.is_newest(list));
        let lists = lists.map(|list| ("revocation_list", list.next_update()));
        anchors.chain(pinned).chain(lists).collect()
    }

    #[cfg(feature = "metrics")]
    fn is_newest(&self, list: &RevocationList) -> bool {
        let all = self.lists.iter();
        let same: Vec<_> =
            all.filter(|other| list.is_of_the_same_key_as(other, self.algorithms.all)).collect();
        let newest = newest(&same);
        newest.is_empty() || newest.iter().any(|it| it.is(list))
    }

    fn validity(
        &self,
        subject: &str,
        validity: Validity,
        pinned: bool,
        now: UnixTime,
    ) -> Option<WarningKind> {
        let (subject, Validity { not_before, not_after }) = (subject.to_owned(), validity);
        if now > not_after {
            Some(WarningKind::Expired { subject, not_after, pinned })
        } else if now < not_before {
            Some(WarningKind::NotYetValid { subject, not_before, pinned })
        } else {
            None
        }
    }

    fn unusable(&self, subject: String, key: &SubjectPublicKeyInfoDer<'_>) -> Option<WarningKind> {
        let key = unsupported_key(key, &self.algorithms)?;
        Some(WarningKind::UnusableKey { subject, key })
    }

    fn list_warnings(&self, now: UnixTime, warnings: &mut Vec<WarningKind>) {
        if self.lists.is_empty() {
            return;
        }
        let path = |list: &RevocationList| list.source().map(Path::to_path_buf);
        for list in &self.lists {
            let (authority, source) = (list.authority().to_owned(), path(list));
            let same: Vec<_> = self
                .lists
                .iter()
                .filter(|other| list.is_of_the_same_key_as(other, self.algorithms.all))
                .collect();
            let newest = newest(&same);
            match newest.first() {
                Some(newer) if !newest.iter().any(|it| it.is(list)) => {
                    let newer = path(newer);
                    warnings.push(WarningKind::OlderList { authority, source, newer });
                    continue;
                }
                _ => {}
            }
            let is_of = |anchor: &TrustAnchor<'_>| list.is_of(&Name::of(&anchor.subject));
            if list.known_key().is_none() && self.anchors.iter().any(is_of) {
                let (authority, source) = (authority.clone(), source.clone());
                warnings.push(WarningKind::ForeignList { authority, source });
            }
            let enforced = self.crl_expiry == CrlExpiry::Enforce;
            let (this_update, next_update) = (list.this_update(), list.next_update());
            let left = next_update.as_secs().saturating_sub(now.as_secs());
            let life = next_update.as_secs().saturating_sub(this_update.as_secs());
            if now >= next_update {
                warnings.push(WarningKind::ListExpired {
                    authority,
                    next_update,
                    source,
                    enforced,
                });
            } else if now < this_update {
                warnings.push(WarningKind::ListNotYetValid {
                    authority,
                    this_update,
                    source,
                    enforced,
                });
            } else if left <= life / 5 {
                warnings.push(WarningKind::ListExpiresSoon { authority, next_update, source });
            }
        }
        for anchor in &self.anchors {
            let key = spki_for_anchor(anchor);
            if !self.lists.iter().any(|list| list.known_key() == Some(&key)) {
                warnings.push(WarningKind::NoList { authority: x509::name(&anchor.subject) });
            }
        }
    }
}
