//! The maintenance commands of the repository: `cargo xtask --help`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::rustls::Series;
use xtask::{
    Result, bench, bump, capi, deny, docs, export, fuzz, header, mutants, next, pictures, release,
    rules, rustls, sbom, unit,
};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The maintenance commands of rustls-ext")]
struct Cli {
    /// The repository to work on; by default, the one of this program's source.
    #[arg(long, global = true, hide = true)]
    repository: Option<PathBuf>,
    #[command(subcommand)]
    command: XtaskCommand,
}

#[derive(Subcommand)]
enum XtaskCommand {
    /// Measure: handshakes, parsing, memory, a server under load. Needs valgrind.
    ///
    /// The report is in target/bench. Takes about half an hour, or some minutes with --quick. Fails if
    /// a count of instructions or bytes is above its limit.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        /// Only TLS 1.3 with ring and P-256, without criterion.
        #[arg(long)]
        quick: bool,
        /// Also measure other libraries. On Debian, this needs cmake, clang, libclang-dev and libssl-dev.
        #[arg(long)]
        peers: bool,
        /// Also measure `rext serve` beside other servers. Needs python3, Debian's nginx and haproxy, and Go.
        #[arg(long)]
        servers: bool,
        /// Write the result to README.md and benches/README.md.
        #[arg(long)]
        readme: bool,
        #[command(subcommand)]
        instead: Option<Bench>,
    },
    /// Maintain the patched rustls.
    #[command(subcommand)]
    Rustls(Rustls),
    /// Install the C library.
    #[command(subcommand)]
    Capi(Capi),
    /// Build and run the code blocks of the pages, each with the Cargo.toml that its page shows.
    ///
    /// The crates are in target/docs. xtask/src/docs.rs documents the comments before code blocks.
    Docs {
        /// Only check that each block says how it is tested, and that links work; build nothing.
        #[arg(long, conflicts_with = "only")]
        check: bool,
        /// Only pages whose path contains this text.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Check the dependencies of all workspaces with cargo-deny: licences, bans, sources, and advisories if the
    /// database can be reached.
    Deny,
    /// Write a software bill of materials for each released crate to target/sbom, in CycloneDX' format.
    Sbom,
    /// Build the packages of the crates that can be published, and check that nothing is missing.
    Release {
        /// Instead, compare their API with the last release, by cargo-semver-checks. Without a tag v…, there is
        /// nothing to compare with.
        #[arg(long)]
        semver: bool,
    },
    /// Generate the header of the C library from its source.
    Header {
        /// Only check that the header is up to date.
        #[arg(long)]
        check: bool,
    },
    /// Draw the pictures in docs/pictures: the sequence diagram, and the table of the demo.
    Pictures {
        /// Only check that the pictures are up to date.
        #[arg(long, conflicts_with = "record")]
        check: bool,
        /// Run the demo first, and record its result in demo.json.
        #[arg(long)]
        record: bool,
    },
    /// Generate docs/RULES.md, and the table of flags and messages, from the rules in rustls-ext-wire.
    Rules {
        /// Only check that they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Break the patched rustls in one place after the other, and check that a test fails.
    ///
    /// Takes about half a minute for each mutant.
    Mutants {
        /// Only mutants whose name contains this text.
        #[arg(long, value_name = "TEXT", conflicts_with = "check")]
        only: Option<String>,
        /// Only check that each mutant can still be made.
        #[arg(long)]
        check: bool,
    },
    /// Fuzz: run each target in turn, and print its coverage and findings.
    ///
    /// Needs nightly and cargo-fuzz, and about two minutes to build. The next round starts with the
    /// corpus of this one.
    Fuzz {
        /// The time for each target, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only this target; can be repeated.
        #[arg(long, value_name = "NAME")]
        target: Vec<String>,
        /// Also compare the scan with BoringSSL and s2n-tls; needs cmake, clang and libclang-dev, and some
        /// more minutes to build.
        #[arg(long)]
        peers: bool,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Print the differences between two files report.json.
    Compare { before: PathBuf, after: PathBuf },
    /// Count the instructions of this work tree and of another commit, one after the other.
    ///
    /// Fails if one of the rows with a limit takes more than 1.005 times the instructions that it takes at that
    /// commit. Only TLS 1.3 with ring; takes some minutes.
    Against {
        /// The other commit; by default, the one that benches/README.md names.
        commit: Option<String>,
    },
}

#[derive(Subcommand)]
enum Rustls {
    /// Make a git work tree of the patched source, with a commit for each patch.
    Edit {
        /// Discard a work tree even if it has unsaved changes.
        #[arg(long)]
        force: bool,
        /// Of the preview for rustls 0.24, in rustls-next.
        #[arg(long)]
        next: bool,
    },
    /// Write the commits of that work tree to the patch series.
    Save {
        /// Of the preview for rustls 0.24, in rustls-next.
        #[arg(long)]
        next: bool,
    },
    /// Check that the series applies, that it is as `save` writes it, and that it is small.
    Check {
        /// Check the preview for rustls 0.24, in rustls-next: also build and test it, and run its demo.
        #[arg(long)]
        next: bool,
    },
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
    /// For builds that cannot run our build script: air gaps, Nix, Bazel. It also writes a README.md that
    /// explains their use.
    Export {
        /// The folder to write to; it must be empty, or not exist yet.
        folder: PathBuf,
    },
    /// Print the digest of the published source, to pin another version.
    Pin {
        /// Of the preview for rustls 0.24.
        #[arg(long)]
        next: bool,
    },
    /// Take another release of rustls: carry the patches to it, update every place that names it, and test.
    ///
    /// Stops at a conflict, names the patch and the hunk, and goes on with --continue. Resolutions are recorded
    /// in rustls/resolutions, and used again.
    Bump(BumpArgs),
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("step").required(true))]
struct BumpArgs {
    /// The release, such as 0.23.46.
    #[arg(group = "step")]
    version: Option<String>,
    /// Go on, after a conflict was resolved in target/rustls-bump.
    #[arg(long = "continue", group = "step")]
    proceed: bool,
    /// Discard target/rustls-bump.
    #[arg(long, group = "step")]
    abort: bool,
    /// Only check, in a copy of the repository, that the recorded resolutions carry the patches to another
    /// release and back without a difference.
    #[arg(long, group = "step")]
    check: bool,
    /// With --check, also compile the patched source of the other release.
    #[arg(long, requires = "check")]
    compile: bool,
    /// Do not compile and test.
    #[arg(long)]
    no_test: bool,
    /// The folder of the unpacked release; by default, cargo downloads it.
    #[arg(long, value_name = "FOLDER", requires = "version")]
    source: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Capi {
    /// Build and install the header, the static and the shared library, and a pkg-config file.
    Install(capi::Install),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let repository = cli.repository.unwrap_or_else(xtask::repository);
    let done: Result<()> = match cli.command {
        XtaskCommand::Bench { instead: Some(Bench::Compare { before, after }), .. } => {
            bench::compare(&repository, &before, &after)
        }
        XtaskCommand::Bench { instead: Some(Bench::Against { commit }), .. } => {
            bench::against(&repository, commit.as_deref())
        }
        XtaskCommand::Bench { quick, peers, servers, readme, instead: None } => {
            bench::run(&repository, bench::What { quick, peers, servers, readme })
        }
        XtaskCommand::Rustls(Rustls::Edit { force, next }) => {
            rustls::edit(&Series::new(&repository, next), force)
        }
        XtaskCommand::Rustls(Rustls::Save { next }) => {
            rustls::save(&Series::new(&repository, next))
        }
        XtaskCommand::Rustls(Rustls::Check { next: false }) => {
            rustls::check(&Series::new(&repository, false))
        }
        XtaskCommand::Rustls(Rustls::Check { next: true }) => next::check(&repository),
        XtaskCommand::Rustls(Rustls::Export { folder }) => export::export(&repository, &folder),
        XtaskCommand::Rustls(Rustls::Test { data, args }) => unit::test(&repository, data, &args),
        XtaskCommand::Capi(Capi::Install(to)) => capi::install(&repository, &to),
        XtaskCommand::Docs { check: true, .. } => docs::check(&repository).map(drop),
        XtaskCommand::Docs { check: false, only } => docs::test(&repository, only.as_deref()),
        XtaskCommand::Deny => deny::check(&repository),
        XtaskCommand::Sbom => sbom::write(&repository),
        XtaskCommand::Release { semver: true } => release::semver(&repository),
        XtaskCommand::Release { semver: false } => release::package(&repository),
        XtaskCommand::Header { check: true } => header::check(&repository),
        XtaskCommand::Header { check: false } => header::write(&repository),
        XtaskCommand::Pictures { check: true, .. } => pictures::check(&repository),
        XtaskCommand::Pictures { record: true, .. } => pictures::record(&repository),
        XtaskCommand::Pictures { .. } => pictures::write(&repository),
        XtaskCommand::Rules { check: true } => rules::check(&repository),
        XtaskCommand::Rules { check: false } => rules::write(&repository),
        XtaskCommand::Mutants { check: true, .. } => mutants::check(&repository),
        XtaskCommand::Mutants { only, .. } => mutants::run(&repository, only.as_deref()),
        XtaskCommand::Fuzz { seconds, target, peers } => {
            fuzz::run(&repository, seconds, &target, peers)
        }
        XtaskCommand::Rustls(Rustls::Pin { next }) => rustls::pin(next),
        XtaskCommand::Rustls(Rustls::Bump(args)) => match args.version {
            Some(version) => {
                bump::start(&repository, &version, args.source.as_deref(), !args.no_test)
            }
            None if args.proceed => bump::proceed(&repository, !args.no_test),
            None if args.abort => bump::abort(&repository),
            None => bump::check(&repository, args.compile),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}
