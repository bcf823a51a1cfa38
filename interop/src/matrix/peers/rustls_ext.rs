//! rustls with rustls-ext: `rext serve` and `rext connect`.

use rustls_ext::wire::Offer;
use tokio::process::Command;

use crate::matrix::{Client, ORIGIN, Peer, Server, Serving, Site, Step, Visit};

pub(super) struct RustlsExt;

impl Peer for RustlsExt {
    fn name(&self) -> &'static str {
        "rustls-ext"
    }

    fn client(&self) -> Option<Client> {
        Some(Client { offers: Ok(Offer::FLAG), hints: Ok(()), resumes: Ok(()) })
    }

    fn server(&self) -> Option<Server> {
        Some(Server::FULL)
    }

    fn find(&self, _: &Site) -> Result<String, String> {
        Ok(format!("{}, on rustls 0.23.46 with the patches", env!("CARGO_PKG_VERSION")))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = this(site);
        command.args(["rext", "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--cert", "server.pem", "--key", "server.key"]);
        if serving.requests_on_origin {
            command.args(["--policy-file", "origin-policy.toml"]);
        } else {
            command.args(["--client-ca", "client-ca.pem"]);
            command.args(["--policy", if serving.requests_on_offer { "offered" } else { "never" }]);
        }
        if serving.retry {
            command.args(["--group", "secp384r1"]);
        }
        if serving.tls12 {
            command.arg("--tls12");
        }
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = this(site);
        command.args(["rext", "connect", &format!("https://localhost:{}/debug", visit.port)]);
        command.args(["--resolve", &format!("localhost:{}:127.0.0.1", visit.port)]);
        command.args(["--ca", "server-ca.pem", "--cert", "client.pem", "--key", "client.key"]);
        command.args(["--offer", if visit.offer { "flag" } else { "none" }]);
        if visit.hint {
            command.args(["--origin", ORIGIN]);
        }
        command.args(["--count", &visit.connections.to_string()]);
        Step::only(number, command)
    }
}

/// This program. Its path is always known here, since the certificates' files are found by it.
fn this(site: &Site) -> Command {
    site.command(std::env::current_exe().unwrap_or_default())
}
