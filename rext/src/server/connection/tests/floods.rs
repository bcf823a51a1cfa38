use super::*;

/// What a server did about a flood.
#[derive(Debug)]
struct Flooded {
    /// The error codes of its GOAWAY frames.
    goaways: Vec<u32>,
    /// How often the client could send.
    sent: u32,
    ended: Ended,
}

/// Sends `first`, and then `more` for streams 1, 3, 5, … until the server ends the connection.
async fn flood(app: App, first: &[u8], more: impl Fn(u32) -> Vec<u8>) -> Flooded {
    let Client { io, ended } = Client::h2(app).await;
    let (mut reader, mut writer) = tokio::io::split(io);
    let reading = tokio::spawn(async move { goaways(&mut reader).await });
    let mut sent = 0;
    let mut going = writer.write_all(first).await.is_ok();
    while going {
        assert!(sent < 100_000, "the server does not end the connection");
        going = writer.write_all(&more(2 * sent + 1)).await.is_ok();
        sent += u32::from(going);
    }
    Flooded { goaways: reading.await.unwrap(), sent, ended: ended.await.unwrap().0 }
}

/// Asserts that the HTTP library ended the connection, after this many frames at most.
#[track_caller]
fn assert_calmed(flooded: &Flooded, most: u32) {
    assert_eq!(flooded.goaways, [ENHANCE_YOUR_CALM], "{flooded:?}");
    assert!(matches!(flooded.ended, Ended::Failed(_)) && flooded.sent <= most, "{flooded:?}");
}

/// CVE-2023-44487
#[tokio::test(start_paused = true)]
async fn rapid_resets_end_the_connection() {
    let unfinished = Arc::new(AtomicUsize::new(0));
    let reset = |stream| [get(stream), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat();
    let flooded = flood(never(&unfinished), b"", reset).await;
    assert_eq!(flooded.goaways, [NO_ERROR], "{flooded:?}");
    assert!(matches!(flooded.ended, Ended::Limit(CloseReason::Cancelled, _)), "{flooded:?}");
    assert!(flooded.sent < 1000, "{flooded:?}");
    while unfinished.load(Ordering::SeqCst) != 0 {
        tokio::task::yield_now().await;
    }
}

/// CVE-2024-27316 and others
#[tokio::test(start_paused = true)]
async fn continuation_frames_without_end_end_the_connection() {
    let headers = frame(HEADERS, END_STREAM, 1, &fields(&Method::GET));
    let no_more = |_| frame(CONTINUATION, 0, 1, b"");
    assert_calmed(&flood(responds(0), &headers, no_more).await, 2000);
    let more = |_| frame(CONTINUATION, 0, 1, &[0x0f, 0x00, 0x01, b'x']);
    assert_calmed(&flood(responds(0), &headers, more).await, 2000);
}

/// CVE-2019-9518
#[tokio::test(start_paused = true)]
async fn empty_data_frames_end_the_connection() {
    let unfinished = Arc::new(AtomicUsize::new(0));
    let flooded = flood(never(&unfinished), &post(1), |_| frame(DATA, 0, 1, b"")).await;
    assert_calmed(&flooded, 1000);
}

#[tokio::test(start_paused = true)]
async fn small_data_frames_that_are_not_read_end_the_connection() {
    let unfinished = Arc::new(AtomicUsize::new(0));
    let flooded = flood(never(&unfinished), &post(1), |_| frame(DATA, 0, 1, b"x")).await;
    assert_calmed(&flooded, 2000);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_end_the_connection() {
    let unfinished = Arc::new(AtomicUsize::new(0));
    assert_calmed(&flood(never(&unfinished), b"", get).await, 1000);
}

/// CVE-2019-9512 and CVE-2019-9515
#[tokio::test(start_paused = true)]
async fn answers_to_pings_and_settings_that_are_not_read_are_not_collected() {
    for junk in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, b"")] {
        let mut client = Client::h2(responds(0)).await;
        let mut sent = 0;
        while client.send(&junk).await {
            sent += junk.len();
        }
        // The buffers in both directions, and that of the HTTP library.
        assert!(sent < 64 * 1024, "{sent}");
        let (ended, after) = client.ended().await;
        assert!(
            matches!(ended, Ended::Limit(CloseReason::NoRequest, _)) && after == HEAD,
            "{ended:?} {after:?}"
        );
    }
}

/// One octet of HPACK (RFC 7541) can stand for a field of 4 KiB.
#[tokio::test(start_paused = true)]
async fn large_heads_that_do_not_fit_are_refused() {
    let unfinished = Arc::new(AtomicUsize::new(0));
    let mut client = Client::connect(true, never(&unfinished), LIMITS, 1 << 20);
    client.preface().await;
    // "a: " enters the dynamic table with the first request, and is repeated by its index.
    let entry = [0x40, 1, b'a', 0];
    let head = |stream, first: &[u8]| {
        let fields = [fields(&Method::GET), first.to_vec(), vec![0xbe; 1800]].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields)
    };
    let heads = (1..50).map(|number| head(2 * number + 1, b""));
    let all: Vec<u8> = head(1, &entry).into_iter().chain(heads.flatten()).collect();
    assert!(client.send(&all).await);
    // Nine fit into the memory of the connection; each of the others is refused at once.
    for _ in 0..41 {
        client.read_until(HEADERS).await;
    }
    assert_eq!(unfinished.load(Ordering::SeqCst), 9);
}
