//! The command line of `rext-conform`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::faulty::FaultyArgs;
use super::origins::ORIGIN;
use super::server::Implements;
use command_line::CodePointArgs;
use command_line::values::seconds;

/// Test which rules of the flags, of CARE, of origin hints, of resumption and of secondary certificates
/// another TLS stack keeps.
///
/// Connects to it with a peer that breaks rules on purpose, one in each case, and grades the
/// reaction: passed, tolerated, failed, or skipped. Exits with 1 if a case fails.
#[derive(Clone, Debug, Parser)]
#[command(name = "rext-conform", version, subcommand_required = true)]
pub struct ConformArgs {
    #[command(subcommand)]
    /// The role under test.
    pub role: RoleArgs,
}

/// The role under test.
#[derive(Clone, Debug, Subcommand)]
pub enum RoleArgs {
    /// Test a server
    Server(ServerArgs),
    /// Test a client
    ///
    /// The command is run once for each case, or more often where a case needs more connections,
    /// and should open a connection, authenticate on request, and send a GET request by HTTP/1.1.
    /// In it, {port} stands for the port to connect to on localhost, {ca} for a file with the authority
    /// of the server's certificate, and {cert} and {key} for files with the client's certificate.
    Client(ClientArgs),
    /// Run a server or a client that breaks one rule
    ///
    /// For tests which show that the cases can fail.
    Faulty(FaultyArgs),
}

/// Options of `rext-conform server`.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The address of the server
    #[arg(value_name = "HOST:PORT", required_unless_present = "list")]
    pub target: Option<String>,
    /// The server_name to send; by default HOST, or none if HOST is an IP address
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// The authorities that may have issued the server's certificate, in PEM
    #[arg(long, value_name = "FILE", required_unless_present_any = ["insecure", "list"])]
    pub ca: Option<PathBuf>,
    /// Accept any certificate of the server
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// A certificate chain that the server accepts, in PEM, its own certificate first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of that certificate, in PEM, not encrypted, for ECDSA with P-256
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The origin to hint at: one for which the server requests a certificate
    #[arg(long, value_name = "URI", default_value = ORIGIN)]
    pub origin: String,
    /// Also test certificates on an open HTTP/2 connection, with a page of this path, which needs one
    #[arg(long, value_name = "PATH")]
    pub secondary_path: Option<String>,
    #[command(flatten)]
    /// Options for both roles.
    pub common: CommonArgs,
}

/// Options of `rext-conform client`.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Run no command, but wait for connections of a client that you start, and print when
    #[arg(long, conflicts_with = "command")]
    pub manual: bool,
    /// Write the files that {ca}, {cert} and {key} stand for to this folder, and keep them
    #[arg(long, value_name = "DIR")]
    pub pki: Option<PathBuf>,
    /// Test certificates on an open connection, and nothing else: the command sends a GET request by
    /// HTTP/2, and answers requests for a certificate
    #[arg(long)]
    pub secondary: bool,
    #[command(flatten)]
    /// Options for both roles.
    pub common: CommonArgs,
    /// The client under test, and its arguments
    #[arg(last = true, value_name = "COMMAND", required_unless_present_any = ["manual", "list"])]
    pub command: Vec<OsString>,
}

/// Options for both roles.
#[derive(Clone, Debug, Args)]
pub struct CommonArgs {
    /// Run only this case, or with an asterisk at the end, those with this beginning; may be repeated
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
    /// List the cases, and run none
    #[arg(long)]
    pub list: bool,
    /// Detect the features of the peer, list which cases would run, and run none
    #[arg(long, conflicts_with = "list")]
    pub dry_run: bool,
    /// The timeout of a connection
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: Duration,
    /// A file with cases that are allowed to fail: one per line, followed by the reason
    #[arg(long, value_name = "FILE")]
    pub allow: Option<PathBuf>,
    /// The output format
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write a capture of each failed case, with its keys, to this folder, for Wireshark
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// The extensions that the peer should implement
    #[arg(long, value_enum, default_value = "auto")]
    pub implements: Implements,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
}

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text
    Text,
    /// A JSON object
    Json,
    /// JUnit XML, for continuous integration
    Junit,
    /// A Markdown table
    Markdown,
}
