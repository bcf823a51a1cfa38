use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field that tells the clients of other versions of HTTP about HTTP/3 (RFC 7838).
const ALT_SVC: HeaderName = HeaderName::from_static("alt-svc");
/// How long clients may remember it, in seconds: a day.
const MAX_AGE: u32 = 24 * 60 * 60;

/// Whether HTTP/3 is offered to the clients of TCP connections, and on which port. Clones share it.
#[derive(Clone, Debug)]
pub(in crate::server) struct AltSvc(Arc<Offered>);

#[derive(Debug)]
struct Offered {
    value: HeaderValue,
    is_on: AtomicBool,
}

impl AltSvc {
    /// Will offer HTTP/3 on this port, or on that of the server's address.
    pub(in crate::server) fn new(port: Option<NonZeroU16>, addr: SocketAddr) -> Self {
        let port = port.map_or(addr.port(), NonZeroU16::get);
        let value = HeaderValue::try_from(format!("h3=\":{port}\"; ma={MAX_AGE}"));
        // It is valid. RFC 7838 section 3 has this value for servers without alternatives.
        let value = value.unwrap_or(HeaderValue::from_static("clear"));
        Self(Arc::new(Offered { value, is_on: false.into() }))
    }

    /// Offers it from now on.
    pub(super) fn start(&self) {
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// Does not offer it any more.
    pub(super) fn stop(&self) {
        self.0.is_on.store(false, Ordering::Relaxed);
    }

    /// Sets the field of a response over TCP. It replaces that of a server behind, which is about
    /// another port.
    pub(in crate::server) fn set(&self, fields: &mut HeaderMap) {
        if self.0.is_on.load(Ordering::Relaxed) {
            fields.insert(ALT_SVC, self.0.value.clone());
        }
    }
}
