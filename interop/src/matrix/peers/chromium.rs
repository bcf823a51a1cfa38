//! Headless Chromium.

use std::process::Output;

use super::NO_EXTENSION;
use crate::matrix::{Client, Peer, PeerView, Site, Step, Visit};

pub(super) struct Chromium;

impl Peer for Chromium {
    fn name(&self) -> &'static str {
        "chromium"
    }

    fn client(&self) -> Option<Client> {
        let resumes = Err("a headless browser makes any number of connections for one page");
        Some(Client::plain(NO_EXTENSION, resumes))
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        site.version("chromium", &["--version"], "chromium")
    }

    fn connect(&self, site: &Site, visit: &Visit, number: u32) -> Option<Step> {
        let mut command = site.command("chromium");
        // Its own profile folder, and trust in this server only.
        let folder = site.file(&format!("chromium-{}", visit.port));
        command.arg(format!("--user-data-dir={}", folder.display()));
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-background-networking", "--ignore-certificate-errors"]);
        command.args(["--dump-dom", "--host-resolver-rules=MAP localhost 127.0.0.1"]);
        command.arg(format!("https://localhost:{}/debug", visit.port));
        Step::only(number, command)
    }

    /// It preconnects.
    fn makes_more_connections(&self) -> bool {
        true
    }

    /// The page; preformatted text has its own lines.
    fn printed(&self, output: &Output) -> String {
        let page = String::from_utf8_lossy(&output.stdout);
        page.replace("<pre>", "<pre>\n").replace("</pre>", "\n</pre>")
    }

    /// The browser reports nothing else.
    fn view(&self, _: &[Output]) -> PeerView {
        PeerView::default()
    }
}
