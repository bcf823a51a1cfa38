//! Ticket keys from a directory.

use std::path::Path;

use super::{TicketKey, TicketKeyError, TicketKeys};
use crate::found::{Access, Kind};
use crate::{FileError, FileProblem, Files};

/// The end of the name of each key file.
pub const KEY_FILE_SUFFIX: &str = ".ticket-key";

/// A directory with this bit lets only the owner of a file rename or remove it.
const STICKY: u32 = 0o1000;

impl Files {
    /// Reads the ticket keys of a directory: all files whose names end in `.ticket-key`.
    ///
    /// Names that begin with a dot are skipped; other files are an error, since a copy of a key may
    /// be in them. The names have no meaning: the times in the files decide which key encrypts.
    /// [`Live`](crate::Live) notices when a key is added, removed or changed, when the directory
    /// behind a symbolic link is replaced (as Kubernetes does with mounted secrets), and when
    /// permissions change.
    ///
    /// # Permissions
    /// On Unix, keys that somebody else could read or choose are refused:
    /// * a file that its group or all users may read, write or execute (`chmod 600`);
    /// * a file, or a symbolic link to it, that belongs neither to root nor to the owner of the
    ///   directory;
    /// * a directory that its group or all users may write, unless it has the sticky bit, as a
    ///   mounted secret has: then others can add files, but these are theirs and are refused.
    ///
    /// The directories above are not checked. Other systems have no such checks.
    ///
    /// # Errors
    /// [`FileProblem::NotPrivate`], [`FileProblem::AnotherOwner`], [`FileProblem::UnexpectedFile`],
    /// [`FileProblem::NotAFile`], [`FileProblem::Unreadable`]; [`FileProblem::BadTicketKey`] if a
    /// file is not a key, or if there are no keys, more than
    /// [`TicketKeys::MAX`] or two with one name. Expired keys are not an error.
    pub fn ticket_keys(&mut self, directory: impl AsRef<Path>) -> Result<TicketKeys, FileError> {
        let directory = directory.as_ref();
        let bad = |problem| FileError::new(directory, FileProblem::BadTicketKey(problem));
        let listing = self.found(directory, Kind::Directory)?;
        let owner = listing.access.map_or(0, |access| access.owner);
        if let Some(mode) = listing.access.map(|access| access.mode) {
            if mode & 0o022 != 0 && mode & STICKY == 0 {
                let problem = FileProblem::NotPrivate { mode, chmod: "go-w" };
                return Err(FileError::new(directory, problem));
            }
        }
        let names: Vec<String> =
            listing.names().filter(|name| !name.starts_with('.')).map(Into::into).collect();
        let mut keys = Vec::new();
        for name in names {
            let path = directory.join(&name);
            if !name.ends_with(KEY_FILE_SUFFIX) {
                return Err(FileError::new(&path, FileProblem::UnexpectedFile));
            }
            if keys.len() == TicketKeys::MAX {
                return Err(bad(TicketKeyError::TooMany));
            }
            keys.push(self.ticket_key(&path, owner)?);
        }
        if keys.is_empty() {
            return Err(bad(TicketKeyError::NoKeys));
        }
        TicketKeys::new(keys).map_err(bad)
    }

    fn ticket_key(&mut self, path: &Path, directory_owner: u32) -> Result<TicketKey, FileError> {
        let error = |problem| FileError::new(path, problem);
        let found = self.found(path, Kind::Secret)?;
        if let Some(access) = found.access {
            check(access, directory_owner).map_err(error)?;
        }
        TicketKey::from_text(found.content()).map_err(|err| error(FileProblem::BadTicketKey(err)))
    }

    /// Reads a small text file with one secret, such as a password, on one line; a line end after
    /// it is not part of it. Its permissions are checked as for [`ticket_keys`](Self::ticket_keys),
    /// but not those of its directory.
    ///
    /// # Errors
    /// As for a key; [`FileProblem::Missing`] if it is empty, has more than one line, or is not
    /// UTF-8.
    pub fn secret(
        &mut self,
        path: impl AsRef<Path>,
    ) -> Result<zeroize::Zeroizing<String>, FileError> {
        let path = path.as_ref();
        let error = |problem| FileError::new(path, problem);
        let found = self.found(path, Kind::Secret)?;
        if let Some(access) = found.access {
            check(access, access.owner).map_err(error)?;
        }
        let text = std::str::from_utf8(found.content()).unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() || text.contains(['\n', '\r', '\0']) || text.len() > 1024 {
            let expected = "single line of at most 1024 bytes of text";
            return Err(error(FileProblem::Missing { expected, found: Vec::new() }));
        }
        Ok(zeroize::Zeroizing::new(text.to_owned()))
    }
}

/// Checks who may read or replace a file with a secret.
fn check(access: Access, directory_owner: u32) -> Result<(), FileProblem> {
    if !access.is_file {
        return Err(FileProblem::NotAFile);
    }
    if access.mode & 0o077 != 0 {
        return Err(FileProblem::NotPrivate { mode: access.mode, chmod: "600" });
    }
    let strange = [access.owner, access.link_owner]
        .into_iter()
        .find(|owner| *owner != 0 && *owner != directory_owner);
    match strange {
        Some(owner) => Err(FileProblem::AnotherOwner { owner, expected: directory_owner }),
        None => Ok(()),
    }
}
