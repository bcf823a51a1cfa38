//! The bytes that were received and not processed yet.

use rustls::TlsInputBuffer;

/// See [`TlsInputBuffer`].
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    closed: bool,
}

impl Buffer {
    /// Adds received bytes, unless the peer has closed the connection.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl TlsInputBuffer for Buffer {
    fn slice_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn discard(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    fn received_close_notify(&mut self) {
        self.closed = true;
    }

    // The driver does not hand an end of the byte stream to TLS: it is an error of its own.
    fn has_seen_eof(&self) -> bool {
        false
    }
}
