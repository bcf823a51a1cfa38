//! What an offer consists of, and what of it a message brings.

use core::fmt;

/// The protocol version, as far as it matters here.
// Closed: flags are either there or not, and a version counts as the one that it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// TLS 1.2, in which there are no flags (FLAGS-9).
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// By which of the two ways a client offers to authenticate: flag, CARE, both or none.
///
/// It is a wish, never a credential: anybody can send it.
///
/// ```
/// use rustls_ext_wire::Offer;
///
/// assert!(Offer::BOTH.has_flag() && Offer::BOTH.has_care());
/// assert!(Offer::BOTH.contains(Offer::CARE) && !Offer::FLAG.contains(Offer::CARE));
/// assert!(Offer::default().is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offer {
    flag: bool,
    care: bool,
}

impl Offer {
    /// No offer.
    pub const NONE: Self = Self::new(false, false);
    /// By the flag `request_client_auth`, in TLS 1.3.
    pub const FLAG: Self = Self::new(true, false);
    /// By the extension `client_authentication_request` (CARE), in TLS 1.2 and 1.3.
    pub const CARE: Self = Self::new(false, true);
    /// By both.
    pub const BOTH: Self = Self::new(true, true);

    /// By each for which this is true.
    #[must_use]
    pub const fn new(flag: bool, care: bool) -> Self {
        Self { flag, care }
    }

    /// Whether it is made by the flag.
    #[must_use]
    pub const fn has_flag(self) -> bool {
        self.flag
    }

    /// Whether it is made by CARE.
    #[must_use]
    pub const fn has_care(self) -> bool {
        self.care
    }

    /// Whether it is made by every way of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        (self.flag || !other.flag) && (self.care || !other.care)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.flag && !self.care
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.flag, self.care) {
            (false, false) => "none",
            (true, false) => "flag",
            (false, true) => "care",
            (true, true) => "both",
        })
    }
}

/// The bodies of the two extensions in one message, where they are in it.
// Closed, since TLS stacks make it. For a third extension, a stack would have to be changed anyhow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received<'a> {
    /// The body of `tls_flags`.
    pub tls_flags: Option<&'a [u8]>,
    /// The body of `client_authentication_request`.
    pub care: Option<&'a [u8]>,
}
