//! Pristine rustls: `interop/examples/pristine-peer.rs`.

use std::path::PathBuf;

use tokio::process::Command;

use super::{DECIDES_FOR_ALL, NO_EXTENSION, connect_args};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

pub(super) struct Pristine;

impl Peer for Pristine {
    fn name(&self) -> &'static str {
        "rustls-pristine"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    fn server(&self) -> Option<Server> {
        Some(Server::plain(DECIDES_FOR_ALL))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let missing =
            "there is no pristine-peer: run `cargo build -p interop --example pristine-peer`";
        site.program("examples/pristine-peer").ok_or(missing)?;
        Ok("0.23.46".into())
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = super::serve(site, program(site), serving);
        command.arg("--server");
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = site.command(program(site));
        connect_args(&mut command, visit);
        Step::only(number, command)
    }
}

fn program(site: &Site) -> PathBuf {
    site.program("examples/pristine-peer").unwrap_or_default()
}
