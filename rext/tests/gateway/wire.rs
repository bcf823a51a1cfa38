//! Requests over HTTP/1.1 that two servers might split differently: for each the exact status codes
//! at the client, and exactly what the server behind receives.

use std::sync::Arc;

use rext_cli::tls::HTTP1;
use rustls_ext::rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::client::Site;
use crate::recorder::Recorder;
use crate::upstream::Upstream;

/// A request that must never reach the server behind. `EVIL` in a case stands for it.
const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What a client sends, the status codes of all responses, and what the server behind receives.
///
/// `PATH` stands for a path of the case's own, and `HEAD` for a request line with `Host`.
type Case = (&'static str, &'static [u16], Behind);

enum Behind {
    /// No request.
    Nothing,
    /// Exactly this request.
    Exactly(&'static str),
    /// Nothing, or a request whose body the gateway breaks off: it streams bodies.
    AtMostIncomplete,
}

use Behind::{AtMostIncomplete, Exactly, Nothing};

const HELLO: &str = "POST PATH; host: localhost; transfer-encoding: chunked; \"hello\"";
const HELLO_5: &str = "POST PATH; content-length: 5; host: localhost; \"hello\"";

const CODINGS: &[Case] = &[
    // RFC 9112 section 6.1: both fields.
    ("HEADContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGEVIL", &[400], Nothing),
    (
        "HEADTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n27\r\nEVIL\r\n0\r\n\r\n",
        &[400],
        Nothing,
    ),
    ("HEADContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    (
        "HEADX: y\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nGEVIL",
        &[400],
        Nothing,
    ),
    (
        "HEADX: y\rTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nGEVIL",
        &[400],
        Nothing,
    ),
    // White space around a value is no part of it (RFC 9110 section 5.5).
    ("HEADTransfer-Encoding:   chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[200], Exactly(HELLO)),
    ("HEADTransfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[200], Exactly(HELLO)),
    ("HEADTransfer-Encoding: chunked \t\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[200], Exactly(HELLO)),
    ("HEADTransfer-Encoding: ChunKed\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[200], Exactly(HELLO)),
    ("HEADtransfer-encoding:chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[200], Exactly(HELLO)),
    // Values that resemble it.
    ("HEADTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding: identity\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding: \r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    (
        "HEADTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nEVIL",
        &[400],
        Nothing,
    ),
    (
        "HEADTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\nEVIL",
        &[400],
        Nothing,
    ),
    // More than one coding, the last of which is chunked.
    (
        "HEADTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL",
        &[501],
        Nothing,
    ),
    (
        "HEADTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL",
        &[501],
        Nothing,
    ),
    ("HEADTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nEVIL", &[501], Nothing),
    (
        "HEADTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL",
        &[501],
        Nothing,
    ),
    // Malformed lines.
    ("HEADTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEAD Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nEVIL", &[400], Nothing),
    ("HEADX: y\r\n\tfolded\r\n\r\nEVIL", &[400], Nothing),
    ("HEADX: a\0b\r\n\r\nEVIL", &[400], Nothing),
    ("HEADX\0: b\r\n\r\nEVIL", &[400], Nothing),
    ("HEADno colon\r\n\r\nEVIL", &[400], Nothing),
    ("HEAD: no name\r\n\r\nEVIL", &[400], Nothing),
    // HTTP/1.0 has no codings (RFC 9112 section 6.1).
    (
        "POST PATH HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEVIL",
        &[400],
        Nothing,
    ),
];

const LENGTHS: &[Case] = &[
    ("HEADContent-Length: 5\r\n\r\nhello", &[200], Exactly(HELLO_5)),
    // Equal ones count once (RFC 9112 section 6.3).
    ("HEADContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", &[200], Exactly(HELLO_5)),
    ("HEADContent-Length: 5, 5\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 5\r\nContent-Length: 6\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 5, 6\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: -5\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: +5\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 0x5\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 5 5\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 5;\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 5.0\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: \r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: ,\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: \u{665}\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 18446744073709551621\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length: 99999999999999999999999999\r\n\r\nhelloEVIL", &[400], Nothing),
    ("HEADContent-Length : 5\r\n\r\nhelloEVIL", &[400], Nothing),
    // A body of GET is a body (RFC 9110 section 9.3.1).
    (
        "GET PATH HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        &[200],
        Exactly("GET PATH; content-length: 5; host: localhost; \"hello\""),
    ),
    (
        "GET PATH HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[200],
        Exactly("GET PATH; host: localhost; transfer-encoding: chunked; \"hello\""),
    ),
    (
        "GET PATH HTTP/1.1\r\nHost: localhost\r\nContent-Length: 39\r\n\r\nEVIL",
        &[200],
        Exactly(
            "GET PATH; content-length: 39; host: localhost; \
             \"GET /evil HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\"",
        ),
    ),
    (
        "POST PATH HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhelloEVIL",
        &[200],
        Exactly(HELLO_5),
    ),
];

const CHUNKS: &[Case] = &[
    // Extensions are for one connection, and not passed on (RFC 9112 section 7.1.1).
    ("CHUNKED5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n", &[200], Exactly(HELLO)),
    ("CHUNKED05\r\nhello\r\n000\r\n\r\n", &[200], Exactly(HELLO)),
    ("CHUNKED5;a\nb\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5;\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\nhello\n0\n\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\rhello\r0\r\rEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\r\nhelloX\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\r\nhello0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\r\nhello\n0\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED-5\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED+5\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED0x5\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED \r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKEDg\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED10000000000000005\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKEDfffffffffffffffff\r\nhello\r\n0\r\n\r\nEVIL", &[400], AtMostIncomplete),
    // Trailers never frame or route a message (RFC 9110 section 6.5.1).
    (
        "HEADTransfer-Encoding: chunked\r\nTrailer: content-length, transfer-encoding, host, x-sum\r\n\r\n\
         5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: evil\r\nX-Sum: 7\r\n\r\n",
        &[200],
        Exactly(
            "POST PATH; host: localhost; trailer: content-length, transfer-encoding, host, x-sum; \
             transfer-encoding: chunked; \"hello\"; x-sum: 7",
        ),
    ),
    ("CHUNKED5\r\nhello\r\n0\r\nX: a\r\n folded\r\n\r\nEVIL", &[400], AtMostIncomplete),
    ("CHUNKED5\r\nhello\r\n0\r\nX\r\n\r\nEVIL", &[400], AtMostIncomplete),
];

const TARGETS: &[Case] = &[
    ("GET PATH HTTP/1.1\nHost: localhost\n\n", &[200], Exactly("GET PATH; host: localhost; \"\"")),
    (
        "\r\n\r\nGET PATH HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[200],
        Exactly("GET PATH; host: localhost; \"\""),
    ),
    ("GET PATH HTTP/1.1\rHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH x HTTP/1.1\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH\tx HTTP/1.1\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH\0 HTTP/1.1\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH HTTP/1.2\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH HTTP/2.0\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH\r\n\r\nEVIL", &[400], Nothing),
    ("GET evil HTTP/1.1\r\nHost: localhost\r\n\r\n", &[400], Nothing),
    ("GET @evilPATH HTTP/1.1\r\nHost: localhost\r\n\r\nEVIL", &[400], Nothing),
    ("GET PATH HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", &[400], Nothing),
    (
        "GET http://localhostPATH HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[200],
        Exactly("GET PATH; host: localhost; \"\""),
    ),
    ("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", &[501], Nothing),
    // An upgrade to HTTP/2 without TLS, through which a gateway would see no requests.
    (
        "GET PATH HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        &[200],
        Exactly("GET PATH; host: localhost; \"\""),
    ),
];

/// Sends these bytes, and returns the status codes of all responses until the gateway closes the
/// connection.
async fn exchange(config: Arc<ClientConfig>, port: u16, bytes: &[u8]) -> Vec<u16> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(config).connect(name, tcp).await.unwrap();
    // The gateway may refuse the request before all was sent.
    let _ = stream.write_all(bytes).await;
    let mut responses = Vec::new();
    let _ = stream.read_to_end(&mut responses).await;
    let responses = String::from_utf8_lossy(&responses).into_owned();
    let statuses = responses.split("HTTP/1.").skip(1);
    statuses.map(|response| response[2..5].parse().unwrap()).collect()
}

/// Runs all cases at the same time, and returns the differences.
async fn differences(cases: &'static [Case]) -> Vec<String> {
    let recorder = Recorder::start().await;
    let options = ["--idle-timeout", "2", "--handshake-timeout", "2"];
    let site = Site::with(Upstream::start().await, &recorder.url(), &options);
    let config = site.config(HTTP1, None);
    let mut running = JoinSet::new();
    for (number, (sent, ..)) in cases.iter().enumerate() {
        let post = "POST PATH HTTP/1.1\r\nHost: localhost\r\n";
        let sent = sent
            .replace("CHUNKED", "HEADTransfer-Encoding: chunked\r\n\r\n")
            .replace("HEAD", post)
            .replace("EVIL", EVIL)
            .replace("PATH", &format!("/case-{number}."));
        let (config, port) = (config.clone(), site.gateway.port);
        running.spawn(async move { (number, exchange(config, port, sent.as_bytes()).await) });
    }
    let mut differences = Vec::new();
    while let Some(done) = running.join_next().await {
        let (number, statuses) = done.unwrap();
        let (sent, expected, behind) = &cases[number];
        let path = format!("/case-{number}.");
        let received = recorder.of(&path);
        let texts: Vec<_> = received.iter().map(|record| record.text()).collect();
        let is_right = match behind {
            Nothing => received.is_empty(),
            Exactly(text) => texts == [text.replace("PATH", &path)],
            AtMostIncomplete => {
                received.len() <= 1 && received.iter().all(|record| !record.is_complete)
            }
        };
        if statuses != *expected || !is_right {
            differences.push(format!("{sent:?}: {statuses:?}, {texts:?}"));
        }
    }
    // No bytes became a request of their own.
    let others = recorder.all().into_iter().filter(|record| !record.line.contains("/case-"));
    differences.extend(others.map(|record| format!("smuggled: {}", record.text())));
    differences.sort();
    differences
}

#[tokio::test]
async fn transfer_codings_are_chunked_once_or_refused() {
    assert_eq!(differences(CODINGS).await, [""; 0]);
}

#[tokio::test]
async fn lengths_are_one_number_or_refused() {
    assert_eq!(differences(LENGTHS).await, [""; 0]);
}

#[tokio::test]
async fn chunks_are_decoded_strictly_and_encoded_anew() {
    assert_eq!(differences(CHUNKS).await, [""; 0]);
}

#[tokio::test]
async fn targets_and_lines_are_passed_on_in_one_form_or_refused() {
    assert_eq!(differences(TARGETS).await, [""; 0]);
}
