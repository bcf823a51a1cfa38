//! Notifies systemd, or another service manager with its protocol (sd_notify(3)).
//!
//! Without `NOTIFY_SOCKET` in the environment, nothing is sent.

#[cfg(unix)]
pub(crate) use unix::*;

/// Reports that files are being reloaded; [`ready`] must follow.
#[cfg(not(unix))]
pub(crate) fn reloading() {}

/// Reports that the program serves, with this status.
#[cfg(not(unix))]
pub(crate) fn ready(_: &str) {}

/// Reports that a reload has ended.
#[cfg(not(unix))]
pub(crate) fn reloaded(_: &str) {}

/// Reports that the program stops.
#[cfg(not(unix))]
pub(crate) fn stopping(_: &str) {}

/// Never returns: there is no watchdog.
#[cfg(not(unix))]
pub(crate) async fn watchdog() {
    std::future::pending().await
}

#[cfg(unix)]
mod unix {
    use sd_notify::NotifyState;
    use tracing::warn;

    fn notify(states: &[NotifyState<'_>]) {
        if let Err(err) = sd_notify::notify(states) {
            warn!(%err, "cannot notify the service manager (NOTIFY_SOCKET)");
        }
    }

    /// Reports that everything is loaded and listening, with this status.
    pub(crate) fn ready(status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Reports that files are being reloaded; [`reloaded`] must follow.
    pub(crate) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(err) => warn!(%err, "cannot read the clock for the service manager"),
        }
    }

    /// Reports that a reload has ended, with this status.
    pub(crate) fn reloaded(status: &str) {
        ready(status);
    }

    /// Reports that the program stops, with this status.
    pub(crate) fn stopping(status: &str) {
        notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Reports that another process takes the place of this one.
    pub(crate) fn main_process(id: u32) {
        notify(&[NotifyState::MainPid(id)]);
    }

    /// Tells the watchdog, if there is one (`WatchdogSec=`), twice in its interval that the runtime
    /// is alive. Never returns.
    pub(crate) async fn watchdog() {
        let Some(interval) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(interval / 2);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    }
}
