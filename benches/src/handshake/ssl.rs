//! Code for OpenSSL and BoringSSL, over the crates that bind them.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::rc::Rc;

/// One direction of a connection in memory.
type SharedBytes = Rc<RefCell<Vec<u8>>>;

/// One side of a connection in memory. A read without data returns `WouldBlock`.
#[derive(Clone)]
pub(super) struct Pipe {
    inbox: SharedBytes,
    outbox: SharedBytes,
    /// How many bytes both sides have written.
    total: Rc<Cell<usize>>,
}

impl Pipe {
    pub(super) fn pair() -> (Self, Self) {
        let client = Self {
            inbox: SharedBytes::default(),
            outbox: SharedBytes::default(),
            total: Rc::default(),
        };
        let server = Self {
            inbox: client.outbox.clone(),
            outbox: client.inbox.clone(),
            total: client.total.clone(),
        };
        (client, server)
    }

    pub(super) fn total(&self) -> usize {
        self.total.get()
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut inbox = self.inbox.borrow_mut();
        let count = inbox.len().min(into.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        into[..count].copy_from_slice(&inbox[..count]);
        inbox.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbox.borrow_mut().extend_from_slice(bytes);
        self.total.set(self.total() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Contexts, a connection, and the handshake with mutual authentication, of the crate `$library`.
macro_rules! ssl {
    ($library:ident) => {
        use $library::pkey::PKey;
        use $library::ssl::{
            ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode,
            SslStream, SslVerifyMode, SslVersion,
        };
        use $library::x509::X509;

        use crate::handshake::pki::CertifiedKeyDer;
        use crate::handshake::ssl::Pipe;
        use crate::handshake::{Cost, Ends, Key, Pki, SERVER_NAME};

        /// The contexts of client and server: no resumption, and only X25519.
        fn contexts(pki: &Pki, version: SslVersion) -> (SslContextBuilder, SslContextBuilder) {
            let context = |identity: &CertifiedKeyDer| {
                let mut context = SslContext::builder(SslMethod::tls()).expect("a context");
                context.set_min_proto_version(Some(version)).expect("a version");
                context.set_max_proto_version(Some(version)).expect("a version");
                context.set_session_cache_mode(SslSessionCacheMode::OFF);
                context.set_session_id_context(b"benches").expect("short");
                // Otherwise OpenSSL searches its trusted certificates for its own chain in each
                // handshake, and also sends the authority's certificate.
                context.set_mode(SslMode::NO_AUTO_CHAIN);
                let authority = X509::from_der(&pki.authority).expect("an authority");
                context.cert_store_mut().add_cert(authority).expect("an authority");
                let certificate = X509::from_der(&identity.certificate).expect("a certificate");
                context.set_certificate(&certificate).expect("a certificate");
                let key = PKey::private_key_from_der(&identity.key).expect("a key");
                context.set_private_key(&key).expect("its key");
                groups(&mut context);
                context
            };
            let mut client = context(pki.client(Key::P256));
            client.set_verify(SslVerifyMode::PEER);
            (client, context(&pki.server))
        }

        /// An open connection.
        struct Connection {
            client: SslStream<Pipe>,
            server: SslStream<Pipe>,
            cost: Cost,
            wire: Pipe,
        }

        impl Connection {
            fn new(client: &SslContext, server: &SslContext) -> Self {
                let (there, back) = Pipe::pair();
                let wire = there.clone();
                let mut client = Ssl::new(client).expect("a client");
                client.set_hostname(SERVER_NAME).expect("a name");
                client.param_mut().set_host(SERVER_NAME).expect("a name");
                Self {
                    client: SslStream::new(client, there).expect("a client"),
                    server: SslStream::new(Ssl::new(server).expect("a server"), back)
                        .expect("a server"),
                    cost: Cost::default(),
                    wire,
                }
            }

            /// Runs one side; returns whether its operation completed without more input.
            fn turn<T>(
                &mut self,
                act: impl FnOnce(&mut Self) -> Result<T, $library::ssl::Error>,
            ) -> Option<T> {
                match act(self) {
                    Ok(it) => Some(it),
                    Err(err) if err.code() == ErrorCode::WANT_READ => None,
                    Err(err) => panic!("a handshake failed: {err}"),
                }
            }

            /// Counts the bytes since the last call as a flight.
            fn count(&mut self) {
                self.cost.count(self.wire.total() - self.cost.bytes);
            }

            /// Runs the handshake until it is complete at the server.
            fn handshake(&mut self) {
                loop {
                    self.turn(|it| it.client.connect());
                    self.count();
                    if self.turn(|it| it.server.accept()).is_some() {
                        break;
                    }
                    self.count();
                }
            }

            /// Checks that the server has verified a certificate; the client reads the rest.
            fn done(mut self) -> Cost {
                assert!(self.server.ssl().peer_certificate().is_some());
                assert_eq!(self.server.ssl().verify_result(), OK);
                self.turn(|it| it.client.ssl_read(&mut [0; 64]));
                self.cost
            }
        }

        /// A server that requires a certificate of every client.
        struct Mutual(SslContext, SslContext);

        impl Mutual {
            fn new(pki: &Pki) -> Self {
                let (client, mut server) = contexts(pki, SslVersion::TLS1_3);
                server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
                Self(client.build(), server.build())
            }
        }

        impl Ends for Mutual {
            fn shake(&mut self) -> Cost {
                let mut connection = Connection::new(&self.0, &self.1);
                connection.handshake();
                connection.done()
            }
        }
    };
}
