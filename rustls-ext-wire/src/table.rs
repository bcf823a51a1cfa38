//! The table of flags that are allowed in each message, and the check that applies it.

use core::fmt;

use crate::alert::Alert;
use crate::code_points::CodePoints;
use crate::flag::Flag;
use crate::flag_set::FlagSet;
use crate::rules::{self, Rule};
use Permission::{IfAnswered, May, Never};

/// A message that may contain the `tls_flags` extension (FLAGS-4).
///
/// TLS has one Certificate message and one ServerHello. The table distinguishes the server's
/// Certificate from the client's, and a ServerHello from a HelloRetryRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Message {
    /// ClientHello, the first and the second.
    ClientHello,
    /// ServerHello, when it is not a HelloRetryRequest.
    ServerHello,
    /// HelloRetryRequest.
    HelloRetryRequest,
    /// EncryptedExtensions.
    EncryptedExtensions,
    /// CertificateRequest.
    CertificateRequest,
    /// The server's Certificate: the extensions of its entries.
    ServerCertificate,
    /// The client's Certificate: the extensions of its entries.
    ClientCertificate,
    /// NewSessionTicket.
    NewSessionTicket,
}

impl Message {
    /// Every message, in the order of [`TABLE`].
    pub const ALL: &'static [Self] = &[
        Self::ClientHello,
        Self::ServerHello,
        Self::HelloRetryRequest,
        Self::EncryptedExtensions,
        Self::CertificateRequest,
        Self::ServerCertificate,
        Self::ClientCertificate,
        Self::NewSessionTicket,
    ];

    /// Returns the message's row of [`TABLE`].
    #[must_use]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Returns the name, in the spelling of RFC 8446.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientHello => "ClientHello",
            Self::ServerHello => "ServerHello",
            Self::HelloRetryRequest => "HelloRetryRequest",
            Self::EncryptedExtensions => "EncryptedExtensions",
            Self::CertificateRequest => "CertificateRequest",
            Self::ServerCertificate => "Certificate of the server",
            Self::ClientCertificate => "Certificate of the client",
            Self::NewSessionTicket => "NewSessionTicket",
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The condition under which a flag is allowed in a message.
// Closed, since a check of a caller's own would need a wildcard, which would be a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// It is allowed, unsolicited.
    May,
    /// It is allowed only if the message that this one answers contained it ([`Row::answers`]).
    IfAnswered,
    /// It is not allowed.
    Never,
}

/// A permission, and the rule that defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cell {
    /// Whether a flag is allowed there.
    pub permission: Permission,
    /// The rule that defines it, such as `"FLAGS-5"`: see [`rules::find`].
    pub rule: &'static str,
}

/// The flags and the origin hint: whether they are allowed in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive] // a further known flag or extension adds a column
pub struct Row {
    /// The message.
    pub message: Message,
    /// The message whose flags it may answer; `None` for a message that answers nothing.
    pub answers: Option<Message>,
    /// The condition for every flag, known or not.
    pub any_flag: Cell,
    /// The additional condition for `request_client_auth`.
    pub request_client_auth: Cell,
    /// The additional condition for `resumption_across_names`.
    pub resumption_across_names: Cell,
    /// The condition for the extension `workload_identifier_origin_hint`.
    pub origin_hint: Cell,
}

impl Row {
    /// The flags that have cells of their own, with the numbers of these code points.
    const fn known_flags(&self, code_points: &CodePoints) -> [(Flag, Cell); 2] {
        [
            (code_points.request_client_auth(), self.request_client_auth),
            (Flag::RESUMPTION_ACROSS_NAMES, self.resumption_across_names),
        ]
    }
}

/// The flags that are allowed in each message: a row per message, in the order of [`Message::ALL`].
///
#[doc = include_str!("table.md")]
///
/// "If answered" means: only if the message that this one answers contained it. The columns of
/// single flags apply in addition to the column for any flag. CARE is
/// `client_authentication_request`, which [`check_care`](crate::check_care) checks; origins are in
/// `workload_identifier_origin_hint`, which [`check_origin_hint`](crate::check_origin_hint) checks.
///
/// [FLAGS-4]: crate::rules::FLAGS_4
/// [FLAGS-5]: crate::rules::FLAGS_5
/// [RCA-4]: crate::rules::RCA_4
/// [RCA-5]: crate::rules::RCA_5
/// [CARE-3]: crate::rules::CARE_3
/// [WIO-1]: crate::rules::WIO_1
pub static TABLE: &[Row] = &ROWS;

