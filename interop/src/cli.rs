//! The command line.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::Uri;
use rustls_ext::rustls::crypto::SupportedKxGroup;
use rustls_ext::rustls::crypto::ring::kx_group;
use rustls_ext::wire::{CodePoints, Flag, Offer};
use tracing::level_filters::LevelFilter;

use crate::Failure;
use crate::conform::args::ConformArgs;
use crate::matrix::Case;

pub(crate) mod values;

use values::{backend, demand, host, https, number, resolve, seconds, up_to_a_week, upstream};

/// Client certificates by offer: see them at work.
#[derive(Debug, Parser)]
#[command(name = "interop", version, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send real clients to a server with a policy, and check what comes of each.
    ///
    /// Makes a PKI, starts a server of HTTP/2 and HTTP/3 on loopback, and prints a line for each
    /// connection; octets and flights are counted over TCP only. Then counts the round trips that an
    /// agent takes to its first answer. Exits with 1 unless everything is as it should be.
    Demo(DemoArgs),
    /// Serve HTTP/1.1 and HTTP/2, and ask clients for certificates as a policy says.
    ///
    /// `GET /debug` answers what the server knows of the connection, as JSON. Prints `listening on
    /// ADDR:PORT` on standard output, and logs on standard error. Ctrl-C ends it in good order. The
    /// environment variable SSLKEYLOGFILE names a file for the sessions' secrets.
    Serve(ServeArgs),
    /// Put this in front of a server of HTTP that knows nothing of certificates.
    ///
    /// Serves HTTP/1.1 and HTTP/2 as `interop serve` does, asks clients for certificates as a policy
    /// says, and hands their requests on to another server by HTTP/1.1, with the certificates of
    /// those who are authenticated in `Client-Cert` (RFC 9440). Removes from requests what only a
    /// proxy may say (Client-Cert, Forwarded, X-Forwarded-*, SSL-Client-* and others of the kind), and
    /// says what it knows itself.
    /// Upgrades, as to WebSocket, are not passed on.
    Proxy(ProxyArgs),
    /// Send requests, each on a connection of its own, and tell what came of each connection.
    ///
    /// Bodies go to standard output; what came of a connection goes to standard error, a line of
    /// JSON for each. Stops, and exits with 1, when a connection is refused or fails, unless
    /// --keep-going says otherwise. The environment variable
    /// SSLKEYLOGFILE names a file for the sessions' secrets.
    Connect(ConnectArgs),
    /// Shake hands with a server many times, faults included, and judge every outcome.
    ///
    /// Starts a server on loopback and sends it clients of all kinds, some over connections that
    /// are cut, reset, stalled or garbled on the way, some that break the rules. Prints a report,
    /// and exits with 1 if any outcome at either end is wrong, if anything is left open, or with
    /// too much memory. Needs Linux.
    Soak(SoakArgs),
    /// Tell what is in the ClientHellos of files, a line of JSON for each.
    ///
    /// Each file has the first octets that a client sent, as they came off its socket; what follows
    /// the ClientHello is left alone. Exits with 1 if any has no well-formed one, and with 2 if any
    /// cannot be read; all others are shown first.
    Peek(PeekArgs),
    /// Route TCP connections by whether their ClientHello offers to authenticate.
    ///
    /// TLS goes through as it is. Prints `listening on ADDR:PORT` on standard output, and logs on
    /// standard error. What is no ClientHello gets an alert, if that says anything to it, and is let
    /// go. Ctrl-C ends it in good order.
    Route(RouteArgs),
    /// Test another TLS stack: which rules of the flags, of CARE and of resumption it keeps.
    ///
    /// Speaks to it through a peer that breaks rules on purpose, one in each case, and grades what
    /// comes back: passed, tolerated, failed, or skipped. Exits with 1 if a case fails.
    Conform(ConformArgs),
    /// Have clients and servers of many TLS libraries talk to each other, and check what comes of it.
    ///
    /// Each client meets each server in each case: without an offer, with one that is taken up or
    /// ignored, resuming, behind a HelloRetryRequest, and in TLS 1.2. What must come of a pair is
    /// data, with a reason where one end cannot do more. A peer that is not installed or not built
    /// is reported as missing. Exits with 1 if anything is not as it must be, or if a peer of
    /// `--require` is missing.
    Matrix(MatrixArgs),
}

