//! Times in the formats of log lines, in UTC.

use std::cell::RefCell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// A date and a time of the Gregorian calendar, in UTC.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u32,
}

impl Civil {
    /// A time before 1970 is treated as the beginning of 1970.
    fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = date(days);
        Self {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            millisecond: since.subsec_millis(),
        }
    }
}

/// The year, month and day that is this number of days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    // The calendar repeats every 400 years, so the loop is short for any time.
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let mut year = 1970 + 400 * (days / DAYS_OF_400_YEARS);
    days %= DAYS_OF_400_YEARS;
    loop {
        let length = 365 + u64::from(leap(year));
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// RFC 3339 with milliseconds: `2026-02-28T12:00:00.000Z`.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let Civil { year, month, day, hour, minute, second, millisecond } = Civil::of(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// The format of the common log format: `28/Feb/2026:12:00:00 +0000`.
pub(super) fn common(time: SystemTime) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second, .. } = Civil::of(time);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month - 1)).unwrap_or(&"");
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// The time of a log line: RFC 3339 with microseconds, as tracing-subscriber writes it by default.
///
/// The part up to the second is kept for the other lines of that second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock;

thread_local! {
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write_micros(SystemTime::now(), writer)
    }
}

/// A time before 1970 is treated as the beginning of 1970.
fn write_micros(time: SystemTime, writer: &mut impl fmt::Write) -> fmt::Result {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            let Civil { year, month, day, hour, minute, second: s, .. } = Civil::of(time);
            *text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{s:02}.");
            *second = since.as_secs();
        }
        writer.write_str(text)
    })?;
    let mut micros = since.subsec_micros();
    let mut digits = *b"000000Z";
    for digit in digits.iter_mut().rev().skip(1) {
        *digit += (micros % 10) as u8;
        micros /= 10;
    }
    writer.write_str(std::str::from_utf8(&digits).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected, as_common) in [
            (0, "1970-01-01T00:00:00.007Z", "01/Jan/1970:00:00:00 +0000"),
            (951_827_696, "2000-02-29T12:34:56.007Z", "29/Feb/2000:12:34:56 +0000"),
            (1_709_251_199, "2024-02-29T23:59:59.007Z", "29/Feb/2024:23:59:59 +0000"),
            (1_767_225_599, "2025-12-31T23:59:59.007Z", "31/Dec/2025:23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z", "01/Mar/2100:00:00:00 +0000"),
            (253_402_300_799, "9999-12-31T23:59:59.007Z", "31/Dec/9999:23:59:59 +0000"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(7);
            assert_eq!((rfc3339(time).as_str(), common(time).as_str()), (expected, as_common));
        }
    }

    #[test]
    fn log_lines_have_the_times_of_tracing_subscriber() {
        let written = |time| {
            let mut text = String::new();
            write_micros(time, &mut text).unwrap();
            text
        };
        let time = UNIX_EPOCH + Duration::from_secs(1_709_251_199);
        for (micros, expected) in [
            (0, "2024-02-29T23:59:59.000000Z"),
            (70, "2024-02-29T23:59:59.000070Z"),
            (999_999, "2024-02-29T23:59:59.999999Z"),
            (1_000_001, "2024-03-01T00:00:00.000001Z"),
            // Back again, as a clock may go.
            (123_456, "2024-02-29T23:59:59.123456Z"),
        ] {
            assert_eq!(written(time + Duration::from_micros(micros)), expected);
        }
        // The default, before and after ours.
        let default = || {
            let mut text = String::new();
            tracing_subscriber::fmt::time::SystemTime
                .format_time(&mut Writer::new(&mut text))
                .unwrap();
            text
        };
        let (before, ours, after) = (default(), written(SystemTime::now()), default());
        assert!(before <= ours && ours <= after, "{before} {ours} {after}");
        assert_eq!(ours.len(), before.len());
    }
}
