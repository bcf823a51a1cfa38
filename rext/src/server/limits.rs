//! The limits of connections, in time and memory, and the HTTP servers that have them.

use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::memory::Shares;

/// The maximum size of a request's head, in bytes. Over HTTP/2, each field counts as 32 bytes more
/// (RFC 9113 section 6.5.2).
const MAX_HEAD: u32 = 64 * 1024;
/// How much of one response HTTP/2 may buffer, in bytes. The socket has a buffer of its own.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// How often the server pings an HTTP/2 client. It waits for the answer for the idle timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How many requests a client may cancel before the server has seen them. With one more, the
/// connection ends with GOAWAY and ENHANCE_YOUR_CALM.
const MAX_PENDING_RESETS: usize = 20;
/// How many streams the server may reset because the client broke a rule, in the life of a
/// connection. With one more, it ends with GOAWAY and ENHANCE_YOUR_CALM.
const MAX_ERROR_RESETS: usize = 256;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// For the first request.
    pub(super) head: Duration,
    /// For a connection without a request, so also for the head of a further one, and for a body
    /// without progress.
    pub(super) idle: Duration,
    /// For the whole connection, if it is limited.
    pub(super) max_age: Option<Duration>,
}

/// Makes the server of an HTTP/1.1 connection.
pub(super) fn http1(time: TimeLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // It also runs while no request begins, so it must not be shorter than that may take, nor end at
        // the same time: it is an error, and the end of an idle connection is none. The first request
        // has a limit of its own.
        .header_read_timeout(time.head.max(time.idle) + Duration::from_millis(2))
        .max_buf_size(MAX_HEAD as usize);
    http
}

/// Makes the server of an HTTP/2 connection.
pub(super) fn http2(time: TimeLimits, shares: Shares) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        // Over a slow connection, the ping arrives after the data before it.
        .keep_alive_timeout(time.idle)
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(shares.streams())
        .initial_connection_window_size(shares.connection_window())
        .initial_stream_window_size(shares.stream_window())
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        // WebSocket (RFC 8441). Applications refuse other protocols.
        .enable_connect_protocol();
    http
}
