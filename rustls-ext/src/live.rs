use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;

use crate::{FileError, FileProblem, Files, LoadError, Policy, PolicyError, crypto_provider};

/// What a connection is accepted under: a config and a policy that belong together.
#[derive(Debug)]
pub struct Setup<P = Policy> {
    config: Arc<ServerConfig>,
    policy: Arc<P>,
}

impl<P> Setup<P> {
    /// Accept with `config`, and decide with `policy`.
    ///
    /// A policy in `config` itself is not asked.
    pub fn new(config: impl Into<Arc<ServerConfig>>, policy: impl Into<Arc<P>>) -> Self {
        Self { config: config.into(), policy: policy.into() }
    }

    /// The same with these application protocols (RFC 7301), the preferred one first, in place of
    /// those of the config: `["h2", "http/1.1"]` for HTTP.
    pub fn with_alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols =
            protocols.into_iter().map(|protocol| protocol.as_ref().to_vec()).collect();
        self
    }

    /// The config, without the policy.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<P> {
        &self.policy
    }
}

impl Setup<Policy> {
    /// Accept with the certificate chain and the private key of these files, and decide with
    /// `policy`.
    ///
    /// The config is the default of rustls with [`crypto_provider()`], and has no application
    /// protocols: see [`with_alpn()`](Self::with_alpn). The files can be in PEM or DER: see [`Files`].
    ///
    /// ```no_run
    /// use rustls_ext::{Anchors, Live, LoadError, Policy, Setup};
    ///
    /// fn live() -> Result<Live, LoadError> {
    ///     let policy = Policy::on_offer("agents", Anchors::from_pem_file("agents-ca.pem")?)?;
    ///     let setup = Setup::from_pem_files("server.pem", "server.key", policy)?;
    ///     Ok(setup.with_alpn(["h2", "http/1.1"]).into())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be used, [`ProviderError`](crate::ProviderError) if there is no
    /// provider, and an error of rustls if the provider supports no version of TLS.
    pub fn from_pem_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        policy: impl Into<Arc<Policy>>,
    ) -> Result<Self, LoadError> {
        let provider = crypto_provider()?;
        let key = Files::new().certified_key(certificate, key, &provider)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        Ok(Self::new(config, policy))
    }

    /// A config that decides by the policy, for servers that accept by themselves.
    ///
    /// # Errors
    /// [`PolicyError::NeedsPeerAddress`] as [`Policy::for_config`].
    pub fn config_with_policy(&self) -> Result<Arc<ServerConfig>, PolicyError> {
        let mut config = ServerConfig::clone(&self.config);
        config.client_auth_policy = Some(Policy::shared_for_config(self.policy.clone())?);
        Ok(Arc::new(config))
    }
}

/// How often files are read that change meanwhile.
const ATTEMPTS: usize = 5;

/// A [`Setup`] that can be loaded again while it is in use.
///
/// Whoever accepts a connection takes what is [`current()`](Self::current) at that time, as a
/// whole. Connections that are there already go on as they began. What cannot be loaded changes
/// nothing.
///
/// All that is loaded was in the files at one time. After a load, all files are compared with what
/// was read of them; if one has changed, as when a folder behind a link is replaced, all is loaded
/// again, five times at most. A change that is undone before the comparison is not noticed.
///
/// Sessions outlive the change if the new config has the session storage and the ticketer of the
/// old one, as a clone of it has; they are judged by the new policy, and their certificates are
/// verified again, against the new anchors and revocation lists (RES-5).
///
/// ```
/// # use std::sync::Arc;
/// # use rustls_ext::rustls::{ServerConfig, sign::SingleCertAndKey};
/// # use rustls_ext::{Live, LoadError, Policy, Rule, Setup, Verdict};
/// # fn live(template: ServerConfig) -> Result<Live, LoadError> {
/// let live = Live::load(move |files| {
///     let mut config = template.clone();
///     let key = files.certified_key("server.pem", "server.key", config.crypto_provider())?;
///     config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
///     let policy = Policy::builder()
///         .scope("agents", files.anchors("agents-ca.pem")?)
///         .rule(Rule::when().offered(true).request("agents"))
///         .otherwise(Verdict::None)
///         .build()?;
///     Ok(Setup::new(config, policy))
/// })?;
/// // later, when a file has changed:
/// live.reload()?;
/// # Ok(live)
/// # }
/// ```
#[derive(Debug)]
pub struct Live<P = Policy>(Arc<Inner<P>>);

