//! `interop conform`: which rules another TLS stack keeps.
//!
//! A [`Case`] is an experiment by the [raw peer](crate::raw), which sees every message
//! and can break every rule; what the other end makes of it has a [`Grade`]. Nothing
//! of the library takes part, so what it may have wrong cannot hide what others have wrong; where a
//! message that came is judged by a table, it is the codec's.

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::time::Instant;

use rustls_ext::rustls::client::WebPkiServerVerifier;
use rustls_ext::rustls::client::danger::ServerCertVerifier;
use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use self::allow::Allowed;
use self::args::{ClientArgs, CommonArgs, ConformArgs, RoleArgs, ServerArgs};
use self::case::{About, Case};
use self::grade::Grade;
use self::report::Report;
use self::run::Bench;
use self::server::{Lab, Target};
use crate::pki::Authority;
use crate::{Failure, emit, files};

pub mod allow;
pub mod args;
pub mod bodies;
pub mod case;
pub mod client;
pub mod faulty;
pub mod grade;
pub mod pcapng;
pub mod report;
pub mod run;
pub mod server;
pub mod talk;

/// Do what `interop conform` says.
///
/// # Errors
/// If a file or an option is unusable, there is nobody to test, or a case fails.
pub fn run(args: &ConformArgs) -> Result<(), Failure> {
    match &args.role {
        RoleArgs::Server(args) => {
            run_with(&args.common, server::cases(), "server", || server_lab(args))
        }
        RoleArgs::Client(args) => {
            run_with(&args.common, client::cases(), "client", || client_lab(args))
        }
        RoleArgs::Faulty(args) => faulty::run(args),
    }
}

/// Runs cases with what `lab` gives, or says what there is to run.
fn run_with<B: Bench>(
    args: &CommonArgs,
    cases: Vec<Case<B, B::Need>>,
    role: &'static str,
    lab: impl FnOnce() -> Result<Known<B>, Failure>,
) -> Result<(), Failure> {
    let allowed = match &args.allow {
        Some(path) => {
            let ids: Vec<_> = cases.iter().map(|case| case.about.id.as_str()).collect();
            Allowed::read(path, &ids)?
        }
        None => Allowed::default(),
    };
    let cases = selected(cases, &args.case)?;
    if args.list {
        emit(report::list(cases.iter().map(|case| (&case.about, None))));
        return Ok(());
    }
    let started = Instant::now();
    let (mut bench, target, facts) = lab()?;
    if args.dry_run {
        let skipped = |case: &Case<B, B::Need>| run::skipped(&bench, case);
        let all: Vec<(&About, _)> = cases.iter().map(|c| (&c.about, Some(skipped(c)))).collect();
        emit(report::list(all));
        return Ok(());
    }
    let findings = run::all(&mut bench, &cases, &allowed);
    let report = Report { role, target, facts, findings, took: started.elapsed() };
    if let Some(dir) = &args.keep {
        keep(dir, &report).map_err(|err| Failure::option("--keep", dir.display(), err))?;
    }
    emit(report.print(args.format)?);
    outcome(report.failures(), report.undecided())
}

/// The end of a run with so many cases that failed, and so many MUSTs that could not be decided.
fn outcome(failures: usize, undecided: usize) -> Result<(), Failure> {
    let cases = |count| if count == 1 { "1 case".into() } else { format!("{count} cases") };
    let mut parts = Vec::new();
    if failures > 0 {
        parts.push(format!("{} failed", cases(failures)));
    }
    if undecided > 0 {
        parts.push(format!("{} of a MUST could not be decided", cases(undecided)));
    }
    if parts.is_empty() { Ok(()) } else { Err(Failure::Failed(parts.join(", "))) }
}

/// Puts a capture of each failed case into a folder.
fn keep(dir: &Path, report: &Report) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for finding in report.findings.iter().filter(|f| matches!(f.grade, Grade::Failed(_))) {
        let file = pcapng::file(finding.talks.iter().map(|t| &**t), report.role == "server");
        std::fs::write(dir.join(format!("{}.pcapng", finding.about.id)), file)?;
    }
    Ok(())
}

