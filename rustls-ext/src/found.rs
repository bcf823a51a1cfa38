//! Looks at files and directories, for [`Files`](crate::Files).

use std::fs::{self, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// The most that is read of a file with a secret, in bytes.
pub(crate) const SECRET_LIMIT: u64 = 4096;

/// How a path is looked at, and so which changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The content of a file.
    File,
    /// The content of a small file, its owner and its permissions.
    Secret,
    /// The names in a directory, its owner and its permissions.
    Directory,
}

/// What was found at a path.
#[derive(Clone)]
pub(crate) struct Found {
    /// The file's bytes, at most one more than [`SECRET_LIMIT`] if it is a secret; or the names in
    /// the directory, sorted, with a `/` after each.
    content: Zeroizing<Vec<u8>>,
    /// Not for [`Kind::File`].
    pub(crate) access: Option<Access>,
}

/// Who may use a file or directory.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Access {
    pub(crate) is_file: bool,
    /// The permission bits, with the sticky bit; 0 where there are none.
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    /// The owner of the symbolic link, if the path is one; else `owner`.
    pub(crate) link_owner: u32,
}

impl Found {
    pub(crate) fn look(path: &Path, kind: Kind) -> io::Result<Self> {
        match kind {
            Kind::File => Ok(Self { content: fs::read(path)?.into(), access: None }),
            Kind::Secret => Self::secret(path),
            Kind::Directory => Self::directory(path),
        }
    }

    fn secret(path: &Path) -> io::Result<Self> {
        // Opening a FIFO would wait for a writer.
        let before = fs::metadata(path)?;
        let link = fs::symlink_metadata(path)?;
        if !before.is_file() {
            let access = Some(Access::of(&before, &link));
            return Ok(Self { content: Vec::new().into(), access });
        }
        let file = File::open(path)?;
        // The permissions are those of the file that is read.
        let access = Some(Access::of(&file.metadata()?, &link));
        // With this capacity the buffer is never reallocated, which would leave a copy in memory.
        let mut content = Zeroizing::new(Vec::with_capacity(SECRET_LIMIT as usize + 64));
        file.take(SECRET_LIMIT + 1).read_to_end(&mut content)?;
        Ok(Self { content, access })
    }

    fn directory(path: &Path) -> io::Result<Self> {
        let mut names = fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned() + "/"))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        let directory = fs::metadata(path)?;
        let access = Some(Access::of(&directory, &directory));
        Ok(Self { content: names.concat().into_bytes().into(), access })
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// The names in a directory.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = std::str::from_utf8(&self.content).unwrap_or_default();
        names.split_terminator('/')
    }
}

impl Hash for Found {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content.as_slice().hash(state);
        self.access.hash(state);
    }
}

impl Access {
    #[cfg(unix)]
    fn of(metadata: &Metadata, link: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let mode = metadata.mode() & 0o1777;
        let (owner, link_owner) = (metadata.uid(), link.uid());
        Self { is_file: metadata.is_file(), mode, owner, link_owner }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata, _: &Metadata) -> Self {
        Self { is_file: metadata.is_file(), mode: 0, owner: 0, link_owner: 0 }
    }
}
