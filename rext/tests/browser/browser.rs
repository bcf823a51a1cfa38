//! A browser with a profile and a certificate store of its own, driven over WebDriver.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Map, Value, json};
use test_pki::{Authority, IssuedCertificate};

use crate::chromium::{self, Policy};
use crate::common::TIMEOUT;
use crate::firefox::{self, Dialog};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Chromium,
    Firefox,
}

impl Kind {
    /// The browser that the environment selects.
    fn selected() -> Self {
        match std::env::var("REXT_BROWSER").as_deref() {
            Err(_) | Ok("chromium") => Self::Chromium,
            Ok("firefox") => Self::Firefox,
            Ok(other) => panic!("REXT_BROWSER must be chromium or firefox, not {other:?}"),
        }
    }

    fn driver(self) -> Command {
        match self {
            Self::Chromium => chromium::driver(),
            Self::Firefox => firefox::driver(),
        }
    }

    fn port(self, line: &str) -> Option<&str> {
        match self {
            Self::Chromium => chromium::port(line),
            Self::Firefox => firefox::port(line),
        }
    }

    /// The folder of the certificate store.
    fn store(self, home: &Path) -> PathBuf {
        home.join(match self {
            Self::Chromium => ".pki/nssdb",
            Self::Firefox => "profile",
        })
    }
}

/// A running browser. Dropping it kills the process.
pub struct Browser {
    pub kind: Kind,
    client: Client,
    driver: Child,
    _home: tempfile::TempDir,
    _policy: Option<Policy>,
}

/// The settings of a browser that is not started yet.
pub struct Profile {
    kind: Kind,
    home: tempfile::TempDir,
    selects: bool,
    policy: Option<Policy>,
    waits: bool,
}

impl Profile {
    /// A profile that trusts this authority for servers.
    pub fn trusting(authority: &Authority) -> Self {
        let home = tempfile::tempdir().unwrap();
        let kind = Kind::selected();
        let this = Self { kind, home, selects: false, policy: None, waits: true };
        std::fs::create_dir_all(this.kind.store(this.home.path())).unwrap();
        this.certutil(&["-N", "--empty-password"]);
        let path = this.write("ca.pem", &authority.pem());
        this.certutil(&["-A", "-n", "Site CA", "-t", "C,,", "-i", path.to_str().unwrap()]);
        this
    }

    /// Installs this certificate and its key.
    pub fn with(self, identity: &IssuedCertificate) -> Self {
        let pem = self.write("own.pem", &(identity.key_pem() + identity.cert_pem()));
        let pkcs12 = self.home.path().join("own.p12");
        let own = ["pkcs12", "-export", "-passout", "pass:", "-name", "own", "-in"];
        run(Command::new("openssl").args(own).arg(&pem).arg("-out").arg(&pkcs12));
        let store = self.database();
        run(Command::new("pk12util").args(["-W", "", "-K", "", "-d", &store, "-i"]).arg(&pkcs12));
        self
    }

    /// Makes the browser send certificates of this issuer to that address without a dialog. Firefox
    /// has only a setting for all addresses and issuers.
    pub fn selecting(mut self, address: &str, issuer: &str) -> Self {
        self.selects = true;
        self.policy = (self.kind == Kind::Chromium).then(|| Policy::new(address, issuer));
        self
    }

    /// Makes commands return at once, for pages that never load.
    pub fn not_waiting(mut self) -> Self {
        self.waits = false;
        self
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn database(&self) -> String {
        format!("sql:{}", self.kind.store(self.home.path()).display())
    }

    fn certutil(&self, args: &[&str]) {
        run(Command::new("certutil").args(["-d", &self.database()]).args(args));
    }

    /// Starts the browser.
    pub async fn open(self) -> Browser {
        let mut command = self.kind.driver();
        let mut driver = command
            .env("HOME", self.home.path())
            // So that the settings of the user who runs the tests are not used.
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            // So that the browser can be killed together with the driver.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|err| panic!("{command:?} is needed: {err}"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("the driver has ended").unwrap();
            if let Some(port) = self.kind.port(&line) {
                break port.to_owned();
            }
        };
        // The rest of its output is read, so that it does not block.
        std::thread::spawn(move || lines.for_each(drop));
        let own = match self.kind {
            Kind::Chromium => chromium::capabilities(self.home.path()),
            Kind::Firefox => {
                firefox::capabilities(&self.kind.store(self.home.path()), self.selects)
            }
        };
        let wanted = json!({
            "pageLoadStrategy": if self.waits { "normal" } else { "none" },
            "timeouts": { "pageLoad": 20_000, "implicit": 0, "script": 5_000 },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(Map::from_iter(own.into_iter().chain(wanted)))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Browser { kind: self.kind, client, driver, _home: self.home, _policy: self.policy }
    }
}

impl Browser {
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Presses Enter on the link with this text, as a user without a mouse would.
    pub async fn press(&self, link: &str) {
        let wait = self.client.wait().at_most(TIMEOUT);
        let element = wait.for_element(Locator::LinkText(link)).await.unwrap();
        self.client.execute("window.left = true", vec![]).await.unwrap();
        element.send_keys(&String::from(char::from(Key::Enter))).await.unwrap();
    }

    /// The same, until the new page is loaded.
    pub async fn follow(&self, link: &str) {
        self.press(link).await;
        self.until_loaded().await;
    }

    /// Waits until the page of the pressed link is replaced by a loaded one, which Firefox's driver
    /// does not do.
    async fn until_loaded(&self) {
        // Between the pages there can be an empty one, about:blank, which is complete.
        let loaded = "return !window.left && location.protocol === 'https:' \
            && document.readyState === 'complete'";
        let deadline = Instant::now() + TIMEOUT;
        // A script fails if the page is replaced meanwhile.
        while !self.client.execute(loaded, vec![]).await.is_ok_and(|value| value == json!(true)) {
            assert!(Instant::now() < deadline, "the next page does not load");
        }
    }

    /// Waits for Firefox's dialog for certificates.
    pub async fn wait_for_dialog(&self) -> Dialog {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(dialog) = firefox::dialog(&self.client).await {
                return dialog;
            }
            assert!(Instant::now() < deadline, "no dialog is shown");
        }
    }

    /// Sends the certificate that Firefox's dialog shows, and waits for the page.
    pub async fn accept_dialog(&self) {
        firefox::accept_dialog(&self.client).await;
        self.until_loaded().await;
    }

    pub async fn heading(&self) -> String {
        self.text("h1").await
    }

    pub async fn text(&self, css: &str) -> String {
        self.client.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    /// The value of a row of the page.
    pub async fn row(&self, name: &str) -> String {
        let path = format!("//dt[text()='{name}']/following-sibling::dd");
        self.client.find(Locator::XPath(&path)).await.unwrap().text().await.unwrap()
    }

    /// The application protocol of the page's connection, as the browser reports it.
    pub async fn protocol(&self) -> Value {
        let script = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Writes a screenshot of the page into the target directory.
    pub async fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("browser")
            .join(format!("{:?}", self.kind).to_lowercase());
        std::fs::create_dir_all(&folder).unwrap();
        let png = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

/// Runs a tool that must succeed.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|err| panic!("{command:?} is needed: {err}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
