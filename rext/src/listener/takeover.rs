//! Replaces this process by a new one of the same program, which takes over the listening sockets.
//!
//! At SIGUSR2, a process starts its program anew, with the same arguments: its first argument names
//! the file, so that a newer version is started if the file was replaced. The new process gets the
//! listening sockets, loads its files, and reports that it is ready. Only then the old process stops
//! accepting, and lets its connections end. Connections that no process has accepted yet stay in the
//! queue of the sockets, which both processes share.
//!
//! If the new process fails to start, the old one continues.

#[cfg(unix)]
pub(super) use unix::*;

/// Does not replace processes on this system.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Takeovers;

#[cfg(not(unix))]
impl Takeovers {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn succeeded(&mut self) {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
pub(super) async fn report_ready() {}

#[cfg(unix)]
mod unix {
    use std::error::Error;
    use std::ffi::OsString;
    use std::fmt;
    use std::io;
    use std::os::unix::net::UnixStream as StdStream;
    use std::process::{Child, Command, ExitStatus};
    use std::time::Duration;

    use command_fds::{CommandFdExt, FdMapping};
    use rustls_ext::with_causes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::time::{sleep, timeout};
    use tracing::{error, info, warn};

    use crate::listener::{sockets, systemd};

    /// How long a new process may take to load its files.
    const START_TIMEOUT: Duration = Duration::from_secs(60);
    /// How long a process that reported nothing may take to exit, and a process may take to answer.
    const EXIT_TIMEOUT: Duration = Duration::from_secs(5);
    /// What a new process reports when it is ready.
    const READY: &[u8; 6] = b"ready\n";
    /// What the old process answers when the new one is the main process.
    const REPLACED: &[u8; 9] = b"replaced\n";
    /// The first file descriptor that is passed on (SD_LISTEN_FDS_START).
    const FIRST: i32 = 3;

    /// The requests to replace this process.
    #[derive(Debug)]
    pub(in crate::listener) struct Takeovers(Signal);

    impl Takeovers {
        /// Listens for SIGUSR2.
        pub(in crate::listener) fn new() -> io::Result<Self> {
            Ok(Self(signal(SignalKind::user_defined2())?))
        }

        /// Starts a new process at each SIGUSR2. Returns when one is ready and is to replace this
        /// process. A new process that fails is logged.
        pub(in crate::listener) async fn succeeded(&mut self) {
            loop {
                if self.0.recv().await.is_none() {
                    return std::future::pending().await;
                }
                info!("SIGUSR2: starting a new process that takes over the listening sockets");
                match replace().await {
                    Ok(id) => return info!(id, "the new process is ready and accepts connections"),
                    Err(err) => error!(
                        reason = with_causes(&err),
                        "takeover failed: this process continues to serve"
                    ),
                }
            }
        }
    }

    /// Starts a new process, waits until it is ready, and returns its id.
    async fn replace() -> Result<u32, TakeoverError> {
        let (here, there) = StdStream::pair().map_err(TakeoverError::Sockets)?;
        here.set_nonblocking(true).map_err(TakeoverError::Sockets)?;
        let mut here = UnixStream::from_std(here).map_err(TakeoverError::Sockets)?;
        let mut process = NewProcess(Some(start(there)?));
        let mut report = [0; READY.len()];
        match timeout(START_TIMEOUT, here.read_exact(&mut report)).await {
            Ok(Ok(_)) if report == *READY => {}
            Ok(_) => return Err(TakeoverError::Exited(process.exit_status().await)),
            Err(_) => return Err(TakeoverError::Timeout),
        }
        let id = process.keep().ok_or(TakeoverError::Exited(None))?;
        systemd::main_process(id);
        if let Err(err) = here.write_all(REPLACED).await {
            warn!(%err, "the new process closed its connection to this one");
        }
        Ok(id)
    }

