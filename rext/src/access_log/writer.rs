//! The thread that writes the lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use tracing::error;

use crate::observe::LOG_LINES;

/// The maximum number of lines that wait to be written.
const MAX_WAITING: usize = 4096;
/// How many bytes are written at a time at most, other than for one line.
const CHUNK_SIZE: usize = 64 * 1024;

/// The queue to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    reopen: Arc<AtomicBool>,
}

enum Message {
    Line(Vec<u8>),
    /// Nothing: look at `reopen`.
    Wake,
    /// Tell this sender when everything before is written.
    Finish(Sender<()>),
}

/// Where the lines go.
enum Target {
    Stdout,
    File(PathBuf, File),
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        Ok(Self::File(path.to_owned(), options.open(path)?))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
            Self::File(_, file) => file.write_all(bytes),
        }
    }

    /// Opens the file again. If that fails, the lines still go to the old one.
    fn reopen(&mut self) {
        let Self::File(path, _) = self else { return };
        match Self::open(path) {
            Ok(new) => *self = new,
            Err(err) => {
                error!(path = %path.display(), %err, "cannot open the access log again: lines go to the old file");
            }
        }
    }
}

impl Writer {
    /// Opens the file, or standard output for `-`, and starts the thread.
    ///
    /// # Errors
    /// If the file cannot be opened, or the system starts no thread.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let target = Target::open(path)?;
        let (queue, lines) = sync_channel(MAX_WAITING);
        let reopen = Arc::new(AtomicBool::new(false));
        let flag = reopen.clone();
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_all(target, &lines, &flag))?;
        Ok(Self { queue, reopen })
    }

    /// Queues a line. If too many wait already, it is dropped and counted.
    pub(super) fn write(&self, line: Vec<u8>) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            LOG_LINES.add(1, &["dropped"]);
        }
    }

    /// Opens the file again before the next line is written.
    pub(super) fn reopen(&self) {
        self.reopen.store(true, Ordering::SeqCst);
        // If the queue is full, the thread is awake.
        let _ = self.queue.try_send(Message::Wake);
    }

    /// Waits until all lines that were queued are written, or for this time.
    pub(super) fn finish(&self, limit: Duration) {
        let (done, wait) = channel();
        if self.queue.try_send(Message::Finish(done)).is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

/// Writes lines, as many at once as there are, until there is no writer any more.
fn write_all(mut target: Target, lines: &Receiver<Message>, reopen: &AtomicBool) {
    let (mut chunk, mut count, mut failing) = (Vec::new(), 0, false);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        let mut done = None;
        while let Some(message) = next.take() {
            match message {
                Message::Line(line) => {
                    chunk.extend_from_slice(&line);
                    count += 1;
                }
                Message::Wake => {}
                Message::Finish(sender) => done = Some(sender),
            }
            if chunk.len() < CHUNK_SIZE && done.is_none() {
                next = lines.try_recv().ok();
            }
        }
        if reopen.swap(false, Ordering::SeqCst) {
            target.reopen();
        }
        if !chunk.is_empty() {
            match target.write(&chunk) {
                Ok(()) => {
                    failing = false;
                    LOG_LINES.add(count, &["written"]);
                }
                Err(err) => {
                    LOG_LINES.add(count, &["failed"]);
                    // Once, not for each line.
                    if !std::mem::replace(&mut failing, true) {
                        error!(%err, "cannot write the access log: lines are lost");
                    }
                }
            }
        }
        chunk.clear();
        count = 0;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }
}
