//! Where a server's ticket keys come from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls_ext::rustls::ServerConfig;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::tickets::redis::{Event, KeyStore};
use rustls_ext::tickets::{TicketKeys, Tickets};
use rustls_ext::{Files, LoadError, with_causes};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::RedisArgs;
use crate::tls;
use command_line::Failure;

/// How long the start of a server may wait for Redis.
const FIRST_READ: Duration = Duration::from_secs(5);
/// How often a server reads the keys in Redis.
const POLL: Duration = Duration::from_secs(2);

/// Options about the session tickets of a server.
#[derive(Clone, Debug, Args)]
pub struct TicketArgs {
    /// A directory with ticket keys, which all nodes of a fleet share: a session of one node resumes
    /// on each other one, and --session-cache is not used. `rext ticket-keys` makes the keys. Group
    /// and world must not have access to them
    #[arg(long, value_name = "DIR")]
    pub ticket_keys: Option<PathBuf>,
    /// The same with keys in Redis or Valkey, which are read every 2 seconds:
    /// `rediss://[USER@]HOST[:PORT]` or `unix:///PATH[?user=USER]`
    #[arg(long, value_name = "URL", conflicts_with = "ticket_keys")]
    pub ticket_keys_redis: Option<String>,
    #[command(flatten)]
    /// Access to that Redis.
    pub redis: RedisArgs,
    /// The name of the fleet. Sessions resume only on nodes with the same name, even if others have
    /// the same keys
    #[arg(long, value_name = "NAME", default_value = "")]
    pub ticket_context: String,
}

/// Where the ticket keys of a server come from.
#[derive(Clone)]
pub(crate) enum TicketSource {
    /// There are none: sessions are kept by the server itself.
    Memory,
    /// Files of the load.
    Directory {
        path: PathBuf,
        context: String,
    },
    Redis {
        store: KeyStore,
        tickets: Arc<Tickets>,
    },
}

impl TicketSource {
    /// Checks the options. Does not connect to Redis.
    pub(crate) fn of(args: &TicketArgs) -> Result<Self, Failure> {
        let tickets = tickets(&TicketKeys::default(), &args.ticket_context)
            .map_err(|err| Failure::Usage(format!("--ticket-context: {}", with_causes(&err))))?;
        match (&args.ticket_keys, &args.ticket_keys_redis) {
            (None, Some(url)) => {
                let store = args.redis.store("--ticket-keys-redis", url)?;
                Ok(Self::Redis { store, tickets: Arc::new(tickets) })
            }
            (path, _) => {
                args.redis.refuse()?;
                let context = args.ticket_context.clone();
                Ok(path.clone().map_or(Self::Memory, |path| Self::Directory { path, context }))
            }
        }
    }

    /// Makes `config` use these keys.
    pub(crate) fn apply(
        &self,
        config: &mut ServerConfig,
        files: &mut Files,
    ) -> Result<(), LoadError> {
        match self {
            Self::Memory => {}
            Self::Directory { path, context } => {
                let keys = files.ticket_keys(path)?;
                if let Some(warning) = keys.warning(UnixTime::now()) {
                    warn!(directory = %path.display(), %warning, "ticket keys need attention");
                }
                config.ticketer = Arc::new(tickets(&keys, context)?);
            }
            Self::Redis { tickets, .. } => config.ticketer = tickets.clone(),
        }
        Ok(())
    }

    /// Reads the keys in Redis for the first connections. If that fails, the server works without
    /// tickets until it succeeds.
    pub(crate) async fn begin(&self) {
        if let Self::Redis { store, tickets } = self {
            // An error is logged by `follow()`, which meets it, too.
            if let Ok(Ok(keys)) = timeout(FIRST_READ, store.read()).await {
                tickets.set_keys(&keys);
            }
        }
    }

    /// Keeps the keys up to date.
    pub(crate) async fn follow(self) {
        if let Self::Redis { store, tickets } = self {
            store.follow(&tickets, POLL, log).await;
        }
    }
}

fn tickets(keys: &TicketKeys, context: &str) -> Result<Tickets, LoadError> {
    Ok(Tickets::new(keys, &tls::provider())?.with_context(context)?)
}

fn log(event: Event<'_>) {
    match event {
        Event::NewKeys(keys) => {
            let newest = keys.iter().next().map(ToString::to_string);
            info!(keys = keys.iter().count(), newest, "ticket keys loaded from Redis");
        }
        Event::Failed(err) => {
            error!(err = %with_causes(err), "cannot read ticket keys from Redis: those \
            in use stay in use until they expire")
        }
        Event::Recovered => info!("ticket keys can be read from Redis again"),
        Event::Warning(warning) => warn!(%warning, "ticket keys need attention"),
        _ => {}
    }
}
