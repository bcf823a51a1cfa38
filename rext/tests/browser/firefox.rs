//! What is particular to Firefox.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::common::site::{LOGIN, SITE, STAFF};

pub fn driver() -> Command {
    let mut command = Command::new("geckodriver");
    // The dialog for certificates is not part of the page.
    command.args(["--port=0", "--allow-system-access"]);
    command
}

/// The port in the line of the driver's output that contains it.
pub fn port(line: &str) -> Option<&str> {
    Some(line.split_once("Listening on 127.0.0.1:")?.1)
}

/// The capabilities of a browser with the profile in this folder, which sends a certificate of an
/// authority that the server accepts without a dialog if `selects`.
pub fn capabilities(profile: &Path, selects: bool) -> Map<String, Value> {
    let local = [SITE, LOGIN, STAFF].join(",");
    let options = json!({
        "args": ["-headless", "-width", "1000", "-height", "1250", "-profile", profile],
        "prefs": {
            // With `network.dns.forceResolve`, Firefox shares no connection between host names.
            "network.dns.localDomains": local,
            "network.dns.disableIPv6": true,
            "network.trr.mode": 5,
            "security.default_personal_cert":
                if selects { "Select Automatically" } else { "Ask Every Time" },
        },
    });
    Map::from_iter([("moz:firefoxOptions".to_owned(), options)])
}

/// A dialog in which the user selects a certificate.
#[derive(Debug, PartialEq)]
pub struct Dialog {
    /// The host that has requested a certificate.
    pub host: String,
    /// The subjects of the certificates that the user can select.
    pub subjects: Vec<String>,
}

/// Finds the dialog, if it is complete.
const FIND: &str = "
    const dialog = [...document.querySelectorAll('browser.dialogFrame')]
        .map(frame => frame.contentDocument?.querySelector('dialog#certAuthAsk'))
        .find(dialog => dialog?.querySelector('#nicknames menuitem'));";

/// The dialog that the browser shows at the moment.
pub async fn dialog(client: &Client) -> Option<Dialog> {
    let script = "
        if (!dialog) return null;
        const site = dialog.querySelector('#clientAuthSiteIdentification').dataset.l10nArgs;
        const certificates = [...dialog.querySelectorAll('#nicknames menuitem')];
        return [JSON.parse(site).hostname, ...certificates.map(item => item.label)];";
    let found = execute_outside_the_page(client, script).await;
    let mut texts = serde_json::from_value::<Option<Vec<String>>>(found).unwrap()?.into_iter();
    let host = texts.next().unwrap();
    // The serial number follows in brackets.
    let subject = |label: String| label.rsplit_once(" [").unwrap().0.to_owned();
    Some(Dialog { host, subjects: texts.map(subject).collect() })
}

/// Sends the certificate that the dialog shows.
pub async fn accept_dialog(client: &Client) {
    execute_outside_the_page(client, "dialog.acceptDialog();").await;
}

/// Executes a script, which can use `dialog`, in the browser's own window.
async fn execute_outside_the_page(client: &Client, script: &str) -> Value {
    client.issue_cmd(Context("chrome")).await.unwrap();
    let value = client.execute(&format!("{FIND}{script}"), vec![]).await.unwrap();
    client.issue_cmd(Context("content")).await.unwrap();
    value
}

/// Selects for the scripts that follow whether they are executed in the page.
#[derive(Debug)]
struct Context(&'static str);

impl WebDriverCompatibleCommand for Context {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/moz/context", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "context": self.0 }).to_string()))
    }
}
