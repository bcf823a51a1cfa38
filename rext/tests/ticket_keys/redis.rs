//! Keys in Redis: only over private connections with a password, rotated, expired, and away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rext_cli::tls;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::tickets::redis::{KeyStore, KeyStoreError};
use rustls_ext::tickets::{Rotation, TicketKeyError};

use crate::common::{Files, Server};
use crate::nodes::{FULL, RESUMED, Ran, client, ticket_keys, visit};
use crate::redis_server::{PASSWORD, Redis, available};

fn run(files: &Files, url: &str, args: &[&str]) -> Ran {
    run_as(files, url, PASSWORD, args)
}

fn run_as(files: &Files, url: &str, password: &str, args: &[&str]) -> Ran {
    ticket_keys(files, &[&["--redis", url], args].concat(), |command| {
        command.env("REXT_REDIS_PASSWORD", password);
    })
}

fn node(files: &Files, url: &str) -> Server {
    node_as(files, url, PASSWORD, &[])
}

fn node_as(files: &Files, url: &str, password: &str, args: &[&str]) -> Server {
    let usual = ["--policy", "always", "--ticket-keys-redis", url];
    files.serve_with(&[&usual, args].concat(), |command| {
        command.env("REXT_REDIS_PASSWORD", password);
    })
}

/// Waits until the node uses this number of keys.
fn wait_for(node: &Server, keys: usize) {
    node.wait_for_log(&["ticket keys loaded from Redis", &format!("keys={keys}")]);
}

#[track_caller]
fn refused(ran: &Ran, code: i32, expected: &str) {
    assert!(ran.err.contains(expected), "{ran:?}");
    assert_eq!((ran.code, &ran.out[..]), (Some(code), &[][..]), "{ran:?}");
}

#[test]
fn a_rotation_reaches_all_nodes_and_their_sessions_resume() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    let url = redis.url("");
    run(&files, &url, &["init"]).lines();
    for version in [&[][..], &["--tls12"]] {
        let (a, b) =
            (node_as(&files, &url, PASSWORD, version), node_as(&files, &url, PASSWORD, version));
        let client = client(&files);
        assert_eq!(visit(&client, &a), FULL);
        assert_eq!(visit(&client, &b), RESUMED);
        wait_for(&a, 1);
        wait_for(&b, 1);

        run(&files, &url, &["rotate"]).lines();
        wait_for(&a, 2);
        wait_for(&b, 2);
        assert_eq!(visit(&client, &a), RESUMED);

        run(&files, &url, &["replace"]).lines();
        wait_for(&a, 1);
        wait_for(&b, 1);
        assert_eq!(visit(&client, &a), FULL);
        assert_eq!(visit(&client, &b), RESUMED);
    }
}

#[test]
fn init_rotate_replace_and_list_work_as_for_a_directory() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    let run = |args: &[&str]| run(&files, &redis.url(""), args);
    refused(&run(&["init", "--lifetime", "1209601"]), 2, "--lifetime");
    let empty = run(&["list"]);
    assert_eq!((empty.code, empty.out.len()), (Some(0), 0), "{empty:?}");
    run(&["init"]).lines();
    refused(&run(&["init"]), 1, "there are ticket keys already");
    assert_eq!(
        run(&["rotate", "--if-older", "1000"]).lines()[0].split(':').next(),
        Some("nothing changed")
    );
    run(&["rotate"]).lines();
    assert!(run(&["rotate"]).lines()[0].starts_with("nothing changed: ticket key "));
    assert_eq!(run(&["list"]).states(), ["waits", "encrypts"]);
    run(&["replace"]).lines();
    assert_eq!(run(&["list"]).states(), ["encrypts"]);
    for _ in 0..3 {
        run(&["rotate", "--delay", "0", "--keep", "2"]).lines();
    }
    assert_eq!(run(&["list"]).states(), ["encrypts", "decrypts"]);
    // Redis has these keys and no others.
    assert_eq!(redis.command(&["DBSIZE"]), ["3"]);
}

#[tokio::test]
async fn of_rotations_at_the_same_time_exactly_one_changes_the_keys() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    run(&files, &redis.url(""), &["init"]).lines();
    let store = KeyStore::new(&redis.url(""), PASSWORD, None).unwrap();
    for round in 1..=5 {
        let rotation = Rotation { delay: Duration::from_secs(60), ..Rotation::default() };
        let rotate = || async {
            match store.rotate(&rotation, UnixTime::now(), &tls::provider()).await {
                Ok(_) => 1,
                Err(KeyStoreError::Conflict) => 0,
                Err(KeyStoreError::Keys(TicketKeyError::AlreadyWaiting { .. })) => 0,
                Err(err) => panic!("{err:?}"),
            }
        };
        let (a, b, c, d) = tokio::join!(rotate(), rotate(), rotate(), rotate());
        assert_eq!((a + b + c + d, store.read().await.unwrap().iter().count()), (1, 2), "{round}");
        store.replace(&rotation, UnixTime::now(), &tls::provider()).await.unwrap();
    }
}

