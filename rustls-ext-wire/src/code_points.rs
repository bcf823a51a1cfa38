//! The configurable numbers of the extensions and the flag on the wire.

use core::fmt;

use crate::flag::Flag;

/// The numbers of the extensions and the flag on the wire.
///
/// They are configurable because they are not final: the flag's draft has no number yet (TBD), the
/// one public deployment sends extension 0xfe01 with flag 80, and `client_authentication_request`
/// (CARE) was never assigned a number, and `workload_identifier_origin_hint` has none yet. Client
/// and server of a connection must use the same numbers. The default is 62, IANA's `tls_flags`, and
/// flag 80; and for CARE 0xffca and for the origin hint 0xffcb, which are for private use.
///
/// ```
/// use rustls_ext_wire::{CodePoints, Flag};
///
/// let experiment = CodePoints::new(0xfe01, Flag::REQUEST_CLIENT_AUTH)?;
/// assert_eq!(experiment.tls_flags(), 65025);
/// # Ok::<(), rustls_ext_wire::CodePointError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodePoints {
    tls_flags: u16,
    request_client_auth: Flag,
    care: Option<u16>,
    origin_hint: Option<u16>,
}

impl CodePoints {
    /// `tls_flags` is 62, `request_client_auth` is flag 80, CARE is 0xffca, the origin hint is
    /// 0xffcb.
    pub const DEFAULT: Self = Self {
        tls_flags: 62,
        request_client_auth: Flag::REQUEST_CLIENT_AUTH,
        care: Some(0xffca),
        origin_hint: Some(0xffcb),
    };

    /// Sets the number of the `tls_flags` extension and of the `request_client_auth` flag; CARE and
    /// the origin hint have their default numbers.
    ///
    /// # Errors
    /// [`CodePointError`] if another extension uses the first number, assigned by IANA, by GREASE
    /// (RFC 8701) or in practice, or another flag uses the second. A peer would confuse the two.
    pub fn new(tls_flags: u16, request_client_auth: Flag) -> Result<Self, CodePointError> {
        let others = [(Self::DEFAULT.care, CARE), (Self::DEFAULT.origin_hint, ORIGIN_HINT)];
        if let Some(by) = extension_with(tls_flags, others) {
            return Err(CodePointError::ExtensionTaken { number: tls_flags, by });
        }
        if request_client_auth == Flag::RESUMPTION_ACROSS_NAMES {
            let (flag, by) = (request_client_auth, "resumption_across_names");
            return Err(CodePointError::FlagTaken { flag, by });
        }
        Ok(Self { tls_flags, request_client_auth, ..Self::DEFAULT })
    }

    /// Sets the number of the extension `client_authentication_request`.
    ///
    /// # Errors
    /// [`CodePointError::ExtensionTaken`] if another extension uses it, including `tls_flags` and
    /// the origin hint.
    pub fn with_care(self, care: u16) -> Result<Self, CodePointError> {
        let others = [(Some(self.tls_flags), TLS_FLAGS), (self.origin_hint, ORIGIN_HINT)];
        match extension_with(care, others) {
            Some(by) => Err(CodePointError::ExtensionTaken { number: care, by }),
            None => Ok(Self { care: Some(care), ..self }),
        }
    }

    /// Disables CARE: an extension with its number is treated as unknown.
    #[must_use]
    pub const fn without_care(self) -> Self {
        Self { care: None, ..self }
    }

    /// Sets the number of the extension `workload_identifier_origin_hint`.
    ///
    /// # Errors
    /// [`CodePointError::ExtensionTaken`] if another extension uses it, including `tls_flags` and
    /// CARE.
    pub fn with_origin_hint(self, origin_hint: u16) -> Result<Self, CodePointError> {
        let others = [(Some(self.tls_flags), TLS_FLAGS), (self.care, CARE)];
        match extension_with(origin_hint, others) {
            Some(by) => Err(CodePointError::ExtensionTaken { number: origin_hint, by }),
            None => Ok(Self { origin_hint: Some(origin_hint), ..self }),
        }
    }

    /// Disables the origin hint: an extension with its number is treated as unknown.
    #[must_use]
    pub const fn without_origin_hint(self) -> Self {
        Self { origin_hint: None, ..self }
    }

    /// Returns the number of the `tls_flags` extension.
    #[must_use]
    pub const fn tls_flags(&self) -> u16 {
        self.tls_flags
    }

    /// Returns the number of the extension `client_authentication_request`; `None` if CARE is
    /// disabled.
    #[must_use]
    pub const fn care(&self) -> Option<u16> {
        self.care
    }

