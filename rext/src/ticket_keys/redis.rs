//! Access to Redis for ticket keys.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustls_ext::rustls::{ClientConfig, DEFAULT_VERSIONS};
use rustls_ext::tickets::redis::{KeyStore, KeyStoreError};
use rustls_ext::{ClientAuthOffer, Files};
use zeroize::Zeroizing;

use crate::{files, tls};
use command_line::Failure;

/// The environment variable with Redis' password.
const PASSWORD: &str = "REXT_REDIS_PASSWORD";

/// How to authenticate to Redis, and Redis to us.
#[derive(Clone, Debug, Default, Args)]
pub struct RedisArgs {
    /// A file with Redis' password, which only its owner may read. Without it, the password is in the
    /// environment variable REXT_REDIS_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub redis_password_file: Option<PathBuf>,
    /// The authorities to trust for Redis' certificate, in PEM; required for rediss://
    #[arg(long, value_name = "FILE")]
    pub redis_ca: Option<PathBuf>,
    /// The client certificate for Redis, in PEM, if Redis requires one
    #[arg(long, value_name = "FILE", requires = "redis_key")]
    pub redis_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "redis_cert")]
    pub redis_key: Option<PathBuf>,
}

impl RedisArgs {
    /// The keys in the Redis of this address, which an option names.
    pub(super) fn store(&self, option: &str, url: &str) -> Result<KeyStore, Failure> {
        let wrong = |err: KeyStoreError| match err {
            // A password may be in the address.
            KeyStoreError::BadAddress | KeyStoreError::PasswordInAddress => {
                Failure::Usage(format!("{option}: {err}"))
            }
            KeyStoreError::NoPassword => Failure::Usage(format!(
                "{option} {url}: {err}; then use --redis-password-file or {PASSWORD}"
            )),
            KeyStoreError::NoTls => {
                Failure::Usage(format!("{option} {url}: {err}: use --redis-ca"))
            }
            err => Failure::option(option, url, err),
        };
        // Before anything is read, so that the address is refused first.
        let password = self.password()?;
        KeyStore::new(url, &password, self.tls()?).map_err(wrong)
    }

    /// Fails if there are options that need Redis.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        let Self { redis_password_file, redis_ca, redis_cert, redis_key } = self;
        let given = [
            ("--redis-password-file", redis_password_file),
            ("--redis-ca", redis_ca),
            ("--redis-cert", redis_cert),
            ("--redis-key", redis_key),
        ];
        match given.into_iter().find(|(_, file)| file.is_some()) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::Usage(format!(
                "{option}: there is no Redis for it: give its URL, too"
            ))),
        }
    }

    /// Empty if there is none.
    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        match &self.redis_password_file {
            Some(path) => Files::new()
                .secret(path)
                .map_err(|err| files::failure(&[("--redis-password-file", path)], &err)),
            None => Ok(Zeroizing::new(env::var(PASSWORD).unwrap_or_default())),
        }
    }

    fn tls(&self) -> Result<Option<Arc<ClientConfig>>, Failure> {
        let Some(ca) = &self.redis_ca else { return Ok(None) };
        let roots = files::roots("--redis-ca", ca)?;
        let identity = match (&self.redis_cert, &self.redis_key) {
            (Some(cert), Some(key)) => {
                let read = Files::new().certified_key(cert, key, &tls::provider());
                let options = [("--redis-cert", &**cert), ("--redis-key", &**key)];
                Some(read.map_err(|err| files::failure(&options, &err))?)
            }
            _ => None,
        };
        let offer = ClientAuthOffer::default();
        let config = tls::client_config(roots, identity, offer, DEFAULT_VERSIONS, &[])?;
        Ok(Some(Arc::new(config)))
    }
}
