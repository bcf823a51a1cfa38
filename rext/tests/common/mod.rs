//! Shared by the tests: the files of a PKI, and the binary as a server and as a client.
#![allow(dead_code)] // no test binary uses all of it

#[cfg(unix)]
pub mod launch;
pub mod site;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_pki::{Authority, IssuedCertificate};

/// The time limit for each step of a test.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A PKI in a temporary folder, which is removed when this is dropped.
pub struct Files {
    dir: tempfile::TempDir,
    pub clients: Authority,
    pub client: IssuedCertificate,
}

impl Files {
    /// Writes the certificates and keys of `server`, `client` and `stranger`, and the certificates of
    /// the authorities `server-ca` and `client-ca`. Neither has issued the stranger's certificate.
    pub fn new() -> Self {
        let servers = Authority::new("Server CA").unwrap();
        let clients = Authority::new("Client CA").unwrap();
        let foreign = Authority::new("Foreign CA").unwrap();
        let client = clients.client("client-1").unwrap();
        let this = Self { dir: tempfile::tempdir().unwrap(), clients, client };
        this.write("server-ca.pem", servers.pem());
        this.write("client-ca.pem", this.clients.pem());
        this.write_identity("server", &servers.server(&["localhost"]).unwrap());
        this.write_identity("client", &this.client);
        this.write_identity("stranger", &foreign.client("stranger").unwrap());
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn write_identity(&self, name: &str, identity: &IssuedCertificate) {
        self.write(&format!("{name}.pem"), identity.cert_pem());
        self.write(&format!("{name}.key"), identity.key_pem());
    }

    /// A command of the binary, with the folder as its working directory.
    pub fn rext(&self, args: &[&str]) -> Command {
        rext_in(self.dir.path(), args)
    }

    /// Starts `rext serve` on a free port, with the PKI's files and these further arguments.
    pub fn serve(&self, args: &[&str]) -> Server {
        self.serve_with(args, |_| {})
    }

    /// The same; `prepare` may change the command before it is started.
    pub fn serve_with(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        self.serve_without_ca(&[&["--client-ca", "client-ca.pem"], args].concat(), prepare)
    }

    /// The same, without `--client-ca`.
    pub fn serve_without_ca(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        self.start("serve", args, prepare)
    }

    /// Starts this command of the binary, which must be a server.
    pub fn start(&self, name: &str, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        let usual = [name, "--cert", "server.pem", "--key", "server.key"];
        self.start_with_args(&[&usual[..], args].concat(), prepare)
    }

    /// The same, without other arguments than these and `--listen`.
    pub fn start_with_args(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        let mut command = self.rext(args);
        command.args(["--listen", "127.0.0.1:0"]);
        prepare(&mut command);
        Server::start(command)
    }

    /// Runs `rext connect` for `/debug` of `server`, with the certificate and key of `identity`.
    pub fn connect(&self, server: &Server, identity: Option<&str>, args: &[&str]) -> ConnectOutput {
        self.connect_to(server.port, identity, args)
    }

    /// The same, for the server on `port`.
    pub fn connect_to(&self, port: u16, identity: Option<&str>, args: &[&str]) -> ConnectOutput {
        let url = format!("https://localhost:{port}/debug");
        let resolve = format!("localhost:{port}:127.0.0.1");
        let mut command = self.rext(&["connect", &url, "--ca", "server-ca.pem"]);
        command.args(["--resolve", &resolve]);
        if let Some(name) = identity {
            command.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")]);
        }
        ConnectOutput::of(command.args(args).output().unwrap())
    }
}

/// A command of the binary, with `dir` as its working directory.
pub fn rext_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rext"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    command
}

/// A running server of `rext`. Dropping it kills the process.
pub struct Server {
    pub child: Child,
    log: Receiver<String>,
    pub port: u16,
}

impl Server {
    /// Starts a command that is a server, and reads its port.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim_end().strip_prefix("listening on ").expect("an address").to_owned();
        let port = addr.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
        Self { child, log, port }
    }

    /// Waits for the next line of the log that contains all of `parts`, and returns it.
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .log
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no log line with {parts:?}"));
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }
}

impl Server {
    /// Returns the lines of the log that have arrived and were not read yet.
    pub fn log_so_far(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of `rext connect`.
#[derive(Debug)]
pub struct ConnectOutput {
    pub code: Option<i32>,
    /// The responses to `GET /debug`: the server's view of each connection.
    pub server: Vec<Value>,
    /// The client's view of each connection.
    pub client: Vec<Value>,
    /// The lines of standard error that are not JSON.
    pub errors: Vec<String>,
}

impl ConnectOutput {
    fn of(output: Output) -> Self {
        let lines = |text: Vec<u8>| -> Vec<String> {
            String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
        };
        let parse = |line: &String| serde_json::from_str::<Value>(line).ok();
        let stderr = lines(output.stderr);
        Self {
            code: output.status.code(),
            server: lines(output.stdout).iter().filter_map(parse).collect(),
            client: stderr.iter().filter_map(parse).collect(),
            errors: stderr.iter().filter(|line| parse(line).is_none()).cloned().collect(),
        }
    }

    /// The server's view of the only connection, without the peer's address, which differs.
    #[track_caller]
    pub fn only_server(&self) -> Value {
        assert_eq!((self.code, self.server.len()), (Some(0), 1), "{self:?}");
        without_peer(&self.server[0])
    }

    /// The client's view of the only connection.
    #[track_caller]
    pub fn only_client(&self) -> &Value {
        assert_eq!(self.client.len(), 1, "{self:?}");
        &self.client[0]
    }
}

/// `value` without the peer's address, which is that of the loopback interface.
#[track_caller]
pub fn without_peer(value: &Value) -> Value {
    let mut value = value.clone();
    let peer = value.as_object_mut().unwrap().remove("peer").unwrap();
    assert!(peer.as_str().unwrap().starts_with("127.0.0.1:"));
    value
}
