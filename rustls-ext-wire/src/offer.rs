//! The ways to offer, and the extensions of a message.

use core::fmt;

/// The protocol version, as far as it matters for offers.
// Closed: flags either exist or not, and another version is treated as the similar one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// TLS 1.2, which has no flags (FLAGS-9).
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The ways in which a client offers to authenticate: flag, CARE, origin hint, several or none.
///
/// An offer is never a credential: any client can send it.
///
/// ```
/// use rustls_ext_wire::Offer;
///
/// assert!(Offer::BOTH.has_flag() && Offer::BOTH.has_care());
/// assert!(Offer::BOTH.contains(Offer::CARE) && !Offer::FLAG.contains(Offer::CARE));
/// assert!(Offer::default().is_none());
/// assert_eq!(Offer::FLAG.with_origins(true).to_string(), "flag+origins");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offer {
    flag: bool,
    care: bool,
    origins: bool,
}

impl Offer {
    /// No offer.
    pub const NONE: Self = Self::new(false, false);
    /// By the flag `request_client_auth`, in TLS 1.3.
    pub const FLAG: Self = Self::new(true, false);
    /// By the extension `client_authentication_request` (CARE), in TLS 1.2 and 1.3.
    pub const CARE: Self = Self::new(false, true);
    /// By flag and CARE.
    pub const BOTH: Self = Self::new(true, true);
    /// By the extension `workload_identifier_origin_hint`, in TLS 1.3 (WIO-5).
    pub const ORIGINS: Self = Self::NONE.with_origins(true);

    /// Makes an offer from the ways for which the argument is true, without an origin hint.
    #[must_use]
    pub const fn new(flag: bool, care: bool) -> Self {
        Self { flag, care, origins: false }
    }

    /// Sets whether the offer includes an origin hint.
    #[must_use]
    pub const fn with_origins(self, origins: bool) -> Self {
        Self { origins, ..self }
    }

    /// Returns true if the flag is set.
    #[must_use]
    pub const fn has_flag(self) -> bool {
        self.flag
    }

    /// Returns true if CARE is set.
    #[must_use]
    pub const fn has_care(self) -> bool {
        self.care
    }

    /// Returns true if it includes an origin hint.
    #[must_use]
    pub const fn has_origins(self) -> bool {
        self.origins
    }

    /// Returns true if this offer includes every way of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        (self.flag || !other.flag) && (self.care || !other.care) && (self.origins || !other.origins)
    }

    /// Returns the ways as one word: `none`, `flag`, `care` or `both`; or with origins `origins`,
    /// `flag+origins`, `care+origins` or `both+origins`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.flag, self.care, self.origins) {
            (false, false, false) => "none",
            (true, false, false) => "flag",
            (false, true, false) => "care",
            (true, true, false) => "both",
            (false, false, true) => "origins",
            (true, false, true) => "flag+origins",
            (false, true, true) => "care+origins",
            (true, true, true) => "both+origins",
        }
    }

    /// Returns true if there is no offer.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.flag && !self.care && !self.origins
    }
}

impl fmt::Display for Offer {
    /// Writes [`name`](Self::name).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bodies of the extensions in one message, if it contains them.
// Closed, since TLS stacks construct it. Another extension would require changes to stacks anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received<'a> {
    /// The body of `tls_flags`.
    pub tls_flags: Option<&'a [u8]>,
    /// The body of `client_authentication_request`.
    pub care: Option<&'a [u8]>,
    /// The body of `workload_identifier_origin_hint`. A client that has not sent it passes `None`:
    /// in an answer it is then an unknown extension.
    pub origin_hint: Option<&'a [u8]>,
}
