//! `rext route`: a router of TCP connections that looks at their ClientHello, and at nothing
//! else: TLS goes through it as it is.
//!
//! That is what a load balancer gains from an offer: those who have a certificate go to servers
//! that ask for one, and everybody else to servers that do not.

use clap::Args;
use command_line::CodePointArgs;
use command_line::values::seconds;
use std::net::SocketAddr;
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

use crate::listener::Listener;
use command_line::Failure;

mod relay;

/// Options of `rext route`.
#[derive(Clone, Debug, Args)]
pub struct RouteArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Where to send those who offer to authenticate
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub offered: String,
    /// Where to send everybody else
    #[arg(long, value_name = "HOST:PORT", value_parser = backend)]
    pub default: String,
    /// How long a client may take for its ClientHello
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub hello_timeout: Duration,
    /// How long a connection to a backend may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Let go of a connection on which nothing was said for this long; it may take twice that
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// How many connections there may be at a time; others wait to be accepted
    #[arg(long, value_name = "N", default_value = "4096",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    #[command(flatten)]
    /// The numbers on the wire.
    pub code_points: CodePointArgs,
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

/// The longest hello that is routed, in octets of the message: many times what clients send.
const LONGEST_HELLO: usize = 16 * 1024;
/// How much is read at a time.
const READ: usize = 4 * 1024;
/// The alert internal_error (RFC 8446 section 6.2), for a backend that is not there.
const INTERNAL_ERROR: u8 = 80;
/// How long an alert may take to be written.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long connections may take to end when the router is told to.
const DRAIN: Duration = Duration::from_secs(5);

/// Do what `rext route` says, until Ctrl-C or SIGTERM.
///
/// # Errors
/// If an option is unusable. Nothing that a client or a backend does is an error.
pub async fn run(args: &RouteArgs) -> Result<(), Failure> {
    let code_points = args.code_points.get()?;
    let router = Arc::new(Router {
        offered: args.offered.clone(),
        default: args.default.clone(),
        scan: Scan::new(&code_points).max_message(LONGEST_HELLO),
        code_points,
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
    listener.serve(args.max_connections.into(), DRAIN, connection).await;
    Ok(())
}

struct Router {
    offered: String,
    default: String,
    code_points: CodePoints,
    scan: Scan,
    hello_timeout: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
}

/// The first octets of a client, and what they say.
struct Head {
    octets: Vec<u8>,
    offer: Offer,
    server_name: Option<String>,
}

/// Why a client is not routed.
enum Refused {
    Io(std::io::Error),
    HungUp,
    /// It closed before it sent anything, as probes do that look whether the port is open.
    Probe,
    NotTls(NotTls),
    /// This in place of TLS.
    Other(OtherProtocol),
    Malformed(ScanError),
}

impl From<std::io::Error> for Refused {
    fn from(err: std::io::Error) -> Self {
        Self::Io(err)
    }
}

impl Router {
    async fn connection(&self, mut client: TcpStream, peer: SocketAddr) {
        let _ = client.set_nodelay(true);
        let head = match timeout(self.hello_timeout, self.head(&mut client)).await {
            Ok(Ok(head)) => head,
            Err(_) => return warn!(%peer, "no ClientHello within {:?}", self.hello_timeout),
            Ok(Err(Refused::Io(err))) => return warn!(%peer, %err, "connection failed"),
            Ok(Err(Refused::HungUp)) => return warn!(%peer, "hung up within its ClientHello"),
            Ok(Err(Refused::Probe)) => {
                return debug!(%peer, "the client closed the connection before it sent anything");
            }
            Ok(Err(Refused::NotTls(what))) => return warn!(%peer, "refused: {what}"),
            Ok(Err(Refused::Other(what))) => return warn!(%peer, "refused: {what}"),
            Ok(Err(Refused::Malformed(error))) => {
                warn!(%peer, alert = %error.alert(), rule = error.rule(), "refused: {error}");
                return self.goodbye(client, error.alert().code()).await;
            }
        };
        let backend = if head.offer.is_none() { &self.default } else { &self.offered };
        let Head { octets, offer, server_name } = head;
        let connect = timeout(self.connect_timeout, TcpStream::connect(backend.as_str())).await;
        let mut server = match connect {
            Ok(Ok(server)) => server,
            Ok(Err(err)) => {
                warn!(%peer, backend, %err, "cannot connect to the backend");
                return self.goodbye(client, INTERNAL_ERROR).await;
            }
            Err(_) => {
                warn!(%peer, backend, "no connection to the backend within {:?}", self.connect_timeout);
                return self.goodbye(client, INTERNAL_ERROR).await;
            }
        };
        let _ = server.set_nodelay(true);
        info!(%peer, backend, %offer, server_name, "routed");
        if let Err(err) = server.write_all(&octets).await {
            return warn!(%peer, backend, %err, "the backend hung up");
        }
        relay::relay(&mut client, &mut server, self.idle_timeout).await;
    }

    /// Reads until it is known what the client wants. Without TLS 1.3 no flag is an offer
    /// (FLAGS-9). A malformed offer is none: whether it matters depends on the version that the
    /// server chooses.
    async fn head(&self, client: &mut TcpStream) -> Result<Head, Refused> {
        let mut scanner = self.scan.scanner(vec![0; LONGEST_HELLO]);
        let mut octets = Vec::with_capacity(READ);
        loop {
            let before = octets.len();
            let read = match client.read_buf(&mut octets).await {
                Ok(0) | Err(_) if octets.is_empty() => return Err(Refused::Probe),
                read => read?,
            };
            if read == 0 {
                return Err(Refused::HungUp);
            }
            match scanner.feed(octets.get(before..).unwrap_or_default()) {
                Answer::Hello { hello, .. } => {
                    let best = if hello.offers_tls13() { Version::Tls13 } else { Version::Tls12 };
                    let mut negotiation = ServerNegotiation::new(self.code_points);
                    let offer = match negotiation.on_client_hello(best, hello.received()) {
                        Ok(()) => negotiation.offer(),
                        Err(_) => Offer::NONE,
                    };
                    let server_name = hello.server_name().map(|it| it.escape_ascii().to_string());
                    return Ok(Head { octets, offer, server_name });
                }
                Answer::Incomplete { .. } => octets.reserve(READ),
                Answer::NotTls(what) => {
                    let other = OtherProtocol::of(&octets).map(Refused::Other);
                    return Err(other.unwrap_or(Refused::NotTls(what)));
                }
                Answer::Malformed(error) => return Err(Refused::Malformed(error)),
            }
        }
    }

    /// Sends a fatal alert in the clear, as any server may before its ServerHello, and closes.
    async fn goodbye(&self, mut client: TcpStream, alert: u8) {
        let sent = timeout(GOODBYE, client.write_all(&[21, 3, 3, 0, 2, 2, alert])).await;
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