fn selected<L, N>(cases: Vec<Case<L, N>>, wanted: &[String]) -> Result<Vec<Case<L, N>>, Failure> {
    for pattern in wanted {
        if !cases.iter().any(|case| case.about.is_named(pattern)) {
            return Err(Failure::option("--case", pattern, "there is none; --list says which are"));
        }
    }
    let is_wanted = |case: &Case<L, N>| {
        wanted.is_empty() || wanted.iter().any(|pattern| case.about.is_named(pattern))
    };
    Ok(cases.into_iter().filter(is_wanted).collect())
}

/// What cases are run with, who is under test, and what they can do.
type Known<L> = (L, String, Vec<(&'static str, bool)>);

fn client_lab(args: &ClientArgs) -> Result<Known<client::Lab>, Failure> {
    let cannot = |err| Failure::option("--listen", args.listen, err);
    let listener = TcpListener::bind(args.listen).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let port = listener.local_addr().map_err(cannot)?.port();
    let failed = |err: std::io::Error| Failure::Failed(format!("cannot write a PKI: {err}"));
    let (files, pki) = match &args.pki {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(failed)?;
            (None, dir.clone())
        }
        None => {
            let dir = tempfile::tempdir().map_err(failed)?;
            let path = dir.path().to_owned();
            (Some(dir), path)
        }
    };
    let authority = Authority::new("interop conform")?;
    let (server, shown) = (authority.server(&["localhost"])?, authority.client("client")?);
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("client.pem", shown.cert_pem().to_owned()),
        ("client.key", shown.key_pem()),
    ] {
        std::fs::write(pki.join(name), text).map_err(failed)?;
    }
    if args.manual {
        emit(format!("listening on port {port}; the PKI is in {}\n", pki.display()));
    }
    let mut lab = client::Lab {
        listener,
        command: (!args.manual).then(|| args.command.clone()),
        identity: server.for_raw(),
        files,
        pki,
        points: args.common.code_points.get()?,
        patience: args.common.timeout,
        facts: client::Facts::default(),
        talks: Vec::new(),
    };
    lab.look(args.common.implements)?;
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    let target = if args.manual { "started by hand".into() } else { words.join(" ") };
    let facts = lab.facts.words();
    Ok((lab, target, facts))
}

fn server_lab(args: &ServerArgs) -> Result<Known<Lab>, Failure> {
    let target = args.target.clone().unwrap_or_default();
    let host = target.rsplit_once(':').map_or(target.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let addr = target
        .to_socket_addrs()
        .map_err(|err| Failure::option("HOST:PORT", &target, err))?
        .next()
        .ok_or_else(|| Failure::option("HOST:PORT", &target, "no address"))?;
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let name = args.sni.clone().or((!is_address).then(|| host.clone()));
    let identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some(files::raw_identity(cert, key)?),
        _ => None,
    };
    let points = args.common.code_points.get()?;
    let patience = args.common.timeout;
    let roots = args.ca.as_ref().map(|ca| files::roots("--ca", ca)).transpose()?;
    let target_of = Target { addr, name: name.clone(), identity, points, patience };
    let lab = Lab::of(target_of, args.common.implements)?;
    if let Some(roots) = roots {
        let name = name.unwrap_or(host);
        verify(&lab.facts.chain, roots, &name)
            .map_err(|why| Failure::Failed(format!("{target} is not {name}: {why}")))?;
    }
    let facts = lab.facts.words();
    Ok((lab, target, facts))
}

/// Whether the server is who it should be, before it is told anything more.
fn verify(
    chain: &[Vec<u8>],
    roots: rustls_ext::rustls::RootCertStore,
    name: &str,
) -> Result<(), String> {
    let provider = std::sync::Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .map_err(|err| err.to_string())?;
    let name = ServerName::try_from(name.to_owned()).map_err(|err| err.to_string())?;
    let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let (leaf, rest) = chain.split_first().ok_or("it has no certificate")?;
    verifier
        .verify_server_cert(leaf, rest, &name, &[], UnixTime::now())
        .map(drop)
        .map_err(|err| err.to_string())
}
