//! The command line of rustls-ext: servers, a client and tools that request or offer client
//! certificates.
//!
//! | command | what it does |
//! |---|---|
//! | `rext serve` | serves HTTP/1.1, HTTP/2 and HTTP/3 under a policy, and describes each connection |
//! | `rext gateway` | the same as a reverse proxy, for a server that does not handle client certificates |
//! | `rext connect` | sends requests, with or without an offer to authenticate, and reports the outcome |
//! | `rext peek` | shows the ClientHellos in files |
//! | `rext route` | routes TCP connections by whether their ClientHello contains an offer |
//! | `rext ticket-keys` | makes and rotates the session ticket keys of a fleet |
//! | `rext doctor` | checks whether a project uses the patched rustls, and explains what to change |
//!
//! The code is in this library, so that `interop` and tests can use its parts. The library is called
//! `rext_cli`, since `rext` is the library of the C ABI.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command_line::{Failure, end};
use tracing::level_filters::LevelFilter;

pub mod access_log;
pub mod alerts;
pub mod client;
pub mod connect;
pub mod debug_info;
pub mod doctor;
pub mod files;
pub mod gateway;
pub mod listener;
mod log;
pub mod observe;
pub mod peek;
pub mod route;
pub mod serve;
pub mod server;
pub mod site;
pub mod ticket_keys;
pub mod tls;

/// Request, offer and inspect TLS client certificates that clients offer to send.
#[derive(Debug, Parser)]
#[command(name = "rext", version, subcommand_required = true)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP/1.1 and HTTP/2, and request client certificates by a policy.
    ///
    /// `GET /debug` returns the properties of the connection, as JSON. Prints
    /// `listening on ADDR:PORT` on standard output, and logs on standard error. Ctrl-C stops it
    /// gracefully. The environment variable SSLKEYLOGFILE names a file for the sessions' secrets.
    Serve(serve::ServeArgs),
    /// Request client certificates in front of an HTTP server that does not handle them.
    ///
    /// Serves HTTP/1.1, HTTP/2 and HTTP/3 as `rext serve` does, requests client certificates by a
    /// policy, and passes the requests on to other servers by HTTP/1.1 or HTTP/2, with the
    /// certificates of authenticated clients in `Client-Cert` (RFC 9440). The servers are those of
    /// `--upstream`, or of the table `[gateway]` in the policy file. Removes fields from requests that
    /// only a proxy may set (Client-Cert, Forwarded, X-Forwarded-*, SSL-Client-* and similar ones),
    /// and sets its own. WebSocket is passed on; other upgrades if a route allows them. SIGUSR2
    /// starts a new version of the program, which takes over the sockets.
    Gateway(gateway::GatewayArgs),
    /// Send requests, each on a connection of its own, and report the outcome of each connection.
    ///
    /// Bodies go to standard output; the outcome of each connection goes to standard error, as a
    /// line of JSON. Stops, and exits with 1, when a connection is refused or fails, unless
    /// --keep-going is given. The environment variable SSLKEYLOGFILE names a file for the sessions'
    /// secrets.
    Connect(connect::ConnectArgs),
    /// Show the ClientHellos in files, as a line of JSON for each.
    ///
    /// Each file contains the first bytes that a client sent, as they came from its socket; data
    /// after the ClientHello is ignored. Exits with 1 if a file has no well-formed ClientHello, and
    /// with 2 if a file cannot be read; all others are shown first.
    Peek(peek::PeekArgs),
    /// Route TCP connections by whether their ClientHello offers to authenticate.
    ///
    /// TLS is passed through unchanged. Prints `listening on ADDR:PORT` on standard output, and
    /// logs on standard error. A client that sends no ClientHello gets an alert if its protocol has
    /// alerts, and is disconnected. Ctrl-C stops it gracefully.
    Route(route::RouteArgs),
    /// Make and rotate the session ticket keys that the nodes of a fleet share.
    ///
    /// The keys are in a directory, or in Redis or Valkey. A program that can read them can forge the
    /// identity of any client. For a fleet, run `init` once, and `rotate` regularly, in about half
    /// of the lifetime of a key: `rotate --if-older 43200`, for example, each hour.
    TicketKeys(ticket_keys::TicketKeysArgs),
    /// Check whether a Rust project uses the patched rustls, and explain what to change if it does not.
    ///
    /// Reads Cargo.lock and Cargo.toml, and runs no command. Exits with 1 if it finds a problem (a plain
    /// rustls, a second version of it, no crypto provider), and with 2 if there is no Cargo.lock.
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// Runs the command, and returns the exit code: 0 for success, 1 if a connection failed, a file
    /// has no ClientHello, or a project has a problem, 2 if the command line or a file that it
    /// names is unusable.
    pub fn run(&self) -> ExitCode {
        let level = match self {
            Self::Serve(_) | Self::Gateway(_) | Self::Route(_) => LevelFilter::INFO,
            // These commands print their results, and do not log.
            Self::Connect(_) | Self::Peek(_) | Self::TicketKeys(_) | Self::Doctor(_) => {
                LevelFilter::OFF
            }
        };
        if let Self::Serve(_) | Self::Gateway(_) | Self::Route(_) = self {
            listener::inherit();
        }
        block_on(level, async {
            match self {
                Self::Serve(args) => serve::run(args).await,
                Self::Gateway(args) => gateway::run(args).await,
                Self::Connect(args) => connect::run(args).await,
                Self::Peek(args) => peek::run(args),
                Self::Route(args) => route::run(args).await,
                Self::TicketKeys(args) => ticket_keys::run(args).await,
                Self::Doctor(args) => doctor::run(args),
            }
        })
    }
}

/// Runs a command, with the log at `level` on standard error, and returns its exit code.
pub fn block_on(
    level: LevelFilter,
    command: impl Future<Output = Result<(), Failure>>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_timer(access_log::Clock)
        .fmt_fields(log::Fields::default())
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(err) => {
            return end(Err(Failure::Failed(format!("cannot start the async runtime: {err}"))));
        }
    };
    let outcome = runtime.block_on(command);
    // Tasks that still wait (for a name lookup, for a silent peer) must not delay the exit.
    runtime.shutdown_background();
    end(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_pass_the_assertions_of_clap() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
