//! Tests which rules of flags, CARE, origin hints, resumption and secondary certificates another TLS
//! stack keeps: the binary `rext-conform`.
//!
//! A [`Case`] is an experiment with the [raw peer](raw_peer), which sees every message and can
//! break every rule; the reaction of the peer under test gets a [`Grade`]. The tester does not use
//! the library, so that a defect of the library cannot hide one of the peer. Only the codec is used:
//! to check the flags in received messages, and to make and validate authenticators.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::time::Instant;

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_ext_wire::Origin;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use self::allow::Allowed;
use self::args::{ClientArgs, CommonArgs, ConformArgs, RoleArgs, ServerArgs};
use self::case::{About, Case, Group};
use self::grade::Grade;
use self::report::ConformReport;
use self::run::Bench;
use self::server::{Lab, Target};
use command_line::{Failure, emit};
use test_pki::Authority;

mod alerts;
pub mod allow;
pub mod args;
pub mod bodies;
pub mod case;
pub mod client;
pub mod faulty;
pub mod files;
pub mod grade;
pub mod http2;
pub mod origins;
pub mod pcapng;
pub mod report;
pub mod run;
pub mod secondary;
pub mod server;
pub mod talk;

/// Runs the command line, and prints the report.
///
/// # Errors
/// If a file or an option is unusable, the peer cannot be reached, a case fails, or a case of a MUST
/// cannot be decided.
pub fn run(args: &ConformArgs) -> Result<(), Failure> {
    let (report, format) = match &args.role {
        RoleArgs::Server(args) => (test_server(args)?, args.common.format),
        RoleArgs::Client(args) => (test_client(args)?, args.common.format),
        RoleArgs::Faulty(args) => return faulty::run(args),
    };
    let Some(report) = report else { return Ok(()) };
    emit(report.print(format)?);
    outcome(report.failures(), report.undecided())
}

/// Tests a server. Returns `None` if the options only request the list of cases, which is printed.
///
/// # Errors
/// If a file or an option is unusable, or the server cannot be reached.
pub fn test_server(args: &ServerArgs) -> Result<Option<ConformReport>, Failure> {
    let wanted =
        wanted(&args.common, |group| group != Group::Secondary || args.secondary_path.is_some());
    run_with(&args.common, server::cases(), wanted, "server", || server_lab(args))
}

/// Tests a client. Returns `None` if the options only request the list of cases, which is printed.
///
/// # Errors
/// If a file or an option is unusable, or the client does not connect.
pub fn test_client(args: &ClientArgs) -> Result<Option<ConformReport>, Failure> {
    let wanted = wanted(&args.common, |group| (group == Group::Secondary) == args.secondary);
    run_with(&args.common, client::cases(), wanted, "client", || client_lab(args))
}

/// Returns which groups run: these, and that of secondary certificates also if cases are listed or
/// selected by name.
fn wanted(args: &CommonArgs, usual: impl Fn(Group) -> bool) -> impl Fn(Group) -> bool {
    let (list, named) = (args.list, !args.case.is_empty());
    move |group| list || usual(group) || (named && group == Group::Secondary)
}

/// Runs cases in the lab that `lab` makes, or prints the list of cases.
fn run_with<B: Bench>(
    args: &CommonArgs,
    cases: Vec<Case<B, B::Need>>,
    wanted: impl Fn(Group) -> bool,
    role: &'static str,
    lab: impl FnOnce() -> Result<Known<B>, Failure>,
) -> Result<Option<ConformReport>, Failure> {
    let allowed = match &args.allow {
        Some(path) => {
            let ids: Vec<_> = cases.iter().map(|case| case.about.id.as_str()).collect();
            Allowed::read(path, &ids)?
        }
        None => Allowed::default(),
    };
    let mut cases = selected(cases, &args.case)?;
    cases.retain(|case| wanted(case.about.group));
    if args.list {
        emit(report::list(cases.iter().map(|case| (&case.about, None))));
        return Ok(None);
    }
    let started = Instant::now();
    let (mut bench, target, features) = lab()?;
    if args.dry_run {
        let skipped = |case: &Case<B, B::Need>| run::skipped(&bench, case);
        let all: Vec<(&About, _)> = cases.iter().map(|c| (&c.about, Some(skipped(c)))).collect();
        emit(report::list(all));
        return Ok(None);
    }
    let findings = run::all(&mut bench, &cases, &allowed);
    let report = ConformReport { role, target, features, findings, took: started.elapsed() };
    if let Some(dir) = &args.keep {
        keep(dir, &report).map_err(|err| Failure::option("--keep", dir.display(), err))?;
    }
    Ok(Some(report))
}

