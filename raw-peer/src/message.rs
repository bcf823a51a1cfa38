//! Handshake messages as plain structs (RFC 8446 section 4), with contents neither checked nor
//! corrected.

use std::fmt;

use super::Extension;

/// HandshakeType (RFC 8446 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandshakeType(pub u8);

macro_rules! handshake_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl HandshakeType {
            $($(#[$doc])* pub const $name: Self = Self($value);)*
        }

        impl fmt::Display for HandshakeType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($value => f.write_str($text),)*
                    other => write!(f, "handshake message {other}"),
                }
            }
        }
    };
}

handshake_types! {
    /// client_hello.
    CLIENT_HELLO = 1, "ClientHello";
    /// server_hello.
    SERVER_HELLO = 2, "ServerHello";
    /// new_session_ticket.
    NEW_SESSION_TICKET = 4, "NewSessionTicket";
    /// end_of_early_data.
    END_OF_EARLY_DATA = 5, "EndOfEarlyData";
    /// HelloRetryRequest, in the log only. On the wire it is a ServerHello with a special random;
    /// this is the number that RFC 8446 reserves for it.
    HELLO_RETRY_REQUEST = 6, "HelloRetryRequest";
    /// encrypted_extensions.
    ENCRYPTED_EXTENSIONS = 8, "EncryptedExtensions";
    /// certificate.
    CERTIFICATE = 11, "Certificate";
    /// certificate_request.
    CERTIFICATE_REQUEST = 13, "CertificateRequest";
    /// certificate_verify.
    CERTIFICATE_VERIFY = 15, "CertificateVerify";
    /// finished.
    FINISHED = 20, "Finished";
    /// key_update.
    KEY_UPDATE = 24, "KeyUpdate";
    /// compressed_certificate (RFC 8879).
    COMPRESSED_CERTIFICATE = 25, "CompressedCertificate";
}

impl fmt::Debug for HandshakeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
pub const HELLO_RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// ClientHello (RFC 8446 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Named as in the RFC.
pub struct ClientHello {
    pub legacy_version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub cipher_suites: Vec<u16>,
    pub compression_methods: Vec<u8>,
    pub extensions: Vec<Extension>,
}

/// ServerHello and HelloRetryRequest (RFC 8446 sections 4.1.3 and 4.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServerHello {
    pub legacy_version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub cipher_suite: u16,
    pub compression_method: u8,
    pub extensions: Vec<Extension>,
}

impl ServerHello {
    /// Whether it is a HelloRetryRequest.
    pub fn is_retry(&self) -> bool {
        self.random == HELLO_RETRY_RANDOM
    }
}

/// CertificateRequest (RFC 8446 section 4.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CertificateRequest {
    pub context: Vec<u8>,
    pub extensions: Vec<Extension>,
}

/// Certificate (RFC 8446 section 4.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Certificate {
    pub context: Vec<u8>,
    pub entries: Vec<CertificateEntry>,
}

/// One certificate of the chain, with its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CertificateEntry {
    pub der: Vec<u8>,
    pub extensions: Vec<Extension>,
}

/// CompressedCertificate (RFC 8879 section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CompressedCertificate {
    pub algorithm: u16,
    /// At most 2^24 - 1.
    pub uncompressed_length: usize,
    pub compressed: Vec<u8>,
}

/// CertificateVerify (RFC 8446 section 4.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CertificateVerify {
    pub scheme: u16,
    pub signature: Vec<u8>,
}

/// NewSessionTicket (RFC 8446 section 4.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NewSessionTicket {
    /// Seconds.
    pub lifetime: u32,
    pub age_add: u32,
    pub nonce: Vec<u8>,
    pub ticket: Vec<u8>,
    pub extensions: Vec<Extension>,
}

/// Any handshake message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Handshake {
    ClientHello(ClientHello),
    /// Also HelloRetryRequest: see [`ServerHello::is_retry`].
    ServerHello(ServerHello),
    EncryptedExtensions(Vec<Extension>),
    CertificateRequest(CertificateRequest),
    Certificate(Certificate),
    CompressedCertificate(CompressedCertificate),
    CertificateVerify(CertificateVerify),
    Finished(Vec<u8>),
    NewSessionTicket(NewSessionTicket),
    /// Any other message.
    Other(HandshakeType, Vec<u8>),
}

impl Handshake {
    /// The type byte that goes on the wire.
    pub fn typ(&self) -> HandshakeType {
        match self {
            Self::ClientHello(_) => HandshakeType::CLIENT_HELLO,
            Self::ServerHello(_) => HandshakeType::SERVER_HELLO,
            Self::EncryptedExtensions(_) => HandshakeType::ENCRYPTED_EXTENSIONS,
            Self::CertificateRequest(_) => HandshakeType::CERTIFICATE_REQUEST,
            Self::Certificate(_) => HandshakeType::CERTIFICATE,
            Self::CompressedCertificate(_) => HandshakeType::COMPRESSED_CERTIFICATE,
            Self::CertificateVerify(_) => HandshakeType::CERTIFICATE_VERIFY,
            Self::Finished(_) => HandshakeType::FINISHED,
            Self::NewSessionTicket(_) => HandshakeType::NEW_SESSION_TICKET,
            Self::Other(typ, _) => *typ,
        }
    }

    /// The extension blocks: one, or one per entry of a Certificate, or none.
    pub fn blocks(&self) -> Vec<&[Extension]> {
        match self {
            Self::ClientHello(m) => vec![&m.extensions],
            Self::ServerHello(m) => vec![&m.extensions],
            Self::EncryptedExtensions(extensions) => vec![extensions],
            Self::CertificateRequest(m) => vec![&m.extensions],
            Self::Certificate(m) => m.entries.iter().map(|e| e.extensions.as_slice()).collect(),
            Self::NewSessionTicket(m) => vec![&m.extensions],
            _ => Vec::new(),
        }
    }

    /// [`Handshake::blocks`], to be altered.
    pub fn blocks_mut(&mut self) -> Vec<&mut Vec<Extension>> {
        match self {
            Self::ClientHello(m) => vec![&mut m.extensions],
            Self::ServerHello(m) => vec![&mut m.extensions],
            Self::EncryptedExtensions(extensions) => vec![extensions],
            Self::CertificateRequest(m) => vec![&mut m.extensions],
            Self::Certificate(m) => m.entries.iter_mut().map(|e| &mut e.extensions).collect(),
            Self::NewSessionTicket(m) => vec![&mut m.extensions],
            _ => Vec::new(),
        }
    }
}
