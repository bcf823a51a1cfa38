//! The chores of the repository: `cargo xtask --help`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{Result, bench, capi, docs, export, fuzz, header, mutants, rules, rustls, unit};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of rustls-ext")]
struct Cli {
    /// The repository to work on, instead of the one that this was built in.
    #[arg(long, global = true, hide = true)]
    repository: Option<PathBuf>,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure: handshakes, parsing, memory, a server under load. Needs valgrind.
    ///
    /// The report is in target/bench. Takes about half an hour, most of it to build and to time; with
    /// --quick, some minutes. Fails if more is counted than was promised.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        /// Only TLS 1.3 with ring and P-256, and no criterion.
        #[arg(long)]
        quick: bool,
        /// Also other libraries. On Debian, they need cmake, clang, libclang-dev and libssl-dev.
        #[arg(long)]
        peers: bool,
        /// Show the result in README.md and benches/README.md.
        #[arg(long)]
        readme: bool,
        #[command(subcommand)]
        instead: Option<Bench>,
    },
    /// The patched rustls.
    #[command(subcommand)]
    Rustls(Rustls),
    /// The C ABI.
    #[command(subcommand)]
    Capi(Capi),
    /// Build and run the code blocks of the pages, each with the Cargo.toml that is shown for it.
    ///
    /// The crates are in target/docs. The documentation of xtask's `docs` has the conventions.
    Docs {
        /// Only prove that each block says how it is tested; builds nothing.
        #[arg(long, conflicts_with = "only")]
        check: bool,
        /// Only pages whose path has this in it.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Make the header of the C ABI of its source.
    Header {
        /// Only prove that it is what the source says.
        #[arg(long)]
        check: bool,
    },
    /// Make docs/RULES.md, and the table of flags and messages, of the rules in rustls-ext-wire.
    Rules {
        /// Only prove that they are what the rules say.
        #[arg(long)]
        check: bool,
    },
    /// Break the patched rustls in one place after the other, and see which tests notice.
    ///
    /// Takes about half a minute for each mutant.
    Mutants {
        /// Only those whose name has this in it.
        #[arg(long, value_name = "TEXT", conflicts_with = "check")]
        only: Option<String>,
        /// Only prove that each of them can still be made.
        #[arg(long)]
        check: bool,
    },
    /// Fuzz: run each target in turn, and say how far it came and what it found.
    ///
    /// Takes nightly and cargo-fuzz, and two minutes or so to build. What a round finds worth
    /// having, the next one begins with.
    Fuzz {
        /// For so long each.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only this one; can be given more than once.
        #[arg(long, value_name = "NAME")]
        target: Vec<String>,
        /// Also the scan beside BoringSSL and s2n-tls, which takes cmake, clang and libclang-dev,
        /// and minutes more to build.
        #[arg(long)]
        peers: bool,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Print what moved from one report.json to another.
    Compare { before: PathBuf, after: PathBuf },
}

#[derive(Subcommand)]
enum Rustls {
    /// Make a git work tree of the patched source, with a commit for each patch.
    Edit {
        /// Throw away a work tree that has changes in it which were never saved.
        #[arg(long)]
        force: bool,
    },
    /// Turn the commits of that work tree back into the patch series.
    Save,
    /// Prove that the series applies, that it is as `save` writes it, and that it is small.
    Check,
    /// Run rustls' own unit tests on the patched source.
    Test {
        /// The folder with the files that these tests read.
        #[arg(long, env = "RUSTLS_TESTDATA")]
        data: Option<PathBuf>,
        /// Arguments for the test program.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Write the patched source as an ordinary crate without a build script, and the codec beside it.
    ///
    /// For builds that cannot run our build script: air gaps, Nix, Bazel. The README.md that it
    /// writes says how to use them.
    Export {
        /// The folder to write to; it must be empty, or not exist yet.
        folder: PathBuf,
    },
    /// Print the digest to pin for the published source: for a change of version.
    Pin,
}

#[derive(Subcommand)]
enum Capi {
    /// Build it and install it: header, static and shared library, pkg-config file.
    Install(capi::Install),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let repository = cli.repository.unwrap_or_else(xtask::repository);
    let done: Result<()> = match cli.chore {
        Chore::Bench { instead: Some(Bench::Compare { before, after }), .. } => {
            bench::compare(&repository, &before, &after)
        }
        Chore::Bench { quick, peers, readme, instead: None } => {
            bench::run(&repository, bench::What { quick, peers, readme })
        }
        Chore::Rustls(Rustls::Edit { force }) => rustls::edit(&repository, force),
        Chore::Rustls(Rustls::Save) => rustls::save(&repository),
        Chore::Rustls(Rustls::Check) => rustls::check(&repository),
        Chore::Rustls(Rustls::Export { folder }) => export::export(&repository, &folder),
        Chore::Rustls(Rustls::Test { data, args }) => unit::test(&repository, data, &args),
        Chore::Capi(Capi::Install(to)) => capi::install(&repository, &to),
        Chore::Docs { check: true, .. } => docs::check(&repository).map(drop),
        Chore::Docs { check: false, only } => docs::test(&repository, only.as_deref()),
        Chore::Header { check: true } => header::check(&repository),
        Chore::Header { check: false } => header::write(&repository),
        Chore::Rules { check: true } => rules::check(&repository),
        Chore::Rules { check: false } => rules::write(&repository),
        Chore::Mutants { check: true, .. } => mutants::check(&repository),
        Chore::Mutants { only, .. } => mutants::run(&repository, only.as_deref()),
        Chore::Fuzz { seconds, target, peers } => fuzz::run(&repository, seconds, &target, peers),
        Chore::Rustls(Rustls::Pin) => rustls::pin(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}
