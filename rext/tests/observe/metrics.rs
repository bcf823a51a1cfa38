use rext_cli::observe;
use rustls_ext::metrics::{METRICS, Metric, Values};

use crate::access_log::lines;
use crate::prometheus::{Family, Metrics};
use crate::site::Site;

fn all() -> Vec<&'static Metric> {
    [METRICS, observe::METRICS, observe::PROCESS_METRICS].concat()
}

/// The values of labels that the operator of a [`Site`] chose.
fn is_configured(site: &Site, label: &str, value: &str) -> bool {
    match label {
        "scope" => ["", "clients", "staff"].contains(&value),
        "upstream" => {
            [&site.upstream, &site.down].iter().any(|url| value.trim_end_matches('/') == **url)
        }
        "version" => value == env!("CARGO_PKG_VERSION"),
        _ => false,
    }
}

/// Checks each metric against its row of the table.
fn check(site: &Site, families: &[Family]) {
    for family in families {
        let metric = all().into_iter().find(|metric| metric.name() == family.name);
        let metric = metric.unwrap_or_else(|| panic!("{} is in no table", family.name));
        assert_eq!(family.help, metric.help());
        assert_eq!(family.kind == "histogram", metric.buckets().is_some());
        for (name, labels, _) in &family.samples {
            let own =
                labels.iter().filter(|(label, _)| !(*label == "le" && name.ends_with("_bucket")));
            let mut names: Vec<_> = own.clone().map(|(label, _)| &**label).collect();
            let mut expected: Vec<_> = metric.labels().iter().map(|label| label.name()).collect();
            names.sort_unstable();
            expected.sort_unstable();
            assert_eq!(names, expected, "{name}");
            for (label, value) in own {
                let known = metric.labels().iter().find(|it| it.name() == label).unwrap();
                let is_known = match known.values() {
                    Values::OneOf(all) => all.contains(&&**value),
                    _ => is_configured(site, label, value),
                };
                assert!(is_known, "{name}: {label}={value}");
            }
        }
    }
}