#[test]
fn redis_removes_a_key_when_it_expires() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    let url = redis.url("");
    run(&files, &url, &["init", "--lifetime", "1000"]).lines();
    run(&files, &url, &["rotate", "--lifetime", "500", "--delay", "20"]).lines();
    let mut last = 0;
    for (name, _) in run(&files, &url, &["list"]).names_and_states() {
        let key = format!("{{rustls-ext-tickets}}:key:{name}");
        let text = redis.command(&["GET", &key]);
        let expires: u64 = text[4].strip_prefix("expires: ").unwrap().parse().unwrap();
        assert_eq!(redis.command(&["PEXPIRETIME", &key]), [(expires * 1000).to_string()]);
        last = last.max(expires * 1000);
        // As if the time had come for one of them.
        if text[3] == format!("encrypts-from: {}", &text[2]["created: ".len()..]) {
            redis.command(&["DEL", &key]);
        }
    }
    let names = "{rustls-ext-tickets}:names";
    assert_eq!(redis.command(&["PEXPIRETIME", names]), [last.to_string()]);
    let left = run(&files, &url, &["list"]);
    assert_eq!((left.code, left.out.len()), (Some(0), 1), "{left:?}");
}

#[test]
fn connections_that_are_not_private_or_have_no_password_are_refused_at_start() {
    if !available() {
        return;
    }
    let files = Files::new();
    let socket = "unix:///nowhere/redis.sock";
    let both = |url: &str, password: &str, args: &[&str], expected: &str| {
        let listed = run_as(&files, url, password, &[args, &["list"]].concat());
        refused(&listed, 2, &format!("--redis{expected}"));
        let usual = ["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"];
        let usual = [&usual[..], &["--listen", "127.0.0.1:0", "--ticket-keys-redis", url]].concat();
        let mut command = files.rext(&[&usual[..], args].concat());
        let output = command.env("REXT_REDIS_PASSWORD", password).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains(expected) && !err.contains("hunter2"), "{err}");
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(!listed.err.contains("hunter2"), "{listed:?}");
    };
    let with_ca = ["--redis-ca", "server-ca.pem"];
    for url in ["redis://localhost", "valkey://localhost", "rediss://localhost/#insecure"] {
        both(url, "x", &with_ca, &format!(" {url}: the connection to Redis would not be private"));
    }
    for url in [
        "rediss://:hunter2@localhost",
        "rediss://user:hunter2@localhost",
        "redis://:hunter2@localhost",
        "unix:///nowhere?pass=hunter2",
    ] {
        both(url, "x", &with_ca, ": a password must not be in the address");
    }
    both("http://:hunter2@localhost", "x", &[], ": not an address of Redis");
    both(socket, "", &[], &format!(" {socket}: Redis needs a password"));
    let url = "rediss://localhost";
    both(url, "x", &[], &format!(" {url}: the authorities that are trusted"));

    files.write("password", PASSWORD);
    fs::set_permissions(files.path("password"), Permissions::from_mode(0o644)).unwrap();
    let file = ["--redis-password-file", "password"];
    let listed = run_as(&files, socket, "", &[&file[..], &["list"]].concat());
    refused(&listed, 2, "--redis-password-file password: other users may read");
}

#[test]
fn a_wrong_password_and_a_server_without_rights_get_no_keys() {
    if !available() {
        return;
    }
    let files = Files::new();
    let servers =
        "user servers on >servers resetchannels ~{rustls-ext-tickets}:* +zrange +mget +select";
    let rotation = "user rotation on >rotation resetchannels ~{rustls-ext-tickets}:* +zrange +mget \
         +select +watch +multi +exec +set +del +zadd +zrem +zremrangebyscore +pexpireat";
    let redis = Redis::start(&files, &format!("{servers}\n{rotation}"));
    let (servers, rotation) = (redis.url("servers"), redis.url("rotation"));
    let init = |url: &str, password: &str| run_as(&files, url, password, &["init"]);
    for (url, password) in
        [(&*redis.url(""), "wrong"), (&servers, "rotation"), (&redis.url("nobody"), "x")]
    {
        refused(&init(url, password), 1, "Redis refused a command");
    }
    refused(&init(&servers, "servers"), 1, "Redis refused a command");
    init(&rotation, "rotation").lines();
    run_as(&files, &rotation, "rotation", &["rotate", "--delay", "0", "--keep", "2"]).lines();
    run_as(&files, &rotation, "rotation", &["replace"]).lines();

    // A node that may only read.
    let (a, b) =
        (node_as(&files, &servers, "servers", &[]), node_as(&files, &servers, "servers", &[]));
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    assert_eq!(visit(&client, &b), RESUMED);

    // A node with a wrong password serves, without tickets.
    let wrong = node_as(&files, &servers, "wrong", &[]);
    wrong.wait_for_log(&["ERROR", "cannot read ticket keys from Redis"]);
    wrong.wait_for_log(&["WARN", "no ticket key can encrypt now"]);
    assert_eq!(visit(&client, &wrong), FULL);
    assert_eq!(visit(&client, &wrong), FULL);
}

