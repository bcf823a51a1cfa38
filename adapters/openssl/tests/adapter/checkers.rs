//! Both programs under valgrind and under sanitizers.

use std::path::Path;
use std::process::Command;

use adapter_openssl::{Error, Programs};
use test_pki::Authority;

use crate::programs::{Server, run_visit, with};
use crate::raw::Client;
use crate::site::{Site, have, librext};

const SANITIZE: &str = "-fsanitize=address,undefined -fno-sanitize-recover=all";

/// A server of eight connections: good and bad, full and resumed, both versions. `program` is a
/// command for a program, perhaps under a checker, which ends with another exit code than 0 and 1
/// if it finds anything.
fn walk(site: &Site, program: impl Fn(&Path) -> Command) {
    let mut command = program(&site.programs.server);
    command.args(["--ca", "clients.pem", "--ca", "staff=staff.pem", "--count", "8"]);
    command.args(["--demand", "if-offered", "--demand", "admin.example=require:staff"]);
    let mut server = Server::run(site, command);
    let agent = ["--session", "s", "--offer", "both", "--certificate-in-clear"];
    let agent = with("agent", &agent);
    let old = [&agent[..], &["--max-version", "1.2", "--session", "t"]].concat();
    let admin = with("agent", &["--name", "admin.example", "--session", "s"]);
    let nothing: Vec<&str> = vec![];
    for (options, code) in [
        (&nothing, 0),
        (&agent, 0),
        (&agent, 0), // resumed
        (&old, 0),
        (&old, 0), // resumed
        // A certificate and a session of another scope. The host serves such clients a page.
        (&admin, i32::from(!site.is_hosted())),
    ] {
        let mut command = program(&site.programs.client);
        let visit = run_visit(site, &server.address, options, &mut command);
        assert_eq!(visit.code, Some(code), "{options:?}: {}", visit.outcome);
        server.outcome();
    }
    use raw_peer::{ClientConfig, Edit, Shares, Slot};
    let mut config = ClientConfig::default();
    config.plan.client_hello.push(Edit::add(62, [0]));
    assert_eq!(Client::new(&mut server, config).alerts(), [47]);
    let mut config = ClientConfig { shares: Shares::Only(vec![]), ..ClientConfig::default() };
    config.plan.edits_mut(Slot::SecondClientHello).push(Edit::add(0xffca, []));
    assert_eq!(Client::new(&mut server, config).alerts(), [47]);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn they_hold_under_valgrind() {
    let Some(site) = Site::new() else { return };
    let valgrind = Command::new("valgrind").arg("--version").output();
    if have(valgrind.map_err(|_| Error::Missing("valgrind"))).is_none() {
        return;
    }
    walk(&site, |program| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        valgrind.args(["--show-leak-kinds=definite,indirect,possible"]);
        valgrind.args(["--errors-for-leak-kinds=definite,indirect,possible"]).arg(program);
        valgrind
    });
}

#[test]
fn they_hold_under_sanitizers() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openssl-sanitized");
    let built = Programs::build_with(&librext(), &folder, SANITIZE);
    let Some(programs) = have(built) else { return };
    for mode in [&[][..], &["--hosted"]] {
        let site = Site { mode, ..Site::with(programs.clone()) };
        walk(&site, |program| {
            let mut command = Command::new(program);
            command.env("ASAN_OPTIONS", "exitcode=9:detect_leaks=1");
            command
        });
    }
}

/// Runs a program of `tests/` under sanitizers, with these arguments, in the folder of the site that
/// `prepare` has had its hands on.
pub fn run_program(name: &str, args: &[&str], prepare: impl FnOnce(&Site)) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("openssl-{name}"));
    let built = Programs::build_with(&librext(), &folder, SANITIZE);
    let Some(programs) = have(built) else { return };
    let site = Site::with(programs);
    let program = site.path(name);
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]);
    cc.args(SANITIZE.split(' '));
    for include in ["include", "../../rustls-ext-capi/include"] {
        cc.arg("-I").arg(adapter_openssl::folder().join(include));
    }
    cc.arg(adapter_openssl::folder().join("tests").join(format!("{name}.c")));
    cc.arg(folder.join("librext_openssl.a")).arg(librext());
    cc.arg("-Wl,--wrap=time");
    cc.args(["-lgcc_s", "-lssl", "-lcrypto", "-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
    let out = cc.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    prepare(&site);
    let out = Command::new(program).args(args).current_dir(&site.folder).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert_eq!(out.stdout, b"all hold\n");
}

#[test]
fn what_an_application_gets_wrong_is_an_error() {
    let mut args = vec!["server.crt", "server.key", "clients.pem", "agent.crt", "agent.key"];
    args.extend(["empty.pem", "too-many.pem", "many.pem"]);
    run_program("misuse", &args, |site| {
        site.write("empty.pem", "");
        // The name of each takes 125 octets, and 2 more for its length.
        let authorities: String = (0..600)
            .map(|n| Authority::new(&format!("{n:0>112}")).unwrap().pem())
            .inspect(|pem| assert!(pem.ends_with('\n')))
            .collect();
        let end = "-----END CERTIFICATE-----\n";
        let some: String = authorities.split_inclusive(end).take(498).collect();
        site.write("too-many.pem", &authorities);
        site.write("many.pem", &some);
    });
}

#[test]
fn a_callback_that_lets_everything_pass_makes_nobody_known_and_a_requirement_holds() {
    let mut args = vec!["server.crt", "server.key", "clients.pem", "agent.crt", "agent.key"];
    args.extend(["staff-1.crt", "staff-1.key"]);
    run_program("callbacks", &args, |_| {});
}

#[test]
fn a_host_keeps_its_own_settings_and_decides_where_the_adapter_cannot() {
    let mut args = vec!["server.crt", "server.key", "clients.pem", "agent.crt", "agent.key"];
    args.extend(["staff-1.crt", "staff-1.key", "staff.pem"]);
    run_program("hosted", &args, |_| {});
}
