//! Java's JSSE: `interop/peers/java`.

use tokio::process::Command;

use super::{DECIDES_FOR_ALL, NO_EXTENSION, connect_args};
use crate::matrix::{Client, Peer, Server, Serving, Site, Step, Visit};

pub(super) struct Java;

impl Peer for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn client(&self) -> Option<Client> {
        Some(Client::plain(NO_EXTENSION, Ok(())))
    }

    fn server(&self) -> Option<Server> {
        Some(Server::plain(DECIDES_FOR_ALL))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version("java", &["-version"], "a JDK, such as default-jdk-headless")?;
        let mut build = std::process::Command::new("javac");
        build.arg("-d").arg(site.file("java")).arg(site.source("interop/peers/java/Peer.java"));
        site.build(&mut build)?;
        Ok(version)
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = java(site);
        command.args(["--server", "--cert", "server.pem", "--key", "server.key"]);
        command.args(["--client-ca", "client-ca.pem"]);
        if serving.retry {
            command.arg("--retry");
        }
        if serving.tls12 {
            command.arg("--tls12");
        }
        command
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = java(site);
        connect_args(&mut command, visit);
        Step::only(number, command)
    }
}

fn java(site: &Site) -> Command {
    let mut command = site.command("java");
    command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"]).arg(site.file("java"));
    command.arg("Peer");
    command
}
