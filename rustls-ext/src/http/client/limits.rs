use std::time::Duration;

/// Limits of a client: what it remembers, how many connections it has, and how long it waits.
///
/// What is beyond a limit on memory is forgotten, least recently used first. A request for an
/// origin or a path that was forgotten is challenged again.
///
/// A [`Duration::MAX`] is no limit.
///
/// ```
/// let mut limits = rustls_ext::http::client::Limits::default();
/// limits.connections_per_space = 2;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Origins that are remembered: 256.
    ///
    /// With the client over [`hyper`](crate::http::hyper), there are connections to these origins
    /// only, so this bounds all connections. With the one over
    /// [`reqwest`](crate::http::reqwest), it bounds the connections with authentication. Those
    /// without are in one pool of reqwest's for all origins, which this does not bound: they are
    /// closed after [`idle_timeout`](Self::idle_timeout).
    pub origins: usize,
    /// Protection spaces of one origin: 8.
    pub spaces_per_origin: usize,
    /// Paths that are known to belong to one protection space: 32. Those of more than 1024 octets
    /// are not remembered.
    pub paths_per_space: usize,
    /// Connections over HTTP/1.1 to one origin for one protection space, or without any: 8. More
    /// requests wait. Over HTTP/2 there is one connection, beside those that are being replaced.
    ///
    /// The client over [`reqwest`](crate::http::reqwest) has that many idle ones.
    pub connections_per_space: usize,
    /// A connection that was not used for this long is closed: 90 seconds.
    pub idle_timeout: Duration,
    /// Making a connection may take this long, with TLS: 10 seconds. A request waits no longer
    /// than this for a connection that another request makes.
    pub connect_timeout: Duration,
    /// The client sends a PING frame (RFC 9113 section 6.7) on a connection over HTTP/2 that has
    /// requests underway and on which nothing was received for this long: 30 seconds. `None` for
    /// never.
    ///
    /// Without pings, a connection whose packets are lost is noticed only by the timeouts of TCP,
    /// after many minutes. Some servers, those of gRPC among them, close connections on which
    /// pings come more often than they permit: for these, ask their operator.
    pub keep_alive_interval: Option<Duration>,
    /// A connection on which a ping is not answered for this long is closed, and its requests fail:
    /// 10 seconds.
    pub keep_alive_timeout: Duration,
    /// If a server does not take an identity, challenges of that protection space are not answered
    /// for this long (CANT-7): 60 seconds.
    ///
    /// That is so if it says so with an alert about the certificate (RFC 8446 section 6.2), or
    /// challenges again. Other alerts do not count: they may be over in a moment.
    pub refusal_timeout: Duration,
    /// The same if a connection breaks off after the server has asked for the certificate, and
    /// before anything came back: 5 seconds. If an identity was accepted in that protection space
    /// before, it does not count at all.
    ///
    /// This is never longer than [`refusal_timeout`](Self::refusal_timeout).
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
    /// The same for libraries that add durations to the time of day, and panic if there is no such
    /// time.
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
