//! BoringSSL with its adapter: `boring-server` and `boring-client`.

use tokio::process::Command;

use super::{FULL_HANDSHAKE, NO_EXTENSION, NO_TRUST_DOMAIN, built};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

const SERVER: &str = "boring-server";
const CLIENT: &str = "boring-client";

pub(super) struct Boring;

impl Peer for Boring {
    fn name(&self) -> &'static str {
        "boringssl"
    }

    fn client(&self) -> Option<Client> {
        let resumes =
            Err("resumption is `unsafe` in the crate boring, and this client has no unsafe code");
        Some(Client::plain(NO_EXTENSION, resumes))
    }

    fn server(&self) -> Option<Server> {
        Some(Server {
            requests_on_offer: Ok(()),
            acknowledges: Err("BoringSSL has no way to put an extension into CertificateRequest"),
            requests_on_origin: Err(NO_TRUST_DOMAIN),
            resumes_authenticated: Err(FULL_HANDSHAKE),
        })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        built(site, SERVER, "adapter-boring")?;
        built(site, CLIENT, "adapter-boring")?;
        Ok("of the crate boring 5.4, with adapters/boring".into())
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        super::serve(site, site.program(SERVER).unwrap_or_default(), serving)
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        super::connect(site, site.program(CLIENT).unwrap_or_default(), visit, number)
    }
}