struct Inner<P> {
    current: RwLock<Arc<Setup<P>>>,
    /// Not held while connections are accepted.
    loading: Mutex<Loading<P>>,
}

type Load<P> = dyn FnMut(&mut Files) -> Result<Setup<P>, LoadError> + Send;

struct Loading<P> {
    /// `None` for what stays as it is.
    load: Option<Box<Load<P>>>,
    /// What the last attempt read, whatever came of it.
    files: Files,
    /// Whether they changed during it, so that there is something to load whatever they are now.
    torn: bool,
}

/// Loads what was in the files at one time.
///
/// Returns also the files that were read last, and whether they changed meanwhile.
fn load_whole<P>(
    load: &mut (impl FnMut(&mut Files) -> Result<Setup<P>, LoadError> + ?Sized),
) -> (Result<Setup<P>, LoadError>, Files, bool) {
    let mut attempt = 1;
    loop {
        let mut files = Files::new();
        let loaded = load(&mut files);
        let files = files.without_content();
        let now = files.look_again();
        let Some(path) = now.changed_since(&files) else {
            return (loaded, files, false);
        };
        // Also what went wrong may be for files that do not belong together.
        if attempt == ATTEMPTS {
            let problem = FileProblem::KeepsChanging { attempts: ATTEMPTS };
            return (Err(FileError::new(path, problem).into()), files, true);
        }
        attempt += 1;
    }
}

impl<P> Live<P> {
    /// Load with `load`, now and whenever it is to be done again.
    ///
    /// What it reads through the [`Files`] that it is given is what [`changes()`](Self::changes)
    /// looks at. It is called again if one of these files changes meanwhile.
    ///
    /// # Errors
    /// Those of `load`: nothing begins with half a setup. [`FileProblem::KeepsChanging`] if files
    /// change each time that they are read.
    pub fn load(
        mut load: impl FnMut(&mut Files) -> Result<Setup<P>, LoadError> + Send + 'static,
    ) -> Result<Self, LoadError> {
        let (loaded, files, torn) = load_whole(&mut load);
        let current = RwLock::new(Arc::new(loaded?));
        let loading = Mutex::new(Loading { load: Some(Box::new(load)), files, torn });
        Ok(Self(Arc::new(Inner { current, loading })))
    }

    /// What new connections are accepted under.
    pub fn current(&self) -> Arc<Setup<P>> {
        // Nothing can panic while this is held.
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Put this in place of what is current, as a whole.
    ///
    /// A later [`reload()`](Self::reload) loads as ever.
    pub fn replace(&self, setup: Setup<P>) -> Arc<Setup<P>> {
        let setup = Arc::new(setup);
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = setup.clone();
        setup
    }

    /// Load again, and put the outcome in place of what is current.
    ///
    /// # Errors
    /// Those of the load, and [`FileProblem::KeepsChanging`]: what is current stays so, all of it.
    pub fn reload(&self) -> Result<Arc<Setup<P>>, LoadError> {
        let mut loading = self.loading();
        let Loading { load: Some(load), files, torn } = &mut *loading else {
            return Ok(self.current());
        };
        let loaded;
        // A file that is mended must be looked at again, though what was read of it was no good;
        // one that is not was complained about once.
        (loaded, *files, *torn) = load_whole(load);
        loaded.map(|setup| self.replace(setup))
    }

    /// The files of the last attempt to load as they are now, if that is not as they were then.
    ///
    /// After [`FileProblem::KeepsChanging`] there are always changes, as nothing that was read then
    /// is in use.
    pub fn changes(&self) -> Option<Files> {
        let (before, torn) = {
            let loading = self.loading();
            (loading.files.clone(), loading.torn)
        };
        let now = before.look_again();
        (torn || now != before).then_some(now)
    }

    fn loading(&self) -> MutexGuard<'_, Loading<P>> {
        // If a load panics, what is current stays so, and the next one starts afresh.
        self.0.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> From<Setup<P>> for Live<P> {
    /// What stays as it is; loading it again changes nothing.
    fn from(setup: Setup<P>) -> Self {
        let loading = Mutex::new(Loading { load: None, files: Files::new(), torn: false });
        Self(Arc::new(Inner { current: RwLock::new(Arc::new(setup)), loading }))
    }
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for Inner<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("current", &self.current).finish_non_exhaustive()
    }
}
