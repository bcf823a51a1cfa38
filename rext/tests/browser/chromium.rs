//! A Chromium with a profile and a certificate store of its own, driven over WebDriver.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Map, Value, json};
use test_pki::{Authority, IssuedCertificate};

/// Where browsers look for policies.
const POLICIES: &str = "/etc/chromium/policies/managed";

/// A running browser. Dropping it kills the process.
pub struct Chromium {
    pub client: Client,
    driver: Child,
    _home: tempfile::TempDir,
    _policy: Option<Policy>,
}

/// The settings of a browser that is not started yet.
pub struct Profile {
    home: tempfile::TempDir,
    policy: Option<Policy>,
    waits: bool,
}

impl Profile {
    /// A profile that trusts this authority for servers.
    pub fn trusting(authority: &Authority) -> Self {
        let home = tempfile::tempdir().unwrap();
        let this = Self { home, policy: None, waits: true };
        std::fs::create_dir_all(this.store()).unwrap();
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

    /// Makes the browser send certificates of this issuer to that address without a dialog.
    pub fn selecting(mut self, address: &str, issuer: &str) -> Self {
        self.policy = Some(Policy::new(address, issuer));
        self
    }

    /// Makes `goto` return at once, for pages that never load.
    pub fn not_waiting(mut self) -> Self {
        self.waits = false;
        self
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn store(&self) -> PathBuf {
        self.home.path().join(".pki/nssdb")
    }

    fn database(&self) -> String {
        format!("sql:{}", self.store().display())
    }

    fn certutil(&self, args: &[&str]) {
        run(Command::new("certutil").args(["-d", &self.database()]).args(args));
    }

    /// Starts the browser.
    pub async fn open(self) -> Chromium {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
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
            .expect("chromedriver is needed");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver has ended").unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // The rest of its output is read, so that it does not block.
        std::thread::spawn(move || lines.for_each(drop));
        let data = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1000,1250",
            "--host-resolver-rules=MAP site.test 127.0.0.1, MAP *.site.test 127.0.0.1, MAP * ~NOTFOUND",
            &data,
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": args },
            "pageLoadStrategy": if self.waits { "normal" } else { "none" },
            "timeouts": { "pageLoad": 20_000, "implicit": 0, "script": 5_000 },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(Map::from_iter(wanted))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Chromium { client, driver, _home: self.home, _policy: self.policy }
    }
}

impl Chromium {
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Presses Enter on the link with this text, as a user without a mouse would.
    pub async fn follow(&self, link: &str) {
        let element = self.client.find(Locator::LinkText(link)).await.unwrap();
        element.send_keys(&String::from(char::from(Key::Enter))).await.unwrap();
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
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        std::fs::create_dir_all(&folder).unwrap();
        let png = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

/// A policy that selects certificates, for all browsers on this machine until it is dropped.
struct Policy(PathBuf, #[allow(dead_code)] MutexGuard<'static, ()>);

/// Browsers read only one such policy, so the tests that need one run one after the other.
static ONE_POLICY: Mutex<()> = Mutex::new(());

impl Policy {
    fn new(address: &str, issuer: &str) -> Self {
        let only = ONE_POLICY.lock().unwrap_or_else(PoisonError::into_inner);
        let selection = json!({ "pattern": address, "filter": { "ISSUER": { "CN": issuer } } });
        let policy = json!({ "AutoSelectCertificateForUrls": [selection.to_string()] });
        std::fs::create_dir_all(POLICIES).expect("permission to write there is needed");
        let path =
            Path::new(POLICIES).join(format!("rustls-ext-tests-{}.json", std::process::id()));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(policy.to_string().as_bytes()).unwrap();
        Self(path, only)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs a tool that must succeed.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|err| panic!("{command:?} is needed: {err}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
