//! Ticket keys in Redis or Valkey, so that a rotation reaches all servers of a fleet within seconds.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use rustls_ext::rustls::{ClientConfig, ServerConfig};
//! use rustls_ext::tickets::redis::{Event, KeyStore};
//! use rustls_ext::tickets::{TicketKeys, Tickets};
//!
//! # fn tickets(
//! #     config: &mut ServerConfig, password: &str, tls: Arc<ClientConfig>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let store = KeyStore::new("rediss://fleet@redis.example.com", password, Some(tls))?;
//! let tickets = Arc::new(Tickets::new(&TicketKeys::default(), config.crypto_provider())?);
//! config.ticketer = tickets.clone();
//! tokio::spawn(async move {
//!     let log = |event: Event<'_>| eprintln!("ticket keys: {event}");
//!     store.follow(&tickets, Duration::from_secs(2), log).await;
//! });
//! # Ok(())
//! # }
//! ```
//!
//! # Access
//! Ticket keys can forge any identity, so the connection must be private and Redis must
//! authenticate its clients: a connection is TLS (`rediss://`, `valkeys://`) with a verified server,
//! or a Unix socket (`unix://`), and there must be a password. A user of Redis' access control lists
//! needs these rights (servers only read):
//!
//! ```text
//! ACL SETUSER servers on >… resetchannels ~{rustls-ext-tickets}:* +zrange +mget +select
//! ACL SETUSER rotation on >… resetchannels ~{rustls-ext-tickets}:* +zrange +mget +select
//!     +watch +multi +exec +set +del +zadd +zrem +zremrangebyscore +pexpireat
//! ```
//!
//! A user that can write these keys can also choose them, and so forge identities, too.
//!
//! Redis' clock decides when it removes a key, so it must be right, too.
//!
//! # Stored keys
//! | key of Redis | value |
//! |---|---|
//! | `{PREFIX}:key:NAME` | the text of a ticket key; Redis removes it when the ticket key expires |
//! | `{PREFIX}:names` | a sorted set of the names, by the time at which they expire |
//!
//! Set Redis' `maxmemory-policy` to `noeviction`, or keys may be missing. With persistence, secrets
//! are written to Redis' disk, and stay in its files for some time after they have expired.
//!
//! # Without Redis
//! While Redis cannot be reached, the servers continue with the keys that they have until these
//! expire, and then send no tickets. An empty database does not remove keys that a server has, since
//! Redis may have lost its data. A server that starts without Redis works without tickets until
//! Redis is back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::{TicketKey, TicketKeys};

mod error;
mod follow;
mod rotate;

pub use error::KeyStoreError;
pub use follow::Event;

/// The default prefix of the keys.
const PREFIX: &str = "rustls-ext-tickets";
/// The time limit for connecting, and for each exchange.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More names than this are not read.
const MAX_NAMES: isize = 64;

/// Ticket keys in Redis or Valkey.
#[derive(Clone, Debug)]
pub struct KeyStore {
    address: Address,
    /// Its `Debug` leaves out the password.
    settings: RedisConnectionInfo,
    prefix: String,
}

#[derive(Clone, Debug)]
enum Address {
    #[cfg_attr(not(unix), allow(dead_code))]
    Unix(PathBuf),
    Tls {
        host: String,
        port: u16,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    },
}

