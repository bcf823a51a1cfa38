//! Vouchers for chains that a verifier has accepted (RES-5).

use std::hash::Hasher;
use std::sync::OnceLock;

use rustls::crypto::{CryptoProvider, SecureRandom};
use rustls::ext_wire::resumption::Voucher;
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, UnixTime};

use siphasher::sip128::{Hasher128, SipHasher24};

use super::authority::{Limits, Validity};
use super::revocation::{CrlExpiry, RevocationList, newest};
use super::signs::Signs;
use super::verifier::Verifier;
use super::x509::{self, Name};

/// The key for the tags of one verifier's vouchers.
///
/// It is a code of all that the verifier's outcome depends on, apart from chain and time, under a secret
/// of this process. So verifiers of the same content share it, for example before and after files are
/// read again, and nothing outside of this process can know it.
pub(super) struct VoucherKey(Key);

/// A key, or a code, of [`Code`].
type Key = [u8; Voucher::TAG_LEN];

impl VoucherKey {
    /// The key of `verifier` for the scope of this name; `None` without random numbers.
    pub(super) fn of(verifier: &Verifier, scope: &str, provider: &CryptoProvider) -> Option<Self> {
        // Every field is named, so that a new one is not forgotten.
        let Verifier {
            algorithms,
            anchors,
            limits,
            pinned,
            lists,
            crl_expiry,
            usage,
            trust_domain,
            hints: _,
            voucher_key: _,
        } = verifier;
        let mut input = Code::new(secret(provider.secure_random)?);
        input.part(scope.as_bytes());
        input.parts(algorithms.all, |input, algorithm| {
            let identifiers = [algorithm.public_key_alg_id(), algorithm.signature_alg_id()];
            identifiers.iter().for_each(|it: &AlgorithmIdentifier| input.part(it));
        });
        input.parts(anchors, |input, anchor| {
            input.part(&anchor.subject);
            input.part(&anchor.subject_public_key_info);
            input.parts(&anchor.name_constraints, |input, constraints| input.part(constraints));
        });
        input.parts(limits, |input, limits| {
            // The anchors' own validity is not verified.
            let Limits { path_length, signs: Signs { certificates, lists }, validity: _ } = limits;
            input.parts(path_length, |input, most| input.part(&most.to_be_bytes()));
            input.part(&[u8::from(*certificates), u8::from(*lists)]);
        });
        input.parts(pinned, |input, pinned| input.part(&pinned.der));
        input.parts(lists, |input, list| input.part(list.der()));
        input.part(&[u8::from(*crl_expiry == CrlExpiry::Enforce)]);
        let (kind, purposes) = usage.content();
        input.part(&[kind]);
        input.parts(purposes, |input, purpose| input.part(purpose.as_bytes()));
        input.parts(trust_domain, |input, origin| input.part(origin.as_bytes()));
        Some(Self(input.finish()))
    }

    /// The tag of a voucher for this span of seconds, and for this chain.
    fn tag(&self, span: Span, chain: Chain<'_>) -> Key {
        let mut input = Code::new(&self.0);
        input.part(&span.not_before.to_be_bytes());
        input.part(&span.not_after.to_be_bytes());
        input.part(chain.end_entity);
        input.parts(chain.intermediates, |input, certificate| input.part(certificate));
        input.finish()
    }
}

/// The certificates that a client sent.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
}

impl Verifier {
    pub(super) fn voucher(&self, chain: Chain<'_>, now: UnixTime) -> Option<Voucher> {
        let key = self.voucher_key.as_ref()?;
        let span = self.span(chain)?;
        let Span { not_before, not_after } = span;
        let voucher = Voucher { not_before, not_after, tag: key.tag(span, chain) };
        voucher.covers(now.as_secs()).then_some(voucher)
    }

    pub(super) fn is_own(&self, voucher: &Voucher, chain: Chain<'_>) -> bool {
        let span = Span { not_before: voucher.not_before, not_after: voucher.not_after };
        self.voucher_key.as_ref().is_some_and(|key| key.tag(span, chain) == voucher.tag)
    }

    /// The span of time in which a chain that is accepted now stays accepted.
    ///
    /// The path that was found consists of certificates of this chain, and the revocation lists that
    /// were used are some of their issuers'. All of these are counted, so the span may be too short,
    /// but not too long.
    fn span(&self, chain: Chain<'_>) -> Option<Span> {
        if let Some(pinned) = self.pinned(chain.end_entity) {
            return Some(Span::of(&pinned.validity));
        }
        let mut span = Span { not_before: 0, not_after: u64::MAX };
        for der in std::iter::once(chain.end_entity).chain(chain.intermediates) {
            let (issuer, validity) = x509::issuer_and_validity(der)?;
            span.shorten(Span::of(&validity));
            if self.crl_expiry == CrlExpiry::Enforce && !self.lists.is_empty() {
                let name = Name::of(issuer);
                for list in self.lists_in_use(&name) {
                    // `nextUpdate` itself is too late.
                    let not_after = list.next_update().as_secs().checked_sub(1)?;
                    span.shorten(Span { not_before: list.this_update().as_secs(), not_after });
                }
            }
        }
        Some(span)
    }

    /// The lists of the issuer of this name that are used: of each key, the newest.
    ///
    /// A list that has been used has a known key.
    fn lists_in_use(&self, issuer: &Name) -> Vec<&RevocationList> {
        let lists: Vec<_> = self
            .lists
            .iter()
            .filter(|list| list.is_of(issuer) && list.known_key().is_some())
            .collect();
        let of_its_key = |list: &RevocationList| {
            let same = |other: &&RevocationList| other.known_key() == list.known_key();
            newest(&lists.iter().copied().filter(same).collect::<Vec<_>>())
        };
        lists
            .iter()
            .copied()
            .filter(|list| of_its_key(list).iter().any(|newest| std::ptr::eq(*newest, *list)))
            .collect()
    }
}

/// A span of time in seconds since the Unix epoch; both ends belong to it.
#[derive(Clone, Copy)]
struct Span {
    not_before: u64,
    not_after: u64,
}

impl Span {
    fn of(validity: &Validity) -> Self {
        let Validity { not_before, not_after } = validity;
        Self { not_before: not_before.as_secs(), not_after: not_after.as_secs() }
    }

    fn shorten(&mut self, other: Self) {
        self.not_before = self.not_before.max(other.not_before);
        self.not_after = self.not_after.min(other.not_after);
    }
}

/// A message authentication code: SipHash-2-4 with a key and a result of 128 bits.
///
/// It costs a resumption a tenth of what HMAC would. Each part is preceded by its length, so that
/// different inputs are different bytes.
struct Code(SipHasher24);

impl Code {
    fn new(key: &Key) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    fn length(&mut self, length: usize) {
        self.0.write(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn part(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.write(bytes);
    }

    fn finish(&self) -> Key {
        self.0.finish128().as_bytes()
    }

    fn parts<I>(&mut self, items: I, write: impl Fn(&mut Self, I::Item))
    where
        I: IntoIterator<IntoIter: ExactSizeIterator>,
    {
        let items = items.into_iter();
        self.length(items.len());
        items.for_each(|item| write(self, item));
    }
}

/// The secret of this process; `None` without random numbers.
fn secret(random: &dyn SecureRandom) -> Option<&'static Key> {
    static SECRET: OnceLock<Key> = OnceLock::new();
    if let Some(secret) = SECRET.get() {
        return Some(secret);
    }
    let mut secret = [0; Voucher::TAG_LEN];
    random.fill(&mut secret).ok()?;
    Some(SECRET.get_or_init(|| secret))
}

#[cfg(test)]
mod tests;