#[test]
fn a_known_sequence_of_connections_and_requests_gives_these_numbers() {
    let site = Site::start(&[]);
    let metrics = site.metrics();

    let anonymous = site.anonymous();
    assert_eq!(anonymous.get("/"), Some(200));
    assert_eq!(anonymous.get("/"), Some(200)); // resumed
    assert_eq!(anonymous.get("/clients"), Some(401)); // resumed
    assert_eq!(anonymous.get_from("staff.test", "/chosen-path"), Some(421)); // resumed
    assert_eq!(anonymous.get("/down"), Some(502)); // resumed
    assert_eq!(
        anonymous
            .send("GET /cut HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .map(|it| it.ends_with("hello")),
        Some(true)
    ); // resumed
    let posted = anonymous.send(
        "POST /clients HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 7\r\n\r\n1234567",
    ); // resumed
    assert!(posted.unwrap().starts_with("HTTP/1.1 401 "));
    let agent = site.agent();
    assert_eq!(agent.get("/clients"), Some(200));
    assert_eq!(agent.get("/staff"), Some(403)); // resumed
    assert_eq!(site.expired().get("/"), None);
    assert_eq!(site.stranger().get("/"), None);
    assert_eq!(site.boss().get("/"), None); // of another scope

    metrics.wait_until("all requests have ended", |metrics| {
        metrics.sum("rext_requests_total") == 9.0 && metrics.sum("rext_connections_open") == 0.0
    });
    let expect =
        |name: &str, expected: &[&str]| assert_eq!(metrics.lines(name), expected, "{name}");
    expect("rext_connections_open", &["transport=tcp 0"]);
    expect("rext_connections_total", &["transport=tcp 12"]);
    expect("rext_requests_open", &["protocol=1.1 0"]);
    expect(
        "rext_requests_total",
        &["protocol=1.1,status=2xx 4", "protocol=1.1,status=4xx 4", "protocol=1.1,status=5xx 1"],
    );
    expect(
        "rext_error_responses_total",
        &["status=401 2", "status=403 1", "status=421 1", "status=502 1"],
    );
    expect("rext_requests_aborted_total", &["phase=in_response 1"]);
    expect("rext_request_seconds", &["protocol=1.1 9"]);
    expect("rext_received_body_bytes_total", &["7"]);
    let (up, down) = (&site.upstream, &site.down);
    let slash = |line: String| line.replace("/,", ",").replace("/ ", " ");
    let lines = |name| metrics.lines(name).into_iter().map(slash).collect::<Vec<_>>();
    let mut outcomes = [
        format!("outcome=connect_failed,upstream={down} 1"),
        format!("outcome=response,upstream={up} 4"),
    ];
    outcomes.sort();
    assert_eq!(lines("rext_upstream_requests_total"), outcomes);
    assert_eq!(lines("rext_upstream_responses_total"), [format!("status=2xx,upstream={up} 4")]);
    assert_eq!(lines("rext_upstream_seconds"), [format!("upstream={up} 4")]);
    expect(
        "rustls_ext_handshakes_total",
        &[
            "outcome=accepted,reason=none,transport=tcp 9",
            "outcome=refused,reason=expired,transport=tcp 1",
            "outcome=refused,reason=unknown_authority,transport=tcp 2",
        ],
    );
    expect(
        "rustls_ext_sessions_total",
        &[
            "resumed=false,tls_version=1.3,transport=tcp 2",
            "resumed=true,tls_version=1.3,transport=tcp 7",
        ],
    );
    expect(
        "rustls_ext_certificate_requests_total",
        &[
            "outcome=authenticated,scope=clients,transport=tcp 2",
            "outcome=failed,scope=clients,transport=tcp 3",
        ],
    );
    expect(
        "rustls_ext_offers_total",
        &["offer=flag,transport=tcp 2", "offer=none,transport=tcp 7"],
    );
    expect(
        "rustls_ext_denied_total",
        &[
            "reason=misdirected,scope=,status=421 1",
            "reason=other_scope,scope=staff,status=403 1",
            "reason=unauthenticated,scope=clients,status=401 2",
        ],
    );
    expect("rustls_ext_loads_total", &["outcome=success 1"]);
    expect(
        "rext_build_info",
        &[&format!("command=gateway,version={} 1", env!("CARGO_PKG_VERSION"))],
    );
    check(&site, &metrics.families());
    let (_, text) = metrics.send("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    for chosen in ["chosen-path", "staff.test", "localhost", "boss"] {
        assert!(!text.contains(chosen), "{chosen} is in the metrics");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_and_the_expiry_of_its_files_are_recorded() {
    let site = Site::start(&[]);
    let families = site.metrics().families();
    let value = |name: &str| {
        let family = families.iter().find(|family| family.name == name).unwrap();
        family.samples[0].2
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - value("process_start_time_seconds")).abs() < 3600.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(
        value("process_open_fds") > 3.0 && value("process_max_fds") >= value("process_open_fds")
    );
    assert!(value("process_cpu_seconds_total") > 0.0 || value("process_threads") >= 1.0);
    let expiry =
        families.iter().find(|it| it.name == "rustls_ext_expiry_timestamp_seconds").unwrap();
    let mut kinds: Vec<_> =
        expiry.samples.iter().map(|(_, labels, _)| (&*labels["kind"], &*labels["scope"])).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("anchor", "clients"), ("anchor", "staff"), ("server_certificate", "")]);
    assert!(expiry.samples.iter().all(|(.., value)| *value > now));
}

#[test]
fn the_page_of_metrics_has_one_path_and_two_methods_and_is_not_on_the_public_address() {
    let site = Site::start(&[]);
    let Metrics { addr } = site.metrics();
    let metrics = Metrics { addr };
    let status = |request: &str| metrics.send(request).0.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(status("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"), "200");
    assert_eq!(status("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), "404");
    assert_eq!(status("GET /metrics/x HTTP/1.1\r\nhost: a\r\n\r\n"), "404");
    assert_eq!(status("POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"), "405");
    let (head, body) = metrics.send("HEAD /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && body.is_empty());
    let long = format!("GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    let mut tcp = std::net::TcpStream::connect(&metrics.addr).unwrap();
    // The server may close the connection before it has read all.
    let _ = std::io::Write::write_all(&mut tcp, long.as_bytes());
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut tcp, &mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    // The public address passes the path on, like any other.
    let public = site
        .anonymous()
        .send("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(public.unwrap().ends_with("\r\n\r\nhello"));
}

#[test]
fn an_address_that_is_in_use_is_an_error_at_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let files = crate::common::Files::new();
    let args = ["serve", "--cert", "server.pem", "--key", "server.key", "--policy", "never"];
    let output =
        files.rext(&args).args(["--listen", "127.0.0.1:0", "--metrics", &addr]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--metrics") && error.contains("cannot listen on this address"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_process_that_replaces_another_one_serves_its_own_metrics_on_the_same_address() {
    use std::process::Command;

    /// A process that is killed when this is dropped.
    struct Process(String);

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = Command::new("kill").args(["-KILL", &self.0]).status();
        }
    }

    let site = Site::start(&["--access-log", "access.log"]);
    let metrics = site.metrics();
    assert_eq!(site.anonymous().get("/"), Some(200));
    metrics.wait_until("a request is counted", |it| it.sum("rext_requests_total") == 1.0);
    let old = site.server.child.id().to_string();
    assert!(Command::new("kill").args(["-USR2", &old]).status().unwrap().success());
    let line = site.server.wait_for_log(&["the new process is ready and accepts connections"]);
    let _new = Process(line.rsplit_once("id=").unwrap().1.trim().to_owned());
    site.server.wait_for_log(&["replaced"]);
    metrics.wait_until("the new process answers", |it| it.sum("rext_requests_total") == 0.0);
    assert_eq!(site.anonymous().get("/"), Some(200));
    assert_eq!(site.anonymous().get("/"), Some(200));
    metrics.wait_until("the new process counts", |it| it.sum("rext_requests_total") == 2.0);
    lines(&site.files.path("access.log"), 3);
}
