//! What is read of challenges at most. They come from peers that may mean harm.
//!
//! Within these limits, reading takes time and memory in proportion to the length of the fields.
//! Beyond them, a field or a challenge is left out, and that is reported.

/// Lines of a field, in one message.
pub const FIELD_LINES: usize = 16;

/// Octets of one field line.
pub const FIELD_LENGTH: usize = 16 * 1024;

/// Challenges of any scheme in one field line.
pub const CHALLENGES: usize = 32;

/// Parameters of one `ClientCertificate` challenge.
pub const PARAMETERS: usize = 128;

/// Octets of one parameter's value, as it stands in the field.
pub const VALUE_LENGTH: usize = 4 * 1024;
