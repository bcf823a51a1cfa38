//! The peak memory of processes.

use command_line::Failure;

/// Reads the peak resident memory of the process, in KiB, from `/proc/self/status`.
///
/// # Errors
/// If the system has no such file: only Linux has it.
pub fn peak() -> Result<u64, Failure> {
    peak_at("self")
}

/// The same for another process.
///
/// # Errors
/// The same, or if it has ended.
pub fn peak_of(pid: u32) -> Result<u64, Failure> {
    peak_at(&pid.to_string())
}

fn peak_at(process: &str) -> Result<u64, Failure> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path).map_err(|err| {
        Failure::Failed(format!("cannot measure memory: this needs Linux: {path}: {err}"))
    })?;
    parse(&text)
        .ok_or_else(|| Failure::Failed(format!("cannot measure memory: no VmHWM in {path}")))
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_high_water_mark() {
        let text = "Name:\tinterop\nVmPeak:\t  999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse(text), Some(12345));
        for bad in ["", "VmHWM:", "VmHWM:\tmany kB", "VmHWM:\t12345"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_reports_a_peak() {
        assert!(peak().unwrap() > 1024);
    }
}