#[test]
fn redis_over_tls_is_verified_and_may_require_a_certificate() {
    if !available() {
        return;
    }
    let files = Files::new();
    let (_redis, port) = Redis::start_with_tls(&files, "tls-auth-clients yes");
    let url = format!("rediss://localhost:{port}");
    files.write("password", format!("{PASSWORD}\n"));
    fs::set_permissions(files.path("password"), Permissions::from_mode(0o600)).unwrap();
    let password = ["--redis-password-file", "password"];
    let identity = ["--redis-cert", "client.pem", "--redis-key", "client.key"];
    let ca = ["--redis-ca", "server-ca.pem"];
    let init = |options: &[&[&str]], url: &str| {
        run_as(&files, url, "", &[&options.concat()[..], &["init"]].concat())
    };
    let wrong_ca = ["--redis-ca", "client-ca.pem"];
    refused(&init(&[&password, &identity, &wrong_ca], &url), 1, "UnknownIssuer");
    let other_name = format!("rediss://127.0.0.1:{port}");
    refused(&init(&[&password, &identity, &ca], &other_name), 1, "not valid for name");
    let without = init(&[&password, &ca], &url);
    assert_eq!((without.code, without.out.len()), (Some(1), 0), "{without:?}");
    init(&[&password, &identity, &ca], &url).lines();

    let options = [&password[..], &identity, &ca].concat();
    let (a, b) = (node_as(&files, &url, "", &options), node_as(&files, &url, "", &options));
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    assert_eq!(visit(&client, &b), RESUMED);
}

#[test]
fn nodes_keep_their_keys_while_redis_is_away_and_follow_it_when_it_is_back() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    let url = redis.url("");
    run(&files, &url, &["init"]).lines();
    let (a, b) = (node(&files, &url), node(&files, &url));
    for node in [&a, &b] {
        wait_for(node, 1);
    }
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    drop(redis);
    for node in [&a, &b] {
        node.wait_for_log(&["ERROR", "cannot read ticket keys from Redis"]);
    }
    assert_eq!(visit(&client, &b), RESUMED);
    // A node that starts now has no tickets.
    let late = node(&files, &url);
    late.wait_for_log(&["ERROR", "cannot read ticket keys from Redis"]);
    assert_eq!(visit(&client, &late), FULL);
    assert_eq!(visit(&client, &late), FULL);

    // Redis has lost its data, which removes no key from the nodes.
    fs::remove_file(files.path("redis.sock")).unwrap();
    let redis = Redis::start(&files, "");
    for node in [&a, &b, &late] {
        node.wait_for_log(&["ERROR", "no ticket key in it"]);
    }
    let client = self::client(&files);
    assert_eq!(visit(&client, &a), FULL);
    assert_eq!(visit(&client, &b), RESUMED);
    run(&files, &redis.url(""), &["rotate"]).lines();
    for node in [&a, &b, &late] {
        node.wait_for_log(&["ticket keys can be read from Redis again"]);
        wait_for(node, 1);
    }
    assert_eq!(visit(&client, &late), FULL);
    assert_eq!(visit(&client, &b), RESUMED);
}

#[test]
fn a_value_that_is_no_key_changes_nothing() {
    if !available() {
        return;
    }
    let files = Files::new();
    let redis = Redis::start(&files, "");
    let url = redis.url("");
    run(&files, &url, &["init"]).lines();
    let (a, b) = (node(&files, &url), node(&files, &url));
    wait_for(&a, 1);
    wait_for(&b, 1);
    redis.command(&["ZADD", "{rustls-ext-tickets}:names", "1", "other"]);
    redis.command(&["SET", "{rustls-ext-tickets}:key:other", "no key"]);
    for node in [&a, &b] {
        node.wait_for_log(&["ERROR", "unusable ticket key", "other", "not a ticket key"]);
    }
    let client = client(&files);
    assert_eq!(visit(&client, &a), FULL);
    assert_eq!(visit(&client, &b), RESUMED);
}
