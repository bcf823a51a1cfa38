//! All errors of the functions, with their status, alert, rule and message.

use core::fmt;

use rustls_ext_wire::authenticator::{
    AuthenticatorError, ContextError, RequestError, ValidateError, WriteError,
};
use rustls_ext_wire::resumption::RecordError;
use rustls_ext_wire::secondary::RequestsError;
use rustls_ext_wire::{
    Alert, CareError, CodePointError, Fault, FlagOutOfRange, FlagsError, NotTls, OriginError,
    OriginHintError, ScanError, Violation, WriteOriginsError,
};

use crate::status::*;

/// An error of a function.
pub(crate) enum Refusal {
    Misuse(Misuse),
    NotTls(NotTls),
    Scan(ScanError),
    Fault(Fault),
    CodePoint(CodePointError),
    Write(WriteError),
    Request(RequestError),
    Requests(RequestsError),
    /// The signature is the only fault that the codec does not find itself.
    Authenticator(ValidateError<()>),
    Context(ContextError),
    Origin(OriginError),
    Origins(WriteOriginsError),
}

/// A mistake of the caller, or an error of this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    Null,
    Alignment,
    Value(&'static str),
    Length,
    Buffer { needed: usize },
    Unset,
    Memory,
    Panic,
    Record,
    Callback,
}

impl Refusal {
    /// The status. Errors that a later codec adds are [`REXT_ERR_OTHER`] until they are added here;
    /// a test has a case for each error of the current codec.
    pub(crate) const fn status(&self) -> rext_status {
        match self {
            Self::Misuse(misuse) => misuse.status(),
            Self::CodePoint(_) => REXT_ERR_TAKEN,
            Self::NotTls(what) => match what {
                NotTls::Dtls => REXT_ERR_DTLS,
                NotTls::Ssl2 => REXT_ERR_SSL2,
                NotTls::Text => REXT_ERR_TEXT,
                _ => REXT_ERR_NOT_TLS,
            },
            Self::Scan(error) => scan_status(error),
            Self::Fault(Fault::Flags(error)) => match error {
                FlagsError::NoLength => REXT_ERR_FLAGS_NO_LENGTH,
                FlagsError::EmptyList => REXT_ERR_FLAGS_EMPTY_LIST,
                FlagsError::Truncated { .. } => REXT_ERR_FLAGS_TRUNCATED,
                FlagsError::TrailingBytes { .. } => REXT_ERR_FLAGS_TRAILING_BYTES,
                FlagsError::NoFlagSet => REXT_ERR_FLAGS_NONE_SET,
                FlagsError::TrailingZero => REXT_ERR_FLAGS_TRAILING_ZERO,
                _ => REXT_ERR_OTHER,
            },
            Self::Fault(Fault::Flag(_)) => REXT_ERR_FLAG_MISPLACED,
            Self::Fault(Fault::Care(error)) => match error {
                CareError::NotEmpty { .. } => REXT_ERR_CARE_NOT_EMPTY,
                CareError::Unsolicited => REXT_ERR_CARE_UNSOLICITED,
                CareError::Misplaced { .. } => REXT_ERR_CARE_MISPLACED,
                _ => REXT_ERR_OTHER,
            },
            Self::Fault(Fault::OriginHint(error)) => match error {
                OriginHintError::Misplaced { .. } => REXT_ERR_ORIGINS_MISPLACED,
                OriginHintError::Malformed { .. } => REXT_ERR_ORIGINS_MALFORMED,
                OriginHintError::Changed => REXT_ERR_ORIGINS_CHANGED,
                _ => REXT_ERR_OTHER,
            },
            Self::Fault(Fault::SecondHelloDiffers) => REXT_ERR_SECOND_HELLO_DIFFERS,
            Self::Fault(_) => REXT_ERR_OTHER,
            Self::Write(WriteError::NoRoom { .. }) => REXT_ERR_BUFFER,
            Self::Write(_) => REXT_ERR_VALUE,
            Self::Origins(WriteOriginsError::NoRoom { .. }) => REXT_ERR_BUFFER,
            Self::Origins(_) | Self::Origin(_) => REXT_ERR_VALUE,
            Self::Request(error) => request_status(error),
            Self::Requests(_) => REXT_ERR_REQUEST_LIST,
            Self::Authenticator(ValidateError::Authenticator(error)) => authenticator_status(error),
            Self::Authenticator(ValidateError::Signature(())) => REXT_ERR_AUTHENTICATOR_SIGNATURE,
            Self::Context(error) => match error {
                ContextError::Repeated => REXT_ERR_CONTEXT_REPEATED,
                ContextError::TooLong => REXT_ERR_VALUE,
                ContextError::Full => REXT_ERR_CONTEXT_FULL,
                ContextError::NotRequested => REXT_ERR_CONTEXT_NOT_REQUESTED,
                ContextError::Answered => REXT_ERR_CONTEXT_ANSWERED,
                _ => REXT_ERR_OTHER,
            },
        }
    }

