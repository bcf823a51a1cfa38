//! Copies the bytes of a connection in both directions.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::observe::{ROUTED_BYTES, Tally};

/// How many bytes are copied at a time, in each direction. With four times as many, there are fewer
/// system calls, but a GiB takes more processor time: the data does not stay in the fastest cache.
const CHUNK_SIZE: usize = 16 * 1024;

/// Copies bytes between `client` and `server` until both have closed their side, one of them fails,
/// or neither has sent anything for `idle`.
///
/// The end of one direction (TCP's FIN) is passed on, and the other direction continues. After any
/// other end, both sockets are closed.
pub(super) async fn relay(client: &mut TcpStream, server: &mut TcpStream, idle: Duration) {
    let copied = AtomicU64::new(0);
    let (client_out, client_in) = client.split();
    let (server_out, server_in) = server.split();
    let copying = async {
        tokio::try_join!(
            copy(client_out, server_in, &copied, "to_backend"),
            copy(server_out, client_in, &copied, "to_client"),
        )
    };
    tokio::select! {
        _ = copying => {}
        () = idle_for(&copied, idle) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    copied: &AtomicU64,
    direction: &'static str,
) -> io::Result<()> {
    let mut tally = Tally::new(&ROUTED_BYTES, direction);
    let mut chunk = Vec::with_capacity(CHUNK_SIZE);
    loop {
        let read = from.read_buf(&mut chunk).await?;
        copied.fetch_add(1, Ordering::Relaxed);
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk).await?;
        tally.add(read);
        copied.fetch_add(1, Ordering::Relaxed);
        chunk.clear();
    }
}

/// Returns when nothing was copied for `idle`, or up to twice that.
async fn idle_for(copied: &AtomicU64, idle: Duration) {
    let mut before = None;
    loop {
        let now = Some(copied.load(Ordering::Relaxed));
        if now == before {
            return;
        }
        before = now;
        sleep(idle).await;
    }
}
