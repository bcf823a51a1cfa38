//! A check of received messages, before the peer handles them.

use super::{ClientConfig, Error, Message, ServerConfig};

/// Checks each received message, can refuse it with an alert, and can change the peer's
/// configuration. With it, a peer can keep rules that it does not implement.
pub(super) type Check = Box<dyn FnMut(&Message, Control<'_>) -> Result<(), u8> + Send>;

/// The configuration of a peer, plan included, for its next messages.
#[derive(Debug)]
pub enum Control<'a> {
    /// A client's configuration.
    Client(&'a mut ClientConfig),
    /// A server's configuration.
    Server(&'a mut ServerConfig),
}

/// Runs the check, and returns the plan for the next messages.
pub(super) fn ask(
    check: &mut Check,
    message: &Message,
    mut control: Control<'_>,
) -> Result<super::Plan, Error> {
    let again = match &mut control {
        Control::Client(config) => Control::Client(config),
        Control::Server(config) => Control::Server(config),
    };
    check(message, again).map_err(Error::Refused)?;
    Ok(match control {
        Control::Client(config) => config.plan.clone(),
        Control::Server(config) => config.plan.clone(),
    })
}
