//! Metrics of the process, by the names that Prometheus' client libraries use. Read from `/proc`, so
//! there are none on other systems than Linux.

use std::fmt::Write;
use std::fs;

use rustls_ext::metrics::{Kind, Metric, Unit};

/// The unit of times in `/proc`, which Linux has as 1/100 s on every architecture (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

static CPU: Metric =
    Metric::counter("process_cpu_seconds_total", "User and system CPU time of the process.")
        .with_unit(Unit::Seconds);
static MEMORY: Metric =
    Metric::gauge("process_resident_memory_bytes", "Resident memory of the process.")
        .with_unit(Unit::Bytes);
static FILES: Metric = Metric::gauge("process_open_fds", "Open file descriptors.");
static MAX_FILES: Metric = Metric::gauge("process_max_fds", "The limit for open file descriptors.");
static START: Metric = Metric::gauge("process_start_time_seconds", "Time when the process began.")
    .with_unit(Unit::Seconds);
static THREADS: Metric = Metric::gauge("process_threads", "Threads of the process.");

/// The metrics of the process.
pub static METRICS: &[&Metric] = &[&CPU, &MEMORY, &FILES, &MAX_FILES, &START, &THREADS];

/// Writes the metrics in Prometheus' text format. One that cannot be read is left out.
pub(super) fn write(text: &mut String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name of the command in brackets, and may contain spaces.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
    // proc_pid_stat(5) counts from 1; the third field is the first here.
    let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
    let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS_PER_SECOND);
    let start = boot_time().zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS_PER_SECOND);
    let open = fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as f64);
    for (metric, value) in [
        (&CPU, cpu),
        (&MEMORY, resident_memory()),
        (&FILES, open),
        (&MAX_FILES, max_files()),
        (&START, start),
        (&THREADS, field(20)),
    ] {
        let Some(value) = value else { continue };
        let name = metric.name();
        let kind = if metric.kind() == Kind::Counter { "counter" } else { "gauge" };
        let _ = write!(
            text,
            "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {value}\n\n",
            metric.help()
        );
    }
}

/// The value of the line of a file that begins with `name`.
fn value(path: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn boot_time() -> Option<f64> {
    value("/proc/stat", "btime")
}

fn resident_memory() -> Option<f64> {
    Some(value("/proc/self/status", "VmRSS:")? * 1024.0)
}

fn max_files() -> Option<f64> {
    value("/proc/self/limits", "Max open files")
}
