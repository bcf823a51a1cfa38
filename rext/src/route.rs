//! `rext route`: routes TCP connections by their ClientHello, and passes TLS through unchanged.
//!
//! A load balancer can use an offer in this way: it connects clients that offer a certificate to
//! servers that request one, and all other clients to servers that do not.

use clap::Args;
use command_line::CodePointArgs;
use command_line::values::{seconds, up_to_a_week};
use std::sync::Arc;
use std::time::Duration;

use rustls_ext::tokio::{OtherProtocol, linger};
use rustls_ext::wire::{
    Answer, CodePoints, NotTls, Offer, Scan, ScanError, ServerNegotiation, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::listener::{Client, ListenAddress, Listener, ListenerArgs, ServeOptions, descriptors};
use crate::observe::{self, MetricsArgs, Open, ROUTED};
use command_line::Failure;

mod proxy_header;
mod relay;

use proxy_header::Proxied;
pub use proxy_header::ProxyVersion;

/// Options of `rext route`.
#[derive(Clone, Debug, Args)]
pub struct RouteArgs {
    /// The address to listen on; port 0 selects a free port. Or systemd, for the sockets that systemd
    /// passes (socket activation), or systemd:NAME for those with this FileDescriptorName=
    #[arg(long, value_name = "ADDR:PORT|systemd")]
    pub listen: ListenAddress,
    /// The backend for clients that offer to authenticate
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub offered: String,
    /// The backend for all other clients
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub default: String,
    /// Start each connection to a backend with a PROXY protocol header, which contains the client's
    /// address; the backends must expect it (HAProxy: `accept-proxy`, nginx: `proxy_protocol`).
    /// Version 2, the default, also has the server name, the ALPN protocol if the client offers only
    /// one, an id that is in the log, and a checksum
    #[arg(long, value_enum, value_name = "VERSION", num_args = 0..=1, default_missing_value = "v2")]
    pub send_proxy: Option<ProxyVersion>,
    /// The time limit for a client's ClientHello, and before for a PROXY protocol header
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
    /// How long to wait for open connections after Ctrl-C or SIGTERM, or after a new process has taken
    /// over (SIGUSR2)
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = up_to_a_week)]
    pub drain_timeout: Duration,
    #[command(flatten)]
    /// The listener.
    pub listener: ListenerArgs,
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
    let listener = Listener::bind(&args.listen).await?;
    let addr = listener.announce()?;
    info!(%addr, offered = args.offered, default = args.default, "routing");
    let options = ServeOptions::new(
        &args.listener,
        args.max_connections.into(),
        args.hello_timeout,
        args.drain_timeout,
    );
    // Each connection has one to its backend.
    descriptors::check(options.max_connections, 2);
    let connection = move |client, _| {
        let router = router.clone();
        async move { router.connection(client).await }
    };
    listener.serve(options, connection).await;
    Ok(())
}

struct Router {
    offered: String,
    default: String,
    code_points: CodePoints,
    scan: Scan,
    send_proxy: Option<ProxyVersion>,
    hello_timeout: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
}

/// The first bytes of a client, and the offer in its ClientHello.
struct Head {
    bytes: Vec<u8>,
    offer: Offer,
    server_name: Option<Vec<u8>>,
    /// The application protocol, if the client offers only this one.
    alpn: Option<Vec<u8>>,
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
    async fn connection(&self, client: Client) {
        let Client { tcp: mut client, peer, destination } = client;
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
        let Head { bytes, offer, server_name, alpn } = head;
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
        let shown = server_name.as_ref().map(|name| name.escape_ascii().to_string());
        let id = self.send_proxy.map(|_| format!("{:032x}", fastrand::u128(..)));
        info!(%peer, backend, %offer, server_name = shown, id, "routed");
        let sent = async {
            if let (Some(version), Some(id)) = (self.send_proxy, &id) {
                let destination = destination.map_or_else(|| client.local_addr(), Ok)?;
                let (server_name, alpn) = (server_name.as_deref(), alpn.as_deref());
                let proxied = Proxied { client: peer, destination, server_name, alpn, id };
                server.write_all(&proxied.header(version)?).await?;
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
                    let server_name = hello.server_name().map(<[u8]>::to_vec);
                    let mut protocols = hello.alpn();
                    // Of several, the server that ends the TLS connection chooses one.
                    let alpn = match (protocols.next(), protocols.next()) {
                        (Some(only), None) => Some(only.to_vec()),
                        _ => None,
                    };
                    return Ok(Head { bytes, offer, server_name, alpn });
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

#[cfg(test)]
mod tests {
    use super::*;

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