impl Command {
    /// What of the log is shown.
    pub fn log_level(&self) -> LevelFilter {
        match self {
            Self::Serve(_) | Self::Proxy(_) | Self::Route(_) => LevelFilter::INFO,
            // These tell what happened themselves.
            Self::Demo(_)
            | Self::Connect(_)
            | Self::Soak(_)
            | Self::Peek(_)
            | Self::Conform(_)
            | Self::Matrix(_) => LevelFilter::OFF,
        }
    }
}

/// Options of `interop demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Print an object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Options of `interop serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    /// The server.
    pub server: ServerArgs,
    /// Serve a small site under HOST, where people and agents log in with certificates of the
    /// policy's scopes "users" and "staff"
    #[arg(long, value_name = "HOST", value_parser = host, requires = "policy_file")]
    pub site: Option<String>,
    #[command(flatten)]
    /// More of the site.
    pub site_args: SiteArgs,
}

/// Options of the site.
#[derive(Clone, Debug, Args)]
pub struct SiteArgs {
    /// The host name of the site where the policy requests certificates of "users"; login.HOST
    /// unless one says otherwise
    #[arg(long, value_name = "HOST", value_parser = host, requires = "site")]
    pub login_host: Option<String>,
    /// The host name of the site where the policy requests certificates of "staff"; staff.HOST
    /// unless one says otherwise
    #[arg(long, value_name = "HOST", value_parser = host, requires = "site")]
    pub staff_host: Option<String>,
}

/// Options of whatever serves.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// The server's certificate chain, in PEM, its own certificate first
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM, not encrypted
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The authorities whose client certificates count, in PEM; needed for --policy other than
    /// never
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub client_ca: Option<PathBuf>,
    /// Revocation lists for these certificates, in PEM or DER; may be given more than once. With
    /// any, each authority needs one
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    pub client_crl: Vec<PathBuf>,
    /// Which clients to request a certificate from. Either this or --policy-file is needed
    #[arg(long, value_enum)]
    pub policy: Option<PolicyName>,
    /// Rules on whom to ask for which certificate, in TOML: see the documentation of
    /// rustls_ext::policy_file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["client_ca", "policy"])]
    pub policy_file: Option<PathBuf>,
    /// Look this often whether a file has changed, and go by the new one. SIGHUP does so at once
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub watch: Option<Duration>,
    #[command(flatten)]
    /// The numbers on the wire.
    pub code_points: CodePointArgs,
    /// How long a client may take for its handshake, and then again for its first request
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub handshake_timeout: Duration,
    /// How long a connection may be there without a request, and a body without any progress
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// How long connections may take to end when the server is told to
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub drain_timeout: Duration,
    /// Tell each connection to end when it is this old (GOAWAY in HTTP/2, Connection: close in
    /// HTTP/1.1), so that its client's certificate is checked again on the next one. Up to a tenth
    /// less, at random. Requests that are underway are answered first. Without this option,
    /// connections have no maximum age
    #[arg(long, value_name = "SECONDS", value_parser = up_to_a_week)]
    pub max_connection_age: Option<Duration>,
    /// How many sessions to keep for resumption; the oldest go first. A TLS 1.3 connection takes two,
    /// one of TLS 1.2 one; 0 keeps none, so that no connection resumes
    #[arg(long, value_name = "SESSIONS", default_value = "256",
          value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub session_cache: u32,
    /// Agree to this group only; may be given more than once, the best first
    #[arg(long, value_enum, value_name = "GROUP")]
    pub group: Vec<GroupName>,
    /// Speak TLS 1.2 only, in which there are no flags
    #[arg(long)]
    pub tls12: bool,
}

impl ServerArgs {
    /// Whether there is something to decide by.
    fn check(&self) -> Result<(), Failure> {
        let missing = match (self.policy, &self.policy_file, &self.client_ca) {
            (None, None, _) => {
                "nothing says which clients to request a certificate from: give --policy with \
                 --client-ca, or --policy-file"
            }
            (Some(PolicyName::Never) | None, ..) | (_, _, Some(_)) => return Ok(()),
            (Some(_), _, None) => {
                "--policy needs --client-ca, the authorities whose client certificates count; only \
                 --policy never does without"
            }
        };
        Err(Failure::Usage(missing.into()))
    }
}

