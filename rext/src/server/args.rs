//! Options of whatever serves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use command_line::values::{seconds, up_to_a_week};
use command_line::{CodePointArgs, Failure};
use rustls_ext::rustls::crypto::SupportedKxGroup;
use rustls_ext::rustls::crypto::ring::kx_group;

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
    pub(crate) fn check(&self) -> Result<(), Failure> {
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

/// A group that `rext serve` agrees to.
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

/// Whom `rext serve` asks for a certificate.
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
