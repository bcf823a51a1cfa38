//! The peers, one file each.

use std::io;
use std::path::PathBuf;

use tokio::process::Command;

use super::case::Serving;
use super::peer::{Peer, Step, Visit};
use super::site::Site;

mod boring;
mod chromium;
mod curl;
mod gnutls;
mod gnutls_adapter;
mod go;
mod httpd;
mod java;
mod nginx;
mod openssl;
mod openssl_adapter;
mod openssl_conf;
mod pristine;
mod python;
mod rustls_adapter;
mod rustls_ext;
mod s2n;

/// All peers.
pub const ALL: &[&dyn Peer] = &[
    &rustls_ext::RustlsExt,
    &pristine::Pristine,
    &openssl::OpenSsl,
    &openssl_adapter::OpenSslAdapter,
    &boring::Boring,
    &s2n::S2n,
    &gnutls::GnuTls,
    &gnutls_adapter::GnuTlsAdapter,
    &go::Go,
    &java::Java,
    &curl::Curl,
    &chromium::Chromium,
    &rustls_adapter::RustlsAdapter,
    &nginx::Nginx,
    &python::Python,
    &curl::Configured,
    &httpd::Httpd,
];

/// The HTTP/1.1 request of TLS clients that do not implement HTTP.
const REQUEST: &str = "GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The reason of a client whose ClientHello cannot be extended.
const NO_EXTENSION: &str =
    "this client can only send extensions that its library implements, so it cannot offer";

/// The reason of a server without an adapter.
const DECIDES_FOR_ALL: &str =
    "this server does not recognise offers: it requests a certificate of all clients or of none";

/// The reason of a server that can only treat an origin hint as an offer like others.
const NO_TRUST_DOMAIN: &str =
    "this server has no rules and scopes of trust domains: an origin hint is an offer like others";

/// The reason of a server that does not resume authenticated sessions.
const FULL_HANDSHAKE: &str = "a session does not record the scope of its request, so every request for a certificate \
     takes a full handshake";

/// The command of a server that we wrote.
fn serve(site: &Site, program: PathBuf, serving: &Serving) -> Command {
    let mut command = site.command(program);
    serve_args(&mut command, serving);
    command
}

fn serve_args(command: &mut Command, serving: &Serving) {
    command.args(["--cert", "server.pem", "--key", "server.key", "--client-ca", "client-ca.pem"]);
    command.args(["--ask", if serving.requests_on_offer { "offered" } else { "nobody" }]);
    if serving.retry {
        command.arg("--retry");
    }
    if serving.tls12 {
        command.arg("--tls12");
    }
}

/// The command of a client that we wrote.
fn connect(site: &Site, program: PathBuf, visit: &Visit, number: u32) -> Option<Step> {
    let mut command = site.command(program);
    connect_args(&mut command, visit);
    Step::only(number, command)
}

fn connect_args(command: &mut Command, visit: &Visit) {
    command.args(["--connect", &format!("127.0.0.1:{}", visit.port), "--ca", "server-ca.pem"]);
    command.args(["--cert", "client.pem", "--key", "client.key"]);
    command.args(["--count", &visit.connections.to_string()]);
}

/// The path of a program that cargo does not build by default.
fn built(site: &Site, program: &str, package: &str) -> Result<PathBuf, String> {
    site.program(program)
        .ok_or_else(|| format!("there is no {program}: run `cargo build -p {package} --bins`"))
}

/// Prints its first argument if there is one, and runs the others as a command that gets SIGTERM when this script is
/// killed. The command is in a session of its own, since httpd sends signals to its whole process group. Standard
/// input is passed on by another descriptor: a shell gives a command in the background an empty one.
const WITH_PROCESSES: &str = r#"exec 3<&0
[ -z "$1" ] || echo "$1"
shift
setsid setpriv --pdeathsig TERM "$@" <&3 3<&- &
wait"#;

/// The command of a server that starts processes, and that ends them when it gets SIGTERM; a command that is
/// killed would leave them behind. With a port, the command prints at once that it listens there.
fn with_processes(site: &Site, program: &str, port: Option<u16>) -> Command {
    let mut command = site.command("sh");
    let line = port.map(|port| format!("listening on 127.0.0.1:{port}")).unwrap_or_default();
    command.args(["-c", WITH_PROCESSES, "sh", &line, program]);
    command
}

/// The command, or one that prints the error and ends, so that the server does not start.
fn or_error(command: io::Result<Command>) -> Command {
    command.unwrap_or_else(|err| {
        let mut command = Command::new("echo");
        command.arg(err.to_string());
        command
    })
}
