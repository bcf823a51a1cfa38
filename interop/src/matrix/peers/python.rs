//! Python's ssl module with the modules for OpenSSL's configuration: `interop/peers/python` and `adapters/openssl-conf`.

use rustls_ext::wire::Offer;
use tokio::process::Command;

use super::openssl_conf::{self, ASK, NO_KEY, OFFER};
use super::{NO_TRUST_DOMAIN, connect_args, serve_args};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

/// Debian's, which uses the OpenSSL of the system.
const PROGRAM: &str = "/usr/bin/python3";

pub(super) struct Python;

impl Peer for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn client(&self) -> Option<Client> {
        Some(Client { offers: Ok(Offer::FLAG), hints: Err(NO_KEY), resumes: Ok(()) })
    }

    fn server(&self) -> Option<Server> {
        Some(Server { requests_on_origin: Err(NO_TRUST_DOMAIN), ..Server::FULL })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version(PROGRAM, &["--version"], "python3")?;
        openssl_conf::make(site)?;
        Ok(format!("{version}, with adapters/openssl-conf"))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = python(site);
        command.arg("--server");
        serve_args(&mut command, serving);
        openssl_conf::configure(&mut command, site, ASK);
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = python(site);
        connect_args(&mut command, visit);
        if visit.offer {
            openssl_conf::configure(&mut command, site, OFFER);
        }
        Step::only(number, command)
    }
}

fn python(site: &Site) -> Command {
    let mut command = site.command(PROGRAM);
    command.arg("-B").arg(site.source("interop/peers/python/peer.py"));
    command
}