/// The result of a run with these numbers of failed cases and undecided MUSTs.
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

/// Writes a capture of each failed case to a folder.
fn keep(dir: &Path, report: &ConformReport) -> std::io::Result<()> {
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
            return Err(Failure::option(
                "--case",
                pattern,
                "no case has this name; --list shows all names",
            ));
        }
    }
    let is_wanted = |case: &Case<L, N>| {
        wanted.is_empty() || wanted.iter().any(|pattern| case.about.is_named(pattern))
    };
    Ok(cases.into_iter().filter(is_wanted).collect())
}

/// A lab, the name of the peer under test, and its features.
type Known<L> = (L, String, Vec<(&'static str, bool)>);

fn client_lab(args: &ClientArgs) -> Result<Known<client::Lab>, Failure> {
    let cannot = |err| Failure::option("--listen", args.listen, err);
    let listener = TcpListener::bind(args.listen).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let port = listener.local_addr().map_err(cannot)?.port();
    let failed =
        |err: std::io::Error| Failure::Failed(format!("cannot write the certificates: {err}"));
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
    let authority = Authority::new("rext-conform")?;
    let server = authority.server(&["localhost"])?;
    let shown = authority.client("client")?;
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("client.pem", shown.cert_pem().to_owned()),
        ("client.key", shown.key_pem()),
    ] {
        std::fs::write(pki.join(name), text).map_err(failed)?;
    }
    if args.manual {
        emit(format!("listening on port {port}; the certificates are in {}\n", pki.display()));
    }
    let mut lab = client::Lab {
        listener,
        command: (!args.manual).then(|| args.command.clone()),
        identity: server.for_raw(),
        files,
        pki,
        client_leaf: shown.der().to_vec(),
        authority: subject(&authority),
        points: args.common.code_points.get()?,
        patience: args.common.timeout,
        features: client::ClientFeatures::default(),
        talks: Vec::new(),
    };
    if args.secondary {
        lab.look_for_secondary()?;
    } else {
        lab.look(args.common.implements)?;
    }
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    let target = if args.manual { "started by hand".into() } else { words.join(" ") };
    let features = lab.features.words();
    Ok((lab, target, features))
}

/// The distinguished name of an authority.
fn subject(authority: &Authority) -> Vec<u8> {
    let anchor = anchor_from_trusted_cert(authority.der());
    anchor.map(|anchor| secondary::distinguished_name(&anchor.subject)).unwrap_or_default()
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
        (Some(cert), Some(key)) => Some(files::identity(cert, key)?),
        _ => None,
    };
    let points = args.common.code_points.get()?;
    let patience = args.common.timeout;
    let trusted = args.ca.as_ref().map(|ca| files::certificates("--ca", ca)).transpose()?;
    Origin::parse(&args.origin).map_err(|err| Failure::option("--origin", &args.origin, err))?;
    let target_of = Target {
        addr,
        name: name.clone(),
        identity,
        origin: args.origin.clone(),
        secondary_path: args.secondary_path.clone(),
        points,
        patience,
    };
    let lab = Lab::of(target_of, args.common.implements)?;
    if let Some(trusted) = trusted {
        let name = name.unwrap_or(host);
        verify(&lab.features.chain, &trusted, &name).map_err(|why| {
            Failure::Failed(format!("the certificate of {target} is not valid for {name}: {why}"))
        })?;
    }
    let features = lab.features.words();
    Ok((lab, target, features))
}

/// Checks the server's certificate, before the tests start.
fn verify(
    chain: &[Vec<u8>],
    trusted: &[CertificateDer<'static>],
    name: &str,
) -> Result<(), webpki::Error> {
    let anchors = trusted.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>()?;
    let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let (leaf, rest) = chain.split_first().ok_or(webpki::Error::UnknownIssuer)?;
    let leaf = EndEntityCert::try_from(leaf)?;
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        rest,
        UnixTime::now(),
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    let name = ServerName::try_from(name).map_err(|_| webpki::Error::MalformedDnsIdentifier)?;
    leaf.verify_is_valid_for_subject_name(&name)
}
