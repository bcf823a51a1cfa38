//! A view of a ClientHello, without copies.

use core::fmt;

use super::bodies;
use super::known::{Known, Places};
use super::lists::{Authorities, Extensions, Numbers, Protocols};
use crate::care::{CareError, check_care};
use crate::flag_set::FlagSet;
use crate::flag_set::FlagsError;
use crate::offer::{Received, Version};
use crate::origin::{OriginHintError, Origins};
use crate::table::Message;

/// A ClientHello whose structure was checked, borrowed from its bytes (RFC 8446 section 4.1.2, RFC
/// 5246 section 7.4.1.2). [`Scan`](crate::Scan) makes it.
///
/// It consists of a few pointers into the message: nothing is copied or allocated. All values are
/// as the client sent them, including GREASE. Whether a value is sensible, such as a server name,
/// is for the caller to check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) extensions: &'a [u8],
    pub(crate) places: Places,
}

impl<'a> ClientHello<'a> {
    /// Returns `legacy_version`: 0x0303 for TLS 1.2 and 1.3, less for older versions.
    #[must_use]
    pub fn legacy_version(&self) -> u16 {
        self.body.first_chunk().map_or(0, |version| u16::from_be_bytes(*version))
    }

    /// Returns `random`, 32 bytes.
    #[must_use]
    pub fn random(&self) -> &'a [u8] {
        self.body.get(2..34).unwrap_or_default()
    }

    /// Returns `legacy_session_id`, 0 to 32 bytes.
    #[must_use]
    pub fn session_id(&self) -> &'a [u8] {
        self.session_id_and_rest().unwrap_or_default().0
    }

    /// Returns `cipher_suites`, in the client's order.
    pub fn cipher_suites(&self) -> Numbers<'a> {
        let (_, rest) = self.session_id_and_rest().unwrap_or_default();
        Numbers(bodies::item16(rest).unwrap_or_default().0)
    }

    fn session_id_and_rest(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (length, rest) = self.body.get(34..)?.split_first()?;
        rest.split_at_checked(usize::from(*length))
    }

    /// Returns the host name in the extension `server_name` (RFC 6066 section 3), as sent: one byte
    /// or more.
    #[must_use]
    #[inline]
    pub fn server_name(&self) -> Option<&'a [u8]> {
        self.known(Known::ServerName)?.get(5..) // after three lengths and kinds
    }

    /// Returns the client's application protocols (RFC 7301), in its order: names of one byte or
    /// more. Empty without the extension.
    #[inline]
    pub fn alpn(&self) -> Protocols<'a> {
        let body = self.known(Known::Alpn);
        Protocols(body.and_then(|body| body.get(2..)).unwrap_or_default())
    }

    /// Returns the versions that the client offers, in its order: those of `supported_versions`, or
    /// without that extension the one of `legacy_version`, which means that version and older ones,
    /// but never TLS 1.3 (RFC 8446 section 4.2.1).
    #[inline]
    pub fn versions(&self) -> Numbers<'a> {
        let listed = self.known(Known::SupportedVersions).and_then(|body| body.get(1..));
        Numbers(listed.or(self.body.get(..2)).unwrap_or_default())
    }

    /// Returns true if the client offers TLS 1.3.
    #[must_use]
    #[inline]
    pub fn offers_tls13(&self) -> bool {
        self.known(Known::SupportedVersions).is_some() && self.versions().any(|v| v == 0x0304)
    }

    /// Returns the flags of the extension `tls_flags`; `None` without it.
    ///
    /// # Errors
    /// [`FlagsError`]. Only a server that negotiates TLS 1.3 ends the connection because of it;
    /// under older versions the extension is ignored, whatever it contains (FLAGS-9). That is why
    /// the scan does not check it.
    pub fn flags(&self) -> Result<Option<FlagSet>, FlagsError> {
        self.tls_flags().map(FlagSet::decode).transpose()
    }

    /// Returns the body of the extension `tls_flags`, as sent; `None` without it.
    #[must_use]
    #[inline]
    pub fn tls_flags(&self) -> Option<&'a [u8]> {
        self.known(Known::TlsFlags)
    }

    /// Returns the extensions that a [`ServerNegotiation`](crate::ServerNegotiation) needs.
    #[must_use]
    pub fn received(&self) -> Received<'a> {
        Received {
            tls_flags: self.tls_flags(),
            care: self.known(Known::Care),
            origin_hint: self.origin_hint(),
        }
    }

    /// Returns true if the extension `client_authentication_request` (CARE) is present.
    ///
    /// # Errors
    /// [`CareError`] if its body is not empty (CARE-1).
    pub fn care(&self) -> Result<bool, CareError> {
        let Some(body) = self.known(Known::Care) else {
            return Ok(false);
        };
        // In a ClientHello the version does not matter, and CARE does not answer anything.
        check_care(Message::ClientHello, Version::Tls13, body, false).map(|()| true)
    }

    /// Returns the origins in the extension `workload_identifier_origin_hint`; `None` without it.
    ///
    /// # Errors
    /// [`OriginHintError`] if the structure of the list is wrong (WIO-2). Only a server that
    /// negotiates TLS 1.3 ends the connection because of it, so the scan does not check it.
    pub fn origins(&self) -> Result<Option<Origins<'a>>, OriginHintError> {
        self.origin_hint().map(Origins::decode).transpose()
    }

    /// Returns the body of the extension `workload_identifier_origin_hint`, as sent; `None` without
    /// it.
    #[must_use]
    #[inline]
    pub fn origin_hint(&self) -> Option<&'a [u8]> {
        self.known(Known::OriginHint)
    }

    /// Returns the distinguished names of the authorities that the client trusts (RFC 8446 section
    /// 4.2.4), in its order, each in DER as sent. Empty without the extension.
    pub fn certificate_authorities(&self) -> Authorities<'a> {
        let body = self.known(Known::CertificateAuthorities);
        Authorities(body.and_then(|body| body.get(2..)).unwrap_or_default())
    }

    /// Returns the kind of ClientHello, inner or outer, in Encrypted Client Hello; `None` without
    /// it.
    #[must_use]
    #[inline]
    pub fn ech(&self) -> Option<Ech> {
        match self.known(Known::EncryptedClientHello)? {
            [1, ..] => Some(Ech::Inner),
            _ => Some(Ech::Outer),
        }
    }

    /// Returns true if the client offers a pre-shared key, usually from an earlier session
    /// (`pre_shared_key`, RFC 8446 section 4.2.11).
    #[must_use]
    #[inline]
    pub fn has_pre_shared_key(&self) -> bool {
        self.known(Known::PreSharedKey).is_some()
    }

    /// Returns the body of the extension with this number, known or not; `None` without it.
    #[must_use]
    pub fn extension(&self, number: u16) -> Option<&'a [u8]> {
        self.extensions().find_map(|(found, body)| (found == number).then_some(body))
    }

    /// Returns the extensions, in the client's order, each as number and body.
    pub const fn extensions(&self) -> Extensions<'a> {
        Extensions(self.extensions)
    }

    /// Returns the message, without the four bytes of its header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    #[inline]
    fn known(&self, known: Known) -> Option<&'a [u8]> {
        self.places.find(known, self.extensions)
    }
}

impl fmt::Debug for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Name<'a>(&'a [u8]);
        impl fmt::Debug for Name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.0.escape_ascii())
            }
        }
        struct List<I>(I);
        impl<I: Iterator<Item: fmt::Debug> + Clone> fmt::Debug for List<I> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.clone()).finish()
            }
        }
        f.debug_struct("ClientHello")
            .field("server_name", &self.server_name().map(Name))
            .field("alpn", &List(self.alpn().map(Name)))
            .field("versions", &List(self.versions()))
            .field("extensions", &List(self.extensions().map(|(number, _)| number)))
            .finish_non_exhaustive()
    }
}

/// The kind of ClientHello in Encrypted Client Hello (RFC 9849 section 5).
// Closed: RFC 9849 has these two types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ech {
    /// The outer one: it contains an encrypted ClientHello that only the server can read, or
    /// imitates one (GREASE). If it contains one, the server name and other values are not the ones
    /// that the client really wants.
    Outer,
    /// The inner one, which a server that decrypted it passes on. No client sends it unencrypted.
    Inner,
}
