//! A line on the terminal that says how far a run is, and how long it may still take; nothing where
//! standard error is no terminal.
#![expect(clippy::disallowed_methods, reason = "this is the room that prints")]

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use terminal_size::{Width, terminal_size_of};

use crate::charset::for_locale;
use crate::foreign_text::escape_controls;

/// Time between two drawings, unless there is something new to say.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// Characters of the bar.
const BAR: u64 = 24;
/// Time after which the rate tells how long the rest may take.
const RATE_KNOWN: Duration = Duration::from_secs(1);

/// The line, which is drawn over itself again and again. Dropped, it is wiped away.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    start: Instant,
    drawn: Option<Instant>,
    what: String,
    total: Option<u64>,
    unit: &'static str,
}

impl Progress {
    /// For a run of `total` steps; `unit` is what one calls them, in the plural.
    pub fn new(total: u64, unit: &'static str) -> Progress {
        let mut progress = Progress::without_total();
        progress.total = Some(total);
        progress.unit = unit;
        progress
    }

    /// For a run that does not know how many steps it will take: only what it does now is shown.
    pub fn without_total() -> Progress {
        Progress {
            shown: stderr().is_terminal(),
            start: Instant::now(),
            drawn: None,
            what: String::new(),
            total: None,
            unit: "",
        }
    }

    /// Says that `done` steps are made, and what is done now.
    pub fn show(&mut self, done: u64, what: &str) {
        let same = self.what == what;
        let lately = self
            .drawn
            .is_some_and(|drawn| drawn.elapsed() < REDRAW_INTERVAL);
        if !self.shown || (same && lately) {
            return;
        }
        self.drawn = Some(Instant::now());
        what.clone_into(&mut self.what);
        let width = terminal_size_of(stderr()).map_or(80, |(Width(width), _)| usize::from(width));
        let line = self.line(done, self.start.elapsed());
        // A terminal that moves on to the next line would keep all that was drawn before.
        let line: String = for_locale(&line)
            .chars()
            .take(width.saturating_sub(1))
            .collect();
        let _ = write!(stderr(), "\r\x1b[K{line}");
    }

    /// Wipes the line away until it is shown again: something else is to be printed.
    pub fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, done: u64, elapsed: Duration) -> String {
        let what = escape_controls(&self.what);
        let Some(total) = self.total else {
            return what;
        };
        let (total, done) = (total.max(1), done.min(total.max(1)));
        let filled = (u128::from(done) * u128::from(BAR) / u128::from(total)) as usize;
        let bar = "#".repeat(filled) + &".".repeat(BAR as usize - filled);
        let mut line = format!("[{bar}] {done} of {total} {}", self.unit);
        if !what.is_empty() {
            line += &format!(", {what}");
        }
        if done > 0 && elapsed >= RATE_KNOWN {
            let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
            line += &format!(", {left:.0} s left");
        }
        line
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(total: Option<u64>, what: &str) -> Progress {
        let mut progress = Progress::without_total();
        progress.total = total;
        progress.unit = "windows";
        progress.what = what.to_owned();
        progress
    }

    #[test]
    fn a_known_total_has_a_bar_and_a_rest() {
        let line = progress(Some(8), "poll\x1b").line(2, Duration::from_secs(3));
        assert_eq!(
            line,
            "[######..................] 2 of 8 windows, poll\\x1b, 9 s left"
        );
        let line = progress(Some(8), "").line(20, Duration::ZERO);
        assert_eq!(
            line, "[########################] 8 of 8 windows",
            "never beyond the end"
        );
        assert!(
            progress(Some(0), "")
                .line(0, Duration::ZERO)
                .contains("0 of 1")
        );
    }

    #[test]
    fn an_unknown_total_has_only_words() {
        let line = progress(None, "pass 2").line(7, Duration::from_secs(9));
        assert_eq!(line, "pass 2");
    }
}
