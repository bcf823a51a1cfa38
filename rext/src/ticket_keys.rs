//! `rext ticket-keys`: makes and rotates the session ticket keys of a fleet.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::tickets::redis::KeyStoreError;
use rustls_ext::tickets::{Rotated, Rotation, TicketKey, TicketKeyError, TicketKeys};
use rustls_ext::with_causes;

use crate::tls;
use command_line::Failure;

mod directory;
mod redis;
mod source;

use directory::Directory;
pub use redis::RedisArgs;
pub use source::TicketArgs;
pub(crate) use source::TicketSource;

/// Options of `rext ticket-keys`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("place").required(true).args(["directory", "redis"]))]
pub struct TicketKeysArgs {
    /// The directory with the keys
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The Redis or Valkey with the keys: `rediss://[USER@]HOST[:PORT]` or `unix:///PATH[?user=USER]`
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    #[command(flatten)]
    access: RedisArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Make the first key, which encrypts at once. Fails if there are keys already
    Init(NewKey),
    /// Add a key, which encrypts after a delay, and remove expired keys and those that are too many
    ///
    /// Until a node of the fleet has the new key, it cannot resume sessions of it. So all nodes must
    /// have loaded the key within the delay; only then it encrypts. Changes nothing, and exits with
    /// 0, if the key of an earlier rotation still waits, so that each node can run this.
    Rotate(Rotate),
    /// Remove all keys, and make one that encrypts at once. For keys that somebody may have copied
    ///
    /// No session of before resumes.
    Replace(NewKey),
    /// Show the names and times of the keys, the newest first. Shows no secrets
    List,
}

#[derive(Clone, Debug, Args)]
struct NewKey {
    /// How long a key decrypts after it began to encrypt, and so how long a session can be resumed;
    /// at most 14 days
    #[arg(long, value_name = "SECONDS", default_value = "86400",
          value_parser = clap::value_parser!(u64).range(1..=14 * 86_400))]
    lifetime: u64,
}

#[derive(Clone, Debug, Args)]
struct Rotate {
    #[command(flatten)]
    key: NewKey,
    /// When the new key begins to encrypt. All nodes must have loaded it by then: with Redis within
    /// seconds, with a directory at their --watch interval or SIGHUP
    #[arg(long, value_name = "SECONDS", default_value = "300",
          value_parser = clap::value_parser!(u64).range(..=86_400))]
    delay: u64,
    /// How many keys to keep at most, with the new one; from 2 to 15
    #[arg(long, value_name = "KEYS", default_value = "8",
          value_parser = clap::value_parser!(u8).range(2..=15))]
    keep: u8,
    /// Change nothing if the newest key is younger than this
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    if_older: u64,
}

impl NewKey {
    fn rotation(&self) -> Rotation {
        Rotation { lifetime: Duration::from_secs(self.lifetime), ..Rotation::default() }
    }
}

impl Rotate {
    fn rotation(&self) -> Rotation {
        let delay = Duration::from_secs(self.delay);
        Rotation { delay, keep: self.keep.into(), ..self.key.rotation() }
    }

    /// Returns true if the newest key is older than `--if-older`.
    fn is_due(&self, keys: &TicketKeys, now: UnixTime) -> bool {
        let newest = keys.iter().map(|key| key.created().as_secs()).max();
        newest.is_none_or(|created| now.as_secs().saturating_sub(created) >= self.if_older)
    }
}

/// The outcome of a change.
enum Change {
    Made(Rotated),
    /// Nothing changed, because of this.
    Unneeded(String),
}

/// Runs `rext ticket-keys`.
///
/// # Errors
/// If the keys cannot be read or written.
pub async fn run(args: &TicketKeysArgs) -> Result<(), Failure> {
    let now = UnixTime::now();
    let change = match (&args.directory, &args.redis) {
        (Some(path), _) => {
            args.access.refuse()?;
            on_directory(&Directory::new(path), &args.action, now)?
        }
        (None, Some(url)) => on_redis(args, url, now).await?,
        (None, None) => return Err(Failure::Usage("--directory or --redis is required".into())),
    };
    match change {
        None => {}
        Some(Change::Unneeded(reason)) => println!("nothing changed: {reason}"),
        Some(Change::Made(Rotated { added, removed })) => {
            println!("added {added}");
            for key in removed {
                println!("removed {key}");
            }
        }
    }
    Ok(())
}

fn on_directory(
    directory: &Directory,
    action: &Action,
    now: UnixTime,
) -> Result<Option<Change>, Failure> {
    let provider = tls::provider();
    Ok(Some(match action {
        Action::List => {
            list(&directory.read()?, now);
            return Ok(None);
        }
        Action::Init(key) => {
            directory.create()?;
            directory.change(|keys| key.rotation().init(keys, now, &provider))?
        }
        Action::Replace(key) => {
            directory.change(|keys| key.rotation().replace(keys, now, &provider))?
        }
        Action::Rotate(rotate) => {
            if !rotate.is_due(&directory.read()?, now) {
                return Ok(Some(not_due()));
            }
            directory.change(|keys| rotate.rotation().plan(keys, now, &provider))?
        }
    }))
}

async fn on_redis(
    args: &TicketKeysArgs,
    url: &str,
    now: UnixTime,
) -> Result<Option<Change>, Failure> {
    let store = args.access.store("--redis", url)?;
    let provider = tls::provider();
    let changed = match &args.action {
        Action::List => {
            list(&store.read().await?, now);
            return Ok(None);
        }
        Action::Init(key) => store.init(&key.rotation(), now, &provider).await,
        Action::Replace(key) => store.replace(&key.rotation(), now, &provider).await,
        Action::Rotate(rotate) => {
            if !rotate.is_due(&store.read().await?, now) {
                return Ok(Some(not_due()));
            }
            store.rotate(&rotate.rotation(), now, &provider).await
        }
    };
    let rotates = matches!(args.action, Action::Rotate(_));
    match changed {
        Ok(rotated) => Ok(Some(Change::Made(rotated))),
        Err(err @ KeyStoreError::Conflict) if rotates => {
            Ok(Some(Change::Unneeded(err.to_string())))
        }
        Err(KeyStoreError::Keys(err)) => unneeded(err).map(Some),
        Err(err) => Err(err.into()),
    }
}

/// A rotation that comes too early changes nothing, and is no failure.
fn unneeded(err: TicketKeyError) -> Result<Change, Failure> {
    match err {
        TicketKeyError::AlreadyWaiting { .. } => Ok(Change::Unneeded(err.to_string())),
        err => Err(Failure::Failed(with_causes(&err))),
    }
}

fn not_due() -> Change {
    Change::Unneeded("the newest key is younger than --if-older".into())
}

fn list(keys: &TicketKeys, now: UnixTime) {
    let encrypting = keys.encrypting(now).map(TicketKey::name);
    for key in keys.iter() {
        let state = if key.is_expired(now) {
            "expired"
        } else if encrypting.as_ref() == Some(&key.name()) {
            "encrypts"
        } else if key.encrypts_from() > now {
            "waits"
        } else {
            "decrypts"
        };
        println!("{key} state={state}");
    }
    if let Some(warning) = keys.warning(now) {
        eprintln!("{warning}");
    }
}
