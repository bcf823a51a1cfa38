use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;

use crate::record;
use crate::{FileError, FileProblem, Files, LoadError, Policy, PolicyError, crypto_provider};

/// A config and a policy that belong together, for accepting connections.
#[derive(Debug)]
pub struct Setup<P = Policy> {
    config: Arc<ServerConfig>,
    policy: Arc<P>,
    data: Option<Arc<dyn Any + Send + Sync>>,
}

impl<P> Setup<P> {
    /// Accepts connections with `config`, and decides with `policy`.
    ///
    /// A policy in `config` itself is not used.
    pub fn new(config: impl Into<Arc<ServerConfig>>, policy: impl Into<Arc<P>>) -> Self {
        Self { config: config.into(), policy: policy.into(), data: None }
    }

    /// Replaces the config's application protocols (RFC 7301) with these, the preferred one first:
    /// `["h2", "http/1.1"]` for HTTP.
    pub fn with_alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols =
            protocols.into_iter().map(|protocol| protocol.as_ref().to_vec()).collect();
        self
    }

    /// Adds data of the program's own that belongs with this config and policy, such as routes, so
    /// that a reload replaces all of them together or none. It replaces earlier data.
    pub fn with_data(mut self, data: Arc<dyn Any + Send + Sync>) -> Self {
        self.data = Some(data);
        self
    }

    /// Returns the program's own data, if it has this type: see [`with_data()`](Self::with_data).
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.data.clone()?.downcast().ok()
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
    /// Accepts connections with the certificate chain and the private key of these files, and
    /// decides with `policy`.
    ///
    /// The config is rustls' default with [`crypto_provider()`], and has no application protocols:
    /// see [`with_alpn()`](Self::with_alpn). The files can be in PEM or DER: see [`Files`].
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
    /// [`FileError`] if a file cannot be used, [`ProviderError`](crate::ProviderError) if there is
    /// no provider, and an error of rustls if the provider supports no TLS version.
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

    /// Returns a config that decides by the policy, for servers that accept connections by
    /// themselves.
    ///
    /// # Errors
    /// [`PolicyError::NeedsPeerAddress`], as for [`Policy::for_config`].
    pub fn config_with_policy(&self) -> Result<Arc<ServerConfig>, PolicyError> {
        let mut config = ServerConfig::clone(&self.config);
        config.client_auth_policy = Some(Policy::shared_for_config(self.policy.clone())?);
        Ok(Arc::new(config))
    }
}

/// How often files are read if they change during the load.
const ATTEMPTS: usize = 5;

/// A [`Setup`] that can be loaded again while it is in use.
///
/// Each new connection uses the complete setup that is [`current()`](Self::current) when it is
/// accepted. Connections that are already open keep the setup that they were accepted with. A load
/// that fails changes nothing.
///
/// All loaded data was in the files at the same time. After a load, all files are compared with the
/// data that was read from them. If one has changed, as when a folder behind a link is replaced,
/// everything is loaded again, at most five times. A change that is undone before the comparison is
/// not noticed.
///
/// Sessions remain usable after a reload if the new config has the session storage and the ticketer
/// of the old one, as a clone of it has. The new policy decides about them, and their certificates
/// are verified again if anchors or revocation lists have changed (RES-5).
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
pub struct Live<P = Policy>(Arc<Shared<P>>);

/// What all clones share.
pub(crate) struct Shared<P> {
    current: RwLock<Arc<Setup<P>>>,
    /// Not held while connections are accepted.
    loading: Mutex<Loading<P>>,
}

type Load<P> = dyn FnMut(&mut Files) -> Result<Setup<P>, LoadError> + Send;

struct Loading<P> {
    /// `None` if the setup never changes.
    load: Option<Box<Load<P>>>,
    /// The files that the last attempt read, whether it succeeded or failed.
    files: Files,
    /// True if they changed during it, so that another load is needed whatever they contain now.
    torn: bool,
}

/// Loads the content that the files had at one time.
///
/// Also returns the files of the last attempt, and true if they changed during it.
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
        // An error may also come from files that do not belong together.
        if attempt == ATTEMPTS {
            let problem = FileProblem::KeepsChanging { attempts: ATTEMPTS };
            return (Err(FileError::new(path, problem).into()), files, true);
        }
        attempt += 1;
    }
}

impl<P> Shared<P> {
    pub(crate) fn current(&self) -> Arc<Setup<P>> {
        // Nothing can panic while this is held.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<P> Live<P> {
    /// Loads a setup with `load` now, and keeps `load` for each later reload.
    ///
    /// [`changes()`](Self::changes) checks the files that `load` reads through its [`Files`]
    /// argument. `load` is called again if one of these files changes during the load.
    ///
    /// # Errors
    /// The errors of `load`: an incomplete setup is never used. [`FileProblem::KeepsChanging`] if
    /// files change each time that they are read.
    pub fn load(
        mut load: impl FnMut(&mut Files) -> Result<Setup<P>, LoadError> + Send + 'static,
    ) -> Result<Self, LoadError> {
        let (loaded, files, torn) = load_whole(&mut load);
        record::loaded(loaded.is_ok());
        let current = RwLock::new(Arc::new(loaded?));
        let loading = Mutex::new(Loading { load: Some(Box::new(load)), files, torn });
        Ok(Self(Arc::new(Shared { current, loading })))
    }

    /// Returns the setup for new connections.
    pub fn current(&self) -> Arc<Setup<P>> {
        self.0.current()
    }

    /// Returns what all clones share.
    #[cfg(feature = "http")]
    pub(crate) fn shared(&self) -> &Arc<Shared<P>> {
        &self.0
    }

    /// Replaces the current setup, as a whole.
    ///
    /// A later [`reload()`](Self::reload) still loads with the original function.
    pub fn replace(&self, setup: Setup<P>) -> Arc<Setup<P>> {
        let setup = Arc::new(setup);
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = setup.clone();
        setup
    }

    /// Loads again, and replaces the current setup with the result.
    ///
    /// # Errors
    /// The errors of the load, and [`FileProblem::KeepsChanging`]. After an error the current setup
    /// stays in use, unchanged.
    pub fn reload(&self) -> Result<Arc<Setup<P>>, LoadError> {
        let mut loading = self.loading();
        let Loading { load: Some(load), files, torn } = &mut *loading else {
            return Ok(self.current());
        };
        let loaded;
        // The files of a failed load are recorded, too, so that a repair is noticed, and an
        // unchanged mistake is reported only once.
        (loaded, *files, *torn) = load_whole(load);
        record::loaded(loaded.is_ok());
        loaded.map(|setup| self.replace(setup))
    }

    /// Returns the files of the last load with their present content if they have changed since,
    /// and `None` otherwise.
    ///
    /// After [`FileProblem::KeepsChanging`] there are always changes, since nothing that was read
    /// then is in use.
    pub fn changes(&self) -> Option<Files> {
        let (before, torn) = {
            let loading = self.loading();
            (loading.files.clone(), loading.torn)
        };
        let now = before.look_again();
        (torn || now != before).then_some(now)
    }

    fn loading(&self) -> MutexGuard<'_, Loading<P>> {
        // If a load panics, the current setup stays in use, and the next load starts afresh.
        self.0.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> From<Setup<P>> for Live<P> {
    /// A setup that never changes; loading it again has no effect.
    fn from(setup: Setup<P>) -> Self {
        let loading = Mutex::new(Loading { load: None, files: Files::new(), torn: false });
        Self(Arc::new(Shared { current: RwLock::new(Arc::new(setup)), loading }))
    }
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("current", &self.current).finish_non_exhaustive()
    }
}
