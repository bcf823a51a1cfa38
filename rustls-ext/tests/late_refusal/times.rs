//! How long a client waits for an alert, and what it does meanwhile: over transports that lose one
//! direction before the other.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_ext::tokio::{ClientStream, Connector, End, Refusal};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, Join, ReadBuf, duplex, join, split,
};
use tokio::time::{Instant, timeout};

use crate::common::name;
use crate::server::{Setting, end, late, write_on};

/// Counts reads.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

/// A connection on which writing fails.
struct Shut {
    stream: ClientStream<Join<Counted, DuplexStream>>,
    reads: Arc<AtomicUsize>,
    /// The direction from server to client, which still works.
    alerting: DuplexStream,
    alert: Vec<u8>,
}

impl Shut {
    async fn start(connector: impl FnOnce(Connector) -> Connector) -> Self {
        let setting = Setting::unknown_ca();
        let (reading, mut alerting) = duplex(64 * 1024);
        let (writing, listening) = duplex(64 * 1024);
        let reads = Arc::default();
        let near = join(Counted(reading, Arc::clone(&reads)), writing);
        let mut far = join(listening, &mut alerting);
        let mut server = setting.server();
        let connector = connector(setting.connector.clone());
        let (stream, alert) =
            tokio::join!(connector.connect(name(), near), server.refuse(&mut far));
        drop(far);
        Self { stream: stream.unwrap(), reads, alerting, alert }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

/// A task that waits for ever must not block the tests.
async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(3600), future).await.expect("it hangs")
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_an_alert_is_limited() {
    let other = Duration::from_secs(7);
    for (connector, limit) in [(None, Connector::DEFAULT_ALERT_TIMEOUT), (Some(other), other)] {
        let mut shut = Shut::start(|usual| match connector {
            None => usual,
            Some(timeout) => usual.with_alert_timeout(timeout),
        })
        .await;
        let (before, reads) = (Instant::now(), shut.reads());
        let err = within(write_on(&mut shut.stream)).await;
        assert_eq!(before.elapsed(), limit);
        assert!(matches!(end(&err), End::LikelyRefused(_)), "{err:?}");
        assert_eq!(err.kind(), ErrorKind::BrokenPipe);
        // There was one read per event: at the failure, and when the time
        // was up.
        assert!(shut.reads() <= reads + 2, "{}", shut.reads() - reads);

        // There is no second wait.
        let before = Instant::now();
        write_on(&mut shut.stream).await;
        assert!(matches!(end(&shut.stream.read_u8().await.unwrap_err()), End::LikelyRefused(_)));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_ends_the_wait() {
    let mut shut = Shut::start(|usual| usual).await;
    let before = Instant::now();
    let server = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        shut.alerting.write_all(&shut.alert).await.unwrap();
    };
    let (err, ()) = tokio::join!(write_on(&mut shut.stream), server);
    late(&err);
    assert_eq!(before.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn reader_and_writer_both_get_the_alert() {
    for comes in [true, false] {
        let mut shut = Shut::start(|usual| usual).await;
        let outcome = shut.stream.outcome();
        let (mut reader, mut writer) = split(shut.stream);
        let reader = tokio::spawn(async move { reader.read_u8().await.unwrap_err() });
        // so that the reader already waits when the writer starts
        tokio::task::yield_now().await;
        let writer = tokio::spawn(async move { write_on(&mut writer).await });
        tokio::task::yield_now().await;
        if comes {
            shut.alerting.write_all(&shut.alert).await.unwrap();
        }
        let ends = [end(&within(reader).await.unwrap()), end(&within(writer).await.unwrap())];
        for end in &ends {
            assert_eq!(matches!(end, End::Refused(_)), comes, "{end}");
            assert_eq!(outcome.get(), Some(end));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_reader_gets_the_alert_if_the_writer_gives_up() {
    let mut shut = Shut::start(|usual| usual).await;
    let (mut reader, mut writer) = split(shut.stream);
    let reader = tokio::spawn(async move { reader.read_u8().await.unwrap_err() });
    tokio::task::yield_now().await;
    let writing = timeout(Duration::from_millis(100), write_on(&mut writer));
    assert!(writing.await.is_err());
    shut.alerting.write_all(&shut.alert).await.unwrap();
    late(&within(reader).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_fails_if_the_server_has_closed() {
    let setting = Setting::unknown_ca();
    let (reading, _alerting) = duplex(64 * 1024);
    let (writing, listening) = duplex(64 * 1024);
    drop(listening);
    let before = Instant::now();
    let connecting = setting.connector.connect(name(), join(reading, writing));
    let err = within(connecting).await.unwrap_err();
    assert_eq!(end(&err), End::Io(ErrorKind::BrokenPipe));
    assert_eq!(before.elapsed(), Connector::DEFAULT_ALERT_TIMEOUT);
}

#[tokio::test]
async fn an_alert_that_overtakes_the_client_s_own_flight_is_reported() {
    let setting = Setting::unknown_ca();
    let (reading, mut alerting) = duplex(64 * 1024);
    let (writing, listening) = duplex(64 * 1024);
    let mut server = setting.server();
    let client = setting.connector.connect(name(), join(reading, writing));
    let (client, ()) = tokio::join!(client, async {
        let mut far = join(listening, &mut alerting);
        server.answer(&mut far).await;
        drop(far);
        // which a record that it cannot decrypt makes it send
        let alert = server.feed(&[&[23, 3, 3, 0, 32][..], &[0; 32]].concat()).unwrap();
        alerting.write_all(&alert).await.unwrap();
    });
    let err = client.unwrap_err();
    let refusal = Refusal::in_chain(&err).unwrap();
    assert_eq!(refusal.alert, rustls::AlertDescription::BadRecordMac);
    assert!(!refusal.is_about_certificate());
}

#[tokio::test]
async fn a_client_whose_last_flight_is_not_sent_is_not_connected() {
    let setting = Setting::unknown_ca();
    let (near, mut far) = duplex(64 * 1024);
    let mut server = setting.server();
    let client = setting.connector.connect(name(), near);
    let (client, ()) = tokio::join!(client, async {
        server.answer(&mut far).await;
        drop(far);
    });
    let err = client.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::BrokenPipe);
    assert!(matches!(end(&err), End::LikelyRefused(_)), "{err:?}");
}
