//! Loads a server's config and policy from its files, and reloads them when the files change.

use std::any::Any;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use rustls_ext::metrics;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls_ext::rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_ext::rustls::version::TLS12;
use rustls_ext::rustls::{DEFAULT_VERSIONS, ServerConfig};
use rustls_ext::{FileError, Files, Live, LoadError, Policy, Rule, Setup, Verdict, with_causes};
use serde::de::IgnoredAny;
use tracing::{error, info, warn};

use super::App;
use super::args::{PolicyName, ServerArgs};
use crate::listener::systemd;
use crate::ticket_keys::TicketSource;
use crate::{files, tls};
use command_line::Failure;

/// The one scope of a server without a policy file.
const SCOPE: &str = "clients";

/// What an application loads for a [`Setup`].
#[derive(Debug, Default)]
pub struct Loaded {
    /// The policy of the policy file; `None` if there is no such file.
    policy: Option<Policy>,
    data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Loaded {
    /// The application's own data, which [`Setup::data`] returns.
    pub fn data(data: impl Any + Send + Sync) -> Self {
        Self { policy: None, data: Some(Arc::new(data)) }
    }

    /// Adds the policy of the policy file.
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy: Some(policy), ..self }
    }
}

/// Loads the policy file of an application that keeps nothing of its own in it.
///
/// # Errors
/// If the file cannot be used, or has a table for `rext gateway`.
pub(super) fn policy_only(
    files: &mut Files,
    policy_file: Option<&Path>,
) -> Result<Loaded, LoadError> {
    let Some(path) = policy_file else { return Ok(Loaded::default()) };
    let (policy, table) = files.policy_and_table::<IgnoredAny>(path, tls::provider(), "gateway")?;
    match table {
        Some(table) => {
            let problem =
                "the table [gateway] is for rext gateway only: remove it, or use another file";
            Err(table.error(table.offset(), problem).into())
        }
        None => Ok(Loaded::default().with_policy(policy)),
    }
}

/// Loads the config, the policy and the application's data from the files. Fails if the application
/// refuses the policy.
pub(super) fn load<A: App>(
    args: &ServerArgs,
    tickets: TicketSource,
    app: Arc<A>,
) -> Result<Live, Failure> {
    let code_points = args.code_points.get()?;
    let from = args.clone();
    // State that is not in files, such as sessions, survives reloads.
    let mut template = None;
    let live = Live::load(move |files| {
        let key = files.certified_key(&from.cert, &from.key, &tls::provider())?;
        let chain = key.cert.clone();
        let mut config = match &template {
            Some(config) => ServerConfig::clone(config),
            None => template_of(&from, key.clone())?,
        };
        config.client_auth_code_points = code_points;
        config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        template.get_or_insert(config.clone());
        tickets.apply(&mut config, files)?;
        let loaded = app.load(files, from.policy_file.as_deref())?;
        let policy = match loaded.policy {
            Some(policy) => policy,
            None => policy(&from, files)?,
        };
        app.check(&policy).map_err(|failure| LoadError::new(failure.to_string()))?;
        metrics::server_certificate(&chain);
        metrics::expiries(&policy);
        let setup = Setup::new(config, policy);
        Ok(match loaded.data {
            Some(data) => setup.with_data(data),
            None => setup,
        })
    })
    .map_err(|err| match err.downcast::<FileError>() {
        Ok(err) => {
            let mut options = vec![("--cert", &*args.cert), ("--key", &*args.key)];
            options.extend(args.client_ca.as_deref().map(|path| ("--client-ca", path)));
            options.extend(args.client_crl.iter().map(|path| ("--client-crl", &**path)));
            options.extend(args.tickets.ticket_keys.as_deref().map(|path| ("--ticket-keys", path)));
            options.extend(args.policy_file.as_deref().map(|path| ("--policy-file", path)));
            files::failure(&options, &err)
        }
        Err(err) => Failure::Usage(with_causes(&err)),
    })?;
    log_warnings(live.current().policy());
    Ok(live)
}

/// Logs the warnings about a policy's files, such as expired revocation lists.
fn log_warnings(policy: &Policy) {
    for warning in policy.warnings(UnixTime::now()) {
        if warning.is_error() {
            error!(%warning, "a file of the policy needs attention");
        } else {
            warn!(%warning, "a file of the policy needs attention");
        }
    }
}

/// The config, without the data from files.
fn template_of(args: &ServerArgs, key: Arc<CertifiedKey>) -> Result<ServerConfig, LoadError> {
    let groups: Vec<_> = args.group.iter().map(|group| group.get()).collect();
    let provider = if groups.is_empty() { tls::provider() } else { tls::provider_with(&groups) };
    let versions = if args.tls12 { &[&TLS12][..] } else { DEFAULT_VERSIONS };
    let mut config = tls::server_config_with(provider, versions, key, &[tls::H2, tls::HTTP1])?;
    config.session_storage = match usize::try_from(args.session_cache)? {
        0 => Arc::new(NoServerSessionStorage {}),
        sessions => ServerSessionMemoryCache::new(sessions),
    };
    Ok(config)
}

/// The policy of `--policy`, with the anchors of `--client-ca`.
fn policy(args: &ServerArgs, files: &mut Files) -> Result<Policy, LoadError> {
    let mut crls = Vec::new();
    for path in &args.client_crl {
        crls.extend(files.crls(path)?);
    }
    let mut builder = Policy::builder().provider(tls::provider());
    if let Some(path) = &args.client_ca {
        builder = builder.scope(SCOPE, files.anchors(path)?.with_crls(crls));
    }
    let offered = Rule::when().offered(true);
    Ok(match args.policy {
        Some(PolicyName::Offered) => {
            builder.rule(offered.request(SCOPE)).otherwise(Verdict::None).build()
        }
        Some(PolicyName::RequireOffered) => {
            builder.rule(offered.require(SCOPE)).otherwise(Verdict::None).build()
        }
        Some(PolicyName::Always) => builder.otherwise(Verdict::Require(SCOPE.to_owned())).build(),
        Some(PolicyName::Never) | None => builder.otherwise(Verdict::None).build(),
    }?)
}

/// Logs the result of a reload, and calls `on_success` after one without an error.
pub(super) fn report(loaded: Result<Arc<Setup>, LoadError>, on_success: impl FnOnce()) {
    match loaded {
        Ok(setup) => {
            on_success();
            info!("files reloaded: new connections use them");
            log_warnings(setup.policy());
        }
        Err(err) => {
            error!(err = %with_causes(&err), "reload failed: the previous files stay in use");
        }
    }
}

/// Reloads the files at every SIGHUP, and calls `on_success` after each reload without an error.
#[cfg(unix)]
pub(super) fn reload_on_signal(
    live: Live,
    on_success: impl Fn(),
) -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup())
        .map_err(|err| Failure::Failed(format!("cannot listen for signals: {err}")))?;
    Ok(async move {
        while hang_up.recv().await.is_some() {
            systemd::reloading();
            let live = live.clone();
            let loaded = tokio::task::spawn_blocking(move || live.reload()).await;
            systemd::reloaded(match &loaded {
                Ok(Ok(_)) => "serving; files reloaded",
                _ => "serving; the last reload failed: the previous files stay in use",
            });
            if let Ok(loaded) = loaded {
                report(loaded, &on_success);
            }
        }
    })
}

/// Does nothing: this system has no SIGHUP.
#[cfg(not(unix))]
pub(super) fn reload_on_signal(_: Live, _: impl Fn()) -> Result<impl Future<Output = ()>, Failure> {
    Ok(std::future::ready(()))
}
