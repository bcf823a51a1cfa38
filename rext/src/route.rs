//! `rext route`: routes TCP connections by their ClientHello, and passes TLS through unchanged.
//!
//! A load balancer can use an offer in this way: it connects clients that offer a certificate to
//! servers that request one, and all other clients to servers that do not.

use clap::Args;
use command_line::CodePointArgs;
use command_line::values::seconds;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ppp::v2::{Builder, Command, Protocol};
use rustls_ext::tokio::{OtherProtocol, linger};
use rustls_ext::wire::{
    Answer, CodePoints, NotTls, Offer, Scan, ScanError, ServerNegotiation, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::listener::Listener;
use crate::observe::{self, MetricsArgs, Open, ROUTED};
use command_line::Failure;

mod relay;

/// Options of `rext route`.
#[derive(Clone, Debug, Args)]
pub struct RouteArgs {
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// The backend for clients that offer to authenticate
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub offered: String,
    /// The backend for all other clients
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub default: String,
    /// Start each connection to a backend with a PROXY protocol header, version 2, which contains the
    /// client's address; the backends must expect it (HAProxy: `accept-proxy`, nginx: `proxy_protocol`)
    #[arg(long)]
    pub send_proxy: bool,
    /// The time limit for a client's ClientHello
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub hello_timeout: Duration,
    /// The time limit for connecting to a backend
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Close connections on which neither side sent data for this long; it may take up to twice that
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// The maximum number of open connections; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value = "4096",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
    // Metrics.
    #[command(flatten)]
    /// The metrics.
    pub observe: MetricsArgs,
}

fn backend(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.into())
        }
        _ => Err("not of the form HOST:PORT".into()),
    }
}

/// The longest ClientHello that is routed, in bytes of the message: many times the usual length.
const MAX_CLIENT_HELLO: usize = 16 * 1024;
/// How many bytes are read at a time.
const READ_SIZE: usize = 4 * 1024;
/// The alert internal_error (RFC 8446 section 6.2), for a backend that is not available.
const INTERNAL_ERROR: u8 = 80;
/// The time limit for writing an alert.
const ALERT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the router waits for open connections after Ctrl-C or SIGTERM.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `rext route`, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If an option is unusable. Misbehaviour of clients or backends is no error.
pub async fn run(args: &RouteArgs) -> Result<(), Failure> {
    let code_points = args.code_points.get()?;
    observe::start(&args.observe, "route").await?;
    let router = Arc::new(Router {
        offered: args.offered.clone(),
        default: args.default.clone(),
        scan: Scan::new(&code_points).max_message(MAX_CLIENT_HELLO),
        code_points,
        send_proxy: args.send_proxy,
        hello_timeout: args.hello_timeout,
        connect_timeout: args.connect_timeout,
        idle_timeout: args.idle_timeout,
    });
    let listener = Listener::bind(args.listen).await?;
    let addr = listener.announce()?;
    info!(%addr, offered = args.offered, default = args.default, "routing");
    let connection = |tcp, peer, _| {
        let router = router.clone();
        async move { router.connection(tcp, peer).await }
    };
    listener.serve(args.max_connections.into(), DRAIN_TIMEOUT, connection).await;
    Ok(())
}

struct Router {
    offered: String,
    default: String,
    code_points: CodePoints,
    scan: Scan,
    send_proxy: bool,
    hello_timeout: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
}

/// The first bytes of a client, and the offer in its ClientHello.
struct Head {
    bytes: Vec<u8>,
    offer: Offer,
    server_name: Option<String>,
}

/// Why a client is not routed.
enum NotRouted {
    Io(std::io::Error),
    /// It closed the connection within its ClientHello.
    Closed,
    /// It closed the connection before it sent anything, as port probes do.
    Probe,
    NotTls(NotTls),
    /// It uses this protocol instead of TLS.
    Other(OtherProtocol),
    Malformed(ScanError),
}

impl From<std::io::Error> for NotRouted {
    fn from(err: std::io::Error) -> Self {
        Self::Io(err)
    }
}

