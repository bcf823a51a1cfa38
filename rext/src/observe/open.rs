use rustls_ext::metrics::{Metric, is_enabled};

use super::table::{CONNECTIONS, CONNECTIONS_OPEN, CONNECTIONS_REFUSED, REQUESTS_OPEN};

/// Something that is open, and counted by a gauge until this is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    /// `None` if nothing is recorded.
    gauge: Option<(&'static Metric, &'static str)>,
}

impl Open {
    /// Records a client connection over `tcp` or `quic`.
    pub(crate) fn connection(transport: &'static str) -> Self {
        CONNECTIONS.add(1, &[transport]);
        Self::new(&CONNECTIONS_OPEN, transport)
    }

    /// Records a request of this protocol.
    pub(super) fn request(protocol: &'static str) -> Self {
        Self::new(&REQUESTS_OPEN, protocol)
    }

    fn new(gauge: &'static Metric, value: &'static str) -> Self {
        gauge.change(1.0, &[value]);
        Self { gauge: is_enabled().then_some((gauge, value)) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some((gauge, value)) = self.gauge {
            gauge.change(-1.0, &[value]);
        }
    }
}

/// Records a connection that is closed before its handshake: `memory`, `per_address` or
/// `proxy_header`.
pub(crate) fn connection_refused(reason: &'static str) {
    CONNECTIONS_REFUSED.add(1, &[reason]);
}
