//! The command line of `rext-conform`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::faulty::FaultyArgs;
use super::server::Implements;
use command_line::CodePointArgs;
use command_line::values::seconds;

/// Test another TLS stack: which rules of the flags, of CARE and of resumption it keeps.
///
/// Speaks to it through a peer that breaks rules on purpose, one in each case, and grades what
/// comes back: passed, tolerated, failed, or skipped. Exits with 1 if a case fails.
#[derive(Clone, Debug, Parser)]
#[command(name = "rext-conform", version, subcommand_required = true)]
pub struct ConformArgs {
    #[command(subcommand)]
    /// Which end is under test.
    pub role: RoleArgs,
}

/// Which end is under test.
#[derive(Clone, Debug, Subcommand)]
pub enum RoleArgs {
    /// Test a server
    Server(ServerArgs),
    /// Test a client
    ///
    /// The command is run once for each case, or more often where a case needs more connections,
    /// and should open a connection, authenticate if it is asked to, and get something by HTTP/1.1.
    /// In it, {port} stands for the port to connect to, {ca} for a file with the authority of the
    /// certificate that it finds there, for localhost, and {cert} and {key} for files with a
    /// certificate to show.
    Client(ClientArgs),
    /// Be a server or a client that keeps the rules but for one
    ///
    /// It shows that the cases can fail.
    Faulty(FaultyArgs),
}

/// Options of `rext-conform server`.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Where the server is
    #[arg(value_name = "HOST:PORT", required_unless_present = "list")]
    pub target: Option<String>,
    /// The name to ask for; HOST if it is not given, and none if that is an address
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// The authorities that may have issued the server's certificate, in PEM
    #[arg(long, value_name = "FILE", required_unless_present_any = ["insecure", "list"])]
    pub ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// A certificate chain that the server accepts, in PEM, its own certificate first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of that certificate, in PEM, not encrypted, for ECDSA with P-256
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    #[command(flatten)]
    /// What both have.
    pub common: CommonArgs,
}

/// Options of `rext-conform client`.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Run no command, but wait for connections, and say when
    #[arg(long, conflicts_with = "command")]
    pub manual: bool,
    /// Put the files that {ca}, {cert} and {key} stand for into this folder, and leave them there
    #[arg(long, value_name = "DIR")]
    pub pki: Option<PathBuf>,
    #[command(flatten)]
    /// What both have.
    pub common: CommonArgs,
    /// The client under test, and its arguments
    #[arg(last = true, value_name = "COMMAND", required_unless_present_any = ["manual", "list"])]
    pub command: Vec<OsString>,
}

/// Options that both have.
#[derive(Clone, Debug, Args)]
pub struct CommonArgs {
    /// Run only this case, or those that begin so if it ends in an asterisk; may be given more than
    /// once
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
    /// Say which cases there are, and run none
    #[arg(long)]
    pub list: bool,
    /// Look what the other end can do, say which cases would be run, and run none
    #[arg(long, conflicts_with = "list")]
    pub dry_run: bool,
    /// How long a connection may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: Duration,
    /// Cases that may fail, one a line, with the reason behind it
    #[arg(long, value_name = "FILE")]
    pub allow: Option<PathBuf>,
    /// How to print what came of it
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Put a capture of each failed case into this folder, for Wireshark, with its keys
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// What to hold the other end to
    #[arg(long, value_enum, default_value = "auto")]
    pub implements: Implements,
    #[command(flatten)]
    /// The numbers on the wire.
    pub code_points: CodePointArgs,
}

/// How to print what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// An object
    Json,
    /// For continuous integration
    Junit,
    /// For a page
    Markdown,
}
