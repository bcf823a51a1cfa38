use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::{Live, LoadError, Setup};

/// Loads `live` again whenever its files have changed, and says what came of that to `report`.
///
/// Looks every `every`, and loads when two looks in a row see the same change, so that files which
/// are just being written are left alone. Contents are compared, so it does not matter how files
/// are replaced, nor on which file system they are. What cannot be loaded is reported once, and
/// tried again when a file changes.
///
/// Never ends by itself. Files are read on tokio's threads for blocking work.
pub async fn watch<P: Send + Sync + 'static>(
    live: Live<P>,
    every: Duration,
    mut report: impl FnMut(Result<Arc<Setup<P>>, LoadError>),
) {
    let mut before = None;
    loop {
        sleep(every).await;
        let looking = live.clone();
        // It fails only if the runtime ends, or a load panics, which is not the end of the watch.
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
