//! Shows the progress of a long command.

use indicatif::{ProgressBar, ProgressStyle};

use crate::emit;

/// A progress bar on standard error, if that is a terminal; nothing otherwise.
///
/// Dropping it removes the bar.
///
/// ```
/// use command_line::Progress;
///
/// let progress = Progress::new("handshakes", 3);
/// for number in 0..3 {
///     progress.doing(format!("number {number}"));
///     progress.step();
/// }
/// ```
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Makes a bar of `total` steps with this label.
    pub fn new(label: &'static str, total: usize) -> Self {
        let bar = ProgressBar::new(total.try_into().unwrap_or(u64::MAX)).with_prefix(label);
        let template = "{prefix} {wide_bar} {pos}/{len}, {elapsed}, {eta} left {msg}";
        // If the template is invalid, the default style stays.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows the current activity, behind the bar.
    pub fn doing(&self, activity: impl Into<String>) {
        self.0.set_message(activity.into());
    }

    /// Advances the bar by one step.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Writes to standard output, with the bar hidden meanwhile.
    pub fn emit(&self, text: impl AsRef<[u8]>) {
        self.0.suspend(|| emit(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
