//! Keys in a directory: which are refused, and which changes are noticed. On Unix only.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustls_ext::tickets::{TicketKey, TicketKeyError};
use rustls_ext::{FileError, FileProblem, Files, LoadError, with_causes};
use tempfile::TempDir;

use crate::sealed::key;

/// A directory with the mode of one that `rext ticket-keys` makes.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    chmod(directory.path(), 0o700);
    directory
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub fn put(directory: &Path, name: &str, key: &TicketKey) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, key.to_text().as_bytes()).unwrap();
    chmod(&path, 0o600);
    path
}

fn names(directory: &Path) -> Vec<String> {
    Files::new().ticket_keys(directory).unwrap().iter().map(TicketKey::name).collect()
}

fn refused(directory: &Path) -> FileError {
    Files::new().ticket_keys(directory).unwrap_err()
}

#[test]
fn all_keys_are_read_the_newest_first_whatever_their_names() {
    let directory = directory();
    let (old, new) = (key(1000, 0, 100), key(2000, 0, 100));
    put(directory.path(), "z.ticket-key", &old);
    put(directory.path(), "a.ticket-key", &new);
    fs::write(directory.path().join(".lock"), "").unwrap();
    assert_eq!(names(directory.path()), [new.name(), old.name()]);
}

#[test]
fn a_file_that_group_or_world_may_use_is_refused_through_a_link_too() {
    let directory = directory();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = put(elsewhere.path(), "target", &key(1000, 0, 100));
    let link = directory.path().join("1.ticket-key");
    symlink(&target, &link).unwrap();
    assert_eq!(names(directory.path()).len(), 1);
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o440, 0o644, 0o666] {
        chmod(&target, mode);
        let err = refused(directory.path());
        assert_eq!(err.path, link);
        assert!(
            matches!(err.problem, FileProblem::NotPrivate { mode: found, .. } if found == mode),
            "{mode:o}: {err:?}"
        );
    }
    assert_eq!(
        with_causes(&refused(directory.path())),
        format!(
            "{}: other users may read or change it (mode 0666), and ticket keys can forge any \
             identity: `chmod 600` it, or set `defaultMode: 0400` in Kubernetes",
            link.display()
        )
    );
    chmod(&target, 0o400);
    assert_eq!(names(directory.path()).len(), 1);
}

#[test]
fn a_directory_that_others_may_write_is_refused_unless_it_is_sticky() {
    let directory = directory();
    put(directory.path(), "1.ticket-key", &key(1000, 0, 100));
    for mode in [0o720, 0o702, 0o777] {
        chmod(directory.path(), mode);
        let err = refused(directory.path());
        assert_eq!(err.path, directory.path());
        assert!(
            matches!(err.problem, FileProblem::NotPrivate { mode: found, chmod: "go-w" } if found == mode),
            "{mode:o}: {err:?}"
        );
    }
    for mode in [0o755, 0o1777] {
        chmod(directory.path(), mode);
        assert_eq!(names(directory.path()).len(), 1);
    }
}

/// The tests run as root in CI; elsewhere they cannot change owners.
#[test]
fn a_file_or_link_of_another_user_is_refused() {
    let directory = directory();
    let path = put(directory.path(), "1.ticket-key", &key(1000, 0, 100));
    if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
        return eprintln!("skipped: only root can give files to another user");
    }
    let another = |err: FileError| match err.problem {
        FileProblem::AnotherOwner { owner, .. } => owner,
        problem => panic!("{problem:?}"),
    };
    assert_eq!(another(refused(directory.path())), 12345);
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    assert_eq!(names(directory.path()).len(), 1);

    let moved = directory.path().join(".moved");
    fs::rename(&path, &moved).unwrap();
    symlink(&moved, &path).unwrap();
    std::os::unix::fs::lchown(&path, Some(12345), None).unwrap();
    assert_eq!(another(refused(directory.path())), 12345);

    // The directory's owner may own the keys, too.
    std::os::unix::fs::chown(directory.path(), Some(12345), None).unwrap();
    assert_eq!(names(directory.path()).len(), 1);
}

