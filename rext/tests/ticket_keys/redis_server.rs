//! Debian's `redis-server` with a configuration of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::Files;

pub const PASSWORD: &str = "correct horse";

/// Returns true if `redis-server` is available. If not, it prints that the test is skipped, or
/// panics if `REXT_REQUIRE_TOOLS` is set, as in CI.
pub fn available() -> bool {
    let has = |tool| Command::new(tool).arg("--version").output().is_ok();
    let available = has("redis-server") && has("redis-cli");
    if !available {
        let missing = "there is no redis-server or no redis-cli";
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    available
}

/// A running Redis with a Unix socket. Dropping it kills the process.
pub struct Redis {
    child: Child,
    pub socket: PathBuf,
}

impl Redis {
    /// Starts it, with a password and these further lines of its configuration.
    pub fn start(files: &Files, lines: &str) -> Self {
        Self::try_start(files, lines).expect("redis-server ended")
    }

    /// The same, with TLS on a free port, which is returned.
    pub fn start_with_tls(files: &Files, lines: &str) -> (Self, u16) {
        // Redis cannot choose a port, and another program may take it first.
        let attempt = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let path = |name: &str| files.path(name).display().to_string();
            let (cert, key, ca) = (path("server.pem"), path("server.key"), path("client-ca.pem"));
            let lines = format!(
                "{lines}\nbind 127.0.0.1\ntls-port {port}\ntls-cert-file {cert}\n\
                 tls-key-file {key}\ntls-ca-cert-file {ca}\n"
            );
            Some((Self::try_start(files, &lines)?, port))
        };
        (0..5).find_map(|_| attempt()).expect("redis-server ended")
    }

    fn try_start(files: &Files, lines: &str) -> Option<Self> {
        let socket = files.path("redis.sock");
        let text = format!(
            "port 0\nunixsocket {}\nrequirepass \"{PASSWORD}\"\nsave \"\"\ndir {}\n{lines}\n",
            socket.display(),
            files.path("").display()
        );
        let config = files.write("redis.conf", text);
        let mut command = Command::new("redis-server");
        command.arg(config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        // `Ready` for TCP, `ready` for a Unix socket.
        let ready = log.by_ref().map_while(Result::ok).any(|line| line.contains("eady to accept"));
        if !ready {
            let _ = child.wait();
            return None;
        }
        // Otherwise it could wait for its log to be read.
        std::thread::spawn(move || log.for_each(drop));
        Some(Self { child, socket })
    }

    pub fn url(&self, user: &str) -> String {
        let query = if user.is_empty() { String::new() } else { format!("?user={user}") };
        format!("unix://{}{query}", self.socket.display())
    }

    /// Runs a command in Redis, and returns the lines of its answer.
    pub fn command(&self, args: &[&str]) -> Vec<String> {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(&self.socket).env("REDISCLI_AUTH", PASSWORD).args(args);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(Into::into).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
