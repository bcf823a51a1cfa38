//! Unmodified GnuTLS: `gnutls-cli`. (`gnutls-serv` is not used, since it listens on all addresses.)

use std::process::Output;

use super::{NO_EXTENSION, REQUEST};
use crate::matrix::peer::text;
use crate::matrix::{Client, Peer, PeerView, Site, Step, Visit};

pub(super) struct GnuTls;

impl Peer for GnuTls {
    fn name(&self) -> &'static str {
        "gnutls"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        site.version("gnutls-cli", &["--version"], "gnutls-bin")
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = site.command("gnutls-cli");
        command.args(["127.0.0.1", "--port", &visit.port.to_string()]);
        command.args(["--sni-hostname", "localhost", "--verify-hostname", "localhost"]);
        command.args(["--x509cafile", "server-ca.pem", "--x509certfile", "client.pem"]);
        command.args(["--x509keyfile", "client.key"]);
        if visit.connections > 1 {
            command.args(["--resume", "--waitresumption"]);
        }
        (number == 0).then_some(Step { command, stdin: REQUEST })
    }

    fn view(&self, outputs: &[Output]) -> PeerView {
        let text = outputs.last().map(text).unwrap_or_default();
        // The output of the second connection, if there is one.
        let (resumed, last) = match text.find("*** This is a resumed session") {
            Some(at) => (true, text.get(at..).unwrap_or_default()),
            None => (false, &*text),
        };
        let description = last.lines().rev().find_map(|line| line.strip_prefix("- Description: ("));
        let version = description.and_then(|line| line.split([')', '-']).next());
        PeerView {
            tls_version: version.map(|version| version.replace("TLS", "TLSv")),
            resumed: version.map(|_| resumed),
            asked: None,
            acknowledged: None,
            subject: None,
        }
    }
}
