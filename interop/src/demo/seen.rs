//! What a client saw of its connection.

use command_line::{Failure, with_causes};
use rext_cli::client::ConnectionSummary;

/// What a client says of its connection.
#[derive(Debug, Default)]
pub struct Seen {
    /// What it knows of the connection, if it can tell.
    pub facts: Option<ConnectionSummary>,
    /// The alert that ended the connection, if any, and if it can tell.
    pub refused: Option<Option<String>>,
    /// The status code of the answer.
    pub http_status: Option<u16>,
}

pub(super) fn failed(err: impl std::error::Error + 'static) -> Failure {
    Failure::Failed(format!("cannot make a client: {}", with_causes(&err)))
}
