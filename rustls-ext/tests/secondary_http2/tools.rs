//! Clients of other projects see the same with the filter and without it: nghttp and h2load of
//! nghttp2, and Python's h2.

use std::convert::Infallible;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_ext::http::secondary::{Exchange, Frame, Http2Filter, HttpCodePoints, Outbox};
use rustls_ext::wire::authenticator::Endpoint;
use tokio::net::{TcpListener, TcpStream};

use crate::recorder::{Event, Recorder};

/// Returns the first of these programs that is available. If none is, it prints that the test is
/// skipped, or panics if `REXT_REQUIRE_TOOLS` is set, as in CI.
fn have<'a>(programs: &[&'a str], args: &[&str]) -> Option<&'a str> {
    let available = |program: &&&str| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    let found = programs.iter().find(available).copied();
    if found.is_none() {
        let missing = format!("`{} {}` fails", programs.join("` or `"), args.join(" "));
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    found
}

/// The system's package of h2 is for the system's Python, which need not be the first in `PATH`.
fn python_with_h2() -> Option<&'static str> {
    have(&["python3", "/usr/bin/python3"], &["-c", "import h2"])
}

/// Serves HTTP/2 over TCP until the test ends, and returns the port. Returns the body of a request,
/// or a page. With an exchange, the server is behind the filter.
fn serve(exchange: Option<Arc<Recorder>>) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(connection(stream, exchange.clone()));
            }
        })
    });
    port
}

async fn connection(stream: TcpStream, exchange: Option<Arc<Recorder>>) {
    let service = service_fn(|request: Request<Incoming>| async {
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let body = body.ok().filter(|body| !body.is_empty());
        Ok::<_, Infallible>(Response::new(Full::new(
            body.unwrap_or_else(|| vec![b'a'; 70_000].into()),
        )))
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // Whether clients end their connections cleanly is up to them.
    let _: Result<(), hyper::Error> = match exchange {
        None => server.serve_connection(TokioIo::new(stream), service).await,
        Some(recorder) => {
            let outbox = Outbox::new();
            if recorder.announces() == 1 {
                outbox.send(Frame::AuthenticatorRequests, b"requests".to_vec()).unwrap();
            }
            let filter = Http2Filter::new(
                stream,
                Endpoint::Server,
                HttpCodePoints::DEFAULT,
                recorder,
                outbox,
            );
            server.serve_connection(TokioIo::new(filter), service).await
        }
    };
}

/// Runs a tool against a server, and returns its standard output.
fn run(tool: &str, args: &[&str], port: u16) -> String {
    let args = args.iter().map(|arg| arg.replace("PORT", &port.to_string()));
    let output = Command::new(tool).args(args).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{tool}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

/// Lines that contain one of these.
fn lines(output: &str, wanted: &[&str]) -> Vec<String> {
    let lines = output.lines().filter(|line| wanted.iter().any(|wanted| line.contains(wanted)));
    lines.map(str::to_owned).collect()
}

#[test]
fn h2load_gets_the_same_responses() {
    if have(&["h2load"], &["--version"]).is_none() {
        return;
    }
    let args = ["-n", "200", "-c", "4", "-m", "20", "http://127.0.0.1:PORT/"];
    let run = |recorder| {
        let output = run("h2load", &args, serve(recorder));
        lines(&output, &["requests:", "status codes:"])
    };
    let expected = [
        "requests: 200 total, 200 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout",
        "status codes: 200 2xx, 0 3xx, 0 4xx, 0 5xx",
    ];
    assert_eq!(run(None), expected);
    let recorder = Recorder::announcing(2);
    assert_eq!(run(Some(recorder.clone())), expected);
    let events = recorder.events();
    let count = |event| events.iter().filter(|other| **other == event).count();
    assert_eq!(count(Event::Setting(None)), 4);
}

/// The frames of nghttp's log, without what depends on the time.
fn frames(output: &str) -> Vec<String> {
    let received = output.lines().filter_map(|line| Some(line.split_once("recv ")?.1));
    let lasting = |line: &&str| !line.starts_with("WINDOW_UPDATE") && !line.contains("date: ");
    let frames = received.filter(lasting).map(|line| match line.split_once("HEADERS frame ") {
        Some((_, rest)) => format!("HEADERS {}", rest.split_once(", ").unwrap().1),
        None => line.to_owned(),
    });
    frames.collect()
}

#[test]
fn nghttp_sees_the_same_frames() {
    if have(&["nghttp"], &["--version"]).is_none() {
        return;
    }
    let args = ["-nv", "--no-dep", "http://127.0.0.1:PORT/"];
    let without = frames(&run("nghttp", &args, serve(None)));
    let recorder = Recorder::new();
    let with = frames(&run("nghttp", &args, serve(Some(recorder.clone()))));
    assert_eq!(without.first().unwrap(), "SETTINGS frame <length=24, flags=0x00, stream_id=0>");
    assert!(without.contains(&"(stream_id=1) content-length: 70000".to_owned()), "{without:?}");
    // It prints no frames of other types, and the number of octets of SETTINGS.
    let mut expected = without;
    "SETTINGS frame <length=30, flags=0x00, stream_id=0>".clone_into(&mut expected[0]);
    assert_eq!(with, expected);
    assert_eq!(recorder.events().first(), Some(&Event::Setting(None)));
}

const H2_CLIENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/secondary_http2/peers/h2_client.py");

/// The events of Python's h2, sorted, since streams may end in another order.
fn h2_events(python: &str, recorder: Option<Arc<Recorder>>, announces: bool) -> Vec<String> {
    let args: &[&str] = if announces { &["announces"] } else { &[] };
    let output = run(python, &[&[H2_CLIENT, "PORT"], args].concat(), serve(recorder));
    let mut events = output.lines().map(str::to_owned).collect::<Vec<_>>();
    events.sort();
    events
}

#[test]
fn pythons_h2_sees_the_same_events() {
    let Some(python) = python_with_h2() else { return };
    let settings = "RemoteSettingsChanged [(3, 200), (4, 1048576), (5, 16384), (6, 16384)";
    let mut expected = h2_events(python, None, false);
    let at = expected.iter().position(|line| *line == format!("{settings}]")).unwrap();
    for number in [1, 3, 5] {
        assert!(expected.contains(&format!("StreamEnded {number} True")), "{expected:?}");
    }
    // It sees the setting, and ignores the frame.
    expected[at] = format!("{settings}, (65296, 1)]");
    expected.push("UnknownFrameReceived 240 0 7265717565737473".to_owned());

    let recorder = Recorder::new();
    assert_eq!(h2_events(python, Some(recorder.clone()), false), expected);
    assert_eq!(recorder.events().first(), Some(&Event::Setting(None)));
    // A frame among its own.
    let recorder = Recorder::new();
    assert_eq!(h2_events(python, Some(recorder.clone()), true), expected);
    let payload = b"certificate".to_vec();
    let head = Event::Head { frame: Frame::Certificate, on_control: true, length: 11 };
    let events = [Event::Setting(Some(1)), head, Event::Frame(Frame::Certificate, payload)];
    assert!(recorder.events().starts_with(&events), "{:?}", recorder.events());
}
