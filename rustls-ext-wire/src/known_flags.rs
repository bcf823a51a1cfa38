//! The flags that documents define, with the messages in which they are allowed.

use crate::code_points::CodePoints;
use crate::flag::Flag;
use crate::table::Message::{self, *};

/// A flag that a document defines.
///
/// ```
/// use rustls_ext_wire::{CodePoints, Flag, KNOWN_FLAGS, KnownFlag};
///
/// let known = KnownFlag::with_number(Flag::new(8)?, &CodePoints::DEFAULT).ok_or("unknown")?;
/// assert_eq!(known.name, "resumption_across_names");
/// assert!(KNOWN_FLAGS.iter().any(|flag| flag.number.is_none()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownFlag {
    /// Its name.
    pub name: &'static str,
    /// Its number; `None` as long as its document has none. That of `request_client_auth` is the
    /// default one: see [`CodePoints`].
    pub number: Option<Flag>,
    /// The messages in which its document allows it.
    pub messages: &'static [Message],
    /// The document that defines it, with the section.
    pub source: &'static str,
}

/// The flags that documents define.
///
/// [`check`](crate::check) checks `request_client_auth` and `resumption_across_names`, by
/// [`TABLE`](crate::TABLE). The others have no number yet, so a flag cannot be recognized as one of
/// them: they are treated as unknown (FLAGS-6), and this crate does nothing with them.
pub static KNOWN_FLAGS: &[KnownFlag] = &[
    KnownFlag {
        name: "request_client_auth",
        number: Some(Flag::REQUEST_CLIENT_AUTH),
        messages: &[ClientHello, CertificateRequest],
        source: "draft-jhoyla-req-mtls-flag (June 2025)",
    },
    KnownFlag {
        name: "resumption_across_names",
        number: Some(Flag::RESUMPTION_ACROSS_NAMES),
        messages: &[NewSessionTicket],
        source: "draft-ietf-tls-cross-sni-resumption; draft-ietf-tls-tlsflags-16, IANA considerations",
    },
    KnownFlag {
        name: "extended_key_update",
        number: None,
        messages: &[ClientHello, EncryptedExtensions],
        source: "draft-ietf-tls-extended-key-update, IANA considerations",
    },
    KnownFlag {
        name: "supplemental_certificate",
        number: None,
        messages: &[ServerCertificate, ClientCertificate],
        source: "draft-rosomakho-tls-supplemental-auth, IANA considerations",
    },
];

impl KnownFlag {
    /// Returns the known flag with this number; `None` for an unknown one. `code_points` has the
    /// number of `request_client_auth`.
    #[must_use]
    pub fn with_number(flag: Flag, code_points: &CodePoints) -> Option<&'static Self> {
        KNOWN_FLAGS.iter().find(|known| known.number_in(code_points) == Some(flag))
    }

    fn number_in(&self, code_points: &CodePoints) -> Option<Flag> {
        match self.number {
            Some(Flag::REQUEST_CLIENT_AUTH) => Some(code_points.request_client_auth()),
            number => number,
        }
    }
}
