//! Runs a client with a server.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::case::{Case, Serving};
use super::expect::Expected;
use super::peer::{Peer, PeerView, Step, Visit};
use super::site::Site;
use super::tap::Tap;

/// The timeout for the start of a server, and for each run of a client.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The timeout for the server's report of a connection, after the client has ended.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server process, and the tap in front of it.
pub(super) struct RunningServer<'a> {
    peer: &'a dyn Peer,
    _child: Child,
    lines: UnboundedReceiver<String>,
    tap: Tap,
}

/// The reports of client and server, and their differences from the expected outcome.
#[derive(Clone, Debug, Serialize)]
pub struct PairResult {
    /// The client's report of the last connection.
    pub client: PeerView,
    /// The server's report of it.
    pub server: PeerView,
    /// The differences, one line each.
    pub wrong: Vec<String>,
}

impl<'a> RunningServer<'a> {
    /// Starts a server.
    ///
    /// # Errors
    /// The reason why it does not listen.
    pub(super) async fn start(
        peer: &'a dyn Peer,
        site: &Site,
        serving: &Serving,
    ) -> Result<Self, String> {
        let mut command = peer.serve(site, serving);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let mut child = command.spawn().map_err(|err| format!("it does not start: {err}"))?;
        let (sender, mut lines) = unbounded_channel();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, sender.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(stderr, sender));
        }
        let mut printed = Vec::new();
        let port = timeout(TIMEOUT, async {
            while let Some(line) = lines.recv().await {
                if let Some(port) = peer.listening(&line) {
                    return Some(port);
                }
                printed.push(line);
            }
            None
        });
        let port = port.await.ok().flatten();
        let port = port.ok_or_else(|| format!("it does not listen: {}", printed.join("; ")))?;
        let tap = Tap::new(port).await.map_err(|err| format!("cannot listen: {err}"))?;
        Ok(Self { peer, _child: child, lines, tap })
    }

    /// Runs a client with this server.
    pub(super) async fn run_pair(
        &mut self,
        client: &dyn Peer,
        site: &Site,
        case: Case,
        expected: &Expected,
    ) -> PairResult {
        while self.lines.try_recv().is_ok() {}
        self.tap.take();
        let visit = Visit {
            port: self.tap.port,
            offer: case != Case::OriginHint && expected.offer != "none",
            hint: case == Case::OriginHint,
            connections: if case == Case::Resumption { 2 } else { 1 },
        };
        let mut outputs = Vec::new();
        let mut wrong = Vec::new();
        for number in 0..visit.connections {
            let Some(step) = client.connect(site, &visit, number) else {
                break;
            };
            match timeout(TIMEOUT, run(step)).await {
                Ok(Ok(output)) => outputs.push(output),
                Ok(Err(err)) => wrong.push(format!("the client does not run: {err}")),
                Err(_) => wrong.push("the client does not end".into()),
            }
        }
        let view = client.view(&outputs);
        let printed = outputs.last().map(|output| client.printed(output)).unwrap_or_default();
        let server = match self.peer.answer(&printed) {
            Some(server) => server,
            None => self.server_view(visit.connections).await,
        };
        let seen = self.tap.take();
        let enough = if client.makes_more_connections() {
            seen.len() >= visit.connections as usize
        } else {
            seen.len() == visit.connections as usize
        };
        if !enough {
            let (expected, got) = (visit.connections, seen.len());
            wrong.push(format!("connections: expected {expected}, the tap saw {got}"));
        }
        let wire = seen.last().copied().unwrap_or_default();
        wrong.extend(expected.differences(wire, &view, &server));
        if !wrong.is_empty() {
            let lines = printed.lines().filter(|line| !line.trim().is_empty());
            let start: Vec<_> = lines.take(4).map(str::trim).collect();
            wrong.push(format!("the client printed: {}", start.join(" | ")));
        }
        PairResult { client: view, server, wrong }
    }

    /// The server's report of the last of this many connections.
    async fn server_view(&mut self, connections: u32) -> PeerView {
        let last = timeout(REPORT_TIMEOUT, async {
            let mut last = PeerView::default();
            for _ in 0..connections {
                last = loop {
                    let Some(line) = self.lines.recv().await else {
                        return last;
                    };
                    let json = serde_json::from_str(&line).ok();
                    if let Some(view) = json.as_ref().and_then(PeerView::of_server) {
                        break view;
                    }
                };
            }
            last
        });
        last.await.unwrap_or_default()
    }
}

async fn forward(from: impl AsyncRead + Unpin, to: UnboundedSender<String>) {
    let mut lines = BufReader::new(from).lines();
    // The pipe is always emptied, so that the server does not block.
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = to.send(line);
    }
}

async fn run(Step { mut command, stdin }: Step) -> std::io::Result<Output> {
    let mut child = piped(&mut command).spawn()?;
    let mut input = child.stdin.take().filter(|_| !stdin.is_empty());
    if let Some(input) = &mut input {
        // If the process has already ended, its output has the reason.
        let _ = input.write_all(stdin.as_bytes()).await;
    }
    let output = child.wait_with_output().await;
    // Only now: some programs end the connection at the end of their input.
    drop(input);
    output
}

fn piped(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true)
}
