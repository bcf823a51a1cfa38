use super::*;

/// Asserts that a limit was reached, this long after the connection began.
#[track_caller]
fn assert_limit(ended: &(Ended, Duration), reason: CloseReason, within: Duration) {
    assert!(
        matches!(ended.0, Ended::Limit(limit, _) if limit == reason) && ended.1 <= within,
        "{ended:?}"
    );
}

/// Writes these bytes one by one, one a second, until the server has ended the connection.
async fn drip(client: &mut Client, bytes: impl Iterator<Item = u8>) {
    for byte in bytes {
        if !client.send(&[byte]).await {
            return;
        }
        sleep(SECOND).await;
    }
    panic!("the server has not ended the connection");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_the_preface_of_http_2_ends() {
    let client = Client::connect(true, responds(1), LIMITS, 4096);
    assert_limit(&client.ended().await, CloseReason::NoRequest, HEAD);
    let mut client = Client::connect(true, responds(1), LIMITS, 4096);
    drip(&mut client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".iter().copied()).await;
    assert_limit(&client.ended().await, CloseReason::NoRequest, HEAD);
}

#[tokio::test(start_paused = true)]
async fn a_head_over_http_2_that_does_not_end_ends_the_connection() {
    // HEADERS without END_HEADERS, and CONTINUATION frames with a byte each.
    let unfinished = || {
        let headers = frame(HEADERS, END_STREAM, 3, &fields(&Method::GET));
        let more = frame(CONTINUATION, 0, 3, &[0x84]);
        headers.into_iter().chain(std::iter::repeat_n(more, 100).flatten())
    };
    let mut client = Client::h2(responds(1)).await;
    drip(&mut client, unfinished()).await;
    assert_limit(&client.ended().await, CloseReason::NoRequest, HEAD);
    // Also after a request.
    let mut client = Client::h2(responds(1)).await;
    client.send(&get(1)).await;
    client.read_until(DATA).await;
    drip(&mut client, unfinished()).await;
    assert_limit(&client.ended().await, CloseReason::NotClosed, 2 * IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_head_over_http_1_1_that_does_not_end_ends_the_connection() {
    let head = || GET.iter().copied().chain(std::iter::repeat(b'x')).take(1000);
    for requests in 0..2 {
        let mut client = Client::h1(responds(1));
        for _ in 0..requests {
            client.send(GET).await;
            let mut response = [0; 15];
            client.io.read_exact(&mut response).await.unwrap();
            assert_eq!(&response, b"HTTP/1.1 200 OK");
        }
        drip(&mut client, head().map(|byte| if byte == b'\n' { b'y' } else { byte })).await;
        let (ended, after) = client.ended().await;
        let limit = if requests == 0 { HEAD } else { IDLE };
        assert!(after <= limit, "{ended:?} {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_http_1_1_waits_the_idle_time_for_a_further_request() {
    let mut client = Client::h1(responds(0));
    for _ in 0..3 {
        assert!(client.send(GET).await);
        let mut response = [0; 15];
        client.io.read_exact(&mut response).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 200 OK");
        // Longer than a first request may take.
        sleep(IDLE - SECOND).await;
        let mut rest = [0; 1024];
        let _ = client.io.read(&mut rest).await.unwrap();
    }
    let (ended, after) = client.ended().await;
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    assert_eq!(after.as_secs(), (3 * (IDLE - SECOND) + SECOND).as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_ping_of_the_shutdown_is_disconnected() {
    // Once without further requests, and once with a request every second.
    for goes_on in [false, true] {
        let mut client = Client::h2(responds(0)).await;
        client.send(&get(1)).await;
        client.read_until(GOAWAY).await;
        let mut stream = 3;
        while goes_on && client.send(&get(stream)).await {
            stream += 2;
            sleep(SECOND).await;
        }
        assert_eq!(goaways(&mut client.io).await, [0; 0]);
        let limit = if goes_on { 3 * IDLE } else { 2 * IDLE };
        assert_limit(&client.ended().await, CloseReason::NotClosed, limit);
        // The last ones are refused.
        assert!(!goes_on || (stream - 3) / 2 > 10, "{stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_goaway_and_stays_is_disconnected() {
    let mut client = Client::h2(responds(0)).await;
    client.send(&[get(1), frame(GOAWAY, 0, 0, &[0; 8])].concat()).await;
    client.read_until(HEADERS).await;
    // The HTTP library may close the connection at once.
    while client.read_frame().await.is_some() {}
    let (ended, after) = client.ended().await;
    assert!(after <= 2 * IDLE, "{ended:?} {after:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_and_window_updates_do_not_keep_a_connection_open() {
    for junk in [
        frame(PING, 0, 0, &[0; 8]),
        frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
        frame(SETTINGS, 0, 0, b""),
        frame(RESERVED, 0, 0, &[0; 100]),
    ] {
        // With reading.
        let mut client = Client::h2(responds(0)).await;
        while client.send(&junk).await {
            while tokio::time::timeout(SECOND, client.read_frame())
                .await
                .is_ok_and(|it| it.is_some())
            {}
        }
        assert_limit(&client.ended().await, CloseReason::NoRequest, HEAD);
        // Without, while a response waits to be read.
        let mut client = Client::h2(responds(1 << 20)).await;
        client.send(&get(1)).await;
        while client.send(&junk).await {
            sleep(SECOND / 10).await;
        }
        assert_limit(&client.ended().await, CloseReason::Stalled, 2 * IDLE);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_do_not_keep_a_connection_open() {
    let mut client = Client::h2(responds(0)).await;
    let mut stream = 1;
    // Without a method.
    let malformed = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x87, 0x84]);
    while client.send(&malformed(stream)).await {
        stream += 2;
        sleep(SECOND).await;
    }
    assert_limit(&client.ended().await, CloseReason::NoRequest, HEAD);
}

#[tokio::test(start_paused = true)]
async fn a_large_response_that_is_read_slowly_arrives() {
    // 400 KiB at 4 KiB a second, in one part, of which the buffers hold little.
    let pong = frame(PING, 1, 0, &[0x3b, 0x7c, 0xdb, 0x7a, 0x0b, 0x87, 0x16, 0xb4]);
    for is_h2 in [false, true] {
        let mut client = Client::connect(is_h2, responds(400 * 1024), LIMITS, 4096);
        if is_h2 {
            client.preface().await;
            client.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])).await;
            client.send(&frame(WINDOW_UPDATE, 0, 0, &400_000_u32.to_be_bytes())).await;
            client
                .send(&[get(1), frame(WINDOW_UPDATE, 0, 1, &400_000_u32.to_be_bytes())].concat())
                .await;
        } else {
            client.send(b"GET / HTTP/1.0\r\n\r\n").await;
        }
        let mut received = 0;
        let mut buffer = [0; 4096];
        while received < 400 * 1024 {
            let read = client.io.read(&mut buffer).await.unwrap();
            if read == 0 {
                panic!("is_h2 {is_h2}: {received} {:?}", client.ended.await);
            }
            received += read;
            // The answer to the ping, which the HTTP library waits for.
            client.send(if is_h2 { &pong } else { b"" }).await;
            sleep(SECOND).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_read_a_byte_at_a_time_is_given_up() {
    let mut client = Client::connect(false, responds(1 << 20), LIMITS, 16);
    client.send(GET).await;
    let mut byte = [0];
    while client.io.read(&mut byte).await.is_ok_and(|read| read > 0) {
        sleep(SECOND).await;
    }
    assert_limit(&client.ended().await, CloseReason::Stalled, 2 * IDLE);

    // Over HTTP/2, the client opens the window by a byte at a time.
    let mut client = Client::connect(true, responds(1 << 20), LIMITS, 4096);
    client.preface().await;
    client.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    client.send(&get(1)).await;
    while client.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())).await {
        while tokio::time::timeout(SECOND, client.read_frame()).await.is_ok_and(|it| it.is_some()) {
        }
    }
    assert_limit(&client.ended().await, CloseReason::Stalled, 2 * IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_arrives_slowly_is_not_given_up() {
    // The server's application sends ten bytes every nine seconds.
    let slow = service_fn(|_| {
        let (mut sender, body) = http_body_util::channel::Channel::<_, Infallible>::new(1);
        tokio::spawn(async move {
            for _ in 0..10 {
                sleep(9 * SECOND).await;
                sender.send_data(bytes(10)).await.unwrap();
            }
        });
        ready(Ok(Response::new(Body::new(body))))
    });
    let mut client = Client::h1(BoxCloneSyncService::new(slow));
    client.send(b"GET / HTTP/1.0\r\n\r\n").await;
    let mut response = String::new();
    client.io.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with(&format!("\r\n\r\n{}", "x".repeat(100))), "{response}");
    let (ended, after) = client.ended().await;
    assert!(matches!(ended, Ended::Closed) && after == 90 * SECOND, "{ended:?} {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_closed_its_side_does_not_wait_for_a_response() {
    for is_h2 in [false, true] {
        let unfinished = Arc::new(AtomicUsize::new(0));
        let mut client = Client::connect(is_h2, never(&unfinished), LIMITS, 4096);
        if is_h2 {
            client.preface().await;
            client.send(&get(1)).await;
        } else {
            client.send(GET).await;
        }
        while unfinished.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        client.io.shutdown().await.unwrap();
        let (ended, after) = client.ended.await.unwrap();
        assert_eq!(after, Duration::ZERO, "{ended:?}");
        while unfinished.load(Ordering::SeqCst) != 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_reaches_its_maximum_age_ends_in_each_state() {
    let limits = TimeLimits { max_age: Some(2 * SECOND), ..LIMITS };
    // Without the preface, and without a request.
    for has_preface in [false, true] {
        let mut client = Client::connect(true, responds(0), limits, 4096);
        if has_preface {
            client.preface().await;
        }
        let (ended, after) = client.ended.await.unwrap();
        assert!(after <= HEAD, "{ended:?} {after:?}");
    }
    // While no response is made, and while a response is not read.
    let unfinished = Arc::new(AtomicUsize::new(0));
    for app in [never(&unfinished), responds(1 << 20)] {
        let mut client = Client::connect(true, app, limits, 4096);
        client.preface().await;
        client.send(&get(1)).await;
        assert_limit(&client.ended().await, CloseReason::Stalled, 2 * IDLE);
    }
    // While it is idle: no request is needed for GOAWAY.
    let mut client = Client::connect(true, responds(0), limits, 4096);
    client.preface().await;
    client.send(&get(1)).await;
    client.read_until(GOAWAY).await;
    let (_, _, _, ping) = client.read_until(PING).await;
    client.send(&frame(PING, 1, 0, &ping)).await;
    let Client { mut io, ended } = client;
    assert_eq!(goaways(&mut io).await, [NO_ERROR]);
    // The server waits for this, so that the client can read everything.
    drop(io);
    let (ended, after) = ended.await.unwrap();
    assert!(matches!(ended, Ended::Closed) && after <= 2 * SECOND, "{ended:?} {after:?}");
}
