//! Honest patched clients and servers, next to peers that break rules.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::client::{
    ClientAuthOfferStatus, ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::server::{ClientAuthStatus as Known, ServerSessionMemoryCache, StoresServerSessions};
use rustls::{ClientConnection, HandshakeKind, NamedGroup, ServerConnection};

/// A connection between two of them, with its handshake done.
pub struct Honest {
    client: ClientConnection,
    server: ServerConnection,
}

impl Honest {
    pub fn new(
        name: &'static str,
        client: &Arc<rustls::ClientConfig>,
        server: &Arc<rustls::ServerConfig>,
    ) -> Self {
        let name = name.try_into().unwrap();
        let client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let server = ServerConnection::new(Arc::clone(server)).unwrap();
        let mut both = Self { client, server };
        both.carry();
        assert!(!both.client.is_handshaking() && !both.server.is_handshaking());
        both.exchange();
        both
    }

    fn carry(&mut self) {
        while self.client.wants_write() || self.server.wants_write() {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            self.server.read_tls(&mut &bytes[..]).unwrap();
            self.server.process_new_packets().unwrap();
            bytes.clear();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            self.client.read_tls(&mut &bytes[..]).unwrap();
            self.client.process_new_packets().unwrap();
        }
    }

    /// Data in both directions, and the client still authenticated.
    #[track_caller]
    pub fn exchange(&mut self) {
        self.client.writer().write_all(b"question").unwrap();
        self.carry();
        let mut read = [0; 8];
        self.server.reader().read_exact(&mut read).unwrap();
        assert_eq!(&read, b"question");
        self.server.writer().write_all(b"answered").unwrap();
        self.carry();
        self.client.reader().read_exact(&mut read).unwrap();
        assert_eq!(&read, b"answered");
        let status = self.server.client_auth().unwrap().status();
        assert!(matches!(status, Known::Authenticated { .. }), "{status:?}");
    }

    #[track_caller]
    pub fn assert_full(&self, status: ClientAuthOfferStatus) {
        assert_eq!(self.client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(self.client.client_auth_status(), status);
        let known = self.server.client_auth().unwrap().status();
        assert!(matches!(known, Known::Authenticated { resumed: false, .. }), "{known:?}");
    }

    #[track_caller]
    pub fn assert_resumed(&self, status: ClientAuthOfferStatus) {
        assert_eq!(self.client.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(self.client.client_auth_status(), status);
        let known = self.server.client_auth().unwrap().status();
        assert!(matches!(known, Known::Authenticated { resumed: true, .. }), "{known:?}");
    }
}

/// A client's sessions, and how many were ever put there.
#[derive(Debug)]
pub struct ClientSessions(ClientSessionMemoryCache, AtomicUsize);

impl ClientSessions {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(ClientSessionMemoryCache::new(32), AtomicUsize::new(0)))
    }

    pub fn ever(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl ClientSessionStore for ClientSessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(name)
    }
}

/// A server's sessions, and how many were ever put there.
#[derive(Debug)]
pub struct ServerSessions(Arc<ServerSessionMemoryCache>, AtomicUsize);

impl ServerSessions {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(ServerSessionMemoryCache::new(256), AtomicUsize::new(0)))
    }

    pub fn ever(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl StoresServerSessions for ServerSessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.take(key)
    }

    fn can_cache(&self) -> bool {
        self.0.can_cache()
    }
}
