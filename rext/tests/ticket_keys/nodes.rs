//! Clients that come back to another node.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::sync::Arc;

use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::{ClientConfig, ClientConnection, DEFAULT_VERSIONS, HandshakeKind, Stream};

use crate::common::{Files, Server};

/// The outcome of a connection: the kind of its handshake, and whether the client is authenticated.
pub type Outcome = (HandshakeKind, bool);

pub const FULL: Outcome = (HandshakeKind::Full, true);
pub const RESUMED: Outcome = (HandshakeKind::Resumed, true);

/// A client with the certificate `client.pem`, and a session store of its own.
pub fn client(folder: &Files) -> Arc<ClientConfig> {
    let roots = files::roots("--ca", &folder.path("server-ca.pem")).unwrap();
    let identity = files::identity(&folder.path("client.pem"), &folder.path("client.key")).unwrap();
    let offer = ClientAuthOffer::default();
    let config =
        tls::client_config(roots, Some(identity), offer, DEFAULT_VERSIONS, &[tls::HTTP1]).unwrap();
    Arc::new(config)
}

/// Sends one request, whose answer also brings the tickets.
pub fn visit(client: &Arc<ClientConfig>, node: &Server) -> Outcome {
    let mut tcp = TcpStream::connect(("127.0.0.1", node.port)).unwrap();
    let mut tls = ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
    let mut stream = Stream::new(&mut tls, &mut tcp);
    let request = b"GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    (tls.handshake_kind().unwrap(), response.contains(r#""status":"authenticated""#))
}

/// The outcome of `rext ticket-keys`.
#[derive(Debug, PartialEq)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: Vec<String>,
    pub err: String,
}

/// Runs `rext ticket-keys` with these arguments.
pub fn ticket_keys(folder: &Files, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Ran {
    let mut command = folder.rext(&["ticket-keys"]);
    prepare(command.args(args));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let out = String::from_utf8(stdout).unwrap().lines().map(Into::into).collect();
    Ran { code: status.code(), out, err: String::from_utf8(stderr).unwrap() }
}

impl Ran {
    /// The lines of a command that succeeds without a warning.
    #[track_caller]
    pub fn lines(self) -> Vec<String> {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{:?}", self.out);
        self.out
    }

    /// The first word of each line, or the second after `added` and `removed`; and the last field.
    #[track_caller]
    pub fn names_and_states(self) -> Vec<(String, String)> {
        let name_and_state = |line: String| {
            let (name, state) = (line.split(' ').next().unwrap(), line.rsplit('=').next().unwrap());
            (name.to_owned(), state.to_owned())
        };
        self.lines().into_iter().map(name_and_state).collect()
    }

    #[track_caller]
    pub fn states(self) -> Vec<String> {
        self.names_and_states().into_iter().map(|(_, state)| state).collect()
    }
}