    /// The alert to send, if any.
    pub(crate) const fn alert(&self) -> Option<Alert> {
        match self {
            Self::Scan(error) => Some(error.alert()),
            Self::Fault(fault) => Some(fault.alert()),
            Self::Misuse(_)
            | Self::NotTls(_)
            | Self::CodePoint(_)
            | Self::Write(_)
            | Self::Request(_)
            | Self::Requests(_)
            | Self::Authenticator(_)
            | Self::Context(_)
            | Self::Origin(_)
            | Self::Origins(_) => None,
        }
    }

    /// The rule that the peer broke; empty if it broke none.
    pub(crate) const fn rule(&self) -> &'static str {
        match self {
            Self::Scan(error) => error.rule(),
            Self::Fault(fault) => fault.rule(),
            Self::Request(error) => error.rule(),
            Self::Requests(error) => error.rule(),
            Self::Authenticator(error) => error.rule(),
            Self::Context(error) => error.rule(),
            Self::Misuse(_)
            | Self::NotTls(_)
            | Self::CodePoint(_)
            | Self::Write(_)
            | Self::Origin(_)
            | Self::Origins(_) => "",
        }
    }
}

const fn scan_status(error: &ScanError) -> rext_status {
    match error {
        ScanError::UnexpectedRecord { .. } => REXT_ERR_UNEXPECTED_RECORD,
        ScanError::Interleaved { .. } => REXT_ERR_INTERLEAVED,
        ScanError::RecordVersion => REXT_ERR_RECORD_VERSION,
        ScanError::EmptyRecord => REXT_ERR_EMPTY_RECORD,
        ScanError::RecordTooLong => REXT_ERR_RECORD_TOO_LONG,
        ScanError::NotAligned => REXT_ERR_NOT_ALIGNED,
        ScanError::UnexpectedMessage { .. } => REXT_ERR_UNEXPECTED_MESSAGE,
        ScanError::MessageTooLong { .. } => REXT_ERR_MESSAGE_TOO_LONG,
        ScanError::MessageTooShort => REXT_ERR_MESSAGE_TOO_SHORT,
        ScanError::Malformed { .. } => REXT_ERR_MALFORMED,
        ScanError::DuplicateExtension { .. } => REXT_ERR_DUPLICATE_EXTENSION,
        ScanError::AfterPreSharedKey { .. } => REXT_ERR_AFTER_PRE_SHARED_KEY,
        ScanError::BinderCount => REXT_ERR_BINDER_COUNT,
        _ => REXT_ERR_OTHER,
    }
}

const fn request_status(error: &RequestError) -> rext_status {
    match error {
        RequestError::UnexpectedMessage { .. } | RequestError::Malformed { .. } => {
            REXT_ERR_REQUEST_MALFORMED
        }
        RequestError::NoSchemes => REXT_ERR_REQUEST_NO_SCHEMES,
        RequestError::DuplicateExtension { .. } | RequestError::ForbiddenExtension { .. } => {
            REXT_ERR_REQUEST_EXTENSION
        }
        _ => REXT_ERR_OTHER,
    }
}

