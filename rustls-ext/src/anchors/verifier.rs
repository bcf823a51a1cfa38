//! The verifier of a scope: webpki, and the checks that webpki leaves to its users.

use std::cell::RefCell;
use std::fmt;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::ext_wire::Origin;
use rustls::ext_wire::resumption::Voucher;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ExtendedKeyPurpose,
    PeerMisbehaved, SignatureScheme,
};
use webpki::{Cert, EndEntityCert, RawPublicKeyEntity, VerifiedPath, spki_for_anchor};
use x509_parser::prelude::X509Certificate;

use super::authority::{Authority, Limits, Pinned};
use super::problem::CertificateProblem as Problem;
use super::revocation::{Budget, CrlExpiry, RevocationList, newest};
use super::signs::Signs;
use super::usage::Usage;
use super::voucher::{self, VoucherKey};
use super::x509::{self, Name};

/// Accepts pinned certificates, and chains below trust anchors.
///
/// webpki builds the paths. For each path that it finds, this verifier checks the rest: the path
/// length of the anchor, the keyUsage of the authorities, and revocation, for which it chooses a
/// list by its issuer's name and key.
pub(crate) struct Verifier {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// The limits of each anchor, in the same order.
    pub(super) limits: Vec<Limits>,
    pub(super) pinned: Vec<Pinned>,
    /// If empty, revocation is not checked.
    pub(super) lists: Vec<RevocationList>,
    pub(super) crl_expiry: CrlExpiry,
    pub(super) usage: Usage,
    /// The origin of the trust domain that certificates must be in, in its normal form.
    pub(super) trust_domain: Option<String>,
    pub(super) hints: Vec<DistinguishedName>,
    /// If absent, each chain is verified again when its session is resumed.
    pub(super) voucher_key: Option<VoucherKey>,
}

