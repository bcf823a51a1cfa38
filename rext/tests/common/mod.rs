//! What the tests have in common: files of a PKI, and the binary as a server and as a client.
#![allow(dead_code)] // no test uses all of it

pub mod site;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_pki::{Authority, IssuedCertificate};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A PKI in a folder that goes away with it.
pub struct Files {
    dir: tempfile::TempDir,
    pub clients: Authority,
    pub client: IssuedCertificate,
}

impl Files {
    /// Who is in it: `server`, `client` and `stranger`, with a certificate and a key each, and
    /// the authorities `server-ca`, `client-ca`; the stranger's is in neither.
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

    /// The binary, in the folder, so that file names need no path.
    pub fn rext(&self, args: &[&str]) -> Command {
        rext_in(self.dir.path(), args)
    }

    /// `rext serve` on a free port, with the files above and these further arguments.
    pub fn serve(&self, args: &[&str]) -> Server {
        self.serve_with(args, |_| {})
    }

    /// The same, with a command that `prepare` has had its hands on.
    pub fn serve_with(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        self.serve_by(&[&["--client-ca", "client-ca.pem"], args].concat(), prepare)
    }

    /// The same, without authorities for clients' certificates.
    pub fn serve_by(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        self.start("serve", args, prepare)
    }

    /// This command of the binary, which serves.
    pub fn start(&self, name: &str, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        let usual = [name, "--cert", "server.pem", "--key", "server.key"];
        self.start_by(&[&usual[..], args].concat(), prepare)
    }

    /// The same, on a free port, and otherwise with these arguments only.
    pub fn start_by(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Server {
        let mut command = self.rext(args);
        command.args(["--listen", "127.0.0.1:0"]);
        prepare(&mut command);
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
        Server { child, log, port }
    }

    /// `rext connect` to `/debug` of `server`, with the client's certificate if `identity`
    /// names one.
    pub fn connect(&self, server: &Server, identity: Option<&str>, args: &[&str]) -> Reply {
        self.connect_to(server.port, identity, args)
    }

    /// The same, to whoever listens on `port`.
    pub fn connect_to(&self, port: u16, identity: Option<&str>, args: &[&str]) -> Reply {
        let url = format!("https://localhost:{port}/debug");
        let resolve = format!("localhost:{port}:127.0.0.1");
        let mut command = self.rext(&["connect", &url, "--ca", "server-ca.pem"]);
        command.args(["--resolve", &resolve]);
        if let Some(name) = identity {
            command.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")]);
        }
        Reply::of(command.args(args).output().unwrap())
    }
}

/// The binary, with `dir` as its working directory.
pub fn rext_in(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rext"));
    command.current_dir(dir).args(args).stdin(Stdio::null());
    command
}

/// A running `rext serve`.
pub struct Server {
    pub child: Child,
    log: Receiver<String>,
    pub port: u16,
}

impl Server {
    /// The next line of the log with all of these words in it.
    pub fn wait_for_log(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line =
                self.log.recv_timeout(left).unwrap_or_else(|_| panic!("no log of {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }
}

impl Server {
    /// The lines of the log that are there and were not waited for.
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

/// What `rext connect` has to say.
#[derive(Debug)]
pub struct Reply {
    pub code: Option<i32>,
    /// The answers to `GET /debug`: what the server knows.
    pub server: Vec<Value>,
    /// What the client knows.
    pub client: Vec<Value>,
    /// The lines of standard error that are not JSON.
    pub errors: Vec<String>,
}

impl Reply {
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
