//! The blocks of a page, built and run in its order.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::build::{Crate, Shown};
use super::{Block, Marker, PORT, Page};
use crate::Result;

/// How long a server may take until it listens.
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// Builds and runs the blocks of a page, and returns the places of those that fail. A block that
/// fails ends what is run of its page, and not what is built.
pub(super) fn page(repository: &Path, page: &Page) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    let mut shown = Shown::default();
    let mut steps = Steps::new(repository, page)?;
    let mut goes_on = true;
    for block in &page.blocks {
        shown.see(block);
        if let Some(Marker::NotTested(_) | Marker::TestedBy(_)) = block.marker {
            continue;
        }
        let outcome = match block.language.as_str() {
            "rust" => steps.rust(repository, shown, block, goes_on),
            _ if goes_on => steps.other(block),
            _ => Ok(()),
        };
        if let Err(err) = outcome {
            eprintln!("error: {}: {err}", block.place());
            failed.push(block.place());
            goes_on = false;
        }
    }
    Ok(failed)
}

/// What runs of a page.
struct Steps {
    folder: PathBuf,
    port: u16,
    server: Option<Server>,
    /// What the last block that ran printed.
    printed: String,
}

impl Steps {
    fn new(repository: &Path, page: &Page) -> Result<Self> {
        let name = page.path.trim_end_matches(".md").replace('/', "-");
        let folder = repository.join("target/docs/run").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        // Free now; a server that finds it taken fails, and is not mistaken for another.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { folder, port, server: None, printed: String::new() })
    }

    fn rust(
        &mut self,
        repository: &Path,
        shown: Shown<'_>,
        block: &Block,
        runs: bool,
    ) -> Result<()> {
        let runs = runs && matches!(block.marker, Some(Marker::Run | Marker::Serve));
        eprintln!("-- {}: {}", block.place(), if runs { "build and run" } else { "build" });
        let built = Crate::write(repository, shown, block, runs.then_some(self.port))?;
        built.build()?;
        if !runs {
            return Ok(());
        }
        let mut program = built.program();
        program.current_dir(&self.folder);
        match block.marker {
            Some(Marker::Serve) => self.serve(&mut program),
            _ => self.output(&mut program),
        }
    }

    fn other(&mut self, block: &Block) -> Result<()> {
        match &block.marker {
            Some(Marker::File(name)) => {
                fs::write(self.folder.join(name), self.with_port(&block.code))?;
                Ok(())
            }
            Some(Marker::Output) if self.printed.trim() == self.with_port(&block.code).trim() => {
                Ok(())
            }
            Some(Marker::Output) => {
                Err(format!("the block before it printed this:\n{}", self.printed).into())
            }
            Some(Marker::Run) => {
                eprintln!("-- {}: run", block.place());
                let mut bash = Command::new("bash");
                let code = format!("set -euo pipefail\n{}", self.with_port(&block.code));
                self.output(bash.args(["-c", &code]).current_dir(&self.folder))
            }
            _ => Ok(()),
        }
    }

    fn with_port(&self, code: &str) -> String {
        code.replace(PORT, &self.port.to_string())
    }

    /// Runs a command to its end.
    fn output(&mut self, command: &mut Command) -> Result<()> {
        let said = command.stdin(Stdio::null()).output()?;
        self.printed = String::from_utf8_lossy(&said.stdout).into_owned();
        if said.status.success() {
            return Ok(());
        }
        let mut text = format!("{}\n{}", said.status, self.printed);
        text += &String::from_utf8_lossy(&said.stderr);
        if let Some(server) = &self.server {
            text += &server.printed();
        }
        Err(text.into())
    }

    /// Starts a server in the place of the last one, and waits until it listens.
    fn serve(&mut self, command: &mut Command) -> Result<()> {
        self.server = None;
        let log = self.folder.join("server.log");
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut server = Server { process: command.spawn()?, log };
        let started = Instant::now();
        while TcpStream::connect(("localhost", self.port)).is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("the server ends: {status}{}", server.printed()).into());
            }
            if started.elapsed() > STARTED_WITHIN {
                let port = self.port;
                return Err(format!("nothing listens on {port}{}", server.printed()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.server = Some(server);
        Ok(())
    }
}

/// A server that runs; it is stopped when this is dropped.
struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    /// What it has printed so far.
    fn printed(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        format!("\nthe server printed:\n{text}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
