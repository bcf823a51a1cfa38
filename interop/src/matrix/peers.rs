//! The peers, one file each.

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
mod java;
mod openssl;
mod openssl_adapter;
mod pristine;
mod rustls_ext;
mod s2n;

/// All of them.
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
];

/// What clients of HTTP/1.1 say that are no more than TLS.
const REQUEST: &str = "GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Why a client that cannot be told what to put into its ClientHello does not offer.
const NO_EXTENSION: &str =
    "this client sends no extension that its library does not know, so it cannot offer";

/// Why a server without an adapter does not ask.
const DECIDES_FOR_ALL: &str =
    "this server knows nothing of offers: it asks all of its clients or nobody";

/// Why who is authenticated does not resume.
const FULL_HANDSHAKE: &str = "a session does not record in which scope its client was asked, so whoever is asked is \
     asked in a full handshake";

/// The options of the servers that we wrote.
fn serve(site: &Site, program: PathBuf, serving: &Serving) -> Command {
    let mut command = site.command(program);
    command.args(["--cert", "server.pem", "--key", "server.key", "--client-ca", "client-ca.pem"]);
    command.args(["--ask", if serving.requests_on_offer { "offered" } else { "nobody" }]);
    if serving.retry {
        command.arg("--retry");
    }
    if serving.tls12 {
        command.arg("--tls12");
    }
    command
}

/// The options of the clients that we wrote.
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

/// A program that cargo builds only when it is told to.
fn built(site: &Site, program: &str, package: &str) -> Result<PathBuf, String> {
    site.program(program)
        .ok_or_else(|| format!("there is no {program}: run `cargo build -p {package} --bins`"))
}