    /// Returns the number of the extension `workload_identifier_origin_hint`; `None` if it is
    /// disabled.
    #[must_use]
    pub const fn origin_hint(&self) -> Option<u16> {
        self.origin_hint
    }

    /// Returns the number of the flag `request_client_auth`.
    #[must_use]
    pub const fn request_client_auth(&self) -> Flag {
        self.request_client_auth
    }
}

impl Default for CodePoints {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A number that is already in use on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodePointError {
    /// Another TLS extension has this number.
    ExtensionTaken {
        /// The number that was refused.
        number: u16,
        /// The extension that uses it.
        by: &'static str,
    },
    /// Another TLS flag has this number.
    FlagTaken {
        /// The flag that was refused.
        flag: Flag,
        /// The name of the flag that uses the number.
        by: &'static str,
    },
}

impl fmt::Display for CodePointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExtensionTaken { number, by } => {
                write!(f, "TLS extension {number} (0x{number:04x}) is already taken: {by}")
            }
            Self::FlagTaken { flag, by } => write!(f, "TLS flag {flag} is already taken: {by}"),
        }
    }
}

impl core::error::Error for CodePointError {}

const TLS_FLAGS: &str = "tls_flags";
const CARE: &str = "client_authentication_request";
const ORIGIN_HINT: &str = "workload_identifier_origin_hint";

/// The extension that uses this number: one of the two `others` of this project, or a foreign one.
fn extension_with(number: u16, others: [(Option<u16>, &'static str); 2]) -> Option<&'static str> {
    let other = others.into_iter().find(|(taken, _)| *taken == Some(number));
    other.map(|(_, name)| name).or_else(|| name_of(number))
}

/// The name of a foreign extension.
pub(crate) fn name_of(number: u16) -> Option<&'static str> {
    let [high, low] = number.to_be_bytes();
    if high == low && low & 0x0f == 0x0a {
        return Some("GREASE");
    }
    let from_zero = ASSIGNED.get(usize::from(number));
    let elsewhere = || ELSEWHERE.iter().find(|(taken, _)| *taken == number).map(|(_, by)| by);
    from_zero.or_else(elsewhere).copied()
}

/// IANA's registry "TLS ExtensionType Values" from 0 to 61; `tls_flags` is 62.
static ASSIGNED: [&str; 62] = [
    "server_name",
    "max_fragment_length",
    "client_certificate_url",
    "trusted_ca_keys",
    "truncated_hmac",
    "status_request",
    "user_mapping",
    "client_authz",
    "server_authz",
    "cert_type",
    "supported_groups",
    "ec_point_formats",
    "srp",
    "signature_algorithms",
    "use_srtp",
    "heartbeat",
    "application_layer_protocol_negotiation",
    "status_request_v2",
    "signed_certificate_timestamp",
    "client_certificate_type",
    "server_certificate_type",
    "padding",
    "encrypt_then_mac",
    "extended_master_secret",
    "token_binding",
    "cached_info",
    "tls_lts",
    "compress_certificate",
    "record_size_limit",
    "pwd_protect",
    "pwd_clear",
    "password_salt",
    "ticket_pinning",
    "tls_cert_with_extern_psk",
    "delegated_credential",
    "session_ticket",
    "TLMSP",
    "TLMSP_proxying",
    "TLMSP_delegate",
    "supported_ekt_ciphers",
    "reserved (once key_share)",
    "pre_shared_key",
    "early_data",
    "supported_versions",
    "cookie",
    "psk_key_exchange_modes",
    "reserved (once ticket_early_data_info)",
    "certificate_authorities",
    "oid_filters",
    "post_handshake_auth",
    "signature_algorithms_cert",
    "key_share",
    "transparency_info",
    "connection_id (deprecated)",
    "connection_id",
    "external_id_hash",
    "external_session_id",
    "quic_transport_parameters",
    "ticket_request",
    "dnssec_chain",
    "sequence_number_encryption_algorithms",
    "rrc",
];

/// Higher numbers, assigned by IANA or used by deployed software.
static ELSEWHERE: [(u16, &str); 15] = [
    (4832, "server_padding"),
    (0x3374, "next_protocol_negotiation"),
    (0x4469, "application_settings (old)"),
    (0x44cd, "application_settings"),
    (0x754f, "channel_id (old)"),
    (0x7550, "channel_id"),
    (0x8a3b, "pake"),
    (0xca34, "trust_anchors"),
    (0xfd00, "ech_outer_extensions"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
    (0xff02, "delegated_credential (draft)"),
    (0xffa5, "quic_transport_parameters (draft)"),
    (0xffce, "encrypted_server_name (draft)"),
    (0xffff, "reserved"),
];
