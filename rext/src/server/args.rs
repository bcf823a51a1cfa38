//! Options of the commands that serve.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use command_line::values::{seconds, up_to_a_week};
use command_line::{CodePointArgs, Failure};
use rustls_ext::rustls::crypto::SupportedKxGroup;
use rustls_ext::rustls::crypto::ring::kx_group;

use crate::access_log::AccessLogArgs;
use crate::listener::{ListenAddress, ListenerArgs, ServeOptions};
use crate::observe::MetricsArgs;
use crate::ticket_keys::TicketArgs;

/// Options of the commands that serve.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The address to listen on; port 0 selects a free port. Or systemd, for the sockets that systemd
    /// passes (socket activation), or systemd:NAME for those with this FileDescriptorName=
    #[arg(long, value_name = "ADDR:PORT|systemd")]
    pub listen: ListenAddress,
    /// The server's certificate chain, in PEM, its own certificate first
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM, not encrypted
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The authorities to trust for client certificates, in PEM; required for every --policy except
    /// never
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub client_ca: Option<PathBuf>,
    /// Revocation lists for these certificates, in PEM or DER; may be given more than once. If any
    /// is given, each authority needs one
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    pub client_crl: Vec<PathBuf>,
    /// Which clients to request a certificate from. Either --policy or --policy-file is required
    #[arg(long, value_enum)]
    pub policy: Option<PolicyName>,
    /// Rules that decide from which clients to request which certificates, in TOML: see the
    /// documentation of rustls_ext::policy_file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["client_ca", "policy"])]
    pub policy_file: Option<PathBuf>,
    /// Check the files for changes at this interval, and reload them. SIGHUP reloads them at once
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub watch: Option<Duration>,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
    /// The time limit for a client's handshake, and then again for its first request
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub handshake_timeout: Duration,
    /// How long a connection may stay open without a request, and a body without any progress
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// How long to wait for open connections after Ctrl-C or SIGTERM
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub drain_timeout: Duration,
    /// End each connection at this age (GOAWAY in HTTP/2, Connection: close in HTTP/1.1), so that
    /// its client's certificate is checked again on the next one. Up to a tenth earlier, at random.
    /// Unfinished requests are answered first. Without this option, connections have no maximum age
    #[arg(long, value_name = "SECONDS", value_parser = up_to_a_week)]
    pub max_connection_age: Option<Duration>,
    /// How many sessions to keep for resumption; the oldest are dropped first. A TLS 1.3 connection
    /// needs two, a TLS 1.2 connection one; 0 keeps none, so that no connection resumes
    #[arg(long, value_name = "SESSIONS", default_value = "256",
          value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub session_cache: u32,
    /// Use only this key exchange group; may be given more than once, the preferred one first
    #[arg(long, value_enum, value_name = "GROUP")]
    pub group: Vec<GroupName>,
    /// Use TLS 1.2 only, which has no flags
    #[arg(long)]
    pub tls12: bool,
    // Session tickets of a fleet
    #[command(flatten)]
    /// The session tickets.
    pub tickets: TicketArgs,
    // Memory, and connections whose certificates no longer verify.
    /// The memory that one connection may use, in MiB; a request that needs more gets 503
    #[arg(long, value_name = "MIB", default_value = "4",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub connection_memory: u32,
    /// The memory that all connections together may use, in MiB. Beyond it, new connections are
    /// closed, and new requests get 503
    #[arg(long, value_name = "MIB", default_value = "1024",
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub memory: u32,
    /// After each reload, verify the certificates of open connections again. If one no longer
    /// verifies, its client is not authenticated any more, and the connection ends like one at its
    /// maximum age
    #[arg(long)]
    pub end_unverified: bool,
    // Connections and sockets.
    /// The maximum number of open connections; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value = "1024",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    #[command(flatten)]
    /// The listener.
    pub listener: ListenerArgs,
    // Metrics and the access log.
    #[command(flatten)]
    /// The metrics.
    pub observe: MetricsArgs,
    #[command(flatten)]
    /// The access log.
    pub access_log: AccessLogArgs,
    // HTTP/3.
    /// Also serve HTTP/3, on the UDP port with the number of the TCP port; responses over TCP say so in
    /// the field Alt-Svc. Early data (0-RTT) is not accepted
    #[arg(long, conflicts_with = "tls12")]
    pub http3: bool,
    /// The UDP port for Alt-Svc, if clients reach another one than that of --listen, as behind NAT
    #[arg(long, value_name = "PORT", requires = "http3")]
    pub alt_svc_port: Option<NonZeroU16>,
}

impl ServerArgs {
    /// The options of the listener.
    pub(crate) fn serve_options(&self) -> ServeOptions {
        let max_connections = usize::try_from(self.max_connections).unwrap_or(usize::MAX);
        ServeOptions::new(
            &self.listener,
            max_connections,
            self.handshake_timeout,
            self.drain_timeout,
        )
    }

    /// Checks that the options define a policy.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let missing = match (self.policy, &self.policy_file, &self.client_ca) {
            (None, None, _) => {
                "no policy is given: use --policy with --client-ca, or --policy-file"
            }
            (Some(PolicyName::Never) | None, ..) | (_, _, Some(_)) => return Ok(()),
            (Some(_), _, None) => {
                "--policy requires --client-ca, the authorities to trust for client certificates; only \
                 --policy never works without it"
            }
        };
        Err(Failure::Usage(missing.into()))
    }
}

/// A key exchange group for `rext serve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupName {
    /// X25519
    X25519,
    /// P-256
    Secp256r1,
    /// P-384, for which clients rarely send a key share
    Secp384r1,
}

impl GroupName {
    /// Returns the group.
    pub fn get(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::Secp256r1 => kx_group::SECP256R1,
            Self::Secp384r1 => kx_group::SECP384R1,
        }
    }
}

/// Which clients `rext serve` requests a certificate from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// Request one from clients that offer one; clients without one continue unauthenticated
    Offered,
    /// Require one from clients that offer one
    RequireOffered,
    /// Require one from every client
    Always,
    /// Request none
    Never,
}
