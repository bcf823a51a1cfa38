use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::table::{
    UPSTREAM_REQUESTS, UPSTREAM_RESPONSES, UPSTREAM_RETRIES, UPSTREAM_SECONDS, class,
};

/// The part that a server behind had in a response. It is among the extensions of the response, for
/// the access log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Upstream {
    /// Its URL, from the configuration.
    pub(crate) url: Arc<str>,
    /// The status of its response; `None` if there was none.
    pub(crate) status: Option<u16>,
    /// How long it took to respond, or to fail.
    pub(crate) took: Duration,
}

/// A request to a server behind. If it is dropped before its outcome is known, it was
/// abandoned: the client went away, or the time limit was reached.
#[derive(Debug)]
pub(crate) struct UpstreamRequest {
    url: Arc<str>,
    began: Instant,
    is_open: bool,
}

impl UpstreamRequest {
    /// Records a request to the server behind with this URL, which is from the configuration.
    pub(crate) fn begin(url: &Arc<str>) -> Self {
        Self { url: url.clone(), began: Instant::now(), is_open: true }
    }

    /// Records the head of the response.
    pub(crate) fn responded(mut self, status: StatusCode) -> Upstream {
        let status = status.as_u16();
        UPSTREAM_RESPONSES.add(1, &[&self.url, class(status)]);
        UPSTREAM_SECONDS.observe(self.began.elapsed().as_secs_f64(), &[&self.url]);
        self.end("response", Some(status))
    }

    /// Records that there is no response: `connect_failed`, `failed`, `busy` or `other`.
    pub(crate) fn failed(mut self, outcome: &'static str) -> Upstream {
        self.end(outcome, None)
    }

    fn end(&mut self, outcome: &'static str, status: Option<u16>) -> Upstream {
        self.is_open = false;
        UPSTREAM_REQUESTS.add(1, &[&self.url, outcome]);
        Upstream { url: self.url.clone(), status, took: self.began.elapsed() }
    }
}

impl Drop for UpstreamRequest {
    fn drop(&mut self) {
        if self.is_open {
            UPSTREAM_REQUESTS.add(1, &[&self.url, "abandoned"]);
        }
    }
}

/// Records that a request is sent to the server behind with this URL once more.
pub(crate) fn retried(url: &str) {
    UPSTREAM_RETRIES.add(1, &[url]);
}