/// Options of `interop proxy`.
#[derive(Clone, Debug, Args)]
pub struct ProxyArgs {
    #[command(flatten)]
    /// The server in front.
    pub server: ServerArgs,
    /// The server behind, an http URL without a path
    #[arg(long, value_name = "URL", value_parser = upstream)]
    pub upstream: Uri,
    /// How long a connection to the server behind may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Let only clients that are authenticated in SCOPE through to paths that begin with PREFIX; may
    /// be given more than once, and the longest prefix counts
    #[arg(long, value_name = "PREFIX=SCOPE", value_parser = demand)]
    pub require: Vec<PathDemand>,
    /// Pass on the certificates of clients that are authenticated in SCOPE, in the field Client-Cert
    /// (RFC 9440); may be given more than once
    #[arg(long, value_name = "SCOPE")]
    pub client_cert: Vec<String>,
    /// Pass on the rest of their chains, too, in Client-Cert-Chain
    #[arg(long, requires = "client_cert")]
    pub client_cert_chain: bool,
}

/// What is demanded of those who ask for certain paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathDemand {
    /// How these paths begin.
    pub prefix: String,
    /// The scope in which a client must be authenticated.
    pub scope: String,
}

/// A group that `interop serve` agrees to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupName {
    /// X25519
    X25519,
    /// P-256
    Secp256r1,
    /// P-384, for which hardly any client sends a key share of its own accord
    Secp384r1,
}

impl GroupName {
    /// The group.
    pub fn get(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::Secp256r1 => kx_group::SECP256R1,
            Self::Secp384r1 => kx_group::SECP384R1,
        }
    }
}

/// Whom `interop serve` asks for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// Ask those who offer one, and go on without
    Offered,
    /// Insist on one from those who offer one
    RequireOffered,
    /// Insist on one from everybody
    Always,
    /// Ask nobody
    Never,
}

/// Options of `interop connect`.
#[derive(Clone, Debug, Args)]
pub struct ConnectArgs {
    /// What to get, an https URL
    #[arg(value_parser = https)]
    pub url: Uri,
    /// The authorities whose server certificates count, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// The client's certificate chain, in PEM, its own certificate first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of that certificate, in PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// How to offer to authenticate
    #[arg(long, value_enum, default_value = "none")]
    pub offer: OfferName,
    #[command(flatten)]
    /// The numbers on the wire.
    pub code_points: CodePointArgs,
    /// Speak HTTP/1.1 only
    #[arg(long)]
    pub http1: bool,
    /// How many requests to send, one after the other; stops at the first that fails, unless
    /// --keep-going says otherwise
    #[arg(short = 'n', long = "count", value_name = "COUNT", default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Send all requests of --count, also when some fail; exits with 1 if any has failed
    #[arg(long)]
    pub keep_going: bool,
    /// Connect to ADDR for HOST and PORT; may be given more than once
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = resolve)]
    pub resolve: Vec<Resolve>,
    /// Speak TLS 1.2 only, in which there are no offers by flag
    #[arg(long)]
    pub tls12: bool,

    /// Make no offer until the server challenges for a certificate (401, ClientCertificate); then
    /// come back with the certificate, by a new connection that offers, by flag unless --offer says
    /// otherwise. Requests share connections
    #[arg(long, requires = "cert")]
    pub follow_challenge: bool,

    /// Resume sessions in which this client did not authenticate, too, although the server then
    /// cannot request the certificate that --offer offers (RES-8)
    #[arg(long)]
    pub prefer_resumption: bool,

    /// Send the certificate under TLS 1.2, too, where everybody on the way can read it
    #[arg(long)]
    pub certificate_in_clear: bool,
}

/// Options of `interop peek`.
#[derive(Clone, Debug, Args)]
pub struct PeekArgs {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What is in them
    #[arg(long, value_enum, default_value = "tls")]
    pub wire: Wire,
    #[command(flatten)]
    /// The numbers on the wire.
    pub code_points: CodePointArgs,
}

/// What is in the files of `interop peek`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wire {
    /// TLS records, as they come off a socket
    Tls,
    /// A handshake message, without records
    Handshake,
}

/// Options of `interop route`.
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