#[test]
fn everything_but_a_key_is_refused_and_named() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    let err = refused(&at("missing"));
    assert!(matches!(err.problem, FileProblem::Unreadable(_)), "{err:?}");
    let problem = |err: FileError| match err.problem {
        FileProblem::BadTicketKey(problem) => (err.path, problem),
        problem => panic!("{problem:?}"),
    };
    let of_directory = |problem| (directory.path().to_owned(), problem);
    assert_eq!(problem(refused(directory.path())), of_directory(TicketKeyError::NoKeys));

    let first = key(1000, 0, 100);
    put(directory.path(), "1.ticket-key", &first);
    put(directory.path(), "2.ticket-key", &first);
    let duplicate = TicketKeyError::DuplicateName { name: first.name() };
    assert_eq!(problem(refused(directory.path())), of_directory(duplicate));

    fs::write(at("2.ticket-key"), "no key").unwrap();
    assert_eq!(problem(refused(directory.path())), (at("2.ticket-key"), TicketKeyError::NotAKey));
    fs::write(at("2.ticket-key"), vec![b'x'; 1 << 20]).unwrap();
    assert_eq!(problem(refused(directory.path())), (at("2.ticket-key"), TicketKeyError::NotAKey));
    fs::remove_file(at("2.ticket-key")).unwrap();

    fs::create_dir(at("2.ticket-key")).unwrap();
    let err = refused(directory.path());
    assert_eq!(err.path, at("2.ticket-key"));
    assert!(matches!(err.problem, FileProblem::NotAFile), "{err:?}");
    fs::remove_dir(at("2.ticket-key")).unwrap();

    put(directory.path(), "1.ticket-key~", &first);
    let err = refused(directory.path());
    assert_eq!(err.path, at("1.ticket-key~"));
    assert!(matches!(err.problem, FileProblem::UnexpectedFile), "{err:?}");
    fs::remove_file(at("1.ticket-key~")).unwrap();

    for number in 2..=17 {
        put(directory.path(), &format!("{number}.ticket-key"), &key(1000, 0, 100));
    }
    assert_eq!(problem(refused(directory.path())), of_directory(TicketKeyError::TooMany));
}

#[test]
fn added_removed_and_changed_keys_and_permissions_are_noticed() {
    let directory = directory();
    let first = put(directory.path(), "1.ticket-key", &key(1000, 0, 100));
    let load = || {
        let mut files = Files::new();
        let loaded = files.ticket_keys(directory.path());
        (files, loaded.is_ok())
    };
    let (before, true) = load() else { panic!() };
    assert_eq!(before.look_again(), before);
    let second = put(directory.path(), "2.ticket-key", &key(1000, 0, 100));
    assert_ne!(before.look_again(), before);
    fs::remove_file(&second).unwrap();
    assert_eq!(before.look_again(), before);
    put(directory.path(), "1.ticket-key", &key(1000, 0, 100));
    assert_ne!(before.look_again(), before);

    chmod(&first, 0o644);
    let (failed, false) = load() else { panic!() };
    chmod(&first, 0o600);
    assert_ne!(failed.look_again(), failed, "the repair of the mode is noticed");
    chmod(directory.path(), 0o777);
    let (failed, false) = load() else { panic!() };
    chmod(directory.path(), 0o700);
    assert_ne!(failed.look_again(), failed);
}

/// Kubernetes mounts a secret as links to `..data`, which is a link to a directory that it replaces.
#[test]
fn a_mounted_secret_is_read_and_its_replacement_is_noticed() {
    let mount = directory();
    let at = |name: &str| mount.path().join(name);
    chmod(mount.path(), 0o1777);
    let (first, second) = (key(1000, 0, 100), key(2000, 0, 100));
    for (version, key) in [("..1", &first), ("..2", &second)] {
        fs::create_dir(at(version)).unwrap();
        chmod(&put(&at(version), "1.ticket-key", key), 0o400);
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/1.ticket-key", at("1.ticket-key")).unwrap();
    let mut files = Files::new();
    assert_eq!(
        files.ticket_keys(mount.path()).unwrap().iter().next().unwrap().name(),
        first.name()
    );

    symlink("..2", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    assert_ne!(files.look_again(), files);
    assert_eq!(names(mount.path()), [second.name()]);
    // Within one load, a key is read once.
    assert_eq!(
        files.ticket_keys(mount.path()).unwrap().iter().next().unwrap().name(),
        first.name()
    );
}

#[test]
fn a_secret_file_has_one_line_and_is_private() {
    let directory = directory();
    let path = directory.path().join("password");
    let read = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        chmod(&path, 0o600);
        Files::new().secret(&path).map(|secret| secret.to_string())
    };
    for text in ["hunter2", "hunter2\n", "hunter2\r\n"] {
        assert_eq!(read(text.as_bytes()).unwrap(), "hunter2");
    }
    assert_eq!(read(b" with spaces ").unwrap(), " with spaces ");
    for bad in [&b""[..], b"\n", b"two\nlines", b"\xff", b"a\0b", &[b'x'; 1025]] {
        let err = read(bad).unwrap_err();
        assert!(matches!(err.problem, FileProblem::Missing { .. }), "{err:?}");
    }
    chmod(&path, 0o644);
    let err: LoadError = Files::new().secret(&path).unwrap_err().into();
    let err = err.downcast::<FileError>().unwrap();
    assert!(matches!(err.problem, FileProblem::NotPrivate { mode: 0o644, .. }), "{err:?}");
}
