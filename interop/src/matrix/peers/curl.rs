//! curl, with the TLS library that it was built with; and with the module for OpenSSL's configuration,
//! `adapters/openssl-conf`.

use std::process::Output;

use rustls_ext::wire::Offer;

use super::NO_EXTENSION;
use super::openssl_conf::{self, NO_KEY, OFFER};
use crate::matrix::peer::text;
use crate::matrix::{Client, Peer, PeerView, Site, Step, Visit};

pub(super) struct Curl;

impl Peer for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        site.version("curl", &["--version"], "curl")
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = site.command("curl");
        command.args(["--verbose", "--silent", "--show-error", "--http1.1", "--max-time", "20"]);
        command.args(["--header", "Connection: close"]);
        command.args(["--resolve", &format!("localhost:{}:127.0.0.1", visit.port)]);
        command.args(["--cacert", "server-ca.pem", "--cert", "client.pem", "--key", "client.key"]);
        for _ in 0..visit.connections {
            command.arg(format!("https://localhost:{}/debug", visit.port));
        }
        Step::only(number, command)
    }

    fn view(&self, outputs: &[Output]) -> PeerView {
        let text = outputs.last().map(text).unwrap_or_default();
        // The output of the last connection.
        let text = text.rfind("* Connected to").and_then(|at| text.get(at..)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("* SSL connection using "));
        let version = line.and_then(|line| line.split(" / ").next());
        PeerView {
            tls_version: version.map(str::to_owned),
            // curl prints that it offers a session, but not whether the server resumed it.
            resumed: None,
            asked: version.map(|_| text.contains("TLS handshake, Request CERT")),
            acknowledged: None,
            subject: None,
        }
    }
}

/// curl with OpenSSL, and with the module.
pub(super) struct Configured;

impl Peer for Configured {
    fn name(&self) -> &'static str {
        "curl-configured"
    }

    fn client(&self) -> Option<Client> {
        Some(Client { offers: Ok(Offer::FLAG), hints: Err(NO_KEY), resumes: Ok(()) })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = Curl.find(site)?;
        if !version.contains(" OpenSSL/") {
            return Err(format!("this curl does not use OpenSSL: {version}"));
        }
        openssl_conf::make(site)?;
        Ok(format!("{version}, with adapters/openssl-conf"))
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut step = Curl.connect(site, visit, number)?;
        if visit.offer {
            openssl_conf::configure(&mut step.command, site, OFFER);
        }
        Some(step)
    }

    fn view(&self, outputs: &[Output]) -> PeerView {
        Curl.view(outputs)
    }
}
