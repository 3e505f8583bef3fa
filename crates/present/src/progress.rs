//! A line on the terminal that says how far a run is; nothing where standard error is no terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 24;

/// The line.
pub struct Progress {
    shown: bool,
    last: Instant,
    total: u64,
}

impl Progress {
    /// For a run of `total` connections.
    pub fn new(total: u64) -> Self {
        Progress {
            shown: std::io::stderr().is_terminal(),
            last: Instant::now(),
            total: total.max(1),
        }
    }

    /// Says that `done` connections are made and what is measured now.
    pub fn show(&mut self, done: u64, what: &str) {
        if !self.shown || self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        let filled = (done.min(self.total) as f64 / self.total as f64 * WIDTH as f64) as usize;
        let bar = "#".repeat(filled) + &".".repeat(WIDTH - filled);
        let _ = write!(std::io::stderr(), "\r\x1b[K[{bar}] {what}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
