//! The statement of a verifier that a certificate chain is valid for some time.

/// The statement of a verifier that it accepts a certificate chain for some time, as a session
/// records it.
///
/// A voucher takes the place of a verification at resumption (RES-5) if two conditions hold: the time
/// is in its span, and the same verifier, by [`tag`](Self::tag), gave it for the same chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Voucher {
    /// The first second at which the chain is valid, since the Unix epoch: of all certificates and
    /// revocation lists that the verification depends on, the latest start.
    pub not_before: u64,
    /// The last second at which it is valid: of all of them, the earliest end.
    pub not_after: u64,
    /// A message authentication code of the span, the chain, and everything else that the
    /// verification depends on: trust anchors, revocation lists, options and scope. Only the verifier
    /// knows its key.
    pub tag: [u8; Self::TAG_LEN],
}

impl Voucher {
    /// The length of a tag in bytes.
    pub const TAG_LEN: usize = 16;

    /// The length of an encoded voucher in bytes.
    pub const LEN: usize = 8 + 8 + Self::TAG_LEN;

    /// Returns true if `now`, in seconds since the Unix epoch, is in the span.
    ///
    /// ```
    /// use rustls_ext_wire::resumption::Voucher;
    ///
    /// let voucher = Voucher { not_before: 100, not_after: 200, tag: [0; Voucher::TAG_LEN] };
    /// assert!(voucher.covers(100) && voucher.covers(200));
    /// assert!(!voucher.covers(99) && !voucher.covers(201));
    /// ```
    #[must_use]
    pub const fn covers(&self, now: u64) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Decodes exactly these bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&not_before, rest) = bytes.split_first_chunk()?;
        let (&not_after, rest) = rest.split_first_chunk()?;
        Some(Self {
            not_before: u64::from_be_bytes(not_before),
            not_after: u64::from_be_bytes(not_after),
            tag: rest.try_into().ok()?,
        })
    }
}
