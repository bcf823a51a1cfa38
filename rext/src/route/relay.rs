//! Copies the bytes of a connection in both directions.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How many bytes are copied at a time, in each direction.
const PIECE: usize = 16 * 1024;

/// Copies bytes between `client` and `server` until both have closed their side, one of them fails,
/// or neither has sent anything for `idle`.
///
/// The end of one direction (TCP's FIN) is passed on, and the other direction continues. After any
/// other end, both sockets are closed.
pub(super) async fn relay(client: &mut TcpStream, server: &mut TcpStream, idle: Duration) {
    let carried = AtomicU64::new(0);
    let (client_out, client_in) = client.split();
    let (server_out, server_in) = server.split();
    let both = async {
        tokio::try_join!(
            carry(client_out, server_in, &carried),
            carry(server_out, client_in, &carried),
        )
    };
    tokio::select! {
        _ = both => {}
        () = silence(&carried, idle) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    carried: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        carried.fetch_add(1, Ordering::Relaxed);
        match piece.get(..read) {
            Some([]) | None => return to.shutdown().await,
            Some(octets) => to.write_all(octets).await?,
        }
        carried.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns when nothing was copied for `idle`, or up to twice that.
async fn silence(carried: &AtomicU64, idle: Duration) {
    let mut before = None;
    loop {
        let now = Some(carried.load(Ordering::Relaxed));
        if now == before {
            return;
        }
        before = now;
        sleep(idle).await;
    }
}
