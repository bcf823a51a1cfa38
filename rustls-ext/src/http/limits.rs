//! Limits for reading challenges, which come from peers that may be malicious.
//!
//! Within these limits, reading takes time and memory in proportion to the length of the fields. A
//! field or a challenge that exceeds them is skipped, and the error is reported.

/// The maximum number of lines of a field in one message.
pub const FIELD_LINES: usize = 16;

/// The maximum length of one field line, in bytes.
pub const FIELD_LENGTH: usize = 16 * 1024;

/// The maximum number of challenges, of any scheme, in one field line.
pub const CHALLENGES: usize = 32;

/// The maximum number of parameters of one `ClientCertificate` challenge.
pub const PARAMETERS: usize = 128;

/// The maximum length of one parameter's value as written in the field, in bytes.
pub const VALUE_LENGTH: usize = 4 * 1024;
