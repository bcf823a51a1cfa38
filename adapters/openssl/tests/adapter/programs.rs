//! The programs as processes, and the lines that they print.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::site::Site;

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub address: String,
}

impl Server {
    /// One that knows the authorities of clients and of staff, and demands this; see `--demand`.
    pub fn demanding(site: &Site, demands: &[&str]) -> Self {
        let demands: Vec<_> = demands.iter().flat_map(|demand| ["--demand", demand]).collect();
        let scopes = ["--ca", "clients.pem", "--ca", "staff=staff.pem"];
        Self::start(site, &[&scopes[..], &demands].concat())
    }

    pub fn start(site: &Site, options: &[&str]) -> Self {
        let mut command = Command::new(&site.programs.server);
        command.args(options);
        Self::run(site, command)
    }

    /// A command that is a server, perhaps under a checker.
    pub fn run(site: &Site, mut command: Command) -> Self {
        command.args(site.mode);
        command.args(["--cert", "server.crt", "--key", "server.key"]).current_dir(&site.folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, lines, address: String::new() };
        let line = server.line();
        server.address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// What came of the connection that ended next.
    pub fn outcome(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// How it ended by itself, after the connections that it was to count.
    pub fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a client said: its exit code, the body, and what came of the connection.
pub struct Visit {
    pub code: Option<i32>,
    pub body: String,
    pub outcome: Value,
}

/// A client that trusts the servers' authority, and knows the server as localhost.
pub fn visit(site: &Site, address: &str, options: &[&str]) -> Visit {
    let mut command = Command::new(&site.programs.client);
    run_visit(site, address, options, &mut command)
}

pub fn run_visit(site: &Site, address: &str, options: &[&str], command: &mut Command) -> Visit {
    if !options.contains(&"--name") {
        command.args(["--name", "localhost"]);
    }
    command.args(["--connect", address, "--ca", "servers.pem"]).args(options);
    let out = command.current_dir(&site.folder).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    let line = said.lines().find(|line| line.starts_with('{')).expect(&said);
    Visit {
        code: out.status.code(),
        body: String::from_utf8(out.stdout).unwrap(),
        outcome: serde_json::from_str(line).expect(&said),
    }
}

/// The options of a client with the certificate of an identity.
pub fn with<'a>(identity: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let files = match identity {
        "agent" => ["--cert", "agent.crt", "--key", "agent.key"],
        "staff-1" => ["--cert", "staff-1.crt", "--key", "staff-1.key"],
        "workload" => ["--cert", "workload.crt", "--key", "workload.key"],
        "elsewhere" => ["--cert", "elsewhere.crt", "--key", "elsewhere.key"],
        "chained" => ["--cert", "chained.crt", "--key", "chained.key"],
        other => panic!("{other}"),
    };
    [&files[..], more].concat()
}

/// The fields of an outcome that a test is about.
#[track_caller]
pub fn assert_fields(outcome: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&outcome[name], value, "{name} in {outcome}");
    }
}
