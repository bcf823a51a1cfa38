//! The limit on the number of open file descriptors.

use tracing::warn;

/// How many file descriptors the program needs besides those of connections: files, listeners,
/// standard streams, the runtime's own.
const SPARE: u64 = 64;

/// Raises the limit on open file descriptors as far as the system allows, and warns if it is too
/// small for `max_connections`, each of which needs this many.
pub(crate) fn check(max_connections: usize, per_connection: u64) {
    let Some(limit) = raised() else { return };
    let most = u64::try_from(max_connections).unwrap_or(u64::MAX);
    if let Some(fits) = fitting(limit, most, per_connection) {
        warn!(
            limit,
            max_connections,
            fits,
            "the limit on open file descriptors is too low for --max-connections: at most {fits} \
             connections fit; raise it (LimitNOFILE= in systemd, ulimit -Hn in a shell), or lower \
             --max-connections"
        );
    }
}

/// Returns how many connections fit into the limit, if that is less than `most`.
fn fitting(limit: u64, most: u64, per_connection: u64) -> Option<u64> {
    let fits = limit.saturating_sub(SPARE) / per_connection.max(1);
    (fits < most).then_some(fits)
}

/// Raises the soft limit to the hard limit, and returns the limit that holds.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rlimit::Resource;
    let (soft, hard) = Resource::NOFILE.get().ok()?;
    if soft >= hard {
        return Some(soft);
    }
    // The hard limit of macOS is not the one that holds; this function knows.
    match rlimit::increase_nofile_limit(hard) {
        Ok(limit) => Some(limit),
        Err(err) => {
            warn!(%err, limit = soft, "cannot raise the limit on open file descriptors");
            Some(soft)
        }
    }
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_names_the_number_of_connections_that_fit() {
        assert_eq!(fitting(1024, 1024, 1), Some(960));
        assert_eq!(fitting(1024, 960, 1), None);
        assert_eq!(fitting(1024, 4096, 2), Some(480));
        assert_eq!(fitting(10, 1, 1), Some(0));
        assert_eq!(fitting(u64::MAX, 65535, 2), None);
    }
}
