//! The command line of rustls-ext, for people who want to see client certificates by offer at work,
//! and for those who want to put them in front of what they run.
//!
//! | command | what it does |
//! |---|---|
//! | `rext serve` | serves HTTP/1.1 and HTTP/2 under one of four policies, and tells what it saw |
//! | `rext gateway` | puts the same in front of a server that knows nothing of certificates |
//! | `rext connect` | sends requests, with or without an offer, and tells what it saw |
//! | `rext peek` | tells what is in the ClientHellos of files |
//! | `rext route` | routes TCP connections by whether their ClientHello offers |
//! | `rext doctor` | finds out why a project does not use the patched rustls |
//!
//! Everything is in this library, so that `interop` and tests can use the parts. Its name is
//! `rext_cli`, since `rext` is the library of the C ABI.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command_line::{Failure, end};
use tracing::level_filters::LevelFilter;

pub mod alerts;
pub mod client;
pub mod connect;
pub mod debug_info;
pub mod doctor;
pub mod files;
pub mod gateway;
mod listener;
pub mod peek;
pub mod route;
pub mod serve;
pub mod server;
pub mod site;
pub mod tls;

/// Client certificates by offer, from the command line.
#[derive(Debug, Parser)]
#[command(name = "rext", version, subcommand_required = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP/1.1 and HTTP/2, and ask clients for certificates as a policy says.
    ///
    /// `GET /debug` answers what the server knows of the connection, as JSON. Prints `listening on
    /// ADDR:PORT` on standard output, and logs on standard error. Ctrl-C ends it in good order. The
    /// environment variable SSLKEYLOGFILE names a file for the sessions' secrets.
    Serve(serve::ServeArgs),
    /// Put this in front of a server of HTTP that knows nothing of certificates.
    ///
    /// Serves HTTP/1.1 and HTTP/2 as `rext serve` does, asks clients for certificates as a policy
    /// says, and hands their requests on to another server by HTTP/1.1, with the certificates of
    /// those who are authenticated in `Client-Cert` (RFC 9440). Removes from requests what only a
    /// proxy may say (Client-Cert, Forwarded, X-Forwarded-*, SSL-Client-* and others of the kind), and
    /// says what it knows itself.
    /// Upgrades, as to WebSocket, are not passed on.
    Gateway(gateway::GatewayArgs),
    /// Send requests, each on a connection of its own, and report the outcome of each connection.
    ///
    /// Bodies go to standard output; the outcome of a connection goes to standard error, a line of
    /// JSON for each. Stops, and exits with 1, when a connection is refused or fails, unless
    /// --keep-going says otherwise. The environment variable
    /// SSLKEYLOGFILE names a file for the sessions' secrets.
    Connect(connect::ConnectArgs),
    /// Tell what is in the ClientHellos of files, a line of JSON for each.
    ///
    /// Each file has the first octets that a client sent, as they came off its socket; what follows
    /// the ClientHello is left alone. Exits with 1 if any has no well-formed one, and with 2 if any
    /// cannot be read; all others are shown first.
    Peek(peek::PeekArgs),
    /// Route TCP connections by whether their ClientHello offers to authenticate.
    ///
    /// TLS goes through as it is. Prints `listening on ADDR:PORT` on standard output, and logs on
    /// standard error. What is no ClientHello gets an alert, if that says anything to it, and is let
    /// go. Ctrl-C ends it in good order.
    Route(route::RouteArgs),
    /// Find out whether a Rust project uses the patched rustls, and what to write if it does not.
    ///
    /// Reads Cargo.lock and Cargo.toml, and runs nothing. Exits with 1 if it finds a problem (a plain
    /// rustls, a second version of it, no crypto provider), and with 2 if there is no Cargo.lock.
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// Do it, to the exit code: 0 means that all went well, 1 that a connection failed, that a file
    /// has no ClientHello, or that a project has a problem, 2 that the command line or a file that it names is unusable.
    pub fn run(&self) -> ExitCode {
        let level = match self {
            Self::Serve(_) | Self::Gateway(_) | Self::Route(_) => LevelFilter::INFO,
            // These tell what happened themselves.
            Self::Connect(_) | Self::Peek(_) | Self::Doctor(_) => LevelFilter::OFF,
        };
        block_on(level, async {
            match self {
                Self::Serve(args) => serve::run(args).await,
                Self::Gateway(args) => gateway::run(args).await,
                Self::Connect(args) => connect::run(args).await,
                Self::Peek(args) => peek::run(args),
                Self::Route(args) => route::run(args).await,
                Self::Doctor(args) => doctor::run(args),
            }
        })
    }
}

/// Run a command, with as much of the log on standard error as `level` says, to its exit code.
pub fn block_on(
    level: LevelFilter,
    command: impl Future<Output = Result<(), Failure>>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(err) => return end(Err(Failure::Failed(format!("cannot start: {err}")))),
    };
    let outcome = runtime.block_on(command);
    // What still hangs (a name lookup, a silent peer) must not keep the process.
    runtime.shutdown_background();
    end(outcome)
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