/// The table with its length, so that compiling it checks that there is a row for each message.
static ROWS: [Row; Message::ALL.len()] = [
    Row {
        message: Message::ClientHello,
        answers: None,
        any_flag: cell(May, rules::FLAGS_5),
        request_client_auth: cell(May, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(May, rules::WIO_1),
    },
    Row {
        message: Message::ServerHello,
        answers: Some(Message::ClientHello),
        any_flag: cell(IfAnswered, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::HelloRetryRequest,
        answers: Some(Message::ClientHello),
        any_flag: cell(IfAnswered, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::EncryptedExtensions,
        answers: Some(Message::ClientHello),
        any_flag: cell(IfAnswered, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::CertificateRequest,
        answers: Some(Message::ClientHello),
        any_flag: cell(May, rules::FLAGS_5),
        request_client_auth: cell(IfAnswered, rules::RCA_4),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::ServerCertificate,
        answers: Some(Message::ClientHello),
        any_flag: cell(IfAnswered, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::ClientCertificate,
        answers: Some(Message::CertificateRequest),
        any_flag: cell(IfAnswered, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(Never, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
    Row {
        message: Message::NewSessionTicket,
        answers: None,
        any_flag: cell(May, rules::FLAGS_5),
        request_client_auth: cell(Never, rules::RCA_5),
        resumption_across_names: cell(May, rules::FLAGS_4),
        origin_hint: cell(Never, rules::WIO_1),
    },
];

const fn cell(permission: Permission, rule: Rule) -> Cell {
    Cell { permission, rule: rule.id }
}

/// Checks whether the flags that a peer sent in `message` are allowed there, by [`TABLE`].
///
/// `answered` contains the flags of the message that this one answers. For the client's Certificate
/// that is the CertificateRequest; for every other message that a server sends before it has
/// finished, including CertificateRequest, it is the ClientHello; for ClientHello and
/// NewSessionTicket, which answer nothing, pass [`FlagSet::EMPTY`]. `code_points` has the number of
/// `request_client_auth`.
///
/// # Errors
/// [`Violation`] names one flag that is not allowed: first `request_client_auth` and
/// `resumption_across_names`, then the lowest. Every violation ends the handshake with
/// `illegal_parameter`.
///
/// ```
/// use rustls_ext_wire::{CodePoints, Flag, FlagSet, Message, check};
///
/// // A server that acknowledges an offer that was never made.
/// let received = FlagSet::single(Flag::REQUEST_CLIENT_AUTH);
/// let (hello, code_points) = (FlagSet::EMPTY, CodePoints::default());
/// let violation =
///     check(Message::CertificateRequest, &received, &hello, &code_points).unwrap_err();
/// assert_eq!(violation.rule(), "RCA-4");
/// ```
pub fn check(
    message: Message,
    received: &FlagSet,
    answered: &FlagSet,
    code_points: &CodePoints,
) -> Result<(), Violation> {
    let row = message.row();
    for (flag, Cell { permission, rule }) in row.known_flags(code_points) {
        let allowed = match permission {
            May => true,
            IfAnswered => answered.contains(flag),
            Never => false,
        };
        if !allowed && received.contains(flag) {
            return Err(Violation { rule, flag, message });
        }
    }

    let Cell { permission, rule } = row.any_flag;
    let mut flags = received.iter();
    let refused = match permission {
        May => None,
        IfAnswered => flags.find(|flag| !answered.contains(*flag)),
        Never => flags.next(),
    };
    refused.map_or(Ok(()), |flag| Err(Violation { rule, flag, message }))
}

// `Message::row` finds a row by the message's position in the enum.
const _: () = {
    let mut place = 0;
    while place < ROWS.len() {
        assert!(ROWS[place].message as usize == place);
        assert!(Message::ALL[place] as usize == place);
        place += 1;
    }
};

/// A flag that is not allowed in the message that contained it; the error of
/// [`check`](crate::check).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) flag: Flag,
    pub(crate) message: Message,
}

impl Violation {
    /// Returns the rule that the flag breaks, such as `"FLAGS-5"` or `"RCA-4"`: see
    /// [`rules::find`].
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Returns the flag.
    #[must_use]
    pub const fn flag(&self) -> Flag {
        self.flag
    }

    /// Returns the message that contained it.
    #[must_use]
    pub const fn message(&self) -> Message {
        self.message
    }

    /// Returns the alert to send: `illegal_parameter` for every rule (FLAGS-5, RCA-4, RCA-5).
    #[must_use]
    pub const fn alert(&self) -> Alert {
        Alert::ILLEGAL_PARAMETER
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, flag, message } = self;
        write!(f, "TLS flag {flag} is not allowed in this {message} ({rule})")
    }
}

impl core::error::Error for Violation {}
