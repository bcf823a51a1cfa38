//! OpenSSL with its adapter: the programs of `adapters/openssl/examples`.

use rustls_ext::wire::Offer;
use tokio::process::Command;

use crate::matrix::{Client, ORIGIN, Peer, Server, Serving, Site, Step, Visit};

pub(super) struct OpenSslAdapter;

impl Peer for OpenSslAdapter {
    fn name(&self) -> &'static str {
        "openssl-adapter"
    }

    fn client(&self) -> Option<Client> {
        Some(Client { offers: Ok(Offer::FLAG), hints: Ok(()), resumes: Ok(()) })
    }

    fn server(&self) -> Option<Server> {
        Some(Server::FULL)
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        if !site.source("adapters/openssl/Makefile").exists() {
            return Err("there is no adapters/openssl in this version".into());
        }
        site.make("adapters/openssl")?;
        let openssl = site.version("openssl", &["version"], "openssl")?;
        Ok(format!("{openssl}, with adapters/openssl"))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = site.command(site.file("rext-openssl-server"));
        command.args(["--cert", "server.pem", "--key", "server.key", "--ca", "client-ca.pem"]);
        command.args(["--demand", if serving.requests_on_offer { "if-offered" } else { "none" }]);
        if serving.requests_on_origin {
            command.args(["--origin", ORIGIN]);
        }
        if serving.retry {
            command.args(["--groups", "P-384"]);
        }
        if serving.tls12 {
            command.args(["--max-version", "1.2"]);
        }
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, _: u32) -> Option<Step> {
        let mut command = site.command(site.file("rext-openssl-client"));
        command.args(["--connect", &format!("127.0.0.1:{}", visit.port)]);
        command.args(["--name", "localhost", "--ca", "server-ca.pem", "--path", "/debug"]);
        command.args(["--cert", "client.pem", "--key", "client.key"]);
        command.args(["--offer", if visit.offer { "flag" } else { "none" }]);
        if visit.hint {
            command.args(["--origin", ORIGIN]);
        }
        if visit.connections > 1 {
            let session = format!("openssl-adapter-{}.session", visit.port);
            command.arg("--session").arg(site.file(&session));
        }
        Some(Step { command, stdin: "" })
    }
}
