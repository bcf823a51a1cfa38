//! A gateway with routes to a server behind and to one that is down, and clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rext_cli::{files, tls};
use rustls_ext::ClientAuthOffer;
use rustls_ext::rustls::{ClientConfig, ClientConnection, DEFAULT_VERSIONS, StreamOwned};
use test_pki::{Authority, IssuedCertificate};

use crate::common::{Files, Server, TIMEOUT};
use crate::prometheus::Metrics;

pub struct Site {
    pub files: Files,
    pub server: Server,
    pub upstream: String,
    pub down: String,
    staff: IssuedCertificate,
    expired: IssuedCertificate,
    stranger: IssuedCertificate,
}

impl Site {
    /// A gateway with `--metrics` and these arguments.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with("", args)
    }

    /// The same with these lines in the table [gateway].
    pub fn start_with(table: &str, args: &[&str]) -> Self {
        let files = Files::new();
        let authority = Authority::new("Staff CA").unwrap();
        files.write("staff-ca.pem", authority.pem());
        let (upstream, down) = (upstream(), down());
        files.write("policy.toml", policy(table, &upstream, &down));
        let usual = ["--policy-file", "policy.toml", "--metrics", "127.0.0.1:0"];
        let server = files.start("gateway", &[&usual, args].concat(), |command| {
            command.env_clear();
        });
        Self {
            staff: authority.client("boss").unwrap(),
            expired: files.clients.expired_client("expired").unwrap(),
            stranger: Authority::new("Foreign CA").unwrap().client("stranger").unwrap(),
            files,
            server,
            upstream,
            down,
        }
    }

    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.server)
    }

    /// A client without a certificate.
    pub fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// A client that offers this certificate.
    pub fn offering(&self, own: &IssuedCertificate) -> Client {
        self.client(Some(own))
    }

    pub fn agent(&self) -> Client {
        self.offering(&self.files.client)
    }

    pub fn expired(&self) -> Client {
        self.offering(&self.expired)
    }

    pub fn stranger(&self) -> Client {
        self.offering(&self.stranger)
    }

    pub fn boss(&self) -> Client {
        self.offering(&self.staff)
    }

    fn client(&self, own: Option<&IssuedCertificate>) -> Client {
        let roots = files::roots("--ca", &self.files.path("server-ca.pem")).unwrap();
        let key = own.map(|own| own.certified_key().unwrap());
        let offer =
            if own.is_some() { ClientAuthOffer::flag() } else { ClientAuthOffer::default() };
        let config = tls::client_config(roots, key, offer, DEFAULT_VERSIONS, &[tls::HTTP1]);
        Client { config: Arc::new(config.unwrap()), port: self.server.port }
    }
}

fn policy(table: &str, upstream: &str, down: &str) -> String {
    format!(
        "[scopes.clients]
        anchors = ['client-ca.pem']
        [scopes.staff]
        anchors = ['staff-ca.pem']
        [[rules]]
        server_name = 'staff.test'
        require = 'staff'
        [[rules]]
        offered = true
        request = 'clients'
        [otherwise]
        ask = 'nothing'
        [gateway]
        {table}
        [[gateway.routes]]
        upstream = '{upstream}'
        [[gateway.routes]]
        path = '/down'
        upstream = '{down}'
        [[gateway.routes]]
        path = '/clients'
        require = 'clients'
        upstream = '{upstream}'
        [[gateway.routes]]
        path = '/staff'
        require = 'staff'
        upstream = '{upstream}'
        "
    )
}

/// The URL of a server that responds to each request with `hello`, or to `/cut` with less than its
/// Content-Length. It switches to WebSocket for `/switch`, sends 5 bytes, reads 7, and closes.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(tcp));
        }
    });
    url
}

fn serve(tcp: TcpStream) {
    let (mut from, mut to) = (BufReader::new(tcp.try_clone().unwrap()), tcp);
    loop {
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        if from.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        while from.read_line(&mut line).unwrap_or(0) > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        std::io::copy(&mut (&mut from).take(length), &mut std::io::sink()).unwrap();
        if first.starts_with("GET /switch") {
            // For the key of RFC 6455 section 1.3.
            write!(
                to,
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello"
            )
            .unwrap();
            return from.read_exact(&mut [0; 7]).unwrap();
        }
        let is_cut = first.starts_with("GET /cut");
        let length = if is_cut { 100 } else { 5 };
        if write!(to, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello").is_err() || is_cut
        {
            return;
        }
    }
}

/// The URL of a server that refuses connections.
fn down() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub struct Client {
    config: Arc<ClientConfig>,
    port: u16,
}

impl Client {
    /// Sends bytes on a new connection, and returns all that comes back; `None` if the connection is
    /// refused.
    pub fn send(&self, request: impl AsRef<[u8]>) -> Option<String> {
        self.send_named("localhost", request)
    }

    /// The same, with this server name. The certificate is not for it, so the handshake only
    /// succeeds for `localhost`.
    pub fn send_named(&self, name: &'static str, request: impl AsRef<[u8]>) -> Option<String> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        let tls = ClientConnection::new(self.config.clone(), name.try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        stream.write_all(request.as_ref()).ok()?;
        let mut response = Vec::new();
        let read = stream.read_to_end(&mut response);
        if response.is_empty() && read.is_err() {
            return None;
        }
        Some(String::from_utf8_lossy(&response).into_owned())
    }

    /// Gets a path, and returns the status; `None` if the connection is refused.
    pub fn get(&self, path: &str) -> Option<u16> {
        self.get_from("localhost", path)
    }

    pub fn get_from(&self, host: &str, path: &str) -> Option<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let response = self.send(request)?;
        Some(response.split(' ').nth(1)?.parse().unwrap())
    }
}
