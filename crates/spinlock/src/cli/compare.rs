//! `spinlock compare`: every lock under contention.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use clap::builder::TypedValueParser as _;
use harness::interrupt::Interrupt;
use present::{OutputFile, Progress, ensure_apart, print_document, terminal_width};
use runner::{known_names, number, whole_number};
use spinlock::compare::lock_name::LockName;
use spinlock::compare::window::Regime;
use spinlock::compare::{ComparisonPlan, DEFAULT_REGIMES, render, svg};

use super::{NANOSECONDS, THREADS};

/// No comparison may take longer; a slip of the keyboard would.
const MAX_RUN: Duration = Duration::from_secs(3600);

/// No window of the default run begins after this time, and it ends within 30 s. A first round
/// always has as long.
const DEFAULT_RUN: Duration = Duration::from_secs(27);

/// What to measure, and how to show it.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        measured
  2        an error: nothing was measured, or output could not be written
  128 + N  signal N (INT, TERM, HUP) ended the run: what was measured by then
           is reported and marked PARTIAL

Examples:
  spinlock compare                           all locks in ten regimes, half a minute
  spinlock compare --locks std,parking-lot,futex --threads 4 --critical 0,1000
  spinlock compare --seed 7 --json           the same order of windows each time")]
pub struct CompareArgs {
    /// Numbers of contending threads
    #[arg(long, value_delimiter = ',', value_name = "N,...", value_parser = whole_number(THREADS))]
    threads: Vec<usize>,
    /// Lengths of the critical section in nanoseconds; 0 is one increment
    #[arg(long, value_delimiter = ',', value_name = "NS,...",
          value_parser = whole_number(NANOSECONDS))]
    critical: Vec<u64>,
    /// Times between two sections in nanoseconds
    #[arg(long, value_delimiter = ',', value_name = "NS,...",
          value_parser = whole_number(NANOSECONDS))]
    think: Vec<u64>,
    /// Length of one window in seconds
    #[arg(long, default_value_t = 0.018, value_name = "S", value_parser = number(0.001..=3600.0))]
    seconds: f64,
    /// Windows for each lock and regime [default: 5, or 3 of windows of 0.2 s and more]
    #[arg(long, value_name = "N", value_parser = whole_number(1..=100_000_usize))]
    rounds: Option<usize>,
    /// Locks to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LOCK,...", hide_possible_values = true,
          value_parser = known_names(LockName::ALL.iter().map(|lock| lock.as_str()))
              .try_map(|name| name.parse::<LockName>()))]
    locks: Vec<LockName>,
    /// Seed of the order of the windows [default: the time]
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u64::MAX))]
    seed: Option<u64>,
    /// Write one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Also write the heat-map to FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl CompareArgs {
    /// Measures, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let plan = self.plan()?;
        plan.check()?;
        ensure_apart(&[("--svg", self.svg.as_deref())])?;
        let interrupt = Interrupt::catch()?;
        let file = self.svg.as_deref().map(OutputFile::at).transpose()?;
        let mut progress = Progress::new(plan.windows() as u64, "windows");
        let comparison = plan.run(&interrupt, |done| progress.show(done as u64, ""));
        drop(progress);
        let comparison = comparison.context("compare")?;
        // A picture that cannot be written must not take the figures with it.
        let drawn = file.map_or(Ok(()), |file| file.write(&svg::svg(&comparison)));
        // A signal is noticed even while the reader of the output lets it wait.
        drop(interrupt);
        let partial = comparison.partial;
        print_document(self.json, &comparison, || {
            let heading = partial.map(|partial| partial.heading());
            heading.unwrap_or_default() + &render::text(&comparison, terminal_width())
        })?;
        drawn?;
        Ok(partial.map_or(0, |partial| partial.exit_status()))
    }

    fn plan(&self) -> Result<ComparisonPlan> {
        let mut plan = ComparisonPlan {
            regimes: self.regimes(),
            locks: self.locks(),
            window: Duration::try_from_secs_f64(self.seconds)?,
            rounds: self
                .rounds
                .unwrap_or(if self.seconds < 0.2 { 5 } else { 3 }),
            limit: Duration::ZERO,
            bound: Duration::ZERO,
            seed: self.seed.unwrap_or_else(seed_from_time),
        };
        let planned = self.duration(&plan)?;
        // Repeating refused windows may take half as long again; the default run stays under 30 s.
        plan.limit = if self.has_default_regimes() && self.seconds < 0.02 {
            DEFAULT_RUN
        } else {
            planned * 3 / 2
        };
        plan.bound = plan.limit.max(DEFAULT_RUN);
        Ok(plan)
    }

    /// How long the windows of `plan` last, without repetitions.
    fn duration(&self, plan: &ComparisonPlan) -> Result<Duration> {
        let planned = u32::try_from(plan.windows())
            .ok()
            .and_then(|windows| plan.window.checked_mul(windows))
            .filter(|planned| *planned <= MAX_RUN);
        let Some(planned) = planned else {
            bail!(
                "{} windows of {} s last more than an hour: give fewer --rounds, --locks or cases, \
                 or less --seconds",
                plan.windows(),
                self.seconds
            );
        };
        Ok(planned)
    }

    fn has_default_regimes(&self) -> bool {
        self.threads.is_empty() && self.critical.is_empty() && self.think.is_empty()
    }

    /// Every combination of what was asked for, each once.
    fn regimes(&self) -> Vec<Regime> {
        if self.has_default_regimes() {
            return DEFAULT_REGIMES.to_vec();
        }
        let mut regimes = Vec::new();
        for &threads in or_default(&self.threads, &[1, 2, 4, 8]) {
            for &critical_ns in or_default(&self.critical, &[0]) {
                for &think_ns in or_default(&self.think, &[0]) {
                    let regime = Regime {
                        threads,
                        critical_ns,
                        think_ns,
                    };
                    if !regimes.contains(&regime) {
                        regimes.push(regime);
                    }
                }
            }
        }
        regimes
    }

    /// The locks that were asked for. Named twice, one would be measured twice and shown as two.
    fn locks(&self) -> Vec<LockName> {
        let mut seen = HashSet::new();
        let mut locks = or_default(&self.locks, LockName::ALL).to_vec();
        locks.retain(|lock| seen.insert(*lock));
        locks
    }
}

fn or_default<'a, T>(given: &'a [T], default: &'a [T]) -> &'a [T] {
    if given.is_empty() { default } else { given }
}

fn seed_from_time() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| u64::from(time.subsec_nanos()))
}