const fn authenticator_status(error: &AuthenticatorError) -> rext_status {
    use AuthenticatorError as E;
    match error {
        E::UnexpectedMessage { .. } | E::Malformed { .. } => REXT_ERR_AUTHENTICATOR_MALFORMED,
        E::NoCertificate => REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE,
        E::EmptyWithoutRequest => REXT_ERR_AUTHENTICATOR_EMPTY,
        E::Context => REXT_ERR_AUTHENTICATOR_CONTEXT,
        E::Mac => REXT_ERR_AUTHENTICATOR_MAC,
        E::UnsolicitedExtension { .. }
        | E::ForbiddenExtension { .. }
        | E::DuplicateExtension { .. } => REXT_ERR_AUTHENTICATOR_EXTENSION,
        E::SchemeNotRequested { .. } | E::SchemeNotAllowed { .. } => REXT_ERR_AUTHENTICATOR_SCHEME,
        _ => REXT_ERR_OTHER,
    }
}

impl Misuse {
    const fn status(self) -> rext_status {
        match self {
            Self::Null => REXT_ERR_NULL,
            Self::Alignment => REXT_ERR_ALIGNMENT,
            Self::Value(_) => REXT_ERR_VALUE,
            Self::Length => REXT_ERR_LENGTH,
            Self::Buffer { .. } => REXT_ERR_BUFFER,
            Self::Unset => REXT_ERR_UNSET,
            Self::Memory => REXT_ERR_MEMORY,
            Self::Panic => REXT_ERR_PANIC,
            Self::Record => REXT_ERR_RECORD,
            Self::Callback => REXT_ERR_CALLBACK,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::NotTls(what) => what.fmt(f),
            Self::Scan(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::CodePoint(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Requests(error) => error.fmt(f),
            Self::Authenticator(error) => error.fmt(f),
            Self::Context(error) => error.fmt(f),
            Self::Origin(error) => error.fmt(f),
            Self::Origins(all @ WriteOriginsError::NotAnOrigin { error, .. }) => {
                write!(f, "{all}: {error}")
            }
            Self::Origins(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "a pointer that must not be NULL is NULL",
            Self::Alignment => "a pointer is not aligned for its type",
            Self::Value(what) => return write!(f, "an argument is not {what}"),
            Self::Length => "a length is greater than any object can be",
            Self::Buffer { needed } => {
                return write!(f, "a buffer is too short: {needed} bytes are needed");
            }
            Self::Unset => "a struct was not filled by a function of this library",
            Self::Memory => "not enough memory",
            Self::Panic => "a bug in this library",
            Self::Record => "not a session record of a known version",
            Self::Callback => "a callback failed",
        })
    }
}

impl From<Misuse> for Refusal {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<FlagOutOfRange> for Refusal {
    fn from(_: FlagOutOfRange) -> Self {
        Self::Misuse(Misuse::Value("a TLS flag, 0 to 2039"))
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        Self::Misuse(match error {
            RecordError::NoRoom { needed } => Misuse::Buffer { needed },
            _ => Misuse::Value("a scope, which has 1 to 255 bytes"),
        })
    }
}

impl From<CodePointError> for Refusal {
    fn from(error: CodePointError) -> Self {
        Self::CodePoint(error)
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Request(error) => Self::Request(error),
            error => Self::Write(error),
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<RequestsError> for Refusal {
    fn from(error: RequestsError) -> Self {
        Self::Requests(error)
    }
}

impl From<AuthenticatorError> for Refusal {
    fn from(error: AuthenticatorError) -> Self {
        Self::Authenticator(error.into())
    }
}

impl From<ContextError> for Refusal {
    fn from(error: ContextError) -> Self {
        Self::Context(error)
    }
}

impl From<NotTls> for Refusal {
    fn from(what: NotTls) -> Self {
        Self::NotTls(what)
    }
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<FlagsError> for Refusal {
    fn from(error: FlagsError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Fault(violation.into())
    }
}

impl From<OriginHintError> for Refusal {
    fn from(error: OriginHintError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<OriginError> for Refusal {
    fn from(error: OriginError) -> Self {
        Self::Origin(error)
    }
}

impl From<WriteOriginsError> for Refusal {
    fn from(error: WriteOriginsError) -> Self {
        Self::Origins(error)
    }
}

impl From<CareError> for Refusal {
    fn from(error: CareError) -> Self {
        Self::Fault(error.into())
    }
}
