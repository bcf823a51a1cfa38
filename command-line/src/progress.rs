//! How far a long command has come.

use indicatif::{ProgressBar, ProgressStyle};

use crate::emit;

/// A progress bar on standard error, if that is a terminal; nothing otherwise.
///
/// It goes away when it is dropped.
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
    /// A bar of `total` steps, called `what`.
    pub fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::new(total.try_into().unwrap_or(u64::MAX)).with_prefix(what);
        let template = "{prefix} {wide_bar} {pos}/{len}, {elapsed}, {eta} left {msg}";
        // The default style stands in for a template that is not understood.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows what is being done now.
    pub fn doing(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// One more step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Writes to standard output, without drawing the bar over it.
    pub fn emit(&self, text: impl AsRef<[u8]>) {
        self.0.suspend(|| emit(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
