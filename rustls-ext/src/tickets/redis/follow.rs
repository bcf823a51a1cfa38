//! Keeps the keys of a server equal to those in Redis.

use std::fmt;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use tokio::time::sleep;

use super::{KeyStore, KeyStoreError};
use crate::tickets::{TicketKeyError, TicketKeys, TicketKeysWarning, Tickets};
use crate::with_causes;

/// The longest time between two attempts, so that a server has the keys soon after Redis is back.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// A change of the keys of a server that follows Redis, or of their state.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// These keys are now in use.
    NewKeys(&'a TicketKeys),
    /// The keys cannot be read, after they could be, or for another reason than before. Those in
    /// use stay in use until they expire.
    Failed(&'a KeyStoreError),
    /// The keys can be read again.
    Recovered,
    /// The keys in use need attention. Reported once, until there is another warning or none.
    Warning(TicketKeysWarning),
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewKeys(keys) => write!(f, "{} keys in use", keys.iter().count()),
            Self::Failed(err) => write!(
                f,
                "cannot read them, so those in use stay in use until they expire: {}",
                with_causes(*err)
            ),
            Self::Recovered => f.write_str("can be read again"),
            Self::Warning(warning) => warning.fmt(f),
        }
    }
}

impl KeyStore {
    /// Reads the keys at the interval `every`, uses them in `tickets`, and reports what changes.
    ///
    /// While keys cannot be read, the pauses grow to 10 seconds. No keys at all count as such a
    /// failure. Never returns.
    pub async fn follow(
        &self,
        tickets: &Tickets,
        every: Duration,
        mut report: impl FnMut(Event<'_>),
    ) {
        let mut connection = None;
        let mut failure: Option<String> = None;
        let mut used = TicketKeys::default();
        let mut warned = None;
        let mut pause = every;
        loop {
            match self.poll(&mut connection).await {
                Ok(keys) => {
                    pause = every;
                    if failure.take().is_some() {
                        report(Event::Recovered);
                    }
                    if !keys.has_same_keys(&used) {
                        tickets.set_keys(&keys);
                        report(Event::NewKeys(&keys));
                        used = keys;
                    }
                }
                Err(err) => {
                    connection = None;
                    pause = (2 * pause).min(MAX_PAUSE).max(every);
                    let text = with_causes(&err);
                    if failure.as_ref() != Some(&text) {
                        report(Event::Failed(&err));
                        failure = Some(text);
                    }
                }
            }
            let warning = used.warning(UnixTime::now());
            if warning != warned {
                if let Some(warning) = warning {
                    report(Event::Warning(warning));
                }
                warned = warning;
            }
            sleep(pause).await;
        }
    }

    async fn poll(
        &self,
        connection: &mut Option<redis::aio::MultiplexedConnection>,
    ) -> Result<TicketKeys, KeyStoreError> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(self.connect().await?),
        };
        let keys = self.read_with(connection).await?;
        if keys.iter().next().is_none() {
            return Err(KeyStoreError::Keys(TicketKeyError::NoKeys));
        }
        Ok(keys)
    }
}
