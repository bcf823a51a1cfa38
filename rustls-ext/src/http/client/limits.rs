use std::time::Duration;

/// Limits of a client for memory, connections and waiting times.
///
/// When a limit on memory is exceeded, the least recently used entry is forgotten. A request for a
/// forgotten origin or path is challenged again.
///
/// [`Duration::MAX`] means no limit.
///
/// ```
/// let mut limits = rustls_ext::http::client::Limits::default();
/// limits.connections_per_space = 2;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum number of remembered origins: 256.
    ///
    /// The client over [`hyper`](crate::http::hyper) has connections only to these origins, so this
    /// limits all connections. With the client over [`reqwest`](crate::http::reqwest), it limits
    /// the connections with authentication. Those without are in one pool of reqwest for all
    /// origins, which this does not limit: they are closed after
    /// [`idle_timeout`](Self::idle_timeout).
    pub origins: usize,
    /// The maximum number of protection spaces per origin: 8.
    pub spaces_per_origin: usize,
    /// The maximum number of remembered paths per protection space: 32. Paths of more than 1024
    /// bytes are not remembered.
    pub paths_per_space: usize,
    /// The maximum number of HTTP/1.1 connections to one origin per protection space, or without
    /// one: 8. Further requests wait. Over HTTP/2 there is one connection, besides those that are
    /// being replaced.
    ///
    /// For the client over [`reqwest`](crate::http::reqwest), this limits idle connections only.
    pub connections_per_space: usize,
    /// How long an unused connection stays open: 90 seconds.
    pub idle_timeout: Duration,
    /// The time limit for making a connection, including TLS: 10 seconds. It also limits how long a
    /// request waits for a connection that another request makes.
    pub connect_timeout: Duration,
    /// How long an HTTP/2 connection with requests underway may receive nothing before the client
    /// sends a PING frame (RFC 9113 section 6.7): 30 seconds. `None` disables pings.
    ///
    /// Without pings, lost packets are noticed only by the timeouts of TCP, after many minutes.
    /// Some servers, such as gRPC servers, close connections on which pings are more frequent than
    /// they allow: ask their operator for the limit.
    pub keep_alive_interval: Option<Duration>,
    /// How long the client waits for the answer to a ping: 10 seconds. Then it closes the
    /// connection, and the requests on it fail.
    pub keep_alive_timeout: Duration,
    /// How long challenges of a protection space are not answered after the server has refused the
    /// identity there (CANT-7): 60 seconds.
    ///
    /// A refusal is an alert about the certificate (RFC 8446 section 6.2), or another challenge.
    /// Other alerts do not count: their cause may be temporary.
    pub refusal_timeout: Duration,
    /// The same time for a connection that breaks off after the server has requested the
    /// certificate, before it sends anything else: 5 seconds. It does not apply if an identity was
    /// accepted in that protection space before.
    ///
    /// The client never waits longer for it than [`refusal_timeout`](Self::refusal_timeout).
    pub likely_refusal_timeout: Duration,
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
            keep_alive_interval: Some(Duration::from_secs(30)),
            keep_alive_timeout: Duration::from_secs(10),
            refusal_timeout: Duration::from_secs(60),
            likely_refusal_timeout: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The same limits for libraries that add durations to the current time, and panic if the
    /// result does not fit.
    pub(crate) fn for_clocks(&self) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Self {
            idle_timeout: self.idle_timeout.min(YEAR),
            connect_timeout: self.connect_timeout.min(YEAR),
            keep_alive_interval: self.keep_alive_interval.map(|interval| interval.min(YEAR)),
            keep_alive_timeout: self.keep_alive_timeout.min(YEAR),
            refusal_timeout: self.refusal_timeout.min(YEAR),
            likely_refusal_timeout: self.likely_refusal_timeout.min(YEAR),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn every_clock_can_add_the_longest_of_limits() {
        let longest = Limits {
            idle_timeout: Duration::MAX,
            connect_timeout: Duration::MAX,
            keep_alive_interval: Some(Duration::MAX),
            keep_alive_timeout: Duration::MAX,
            refusal_timeout: Duration::MAX,
            likely_refusal_timeout: Duration::MAX,
            ..Limits::default()
        };
        let Limits { idle_timeout, connect_timeout, keep_alive_interval, .. } =
            longest.for_clocks();
        let Limits { keep_alive_timeout, refusal_timeout, likely_refusal_timeout, .. } =
            longest.for_clocks();
        for longest in [
            idle_timeout,
            connect_timeout,
            keep_alive_interval.unwrap(),
            keep_alive_timeout,
            refusal_timeout,
            likely_refusal_timeout,
        ] {
            assert!(Instant::now().checked_add(longest).is_some());
        }
    }
}
