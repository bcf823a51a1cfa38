//! What client authentication by offer looks like from outside: a demo, a server and a client.
//!
//! | command | what it does |
//! |---|---|
//! | `interop demo` | makes a PKI, starts a server, sends it real clients, and checks what came of each |
//! | `interop serve` | serves HTTP/1.1 and HTTP/2 under one of four policies, and tells what it saw |
//! | `interop proxy` | puts the same in front of a server that knows nothing of certificates |
//! | `interop connect` | sends requests, with or without an offer, and tells what it saw |
//! | `interop soak` | shakes hands many times, faults included, and judges every outcome |
//! | `interop peek` | tells what is in the ClientHellos of files |
//! | `interop route` | routes TCP connections by whether their ClientHello offers |
//! | `interop conform` | tells which rules another TLS stack keeps |
//! | `interop matrix` | has clients and servers of many TLS libraries talk to each other |
//!
//! [`raw`] is a TLS 1.3 peer that can break every rule, for tests of other implementations.
//!
//! Everything is in this library, so that tests can use the parts; the binary calls [`run`].
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

use std::io::IsTerminal;
use std::process::ExitCode;

pub mod alerts;
pub mod cli;
pub mod client;
pub mod conform;
pub mod connect;
pub mod count_io;
pub mod debug_info;
pub mod demo;
pub mod failure;
pub mod files;
pub mod matrix;
pub mod peek;
pub mod pki;
pub mod proxy;
pub mod raw;
pub mod route;
pub mod serve;
pub mod server;
pub mod site;
pub mod soak;
pub mod tls;

pub use failure::Failure;

/// Run the command that the process was started with, to its exit code.
///
/// 0 means that all went well, 1 that a connection failed, that an outcome of a demo or a soak is
/// wrong, or that a file has no ClientHello, 2 that the command line or a file that it names is
/// unusable.
pub fn run() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(cli::Parsed::Command(command)) => command,
        Ok(cli::Parsed::Help(text)) => {
            emit(&text);
            return ExitCode::SUCCESS;
        }
        Err(failure) => return report(&failure),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(command.log_level())
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(err) => return report(&Failure::Failed(format!("cannot start: {err}"))),
    };
    let outcome = runtime.block_on(async {
        match *command {
            cli::Command::Demo(args) => demo::run(&args).await,
            cli::Command::Serve(args) => serve::run(&args).await,
            cli::Command::Proxy(args) => proxy::run(&args).await,
            cli::Command::Connect(args) => connect::run(&args).await,
            cli::Command::Soak(args) => soak::run(&args).await,
            cli::Command::Peek(args) => peek::run(&args),
            cli::Command::Route(args) => route::run(&args).await,
            cli::Command::Conform(args) => conform::run(&args),
            cli::Command::Matrix(args) => matrix::run(&args).await,
        }
    });
    // What still hangs (a name lookup, a silent peer) must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Writes to standard output. That nobody reads it any more is no error.
pub(crate) fn emit(text: impl AsRef<[u8]>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("error: {failure}");
    ExitCode::from(failure.exit_code())
}
