//! Unmodified OpenSSL: `openssl s_server` and `openssl s_client`.

use std::process::Output;

use rustls_ext::wire::Offer;
use tokio::process::Command;

use super::{DECIDES_FOR_ALL, REQUEST};
use crate::matrix::peer::text;
use crate::matrix::{CLIENT, Client, Peer, PeerView, Server, Serving, Site, Step, Visit};

pub(super) struct OpenSsl;

impl Peer for OpenSsl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn client(&self) -> Option<Client> {
        // `-serverinfo` sends any extension with an empty body, such as CARE.
        let hints = Err("`s_client -serverinfo` sends extensions with an empty body only");
        Some(Client { offers: Ok(Offer::CARE), hints, resumes: Ok(()) })
    }

    fn server(&self) -> Option<Server> {
        Some(Server::plain(DECIDES_FOR_ALL))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        site.version("openssl", &["version"], "openssl")
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        let mut command = site.command("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-www", "-CAfile", "client-ca.pem"]);
        command.args(["-cert", "server.pem", "-key", "server.key"]);
        if serving.retry {
            command.args(["-groups", "P-384"]);
        }
        if serving.tls12 {
            command.arg("-tls1_2");
        }
        command
    }

    fn listening(&self, line: &str) -> Option<u16> {
        line.strip_prefix("ACCEPT 127.0.0.1:")?.trim().parse().ok()
    }

    /// The status page of `s_server`, which shows the session.
    fn answer(&self, body: &str) -> Option<PeerView> {
        let page = body.get(body.rfind("<pre>")?..)?;
        let (resumed, version) = session_line(page)?;
        let known = page.contains("CLIENT-1") || page.contains("client-1");
        let nobody = page.contains("no client certificate available");
        Some(PeerView {
            tls_version: Some(version),
            resumed: Some(resumed),
            asked: None,
            acknowledged: None,
            subject: (known || nobody).then(|| known.then(|| CLIENT.to_owned())),
        })
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let session = site.file(&format!("openssl-{}.session", visit.port));
        let mut command = site.command("openssl");
        command.args(["s_client", "-connect", &format!("127.0.0.1:{}", visit.port)]);
        command.args(["-servername", "localhost", "-verify_hostname", "localhost"]);
        command.args(["-verify_return_error", "-CAfile", "server-ca.pem"]);
        command.args(["-cert", "client.pem", "-key", "client.key", "-ign_eof"]);
        if visit.offer {
            command.args(["-serverinfo", "65482"]);
        }
        if number > 0 && session.exists() {
            command.arg("-sess_in").arg(session);
        } else if visit.connections > 1 {
            command.arg("-sess_out").arg(session);
        }
        Some(Step { command, stdin: REQUEST })
    }

    fn view(&self, outputs: &[Output]) -> PeerView {
        let text = outputs.last().map(text).unwrap_or_default();
        let Some((resumed, version)) = session_line(&text) else {
            return PeerView::default();
        };
        PeerView {
            tls_version: Some(version),
            resumed: Some(resumed),
            asked: Some(text.contains("Requested Signature Algorithms:")),
            acknowledged: None,
            subject: None,
        }
    }
}

/// Reads whether the session was resumed, and its version, from a line that both programs print:
/// `New, TLSv1.3, Cipher is …`. The version is the first one that has the cipher, which is the session's
/// version for current ciphers.
fn session_line(text: &str) -> Option<(bool, String)> {
    text.lines().find_map(|line| {
        let (kind, rest) = line.split_once(", ")?;
        let (version, _) = rest.split_once(", Cipher is ")?;
        match kind {
            "New" => Some((false, version.to_owned())),
            "Reused" => Some((true, version.to_owned())),
            _ => None,
        }
    })
}
