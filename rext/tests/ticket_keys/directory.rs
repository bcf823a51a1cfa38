//! Keys in a directory.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Files, Server};
use crate::nodes::{FULL, RESUMED, Ran, client, ticket_keys, visit};

fn run(files: &Files, args: &[&str]) -> Ran {
    ticket_keys(files, &[&["--directory", "keys"], args].concat(), |_| {})
}

/// The files with keys.
fn key_files(files: &Files) -> Vec<PathBuf> {
    let entries = fs::read_dir(files.path("keys")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| !path.ends_with(".lock")).collect();
    found.sort();
    found
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn hang_up(server: &Server) {
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

fn node(files: &Files, args: &[&str]) -> Server {
    files.serve(&[&["--policy", "always", "--ticket-keys", "keys"], args].concat())
}

#[test]
fn init_makes_private_files_and_list_shows_no_secret() {
    let files = Files::new();
    assert_eq!(run(&files, &["init"]).lines().len(), 1);
    let [key] = &key_files(&files)[..] else { panic!("{:?}", key_files(&files)) };
    assert_eq!((mode(&files.path("keys")), mode(key)), (0o700, 0o600));
    let text = fs::read_to_string(key).unwrap();
    let secret = text.trim().rsplit_once("secret: ").unwrap().1.to_owned();
    let listed = run(&files, &["list"]).lines();
    assert!(listed[0].ends_with(" state=encrypts"), "{listed:?}");
    assert!(!listed[0].contains(&secret[..8]), "{listed:?}");

    let again = run(&files, &["init"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("there are ticket keys already"), "{again:?}");
    assert_eq!(key_files(&files).len(), 1);
}

#[test]
fn rotate_adds_a_key_that_waits_and_only_one_at_a_time() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    let not_due = run(&files, &["rotate", "--if-older", "1000"]).lines();
    assert_eq!(not_due, ["nothing changed: the newest key is younger than --if-older"]);
    let added = run(&files, &["rotate"]).lines();
    assert!(added[0].starts_with("added "), "{added:?}");
    assert_eq!(run(&files, &["list"]).states(), ["waits", "encrypts"]);
    let again = run(&files, &["rotate"]).lines();
    assert!(again[0].starts_with("nothing changed: ticket key "), "{again:?}");
    assert_eq!(key_files(&files).len(), 2);

    let replaced = run(&files, &["replace"]).lines();
    let words: Vec<_> = replaced.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["added", "removed", "removed"]);
    assert_eq!(run(&files, &["list"]).states(), ["encrypts"]);
}

#[test]
fn rotate_keeps_as_many_keys_as_it_should() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    for _ in 0..4 {
        run(&files, &["rotate", "--delay", "0", "--keep", "3"]).lines();
    }
    assert_eq!(run(&files, &["list"]).states(), ["encrypts", "decrypts", "decrypts"]);
    assert_eq!(key_files(&files).len(), 3);
}

#[test]
fn two_programs_do_not_change_keys_at_the_same_time() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    let mut options = OpenOptions::new();
    let lock = options.write(true).open(files.path("keys").join(".lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let refused = run(&files, &["rotate"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("another program is changing the keys"), "{refused:?}");
    assert_eq!(key_files(&files).len(), 1);
    drop(lock);
    run(&files, &["rotate"]).lines();
    assert_eq!(key_files(&files).len(), 2);
}

#[test]
fn sessions_resume_on_each_node_until_the_keys_are_replaced() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    for version in [&[][..], &["--tls12"]] {
        let (a, b) = (node(&files, version), node(&files, version));
        let client = client(&files);
        assert_eq!(visit(&client, &a), FULL);
        assert_eq!(visit(&client, &b), RESUMED);
        assert_eq!(visit(&client, &a), RESUMED);

        run(&files, &["replace"]).lines();
        hang_up(&b);
        b.wait_for_log(&["files reloaded"]);
        assert_eq!(visit(&client, &a), RESUMED);
        assert_eq!(visit(&client, &b), FULL);
        hang_up(&a);
        a.wait_for_log(&["files reloaded"]);
        assert_eq!(visit(&client, &a), RESUMED);
    }
}

#[test]
fn nodes_of_another_context_do_not_resume() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    let a = node(&files, &["--ticket-context", "shop"]);
    let b = node(&files, &["--ticket-context", "bank"]);
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    assert_eq!(visit(&client, &b), FULL);
    assert_eq!(visit(&client, &b), RESUMED);
}

#[test]
fn a_watch_loads_new_keys_and_a_file_that_others_can_read_changes_nothing() {
    let files = Files::new();
    run(&files, &["init"]).lines();
    let a = node(&files, &["--watch", "0.05"]);
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    let key = key_files(&files).remove(0);
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    a.wait_for_log(&["ERROR", "reload failed", "mode 0644", "chmod 600"]);
    assert_eq!(visit(&client, &a), RESUMED);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    a.wait_for_log(&["files reloaded"]);
    run(&files, &["replace"]).lines();
    a.wait_for_log(&["files reloaded"]);
    assert_eq!(visit(&client, &a), FULL);
}

#[test]
fn a_server_does_not_start_with_keys_that_cannot_be_used() {
    let files = Files::new();
    let start = |args: &[&str]| {
        let usual = ["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"];
        let mut command = files.rext(&[&usual[..], &["--listen", "127.0.0.1:0"], args].concat());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let keys = ["--ticket-keys", "keys"];
    let refused = |args: &[&str], expected: &str| {
        let (code, err) = start(args);
        assert!(err.contains(expected), "{err}");
        assert_eq!(code, Some(2), "{err}");
    };
    refused(&keys, "--ticket-keys keys: cannot read it");
    run(&files, &["init"]).lines();
    fs::set_permissions(files.path("keys"), Permissions::from_mode(0o777)).unwrap();
    refused(&keys, "--ticket-keys keys: other users may read or change it (mode 0777)");
    fs::set_permissions(files.path("keys"), Permissions::from_mode(0o700)).unwrap();
    let key = key_files(&files).remove(0);
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    refused(&keys, "`chmod 600` it");
    fs::remove_file(&key).unwrap();
    refused(&keys, "--ticket-keys keys: no ticket key in it");
    refused(&["--redis-ca", "server-ca.pem"], "--redis-ca: there is no Redis for it");
    refused(&["--ticket-context", &"x".repeat(256)], "--ticket-context: the context of tickets");
}