/// Options of `interop soak`.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// How many connections to make
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub connections: u32,
    /// What decides which connections these are, and what happens to them; made up and printed if
    /// there is none
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// How many clients there are at a time
    #[arg(long, value_name = "N", default_value = "64",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// How much memory the process may have at most
    #[arg(long, value_name = "MIB", default_value = "128",
          value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub memory_ceiling: u64,
    /// Print an object instead of a text
    #[arg(long)]
    pub json: bool,
}

/// Options of `interop matrix`.
#[derive(Clone, Debug, Args)]
pub struct MatrixArgs {
    /// What to print
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: Format,
    /// These clients only
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub client: Vec<String>,
    /// These servers only
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub server: Vec<String>,
    /// These cases only
    #[arg(long, value_name = "CASE,…", value_delimiter = ',', value_enum)]
    pub case: Vec<Case>,
    /// Fail if one of these peers is missing
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    pub require: Vec<String>,
}

/// How `interop matrix` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    Markdown,
    /// An object for programs
    Json,
}

/// How `interop connect` offers to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OfferName {
    /// Say nothing
    None,
    /// By the TLS flag request_client_auth, in TLS 1.3
    Flag,
    /// By the extension client_authentication_request (CARE), in TLS 1.2 and 1.3
    Care,
    /// By both
    Both,
}

impl OfferName {
    /// The offer, if there is one.
    pub fn offer(self) -> Offer {
        match self {
            Self::None => Offer::NONE,
            Self::Flag => Offer::FLAG,
            Self::Care => Offer::CARE,
            Self::Both => Offer::BOTH,
        }
    }
}

/// The numbers on the wire, which both ends must agree on.
#[derive(Clone, Debug, Args)]
pub struct CodePointArgs {
    /// The number of the TLS extension tls_flags, decimal or 0x…; 0xfe01 in the public experiment
    #[arg(long, value_name = "N", default_value = "62", value_parser = number)]
    code_point: u16,
    /// The number of the flag request_client_auth, decimal or 0x…
    #[arg(long, value_name = "N", default_value = "80", value_parser = number)]
    flag: u16,
    /// The number of the TLS extension client_authentication_request (CARE), which was never given
    /// one, decimal or 0x…
    #[arg(
        long,
        visible_alias = "care",
        value_name = "N",
        default_value = "0xffca",
        value_parser = number
    )]
    care_code_point: u16,
}

impl CodePointArgs {
    /// The numbers, if they can be used.
    ///
    /// # Errors
    /// If something else on the wire has one of them, or the flag is beyond the highest.
    pub fn get(&self) -> Result<CodePoints, Failure> {
        let flag = Flag::new(self.flag).map_err(|err| Failure::option("--flag", self.flag, err))?;
        // The extension with a flag that is certainly free, so that each is blamed for its own.
        CodePoints::new(self.code_point, Flag::REQUEST_CLIENT_AUTH)
            .map_err(|err| Failure::option("--code-point", self.code_point, err))?;
        CodePoints::new(self.code_point, flag)
            .map_err(|err| Failure::option("--flag", self.flag, err))?
            .with_care(self.care_code_point)
            .map_err(|err| Failure::option("--care-code-point", self.care_code_point, err))
    }
}

/// Where to connect to for a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The host in the URL.
    pub host: String,
    /// The port in the URL.
    pub port: u16,
    /// Where that is.
    pub addr: IpAddr,
}

/// What a command line says.
#[derive(Debug)]
pub enum Parsed {
    /// To do this.
    Command(Box<Command>),
    /// To print this.
    Help(String),
}

/// Parse a command line.
///
/// # Errors
/// One line that says what is wrong with it.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    match Cli::try_parse_from(args) {
        Ok(cli) => {
            match &cli.command {
                Command::Serve(args) => args.server.check()?,
                Command::Proxy(args) => args.server.check()?,
                _ => {}
            }
            Ok(Parsed::Command(Box::new(cli.command)))
        }
        Err(err) if !err.use_stderr() => Ok(Parsed::Help(err.to_string())),
        Err(err) => {
            // The first paragraph says what is wrong, in lines; the others how to find help.
            let text = err.to_string();
            let first = text.split("\n\n").next().unwrap_or_default();
            let words = first.split_whitespace().collect::<Vec<_>>().join(" ");
            // Without a command, clap shows its help as the error.
            let line = words
                .strip_prefix("error: ")
                .unwrap_or("no command given; `interop --help` tells which there are");
            Err(Failure::Usage(line.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_s_own_rules_hold() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
