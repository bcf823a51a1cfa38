//! End-to-end tests of client authentication by offer, with our own programs and other TLS libraries.
//!
//! | command | what it does |
//! |---|---|
//! | `interop demo` | issues certificates, starts a server, connects real clients, and checks each outcome |
//! | `interop matrix` | connects clients and servers of many TLS libraries to each other |
//! | `interop soak` | makes many handshakes, with injected faults, and checks each outcome |
//! | `interop soak --gateway` | sends many requests through three gateways, over servers that break the rules, and checks each outcome |
//! | `interop vectors` | runs files of test vectors against the codec |
//!
//! Servers and clients are those of `rext`. `tests/raw_peer` tests the patched rustls with a peer that
//! breaks the rules.
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
pub mod vectors;

/// End-to-end tests of client certificates by offer.
#[derive(Debug, Parser)]
#[command(name = "interop", version, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect real clients to a server with a policy, and check each outcome.
    ///
    /// Issues certificates, starts a server for HTTP/2 and HTTP/3 on the loopback interface, and
    /// prints a line for each connection; bytes and flights are counted over TCP only. Then counts
    /// the round trips until an agent has its first response. Exits with 1 if an outcome is not the
    /// expected one.
    Demo(demo::DemoArgs),
    /// Make many handshakes with a server, with injected faults, and check each outcome.
    ///
    /// Starts a server on the loopback interface and connects many kinds of clients. Some
    /// connections are cut, reset, stalled or garbled, and some clients break the rules. Prints a
    /// report, and exits with 1 if an outcome at the client or the server is wrong, if a connection
    /// or task is left, or if the process used too much memory. Needs Linux.
    ///
    /// With --gateway, starts three processes of `rext gateway` that share ticket keys, and sends
    /// requests of many kinds through them. The servers behind die, stall, reset and break the rules of
    /// HTTP. Meanwhile the policy is changed and changed back, the ticket keys are rotated, and each
    /// process is replaced by a new one. Each outcome is checked, at the client and at the server behind.
    Soak(soak::SoakArgs),
    /// Connect clients and servers of many TLS libraries to each other, and check each outcome.
    ///
    /// Each client connects to each server in each case: without an offer, with an accepted or
    /// ignored offer, with resumption, with a HelloRetryRequest, and with TLS 1.2. A table has the
    /// expected outcome of each pair, with the reason if one side cannot do more. A peer that is not
    /// installed or not built is reported as missing. Exits with 1 if an outcome is not the expected
    /// one, or if a peer of `--require` is missing.
    Matrix(matrix::MatrixArgs),
    /// Run test vectors against the codec, and check each result.
    ///
    /// The format is that of rustls-ext-wire/vectors: its schema.json is the JSON Schema, its
    /// README.md has the meaning. Prints a line for each file, with the cases that fail: what was
    /// expected, and what was found. Exits with 1 if a case fails, and with 2 if a file cannot be
    /// read or has another format.
    Vectors(vectors::VectorsArgs),
    /// Run as `rext`, so that the matrix always has this peer.
    #[command(hide = true)]
    Rext(Box<rext_cli::Cli>),
}

/// Runs the command of the process, and returns its exit code: 0 for success, 1 for a failure, 2 for
/// an unusable command line.
pub fn run() -> ExitCode {
    let command = match parse::<Cli>(std::env::args_os()) {
        Ok(Parsed::Command(cli)) => cli.command,
        Ok(Parsed::Help(text)) => {
            emit(text);
            return ExitCode::SUCCESS;
        }
        Err(failure) => return end(Err(failure)),
    };
    match command {
        Command::Rext(rext) => return rext.command.run(),
        Command::Vectors(args) => return end(vectors::run(&args)),
        _ => {}
    }
    block_on(LevelFilter::OFF, async {
        match command {
            Command::Demo(args) => demo::run(&args).await,
            Command::Soak(args) => soak::run(&args).await,
            Command::Matrix(args) => matrix::run(&args).await,
            Command::Rext(_) | Command::Vectors(_) => Ok(()),
        }
    })
}
