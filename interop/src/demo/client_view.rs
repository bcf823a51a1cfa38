//! The client's view of its connection.

use command_line::{Failure, with_causes};
use rext_cli::client::ConnectionSummary;

/// The client's view of its connection.
#[derive(Debug, Default)]
pub struct ClientView {
    /// The state of the connection, if the client can report it.
    pub facts: Option<ConnectionSummary>,
    /// The alert that ended the connection: `Some(None)` without an alert, `None` if the client cannot
    /// report it.
    pub refused: Option<Option<String>>,
    /// The status code of the response.
    pub http_status: Option<u16>,
}

pub(super) fn failed(err: impl std::error::Error + 'static) -> Failure {
    Failure::Failed(format!("cannot make a client: {}", with_causes(&err)))
}
