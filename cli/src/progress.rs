//! A progress bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Shows how far a transfer is.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    /// Tenths that a plain line was printed for.
    tenths: AtomicU64,
}

/// Content below this is there before anyone looks.
const WORTH_SHOWING: u64 = 1 << 20;

impl Progress {
    /// Shows the progress of `total` bytes, if that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let shown = total.is_some_and(|total| total >= WORTH_SHOWING);
        let bar = (shown && io::stderr().is_terminal()).then(|| {
            let template = "{prefix:>8} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            let bar = ProgressBar::new(total.unwrap_or(0)).with_prefix(what);
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style.progress_chars("=> ")),
                Err(_) => bar,
            }
        });
        Progress {
            what,
            total: total.filter(|_| shown),
            bar,
            tenths: AtomicU64::new(0),
        }
    }

    /// So many bytes are done.
    pub fn set(&self, done: u64) {
        if let Some(bar) = &self.bar {
            return bar.set_position(done);
        }
        let Some(total) = self.total else {
            return;
        };
        // `total` is not 0: what is shown has `WORTH_SHOWING` bytes at least.
        let tenths = done * 10 / total;
        if tenths > self.tenths.swap(tenths, Ordering::Relaxed) {
            let (done, total) = (HumanBytes(done), HumanBytes(total));
            eprintln!("{} {done} of {total}", self.what);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
