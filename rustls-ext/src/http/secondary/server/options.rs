use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::super::HttpCodePoints;

/// How a server requests certificates on open connections: its limits (SCC-12), and the numbers on
/// the wire.
///
/// A client that reaches a limit is not authenticated: its requests get 401.
#[derive(Clone, Debug)]
pub struct ServerOptions(pub(super) Arc<Values>);

/// Shared by all clones: each connection has one.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) max_requests: u32,
    pub(super) max_authenticator: u64,
    pub(super) max_waiting: usize,
    pub(super) answer_timeout: Duration,
    /// Shared by all connections with clones of these options.
    pub(super) validations: Arc<Semaphore>,
    code_points: HttpCodePoints,
}

/// The default, with the validations at a time in the whole process, unless options of its own have
/// another limit.
static DEFAULT: LazyLock<ServerOptions> = LazyLock::new(|| {
    ServerOptions(Arc::new(Values {
        max_requests: ServerOptions::DEFAULT_MAX_REQUESTS,
        max_authenticator: ServerOptions::DEFAULT_MAX_AUTHENTICATOR,
        max_waiting: ServerOptions::DEFAULT_MAX_WAITING,
        answer_timeout: ServerOptions::DEFAULT_ANSWER_TIMEOUT,
        validations: Arc::new(Semaphore::new(ServerOptions::DEFAULT_MAX_VALIDATIONS)),
        code_points: HttpCodePoints::DEFAULT,
    }))
});

impl ServerOptions {
    /// The default of [`with_max_requests()`](Self::with_max_requests).
    pub const DEFAULT_MAX_REQUESTS: u32 = 64;
    /// The default of [`with_max_authenticator()`](Self::with_max_authenticator): the largest frame
    /// of HTTP/2, unless a server allows more.
    pub const DEFAULT_MAX_AUTHENTICATOR: u64 = 16_384;
    /// The default of [`with_max_waiting()`](Self::with_max_waiting).
    pub const DEFAULT_MAX_WAITING: usize = 100;
    /// The default of [`with_answer_timeout()`](Self::with_answer_timeout).
    pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of [`with_max_validations()`](Self::with_max_validations).
    pub const DEFAULT_MAX_VALIDATIONS: usize = 16;

    /// Starts with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits how many certificates are requested on one connection; the maximum is 4096, since the
    /// contexts of all requests are kept.
    pub fn with_max_requests(mut self, most: u32) -> Self {
        self.values().max_requests = most.min(4096);
        self
    }

    /// Limits the length of a client's authenticator in bytes. A longer one ends the connection.
    ///
    /// Over HTTP/2, the HTTP library's `SETTINGS_MAX_FRAME_SIZE` must allow it, too.
    pub fn with_max_authenticator(mut self, most: u64) -> Self {
        self.values().max_authenticator = most;
        self
    }

    /// Limits how many HTTP requests of one connection wait for a certificate at a time. Further
    /// ones do not wait.
    pub fn with_max_waiting(mut self, most: usize) -> Self {
        self.values().max_waiting = most;
        self
    }

    /// Limits the time from a request for a certificate until the answer is validated. After it,
    /// HTTP requests do not wait any more; a late answer counts for those that come later.
    pub fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.values().answer_timeout = timeout;
        self
    }

    /// Limits how many answers are validated at a time, on all connections with clones of these
    /// options together; the minimum is one. On each connection it is one at a time.
    ///
    /// The default is a limit for all connections of the process.
    pub fn with_max_validations(mut self, most: usize) -> Self {
        self.values().validations = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// Uses other numbers on the wire. The client must use the same.
    pub fn with_code_points(mut self, code_points: HttpCodePoints) -> Self {
        self.values().code_points = code_points;
        self
    }

    /// Returns the numbers on the wire.
    pub fn code_points(&self) -> HttpCodePoints {
        self.0.code_points
    }

    fn values(&mut self) -> &mut Values {
        Arc::make_mut(&mut self.0)
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        DEFAULT.clone()
    }
}
