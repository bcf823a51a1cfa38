//! s2n-tls with its adapter: `s2n-server` and `s2n-client`.

use tokio::process::Command;

use super::{FULL_HANDSHAKE, NO_EXTENSION, NO_TRUST_DOMAIN, built};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

const SERVER: &str = "s2n-server";
const CLIENT: &str = "s2n-client";

pub(super) struct S2n;

impl Peer for S2n {
    fn name(&self) -> &'static str {
        "s2n-tls"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    fn server(&self) -> Option<Server> {
        Some(Server {
            requests_on_offer: Ok(()),
            acknowledges: Err("s2n-tls has no way to put an extension into CertificateRequest"),
            requests_on_origin: Err(NO_TRUST_DOMAIN),
            resumes_authenticated: Err(FULL_HANDSHAKE),
        })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        built(site, SERVER, "adapter-s2n")?;
        built(site, CLIENT, "adapter-s2n")?;
        Ok("of the crate s2n-tls 0.3.38, with adapters/s2n".into())
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        super::serve(site, site.program(SERVER).unwrap_or_default(), serving)
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        super::connect(site, site.program(CLIENT).unwrap_or_default(), visit, number)
    }
}