    /// Starts this program with the same arguments and the listening sockets.
    fn start(report: StdStream) -> Result<Child, TakeoverError> {
        let mut args = std::env::args_os();
        let program = args.next().ok_or(TakeoverError::NoProgram)?;
        let handles = sockets::pass_on(report).map_err(TakeoverError::Sockets)?;
        let names: Vec<_> = handles.iter().map(|(name, _)| *name).collect();
        let mut command = Command::new(&program);
        command
            .args(args)
            .env("LISTEN_FDS", handles.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            // They would have to name the new process, whose id is not known yet.
            .env_remove("LISTEN_PID")
            .env_remove("WATCHDOG_PID");
        let handles = (FIRST..).zip(handles);
        let mappings = handles.map(|(child_fd, (_, parent_fd))| FdMapping { parent_fd, child_fd });
        command
            .fd_mappings(mappings.collect())
            .map_err(|err| TakeoverError::Sockets(io::Error::other(err)))?;
        command.spawn().map_err(|err| TakeoverError::Spawn(program, err))
    }

    /// A new process, which is killed if this is dropped before it replaces this process.
    struct NewProcess(Option<Child>);

    impl NewProcess {
        /// Waits until it exits, for a short time.
        async fn exit_status(&mut self) -> Option<ExitStatus> {
            let child = self.0.as_mut()?;
            let exited = async {
                loop {
                    match child.try_wait() {
                        Ok(None) => sleep(Duration::from_millis(10)).await,
                        status => return status.ok().flatten(),
                    }
                }
            };
            timeout(EXIT_TIMEOUT, exited).await.ok().flatten()
        }

        /// Lets it live on, and returns its id.
        fn keep(&mut self) -> Option<u32> {
            self.0.take().map(|child| child.id())
        }
    }

    impl Drop for NewProcess {
        fn drop(&mut self) {
            if let Some(child) = &mut self.0 {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }

    /// Reports to the process that this one replaces, if there is one, that this one is ready, and
    /// waits until it is the main process for the service manager.
    pub(in crate::listener) async fn report_ready() {
        let Some(stream) = sockets::predecessor() else { return };
        let replaced = async {
            stream.set_nonblocking(true)?;
            let mut stream = UnixStream::from_std(stream)?;
            stream.write_all(READY).await?;
            stream.read_exact(&mut [0; REPLACED.len()]).await
        };
        match timeout(EXIT_TIMEOUT, replaced).await {
            Ok(Ok(_)) => info!("this process has taken over the listening sockets"),
            Ok(Err(err)) => warn!(%err, "the previous process ended during the takeover"),
            Err(_) => warn!("the previous process does not answer"),
        }
    }

    /// Why this process was not replaced.
    #[derive(Debug)]
    enum TakeoverError {
        /// The first argument, the program's file, is missing.
        NoProgram,
        /// The sockets cannot be passed on.
        Sockets(io::Error),
        /// This program cannot be started.
        Spawn(OsString, io::Error),
        /// The new process exited, with this status, before it was ready.
        Exited(Option<ExitStatus>),
        /// The new process was not ready in time.
        Timeout,
    }

    impl fmt::Display for TakeoverError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::NoProgram => {
                    f.write_str("the program's first argument, its file, is missing")
                }
                Self::Sockets(_) => f.write_str("cannot pass on the listening sockets"),
                Self::Spawn(program, _) => write!(f, "cannot start {program:?}"),
                Self::Exited(Some(status)) => write!(
                    f,
                    "the new process ended ({status}) before it was ready; its own message has the \
                     reason"
                ),
                Self::Exited(None) => {
                    f.write_str("the new process did not report that it is ready")
                }
                Self::Timeout => {
                    write!(f, "the new process was not ready within {START_TIMEOUT:?}")
                }
            }
        }
    }

    impl Error for TakeoverError {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self {
                Self::Sockets(err) | Self::Spawn(_, err) => Some(err),
                _ => None,
            }
        }
    }
}
