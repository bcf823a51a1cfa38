//! Servers and clients that break one rule, to show that the cases can fail.
//!
//! They are raw peers whose check is the codec's negotiation, with a [`ServerFault`] or
//! [`ClientFault`]. They are for tests of the tester: they verify no chain, and serve one connection
//! at a time.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rustls_ext_wire::CodePoints;

use command_line::CodePointArgs;
use command_line::Failure;
use raw_peer::{Extension, Handshake, Message, ext};

mod client;
mod secondary;
mod server;

pub use client::Fault as ClientFault;
pub use secondary::client::Fault as SecondaryClientFault;
pub use secondary::server::Fault as SecondaryServerFault;
pub use secondary::{PAGE, SecondaryClientArgs, SecondaryServerArgs};
pub use server::Fault as ServerFault;

/// Options of `rext-conform faulty`.
#[derive(Clone, Debug, Args)]
pub struct FaultyArgs {
    #[command(subcommand)]
    /// The faulty role.
    pub role: FaultyRole,
}

/// The faulty role.
#[derive(Clone, Debug, Subcommand)]
pub enum FaultyRole {
    /// Serve one client after the other until killed. Prints `listening on ADDR:PORT`
    Server(FaultyServerArgs),
    /// Connect twice, the second time with the session of the first
    Client(FaultyClientArgs),
    /// Serve HTTP/2, and request certificates on the open connection for the page /account
    SecondaryServer(SecondaryServerArgs),
    /// Request the page /account by HTTP/2, and answer requests for a certificate
    SecondaryClient(SecondaryClientArgs),
}

/// Options of `rext-conform faulty server`.
#[derive(Clone, Debug, Args)]
pub struct FaultyServerArgs {
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The server's certificate chain, in PEM
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The rule to break; none by default
    #[arg(long, value_enum)]
    pub fault: Option<ServerFault>,
    /// Use TLS 1.2 alone, up to the first encrypted message
    #[arg(long)]
    pub tls12: bool,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
}

/// Options of `rext-conform faulty client`.
#[derive(Clone, Debug, Args)]
pub struct FaultyClientArgs {
    /// The address to connect to
    #[arg(value_name = "ADDR:PORT")]
    pub to: SocketAddr,
    /// The client's certificate chain, in PEM
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The rule to break; none by default
    #[arg(long, value_enum)]
    pub fault: Option<ClientFault>,
    #[command(flatten)]
    /// The code points.
    pub code_points: CodePointArgs,
}

/// Runs `rext-conform faulty`.
///
/// # Errors
/// If a file or an option is unusable; for a client also if a connection fails.
pub fn run(args: &FaultyArgs) -> Result<(), Failure> {
    match &args.role {
        FaultyRole::Server(args) => server::run(args),
        FaultyRole::Client(args) => client::run(args),
        FaultyRole::SecondaryServer(args) => secondary::server::run(args),
        FaultyRole::SecondaryClient(args) => secondary::client::run(args),
    }
}

/// Flags, CARE and origins in one extension block of a message.
#[derive(Debug, Default)]
struct Found {
    flags: Option<Vec<u8>>,
    care: Option<Vec<u8>>,
    origins: Option<Vec<u8>>,
}

impl Found {
    /// The first of each in an extension block.
    fn first(block: &[Extension], points: &CodePoints) -> Self {
        let body = |number| ext::find(block, number).map(<[u8]>::to_vec);
        Self {
            flags: body(points.tls_flags()),
            care: points.care().and_then(body),
            origins: points.origin_hint().and_then(body),
        }
    }

    fn received(&self) -> rustls_ext_wire::Received<'_> {
        rustls_ext_wire::Received {
            tls_flags: self.flags.as_deref(),
            care: self.care.as_deref(),
            origin_hint: self.origins.as_deref(),
        }
    }
}

/// Flags, CARE and origins in each extension block of a message.
///
/// # Errors
/// illegal_parameter, if a block has one of them twice.
fn find(message: &Message, points: &CodePoints) -> Result<Vec<Found>, u8> {
    let Ok(parsed) = message.parse() else { return Ok(Vec::new()) };
    let blocks = parsed.blocks();
    blocks
        .into_iter()
        .map(|block| {
            let count = |number| block.iter().filter(|e| e.typ == number).count();
            let numbers = [Some(points.tls_flags()), points.care(), points.origin_hint()];
            let twice = numbers.into_iter().flatten().any(|number| count(number) > 1);
            if twice { Err(47) } else { Ok(Found::first(block, points)) }
        })
        .collect()
}

/// Whether a list of 16-bit numbers, after its length byte, has this number.
fn lists(parsed: &Handshake, typ: u16, number: u16) -> bool {
    let blocks = parsed.blocks();
    let bodies = blocks.into_iter().filter_map(|block| ext::find(block, typ));
    let mut lists = bodies.filter_map(|body| body.get(1..));
    lists.any(|list| list.chunks(2).any(|each| each == number.to_be_bytes()))
}
