//! What is particular to Chromium.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

/// Where browsers look for policies.
const POLICIES: &str = "/etc/chromium/policies/managed";

pub fn driver() -> Command {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0");
    command
}

/// The port in the line of the driver's output that contains it.
pub fn port(line: &str) -> Option<&str> {
    Some(line.split_once("started successfully on port ")?.1.trim_end_matches('.'))
}

/// The capabilities of a browser whose home is this folder.
pub fn capabilities(home: &Path) -> Map<String, Value> {
    let data = format!("--user-data-dir={}", home.join("profile").display());
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
    Map::from_iter([("goog:chromeOptions".to_owned(), json!({ "args": args }))])
}

/// A policy that selects certificates, for all browsers on this machine until it is dropped.
pub struct Policy(PathBuf, #[allow(dead_code)] MutexGuard<'static, ()>);

/// Browsers read only one such policy, so the tests that need one run one after the other.
static ONE_POLICY: Mutex<()> = Mutex::new(());

impl Policy {
    pub fn new(address: &str, issuer: &str) -> Self {
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
