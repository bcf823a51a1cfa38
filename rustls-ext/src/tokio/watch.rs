use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::{Live, LoadError, Setup};

/// Reloads `live` whenever its files have changed, and passes the result to `report`.
///
/// Checks the files at the interval `every`, and loads when two checks in a row find the same
/// change, so that files which are still being written are not loaded. Contents are compared, so it
/// does not matter how files are replaced, nor on which file system they are. A failed load is
/// reported once, and tried again when a file changes.
///
/// Never returns. Files are read on tokio's threads for blocking work.
pub async fn watch<P: Send + Sync + 'static>(
    live: Live<P>,
    every: Duration,
    mut report: impl FnMut(Result<Arc<Setup<P>>, LoadError>),
) {
    let mut before = None;
    loop {
        sleep(every).await;
        let looking = live.clone();
        // This fails only if the runtime ends or a load panics; the watch continues after a panic.
        let Ok(now) = spawn_blocking(move || looking.changes()).await else { continue };
        if now.is_none() || now != before {
            before = now;
            continue;
        }
        before = None;
        let loading = live.clone();
        report(match spawn_blocking(move || loading.reload()).await {
            Ok(loaded) => loaded,
            Err(panicked) => Err(LoadError::new(panicked)),
        });
    }
}
