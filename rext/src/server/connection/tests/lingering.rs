use super::*;

/// The connections reach their maximum age in at most this time, and in nine tenths of it at least.
const AGE: Duration = SECOND;
/// How long a client may be silent after the last data.
const QUIET: Duration = Duration::from_secs(5);

/// A client that has received a response, then waits for `age`, and has then received everything to the
/// end of the server's direction.
async fn finished(age: Duration) -> Client {
    let limits = TimeLimits { max_age: Some(age), ..LIMITS };
    let mut client = Client::connect(true, responds(1), limits, 4096);
    client.preface().await;
    client.send(&get(1)).await;
    client.read_until(DATA).await;
    while let Some((kind, flags, _, payload)) = client.read_frame().await {
        // The server waits for the answer before it ends the connection.
        if kind == PING && flags == 0 {
            client.send(&frame(PING, 1, 0, &payload)).await;
        }
    }
    client
}

fn window_update() -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())
}

#[tokio::test(start_paused = true)]
async fn the_server_reads_on_until_the_client_has_closed_so_that_no_data_is_lost_to_a_reset() {
    let mut client = finished(AGE).await;
    // A client that reads slowly.
    for _ in 0..10 {
        assert!(client.send(&window_update()).await);
        sleep(SECOND).await;
    }
    assert!(!client.ended.is_finished());
    let Client { io, ended } = client;
    drop(io);
    let (ended, _) = ended.await.unwrap();
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn the_server_does_not_wait_long_for_a_client_that_stays() {
    // It sends nothing.
    let (ended, after) = finished(AGE).await.ended().await;
    assert!(matches!(ended, Ended::Closed) && after <= QUIET, "{ended:?} {after:?}");
    // It sends for ever.
    let mut client = finished(AGE).await;
    while client.send(&window_update()).await {
        sleep(SECOND).await;
    }
    let (ended, after) = client.ended().await;
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    assert!(after <= AGE + Duration::from_secs(60), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_recent_data_is_closed_at_once() {
    let begin = Instant::now();
    let mut client = finished(6 * SECOND).await;
    let received = begin.elapsed();
    assert!(!client.send(&window_update()).await);
    assert_eq!(client.ended().await.1, received);
}