/// An anchor under another encoding of its name, and its index.
type Alias = (TrustAnchor<'static>, usize);

impl Verifier {
    pub(super) fn new(authorities: Vec<Authority>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let (anchors, limits) =
            authorities.into_iter().map(|Authority { anchor, limits }| (anchor, limits)).unzip();
        Self {
            algorithms,
            anchors,
            limits,
            pinned: Vec::new(),
            lists: Vec::new(),
            crl_expiry: CrlExpiry::default(),
            usage: Usage::default(),
            trust_domain: None,
            hints: Vec::new(),
            voucher_key: None,
        }
    }

    pub(super) fn pinned(&self, certificate: &CertificateDer<'_>) -> Option<&Pinned> {
        self.pinned.iter().find(|pinned| pinned.der == *certificate)
    }

    fn verify_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let chain = Chain { verifier: self, end_entity, intermediates };
        let certificate = EndEntityCert::try_from(end_entity).map_err(|err| chain.explain(err))?;
        if self.usage.needs_extension() && !has_extended_key_usage(end_entity) {
            let required = ExtendedKeyPurpose::Other(self.usage.first());
            return Err(
                CertificateError::InvalidPurposeContext { required, presented: vec![] }.into()
            );
        }
        let first = self.verify_paths(&certificate, &chain, &[], now);
        match first {
            // Names are compared byte for byte: try again with names that differ only in encoding.
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => {
                let aliases = chain.aliases();
                if aliases.is_empty() {
                    return first;
                }
                self.verify_paths(&certificate, &chain, &aliases, now)
            }
            outcome => outcome,
        }
    }

    fn verify_paths(
        &self,
        certificate: &EndEntityCert<'_>,
        chain: &Chain<'_>,
        aliases: &[Alias],
        now: UnixTime,
    ) -> Result<(), Error> {
        let with_aliases: Vec<_>;
        let anchors = if aliases.is_empty() {
            &self.anchors[..]
        } else {
            let others = aliases.iter().map(|(anchor, _)| anchor.clone());
            with_aliases = self.anchors.iter().cloned().chain(others).collect();
            &with_aliases[..]
        };
        let number = |anchor: &TrustAnchor<'_>| {
            let at = anchors.iter().position(|known| std::ptr::eq(known, anchor))?;
            match at.checked_sub(self.anchors.len()) {
                None => Some(at),
                Some(alias) => aliases.get(alias).map(|(_, number)| *number),
            }
        };
        let budget = Budget::for_a_chain();
        // The errors of this verifier for paths that webpki accepts.
        let refused = RefCell::new(Vec::new());
        let verify_path = |path: &VerifiedPath<'_>| {
            let limits = number(path.anchor()).and_then(|number| self.limits.get(number));
            let checked = match limits {
                Some(limits) => self.check_path(path, limits, &budget, now),
                None => Err(Problem::Other("unknown trust anchor".into()).error()),
            };
            checked.map_err(|err| {
                refused.borrow_mut().push(err);
                // An error that does not end webpki's search, and that webpki ranks among the most
                // specific.
                webpki::Error::UnknownRevocationStatus
            })
        };
        let outcome = certificate.verify_for_usage(
            self.algorithms.all,
            anchors,
            chain.intermediates,
            now,
            &self.usage,
            None,
            Some(&verify_path),
        );
        let Err(err) = outcome.map(drop) else {
            return Ok(());
        };
        let mut refused = refused.into_inner();
        // An error of a complete path is more useful than one of an incomplete path.
        let revoked = |err: &Error| *err == CertificateError::Revoked.into();
        let first = refused.iter().position(revoked).unwrap_or(0);
        if first < refused.len() {
            return Err(refused.swap_remove(first));
        }
        Err(chain.explain(err))
    }

    /// Checks what webpki leaves out, for a path that webpki has verified.
    fn check_path(
        &self,
        path: &VerifiedPath<'_>,
        limits: &Limits,
        budget: &Budget,
        now: UnixTime,
    ) -> Result<(), Error> {
        let intermediates: Vec<&Cert<'_>> = path.intermediate_certificates().collect();
        let anchor = path.anchor();
        // RFC 5280 section 4.2.1.9 does not count self-issued certificates.
        let below = intermediates.iter().filter(|it| it.subject() != it.issuer()).count();
        if limits
            .path_length
            .is_some_and(|most| usize::try_from(most).is_ok_and(|most| below > most))
        {
            let authority = Some(x509::name(&anchor.subject));
            return Err(Problem::PathTooLong { authority }.error());
        }
        // The issuer of each certificate: the next one's name and key, and what it may sign.
        let mut issuers = Vec::with_capacity(intermediates.len() + 1);
        for intermediate in &intermediates {
            let signs = Signs::of(&intermediate.der());
            if !signs.certificates {
                let authority = x509::name(intermediate.subject());
                return Err(Problem::MayNotSignCertificates { authority }.error());
            }
            issuers.push((intermediate.subject(), signs, Some(*intermediate)));
        }
        issuers.push((&anchor.subject, limits.signs, None));
        if self.lists.is_empty() {
            return Ok(());
        }
        let certificates =
            std::iter::once(&**path.end_entity()).chain(intermediates.iter().copied());
        for (certificate, (name, signs, issuer)) in certificates.zip(issuers) {
            let key = match issuer {
                Some(issuer) => issuer.subject_public_key_info(),
                None => spki_for_anchor(anchor),
            };
            self.check_revocation(certificate, name, &key, signs, budget, now)?;
        }
        Ok(())
    }

    /// Checks one certificate against the revocation list of its issuer.
    fn check_revocation(
        &self,
        certificate: &Cert<'_>,
        issuer: &[u8],
        key: &SubjectPublicKeyInfoDer<'static>,
        signs: Signs,
        budget: &Budget,
        now: UnixTime,
    ) -> Result<(), Error> {
        let authority = || x509::name(issuer);
        let name = Name::of(issuer);
        let lists: Vec<_> = (self.lists.iter().filter(|list| list.is_of(&name)))
            .filter(|list| list.is_signed_by(key, self.algorithms.all, budget))
            .collect();
        if lists.is_empty() {
            return Err(Problem::NoRevocationList { authority: authority() }.error());
        }
        if !signs.lists {
            return Err(Problem::MayNotSignLists { authority: authority() }.error());
        }
        let newest = newest(&lists);
        for list in &newest {
            match list.revokes(certificate.serial()) {
                Ok(false) => {}
                Ok(true) => return Err(CertificateError::Revoked.into()),
                Err(err) => return Err(Problem::Other(format!("{err:?}")).error()),
            }
        }
        if self.crl_expiry == CrlExpiry::Ignore {
            return Ok(());
        }
        for list in newest {
            let source = list.source().map(Into::into);
            if now >= list.next_update() {
                let (authority, next_update) = (authority(), list.next_update());
                return Err(
                    Problem::RevocationListExpired { authority, next_update, source }.error()
                );
            }
            if now < list.this_update() {
                let (authority, this_update) = (authority(), list.this_update());
                return Err(
                    Problem::RevocationListNotYetValid { authority, this_update, source }.error()
                );
            }
        }
        Ok(())
    }

    /// Checks that a certificate has an identifier, and none outside of the trust domain (WIO-6).
    fn check_trust_domain(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let Some(expected) = &self.trust_domain else { return Ok(()) };
        let presented = x509::uris(certificate);
        let is_inside =
            |uri: &String| Origin::of_uri(uri).is_some_and(|it| it.to_string() == *expected);
        if !presented.is_empty() && presented.iter().all(is_inside) {
            return Ok(());
        }
        let expected = expected.clone();
        Err(CertificateError::OutsideTrustDomain { expected, presented }.into())
    }

    /// Verifies a signature of TLS 1.2 with a bare key.
    fn verify_tls12_signature_with_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, algorithms) = (self.algorithms.mapping.iter())
            .find(|(scheme, _)| *scheme == dss.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
        // The scheme stands for several algorithms, of which at most one fits the key.
        let verified = algorithms
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, message, dss.signature()).is_ok());
        if verified {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.pinned(end_entity) {
            Some(pinned) => pinned.validity.check(now)?,
            None => self.verify_chain(end_entity, intermediates, now)?,
        }
        self.check_trust_domain(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn vouch(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<Voucher> {
        self.voucher(voucher::Chain { end_entity, intermediates }, now)
    }

    fn honors(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        voucher: &Voucher,
    ) -> bool {
        self.is_own(voucher, voucher::Chain { end_entity, intermediates })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned(cert) {
            // webpki may be unable to parse the certificate, for example if it is of version 1.
            Some(pinned) => self.verify_tls12_signature_with_key(message, &pinned.key, dss),
            None => verify_tls12_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned(cert) {
            Some(pinned) => {
                verify_tls13_signature_with_raw_key(message, &pinned.key, dss, &self.algorithms)
            }
            None => verify_tls13_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Short, because it is shown with every policy.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("anchors", &self.anchors.len())
            .field("pinned", &self.pinned.len())
            .field("lists", &self.lists)
            .field("crl_expiry", &self.crl_expiry)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

fn has_extended_key_usage(certificate: &CertificateDer<'_>) -> bool {
    x509::certificate(certificate)
        .is_some_and(|certificate| matches!(certificate.extended_key_usage(), Ok(Some(_))))
}

/// The certificates that a client sent.
struct Chain<'a> {
    verifier: &'a Verifier,
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
}

impl Chain<'_> {
    fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'_>> {
        std::iter::once(self.end_entity).chain(self.intermediates)
    }

    /// The anchors that a certificate names as its issuer in another encoding, under that encoding.
    ///
    /// The name only helps to find the anchor: the certificate must still verify with its key.
    fn aliases(&self) -> Vec<Alias> {
        let anchors = &self.verifier.anchors;
        let known: Vec<_> = anchors.iter().map(|anchor| Name::of(&anchor.subject)).collect();
        let mut aliases: Vec<Alias> = Vec::new();
        for certificate in self.certificates() {
            let Ok(certificate) = EndEntityCert::try_from(certificate) else {
                continue;
            };
            let issuer = certificate.issuer();
            let name = Name::of(issuer);
            for (number, (anchor, known)) in anchors.iter().zip(&known).enumerate() {
                let has = |alias: &Alias| alias.1 == number && alias.0.subject.as_ref() == issuer;
                let other = anchor.subject.as_ref() != issuer && known.is(&name);
                if other && !aliases.iter().any(has) {
                    let subject = issuer.to_vec().into();
                    aliases.push((TrustAnchor { subject, ..anchor.clone() }, number));
                }
            }
        }
        aliases
    }

    /// Converts an error of webpki to one of rustls, with a reason in plain language if rustls has
    /// no variant.
    fn explain(&self, err: webpki::Error) -> Error {
        use webpki::Error as Pki;
        let problem = match err {
            Pki::BadDer | Pki::BadDerTime | Pki::TrailingData(_) => {
                return CertificateError::BadEncoding.into();
            }
            Pki::CertNotValidYet { time, not_before } => {
                return CertificateError::NotValidYetContext { time, not_before }.into();
            }
            Pki::CertExpired { time, not_after } => {
                return CertificateError::ExpiredContext { time, not_after }.into();
            }
            Pki::InvalidCertValidity => return CertificateError::Expired.into(),
            Pki::UnknownIssuer => return CertificateError::UnknownIssuer.into(),
            Pki::InvalidSignatureForPublicKey => return CertificateError::BadSignature.into(),
            Pki::RequiredEkuNotFoundContext(context) => {
                let presented = context.present.into_iter().map(purpose).collect();
                let required = purpose(self.verifier.usage.first());
                return CertificateError::InvalidPurposeContext { required, presented }.into();
            }
            Pki::UnsupportedSignatureAlgorithmContext(context) => Problem::SignatureAlgorithm {
                algorithm: x509::algorithm(&context.signature_algorithm_id),
                key: None,
            },
            Pki::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
                Problem::SignatureAlgorithm {
                    algorithm: x509::algorithm(&context.signature_algorithm_id),
                    key: Some(x509::key_algorithm(&context.public_key_algorithm_id)),
                }
            }
            Pki::UnsupportedCriticalExtension => Problem::CriticalExtension {
                extensions: (self.certificates().filter_map(|der| x509::certificate(der)))
                    .flat_map(|certificate| x509::unknown_critical_extensions(&certificate))
                    .collect(),
            },
            Pki::NameConstraintViolation => self.name_constraints(),
            Pki::CaUsedAsEndEntity => Problem::IsAnAuthority,
            other => Problem::from(&other),
        };
        problem.error()
    }

    /// Finds the constraints of this chain's authorities that cannot be compared with its names.
    fn name_constraints(&self) -> Problem {
        let read: Vec<_> = self.certificates().filter_map(|der| x509::certificate(der)).collect();
        let mut constrained: Vec<_> = read.iter().flat_map(x509::constraints_of).collect();
        for anchor in &self.verifier.anchors {
            let name = Name::of(&anchor.subject);
            let issuer = |it: &X509Certificate<'_>| {
                x509::content(it.issuer().as_raw()).is_some_and(|issuer| name.is(&Name::of(issuer)))
            };
            let issues = read.iter().any(issuer);
            if let (true, Some(constraints)) = (issues, &anchor.name_constraints) {
                constrained.extend(x509::unsupported_constraints(constraints));
            }
        }
        let presented: Vec<_> = read.iter().flat_map(x509::names_of).collect();
        constrained.retain(|kind| presented.contains(kind));
        constrained.sort_unstable();
        constrained.dedup();
        Problem::NameConstraints { unsupported: constrained }
    }
}

fn purpose(values: Vec<usize>) -> ExtendedKeyPurpose {
    match &values[..] {
        webpki::KeyUsage::CLIENT_AUTH_REPR => ExtendedKeyPurpose::ClientAuth,
        webpki::KeyUsage::SERVER_AUTH_REPR => ExtendedKeyPurpose::ServerAuth,
        _ => ExtendedKeyPurpose::Other(values),
    }
}
