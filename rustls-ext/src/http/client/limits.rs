use std::time::Duration;

/// What a client remembers, and how many connections it has, at most.
///
/// Whatever is beyond a limit is forgotten, what was not used for longest first. Who is forgotten
/// is challenged again.
///
/// ```
/// let mut limits = rustls_ext::http::client::Limits::default();
/// limits.connections_per_space = 2;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Origins to which there are connections, or of which it is known what they ask for: 256.
    pub origins: usize,
    /// Protection spaces of one origin: 8.
    pub spaces_per_origin: usize,
    /// Paths that are known to belong to one protection space: 32. Those of more than 1024 octets
    /// are not remembered.
    pub paths_per_space: usize,
    /// Connections over HTTP/1.1 to one origin for one protection space, or without any: 8. More
    /// requests wait. Over HTTP/2 there is one connection.
    pub connections_per_space: usize,
    /// A connection that was not used for this long is closed: 90 seconds.
    pub idle_timeout: Duration,
    /// Making a connection may take this long, with TLS: 10 seconds.
    pub connect_timeout: Duration,
    /// If a server does not take an identity, challenges of that protection space are not answered
    /// for this long (CANT-7): 60 seconds.
    pub refusal_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            origins: 256,
            spaces_per_origin: 8,
            paths_per_space: 32,
            connections_per_space: 8,
            idle_timeout: Duration::from_secs(90),
            connect_timeout: Duration::from_secs(10),
            refusal_timeout: Duration::from_secs(60),
        }
    }
}
