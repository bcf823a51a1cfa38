//! Proof that client authentication by offer works, among ourselves and with others.
//!
//! | command | what it does |
//! |---|---|
//! | `interop demo` | makes a PKI, starts a server, sends it real clients, and checks the outcome of each |
//! | `interop matrix` | has clients and servers of many TLS libraries talk to each other |
//! | `interop soak` | shakes hands many times, faults included, and checks every outcome |
//!
//! Servers and clients are those of `rext`. `tests/raw_peer` proves the rules of the patched rustls by
//! a peer that breaks them.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command_line::{Parsed, emit, end, parse};
use rext_cli::block_on;
use tracing::level_filters::LevelFilter;

pub mod count_io;
pub mod demo;
pub mod matrix;
pub mod soak;

/// Proof that client certificates by offer work.
#[derive(Debug, Parser)]
#[command(name = "interop", version, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send real clients to a server with a policy, and check what comes of each.
    ///
    /// Makes a PKI, starts a server of HTTP/2 and HTTP/3 on loopback, and prints a line for each
    /// connection; bytes and flights are counted over TCP only. Then counts the round trips that an
    /// agent takes to its first answer. Exits with 1 unless everything is as it should be.
    Demo(demo::DemoArgs),
    /// Shake hands with a server many times, faults included, and check every outcome.
    ///
    /// Starts a server on loopback and sends it clients of all kinds, some over connections that
    /// are cut, reset, stalled or garbled on the way, some that break the rules. Prints a report,
    /// and exits with 1 if any outcome at either end is wrong, if anything is left open, or with
    /// too much memory. Needs Linux.
    Soak(soak::SoakArgs),
    /// Have clients and servers of many TLS libraries talk to each other, and check what comes of it.
    ///
    /// Each client meets each server in each case: without an offer, with one that is taken up or
    /// ignored, resuming, behind a HelloRetryRequest, and in TLS 1.2. What must come of a pair is
    /// data, with a reason where one end cannot do more. A peer that is not installed or not built
    /// is reported as missing. Exits with 1 if anything is not as it must be, or if a peer of
    /// `--require` is missing.
    Matrix(matrix::MatrixArgs),
    /// Be `rext`: so the matrix has that peer wherever this program is.
    #[command(hide = true)]
    Rext(Box<rext_cli::Cli>),
}

/// Run the command that the process was started with, to its exit code: 0 means that everything is
/// as it should be, 1 that something is not, 2 that the command line is unusable.
pub fn run() -> ExitCode {
    let command = match parse::<Cli>(std::env::args_os()) {
        Ok(Parsed::Command(cli)) => cli.command,
        Ok(Parsed::Help(text)) => {
            emit(text);
            return ExitCode::SUCCESS;
        }
        Err(failure) => return end(Err(failure)),
    };
    if let Command::Rext(rext) = command {
        return rext.command.run();
    }
    block_on(LevelFilter::OFF, async {
        match command {
            Command::Demo(args) => demo::run(&args).await,
            Command::Soak(args) => soak::run(&args).await,
            Command::Matrix(args) => matrix::run(&args).await,
            Command::Rext(_) => Ok(()),
        }
    })
}
