//! Ticket keys in a directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustls_ext::tickets::{KEY_FILE_SUFFIX, Rotated, TicketKey, TicketKeyError, TicketKeys};
use rustls_ext::{FileError, FileProblem, Files};

use super::{Change, unneeded};
use command_line::Failure;

/// Locked during changes, so that two programs do not change the keys at the same time.
const LOCK: &str = ".lock";

/// A directory with ticket keys.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    /// Reads the keys, at least one.
    pub(super) fn read(&self) -> Result<TicketKeys, Failure> {
        Files::new().ticket_keys(&self.0).map_err(|err| self.failure(&err))
    }

    /// Makes the directory if it is missing.
    pub(super) fn create(&self) -> Result<(), Failure> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&self.0) {
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => {
                Err(Failure::option("--directory", self.0.display(), err))
            }
            _ => Ok(()),
        }
    }

    /// Reads the keys, of which there may be none.
    fn read_any(&self) -> Result<TicketKeys, Failure> {
        match Files::new().ticket_keys(&self.0) {
            Err(FileError {
                problem: FileProblem::BadTicketKey(TicketKeyError::NoKeys), ..
            }) => Ok(TicketKeys::default()),
            read => read.map_err(|err| self.failure(&err)),
        }
    }

    fn failure(&self, err: &FileError) -> Failure {
        crate::files::failure(&[("--directory", &self.0)], err)
    }

    /// Plans and makes a change. The new key is completely on the disk before others are removed.
    pub(super) fn change(
        &self,
        plan: impl FnOnce(&TicketKeys) -> Result<Rotated, TicketKeyError>,
    ) -> Result<Change, Failure> {
        let failed = |what: &str, err: io::Error| {
            Failure::Failed(format!("--directory {}: {what}: {err}", self.0.display()))
        };
        // Until the end of this function.
        let _lock = self.lock()?;
        let rotated = match plan(&self.read_any()?) {
            Ok(rotated) => rotated,
            Err(err) => return unneeded(err),
        };
        self.write(&rotated.added).map_err(|err| failed("cannot write a key", err))?;
        self.remove(&rotated.removed).map_err(|err| failed("cannot remove a key", err))?;
        Ok(Change::Made(rotated))
    }

    #[cfg(unix)]
    fn lock(&self) -> Result<File, Failure> {
        use rustix::fs::{FlockOperation, flock};
        use std::os::unix::fs::OpenOptionsExt;
        let failed = |err: io::Error| {
            let reason = match err.kind() {
                io::ErrorKind::WouldBlock => "another program is changing the keys".into(),
                _ => format!("cannot lock it: {err}"),
            };
            Failure::Failed(format!("--directory {}: {reason}", self.0.display()))
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.0.join(LOCK)).map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|err| failed(err.into()))?;
        Ok(file)
    }

    #[cfg(not(unix))]
    fn lock(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Writes a key to a temporary file, and renames it, so that a key file is never incomplete.
    fn write(&self, key: &TicketKey) -> io::Result<()> {
        let name = format!("{}-{}", key.created().as_secs(), key.name());
        let temporary = self.0.join(format!(".{name}.new"));
        let written = self
            .write_new(&temporary, key)
            .and_then(|()| fs::rename(&temporary, self.0.join(name + KEY_FILE_SUFFIX)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        self.sync()
    }

    fn write_new(&self, path: &Path, key: &TicketKey) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        // If root rotates the keys of a server that is not root, that server must be able to read.
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let (directory, own) = (fs::metadata(&self.0)?, file.metadata()?);
            if directory.uid() != own.uid() {
                fchown(&file, Some(directory.uid()), Some(directory.gid()))?;
            }
        }
        file.write_all(key.to_text().as_bytes())?;
        file.sync_all()
    }

    fn remove(&self, keys: &[TicketKey]) -> io::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if !path.to_string_lossy().ends_with(KEY_FILE_SUFFIX) {
                continue;
            }
            let text = zeroize::Zeroizing::new(fs::read(&path)?);
            let key = TicketKey::from_text(&text).ok();
            if key.is_some_and(|key| keys.iter().any(|gone| gone.name() == key.name())) {
                fs::remove_file(&path)?;
            }
        }
        self.sync()
    }

    /// Makes the changed names durable.
    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}