impl Router {
    async fn connection(&self, mut client: TcpStream, peer: SocketAddr) {
        let _open = Open::connection("tcp");
        let _ = client.set_nodelay(true);
        let head = timeout(self.hello_timeout, self.head(&mut client)).await;
        if !matches!(head, Ok(Ok(_))) {
            let is_malformed = matches!(head, Ok(Err(NotRouted::Malformed(_))));
            ROUTED.add(1, &["none", if is_malformed { "malformed" } else { "no_client_hello" }]);
        }
        let head = match head {
            Ok(Ok(head)) => head,
            Err(_) => return warn!(%peer, "no ClientHello within {:?}", self.hello_timeout),
            Ok(Err(NotRouted::Io(err))) => return warn!(%peer, %err, "connection failed"),
            Ok(Err(NotRouted::Closed)) => {
                return warn!(%peer, "the client closed the connection within its ClientHello");
            }
            Ok(Err(NotRouted::Probe)) => {
                return debug!(%peer, "the client closed the connection before it sent anything");
            }
            Ok(Err(NotRouted::NotTls(found))) => return warn!(%peer, "refused: {found}"),
            Ok(Err(NotRouted::Other(protocol))) => return warn!(%peer, "refused: {protocol}"),
            Ok(Err(NotRouted::Malformed(error))) => {
                warn!(%peer, alert = %error.alert(), rule = error.rule(), "refused: {error}");
                return self.send_alert(client, error.alert().code()).await;
            }
        };
        let (backend, kind) = match head.offer.is_none() {
            true => (&self.default, "default"),
            false => (&self.offered, "offered"),
        };
        let Head { bytes, offer, server_name } = head;
        let connect = timeout(self.connect_timeout, TcpStream::connect(backend.as_str())).await;
        let mut server = match connect {
            Ok(Ok(server)) => server,
            Ok(Err(err)) => {
                ROUTED.add(1, &[kind, "connect_failed"]);
                warn!(%peer, backend, %err, "cannot connect to the backend");
                return self.send_alert(client, INTERNAL_ERROR).await;
            }
            Err(_) => {
                ROUTED.add(1, &[kind, "connect_failed"]);
                warn!(%peer, backend, "no connection to the backend within {:?}", self.connect_timeout);
                return self.send_alert(client, INTERNAL_ERROR).await;
            }
        };
        let _ = server.set_nodelay(true);
        ROUTED.add(1, &[kind, "routed"]);
        info!(%peer, backend, %offer, server_name, "routed");
        let sent = async {
            if self.send_proxy {
                server.write_all(&proxy_header(peer, client.local_addr()?)?).await?;
            }
            server.write_all(&bytes).await
        };
        if let Err(err) = sent.await {
            return warn!(%peer, backend, %err, "the backend closed the connection");
        }
        relay::relay(&mut client, &mut server, self.idle_timeout).await;
    }

    /// Reads the ClientHello, and determines the client's offer. Without TLS 1.3, a flag is no offer
    /// (FLAGS-9). A malformed offer is treated as none: whether it is an error depends on the version
    /// that the server chooses.
    async fn head(&self, client: &mut TcpStream) -> Result<Head, NotRouted> {
        let mut scanner = self.scan.scanner(vec![0; MAX_CLIENT_HELLO]);
        let mut bytes = Vec::with_capacity(READ_SIZE);
        loop {
            let before = bytes.len();
            let read = match client.read_buf(&mut bytes).await {
                Ok(0) | Err(_) if bytes.is_empty() => return Err(NotRouted::Probe),
                read => read?,
            };
            if read == 0 {
                return Err(NotRouted::Closed);
            }
            match scanner.feed(bytes.get(before..).unwrap_or_default()) {
                Answer::Hello { hello, .. } => {
                    let best = if hello.offers_tls13() { Version::Tls13 } else { Version::Tls12 };
                    let mut negotiation = ServerNegotiation::new(self.code_points);
                    let offer = match negotiation.on_client_hello(best, hello.received()) {
                        Ok(()) => negotiation.offer(),
                        Err(_) => Offer::NONE,
                    };
                    let server_name = hello.server_name().map(|it| it.escape_ascii().to_string());
                    return Ok(Head { bytes, offer, server_name });
                }
                Answer::Incomplete { .. } => bytes.reserve(READ_SIZE),
                Answer::NotTls(found) => {
                    let other = OtherProtocol::of(&bytes).map(NotRouted::Other);
                    return Err(other.unwrap_or(NotRouted::NotTls(found)));
                }
                Answer::Malformed(error) => return Err(NotRouted::Malformed(error)),
            }
        }
    }

    /// Sends a fatal alert, unencrypted as is allowed before a ServerHello, and closes the connection.
    async fn send_alert(&self, mut client: TcpStream, alert: u8) {
        let sent = timeout(ALERT_TIMEOUT, client.write_all(&[21, 3, 3, 0, 2, 2, alert])).await;
        if matches!(sent, Ok(Ok(()))) {
            linger(client).await;
        }
    }
}

/// The header that tells a backend the addresses of a client's connection (HAProxy's PROXY protocol,
/// version 2).
fn proxy_header(client: SocketAddr, here: SocketAddr) -> std::io::Result<Vec<u8>> {
    // Of a socket that listens on IPv6 and accepts IPv4, too: both addresses are of one family.
    let plain = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
    Builder::with_addresses(
        ppp::v2::Version::Two | Command::Proxy,
        Protocol::Stream,
        (plain(client), plain(here)),
    )
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_header_has_the_addresses_of_client_and_router() {
        let header = |client: &str, here: &str| {
            proxy_header(client.parse().unwrap(), here.parse().unwrap()).unwrap()
        };
        let start = *b"\r\n\r\n\0\r\nQUIT\n";
        let v4 =
            [&start[..], &[0x21, 0x11, 0, 12, 192, 0, 2, 1, 127, 0, 0, 1, 1, 0, 1, 187]].concat();
        assert_eq!(header("192.0.2.1:256", "127.0.0.1:443"), v4);
        assert_eq!(header("[::ffff:192.0.2.1]:256", "[::ffff:127.0.0.1]:443"), v4);
        let one = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let v6 = [&start[..], &[0x21, 0x21, 0, 36], &one, &one, &[1, 0, 1, 187]].concat();
        assert_eq!(header("[::1]:256", "[::1]:443"), v6);
    }

    #[test]
    fn backends_are_hosts_with_ports() {
        for good in ["localhost:1", "192.0.2.1:443", "[2001:db8::1]:65535"] {
            assert_eq!(backend(good), Ok(good.to_owned()));
        }
        for bad in ["", "localhost", ":443", "localhost:", "localhost:0", "localhost:65536"] {
            assert!(backend(bad).is_err(), "{bad}");
        }
    }
}
