//! The format of log lines: that of tracing-subscriber, faster for the lines that a busy server writes most.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

/// Formats the fields of events and spans.
///
/// The default format escapes a message character by character. A message of printable ASCII needs no escapes; if
/// it is an event's only field, it is written as it is.
#[derive(Debug, Default)]
pub(crate) struct Fields(DefaultFields);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut message = Message::default();
        fields.record(&mut message);
        match message.plain() {
            Some(text) => writer.write_str(text),
            None => self.0.format_fields(writer, fields),
        }
    }
}

/// An event's message.
#[derive(Default)]
struct Message {
    text: String,
    /// True if there are other fields.
    others: bool,
}

impl Message {
    /// The message, if the default format would write exactly this.
    fn plain(&self) -> Option<&str> {
        let printable = |byte| matches!(byte, b' '..=b'~');
        (!self.others && self.text.bytes().all(printable)).then_some(&self.text)
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.others || field.name() != "message" || write!(self.text, "{value:?}").is_err() {
            self.others = true;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Adds ` NAME="VALUE"` to a log line, quoted and escaped as [`Debug`] does.
pub(crate) fn push_field(line: &mut String, name: &str, value: &str) {
    let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    line.push(' ');
    line.push_str(name);
    line.push('=');
    if value.bytes().all(plain) {
        line.push('"');
        line.push_str(value);
        line.push('"');
    } else {
        // Writing to a string does not fail.
        let _ = write!(line, "{value:?}");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::info;
    use tracing::level_filters::LevelFilter;

    use super::*;

    /// What is logged in the default format, or in ours, without the time.
    pub(crate) fn logged(ours: bool, log_it: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Log {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(LevelFilter::DEBUG)
            .with_target(false)
            .with_ansi(false)
            .without_time();
        if ours {
            let subscriber = subscriber.fmt_fields(Fields::default()).finish();
            tracing::subscriber::with_default(subscriber, log_it);
        } else {
            tracing::subscriber::with_default(subscriber.finish(), log_it);
        }
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_default_format() {
        let texts =
            ["", "plain, with \"quotes\" and \\", "\x1b[31mred\u{7}", "C1: \u{9b}2J", "\n", "é"];
        for text in texts {
            let events = || {
                info!("{text}");
                info!(text, "a message with a field");
                info!(text);
                tracing::info_span!("span", text).in_scope(|| info!("{text}"));
            };
            assert_eq!(logged(true, events), logged(false, events));
        }
        assert!(logged(true, || info!("a \x1b[31m")).ends_with("a \\x1b[31m\n"));
    }

    #[test]
    fn a_pushed_field_is_quoted_and_escaped_as_debug_does() {
        for value in ["", "plain ~!", "a \"b\"", "c\\d", "\n\x1b", "é\u{202e}", "\u{7f}"] {
            let mut line = "x".to_owned();
            push_field(&mut line, "name", value);
            assert_eq!(line, format!("x name={value:?}"));
        }
    }
}
