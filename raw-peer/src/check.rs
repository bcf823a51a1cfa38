//! Who looks at what is received before the peer itself does.

use super::{ClientConfig, Error, Message, ServerConfig};

/// Looks at every message that is received, refuses it with an alert if need be, and may change
/// what the peer does next. So a peer keeps rules of which it knows nothing.
pub(super) type Check = Box<dyn FnMut(&Message, Control<'_>) -> Result<(), u8> + Send>;

/// What a peer does from now on, plan included.
#[derive(Debug)]
pub enum Control<'a> {
    /// Of a client.
    Client(&'a mut ClientConfig),
    /// Of a server.
    Server(&'a mut ServerConfig),
}

/// Asks, and gives the plan that counts from now on.
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
