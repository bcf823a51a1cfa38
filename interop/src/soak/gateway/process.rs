//! A gateway: a process of `rext`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_line::Failure;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The time limit for a gateway to start, to reload and to end: more than the requests may take that it
/// has when it ends.
const LIMIT: Duration = Duration::from_secs(120);

/// A gateway, which is killed when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    /// The process that was started first.
    child: Child,
    /// The process that accepts connections now.
    pid: u32,
    is_replaced: bool,
    /// Its address.
    pub addr: SocketAddr,
    /// What it logs.
    pub log: Log,
}

/// The lines that a gateway logs.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Log {
    fn read(from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let log = Self { lines: lines.clone(), count };
        tokio::spawn(async move {
            let mut from = BufReader::new(from).lines();
            while let Ok(Some(line)) = from.next_line().await {
                // One for each connection: too many.
                if line.contains(" connected ") {
                    continue;
                }
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                sender.send_modify(|count| *count += 1);
            }
        });
        log
    }

    /// How many lines there are now.
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns true if there are no lines.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lines from number `from` on that contain this text.
    pub fn matching(&self, from: usize, text: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(from).filter(|line| line.contains(text)).cloned().collect()
    }

    /// Waits for a line from number `from` on that contains this text.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn wait_for(&self, from: usize, text: &str) -> Result<String, Failure> {
        let mut count = self.count.clone();
        let found = timeout(LIMIT, async {
            loop {
                if let Some(line) = self.matching(from, text).into_iter().next() {
                    return Some(line);
                }
                count.changed().await.ok()?;
            }
        });
        found.await.ok().flatten().ok_or_else(|| {
            let last = self.matching(self.len().saturating_sub(5), "");
            Failure::Failed(format!("a gateway did not log {text:?}; its last lines: {last:#?}"))
        })
    }
}

impl Gateway {
    /// Starts a gateway in this folder.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(rext: &Program, dir: &Path, args: &[String]) -> Result<Self, Failure> {
        let failed = |reason: String| {
            Failure::Failed(format!("cannot start {} gateway: {reason}", rext.path.display()))
        };
        let mut child = rext
            .command("gateway")
            .args(args)
            .current_dir(dir)
            // So that no proxy or log level of the environment is used.
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| failed(err.to_string()))?;
        let (Some(out), Some(err), Some(pid)) =
            (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(failed("it has no output".into()));
        };
        let log = Log::read(err);
        let mut lines = BufReader::new(out).lines();
        let line = timeout(LIMIT, lines.next_line()).await.ok().and_then(Result::ok).flatten();
        let Some(line) = line else {
            let last = log.matching(0, "").join("; ");
            return Err(failed(format!("it ended, or does not listen: {last}")));
        };
        // A gateway must not wait for a reader of its output.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let addr = line.trim_end().strip_prefix("listening on ").and_then(|it| it.parse().ok());
        let addr = addr.ok_or_else(|| failed(format!("it printed {line:?}")))?;
        Ok(Self { child, pid, is_replaced: false, addr, log })
    }

    /// Returns true if its process was replaced by another one.
    pub fn is_replaced(&self) -> bool {
        self.is_replaced
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn signal(&self, name: &str) -> Result<(), Failure> {
        signal(self.pid, name).await
    }

    /// Reloads its files, and waits until it uses them.
    ///
    /// # Errors
    /// If it does not reload.
    pub async fn reload(&self) -> Result<(), Failure> {
        let from = self.log.len();
        self.signal("HUP").await?;
        self.log.wait_for(from, "files reloaded").await.map(drop)
    }

    /// Its peak memory, in KiB.
    ///
    /// # Errors
    /// If it has ended, or the system is not Linux.
    pub fn peak_memory(&self) -> Result<u64, Failure> {
        crate::soak::memory::peak_of(self.pid)
    }

    /// Replaces its process by a new one of its program, and waits until that accepts connections.
    ///
    /// # Errors
    /// If there is no new process.
    pub async fn upgrade(&mut self) -> Result<(), Failure> {
        let from = self.log.len();
        self.signal("USR2").await?;
        let line = self.log.wait_for(from, "the new process is ready").await?;
        let id = line.split_once("id=").map(|(_, id)| id.trim());
        let id = id.and_then(|id| id.split(' ').next()?.parse().ok());
        self.pid = id.ok_or_else(|| Failure::Failed(format!("no process number in {line:?}")))?;
        self.is_replaced = true;
        Ok(())
    }

    /// Waits until the process that was replaced has ended. Returns a complaint if it does not end
    /// with success.
    pub async fn predecessor_ends(&mut self) -> Option<String> {
        match timeout(LIMIT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(format!("a gateway ended with {status}")),
            Ok(Err(err)) => Some(format!("a gateway did not end: {err}")),
            Err(_) => Some(format!("a gateway did not end within {LIMIT:?}")),
        }
    }

    /// Ends it, and returns a complaint if it does not end, or not with success.
    ///
    /// # Errors
    /// If it has ended before.
    pub async fn stop(mut self) -> Result<Option<String>, Failure> {
        self.signal("TERM").await?;
        if !self.is_replaced {
            return Ok(self.predecessor_ends().await);
        }
        // It is no child of this process, so its exit status is not known.
        let ended = timeout(LIMIT, async {
            while is_running(self.pid) {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let complaint = || format!("a gateway did not end within {LIMIT:?} of SIGTERM");
        let complaint = ended.await.err().map(|_| complaint());
        self.is_replaced = complaint.is_some();
        Ok(complaint)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.is_replaced {
            let kill =
                std::process::Command::new("kill").args(["-KILL", &self.pid.to_string()]).status();
            if let Err(err) = kill {
                eprintln!("cannot end the gateway {}: {err}", self.pid);
            }
        }
    }
}

/// Returns true if there is a process of this number that has not ended.
fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.lines().any(|line| line.starts_with("State:\tZ")))
}

/// Sends a signal to a process.
///
/// # Errors
/// If it has ended.
pub async fn signal(pid: u32, name: &str) -> Result<(), Failure> {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().await?;
    if sent.success() {
        return Ok(());
    }
    Err(Failure::Failed(format!("cannot send SIG{name} to the gateway {pid}: it has ended")))
}

/// A program that has the commands of `rext`.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// The arguments before the command.
    pub args: &'static [&'static str],
}

impl Program {
    /// Returns `given`, or else `rext` beside the running program, or else the running program, which has
    /// these commands, too.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn find(given: Option<&PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = given {
            // The gateways run in another folder.
            let path = path.canonicalize().map_err(|err| {
                let reason = format!("cannot find the program: {err}");
                Failure::option("--rext", path.display(), reason)
            })?;
            return Ok(Self { path, args: &[] });
        }
        let this = std::env::current_exe()?;
        let rext = this.with_file_name("rext");
        if rext.is_file() {
            return Ok(Self { path: rext, args: &[] });
        }
        Ok(Self { path: this, args: &["rext"] })
    }

    /// The command with this name.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.args).arg(name).stdin(Stdio::null());
        command
    }
}
