use serde_json::{Value, json};

use crate::access_log::lines;
use crate::site::Site;

const TRUSTED: &str = "trusted_proxies = ['127.0.0.0/8']";

/// Sends a request for each of these lines of fields.
fn send(site: &Site, fields: &[&str]) {
    let path = site.files.path("access.log");
    for (at, fields) in fields.iter().enumerate() {
        let request =
            format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}connection: close\r\n\r\n");
        assert!(site.anonymous().send(request).is_some());
        lines(&path, at + 1);
    }
}

#[test]
fn the_client_of_a_trusted_proxy_is_logged_beside_the_peer() {
    let site = Site::start_with(TRUSTED, &["--access-log", "access.log"]);
    let fields = [
        "x-forwarded-for: 203.0.113.1, 192.0.2.7\r\n",
        "forwarded: for=\"[2001:db8::7]:443\"\r\n",
        "forwarded: for=unknown\r\n",
        // The proxy itself is the client.
        "",
    ];
    send(&site, &fields);
    let all = lines(&site.files.path("access.log"), fields.len());
    let all: Vec<Value> = all.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let clients: Vec<_> = all.iter().map(|line| &line["client"]).collect();
    assert_eq!(clients, ["192.0.2.7", "2001:db8::7", "unknown", "127.0.0.1"]);
    for line in &all {
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    }
}

#[test]
fn a_combined_line_begins_with_the_client_of_a_trusted_proxy() {
    let args = ["--access-log", "access.log", "--access-log-format", "combined"];
    let site = Site::start_with(TRUSTED, &args);
    let fields = ["x-forwarded-for: 192.0.2.7\r\n", "forwarded: for=unknown\r\n", ""];
    send(&site, &fields);
    let all = lines(&site.files.path("access.log"), fields.len());
    let first: Vec<_> = all.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(first, ["192.0.2.7", "-", "127.0.0.1"]);
}

#[test]
fn a_client_that_is_no_trusted_proxy_cannot_choose_its_address() {
    let site = Site::start(&["--access-log", "access.log"]);
    send(&site, &["x-forwarded-for: 192.0.2.7\r\nforwarded: for=192.0.2.7\r\n"]);
    let line = lines(&site.files.path("access.log"), 1).remove(0);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line.get("client"), None);
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(line["status"], json!(200));
}