impl KeyStore {
    /// Uses the Redis of this address with this password, and does not connect yet.
    ///
    /// | address | connection |
    /// |---|---|
    /// | `rediss://[USER@]HOST[:PORT][/DATABASE]`, `valkeys://…` | TLS, with `tls` |
    /// | `unix:///PATH[?db=DATABASE&user=USER]`, `redis+unix://…`, `valkey+unix://…` | a Unix socket |
    ///
    /// Without a user, the password is that of the default user (`requirepass`). `tls` has the
    /// authorities that are trusted for Redis' certificate, and a client certificate if Redis
    /// requires one; it must verify the server. It is not used for a Unix socket.
    ///
    /// # Errors
    /// [`KeyStoreError::NotPrivate`] for connections that are neither TLS nor a Unix socket, and
    /// those that do not verify the server; [`KeyStoreError::NoPassword`];
    /// [`KeyStoreError::PasswordInAddress`], since addresses are in command lines and logs;
    /// [`KeyStoreError::NoTls`]; [`KeyStoreError::BadAddress`].
    pub fn new(
        address: &str,
        password: &str,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, KeyStoreError> {
        let info: ConnectionInfo = address.parse().map_err(|_| KeyStoreError::BadAddress)?;
        if info.redis_settings().password().is_some() {
            return Err(KeyStoreError::PasswordInAddress);
        }
        if password.is_empty() {
            return Err(KeyStoreError::NoPassword);
        }
        let address = match info.addr() {
            ConnectionAddr::Unix(path) => Address::Unix(path.clone()),
            ConnectionAddr::TcpTls { host, port, insecure: false, .. } => Address::Tls {
                host: host.clone(),
                port: *port,
                name: host.clone().try_into().map_err(|_| KeyStoreError::BadAddress)?,
                config: tls.ok_or(KeyStoreError::NoTls)?,
            },
            _ => return Err(KeyStoreError::NotPrivate),
        };
        let settings = info.redis_settings().clone().set_password(password).set_skip_set_lib_name();
        Ok(Self { address, settings, prefix: PREFIX.into() })
    }

    /// Replaces the prefix of Redis' keys, so that several fleets can share a Redis. The default is
    /// `rustls-ext-tickets`.
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Reads the present keys. There may be none.
    ///
    /// # Errors
    /// If Redis cannot be reached within 5 seconds, refuses the user or a command, or contains
    /// anything but usable ticket keys.
    pub async fn read(&self) -> Result<TicketKeys, KeyStoreError> {
        self.read_with(&mut self.connect().await?).await
    }

    /// The key with all names. The braces keep all keys in one slot of a cluster.
    fn names(&self) -> String {
        format!("{{{}}}:names", self.prefix)
    }

    /// The key of a ticket key.
    fn key(&self, name: &str) -> String {
        format!("{{{}}}:key:{name}", self.prefix)
    }

    async fn read_with(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<TicketKeys, KeyStoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.names()).arg(0).arg(MAX_NAMES);
        let names: Vec<String> = in_time(command.query_async(connection)).await?;
        if names.is_empty() {
            return Ok(TicketKeys::default());
        }
        let mut command = redis::cmd("MGET");
        for name in &names {
            command.arg(self.key(name));
        }
        let texts: Vec<Option<Vec<u8>>> = in_time(command.query_async(connection)).await?;
        let texts: Vec<_> =
            texts.into_iter().map(|text| text.map(zeroize::Zeroizing::new)).collect();
        let mut keys = Vec::new();
        for (name, text) in names.into_iter().zip(&texts) {
            // A key that has expired may still have a name.
            let Some(text) = text else { continue };
            let bad = |problem| KeyStoreError::BadKey { name: name.clone(), problem };
            let key = TicketKey::from_text(text).map_err(bad)?;
            if key.name() != name {
                return Err(KeyStoreError::AnotherName { name });
            }
            keys.push(key);
        }
        TicketKeys::new(keys).map_err(KeyStoreError::Keys)
    }

    /// Connects and authenticates. The task that serves the connection ends with it.
    async fn connect(&self) -> Result<MultiplexedConnection, KeyStoreError> {
        match &self.address {
            #[cfg(unix)]
            Address::Unix(path) => {
                let stream = in_time(tokio::net::UnixStream::connect(path)).await?;
                self.begin(stream).await
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(KeyStoreError::NotPrivate),
            Address::Tls { host, port, name, config } => {
                let stream = in_time(tokio::net::TcpStream::connect((&**host, *port))).await?;
                // Small exchanges, each of which waits for the answer.
                stream.set_nodelay(true).map_err(KeyStoreError::Connection)?;
                let connector = tokio_rustls::TlsConnector::from(config.clone());
                let stream = in_time(connector.connect(name.clone(), stream)).await?;
                self.begin(stream).await
            }
        }
    }

    async fn begin<S>(&self, stream: S) -> Result<MultiplexedConnection, KeyStoreError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        // Each exchange has a time limit here.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let begun = MultiplexedConnection::new_with_config(&self.settings, stream, config);
        let (connection, driver) = in_time(begun).await?;
        tokio::spawn(driver);
        Ok(connection)
    }
}

/// Waits for a result, for a limited time.
async fn in_time<T, E: Into<KeyStoreError>>(
    result: impl Future<Output = Result<T, E>>,
) -> Result<T, KeyStoreError> {
    match tokio::time::timeout(TIMEOUT, result).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(KeyStoreError::TimedOut),
    }
}
