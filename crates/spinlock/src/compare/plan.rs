//! What a comparison measures, and what it refuses to.

use std::time::Duration;

use super::error::PlanError;
use super::lock_name::LockName;
use super::window::Regime;

/// What to measure.
#[derive(Debug, Clone)]
pub struct ComparisonPlan {
    /// The regimes, in the order of the tables.
    pub regimes: Vec<Regime>,
    /// The locks, in the order of the tables.
    pub locks: Vec<LockName>,
    /// Length of one window.
    pub window: Duration,
    /// Windows for each lock and regime; one more is run to time the waits.
    pub rounds: usize,
    /// No round but the first is begun and no window is repeated after this time.
    pub limit: Duration,
    /// No window at all is begun after this time; a row may then be without figures.
    pub bound: Duration,
    /// Orders the windows.
    pub seed: u64,
}

/// The default regimes: from one thread to four times as many as two CPUs, short sections and long.
pub const DEFAULT_REGIMES: &[Regime] = &[
    regime(1, 0, 0),
    regime(2, 0, 0),
    regime(2, 0, 100),
    regime(2, 1000, 0),
    regime(4, 0, 0),
    regime(4, 1000, 0),
    regime(8, 0, 0),
    regime(8, 0, 100),
    regime(8, 1000, 0),
    regime(8, 1000, 1000),
];

const fn regime(threads: usize, critical_ns: u64, think_ns: u64) -> Regime {
    Regime {
        threads,
        critical_ns,
        think_ns,
    }
}

impl ComparisonPlan {
    /// Refuses what cannot be measured.
    ///
    /// # Errors
    /// What is wrong with the plan, and what would do.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.locks.is_empty() || self.regimes.is_empty() {
            return Err(PlanError::Empty);
        }
        if self.rounds == 0 || self.window < Duration::from_millis(1) {
            return Err(PlanError::TooShort);
        }
        for regime in &self.regimes {
            self.check_regime(regime)?;
        }
        Ok(())
    }

    fn check_regime(&self, regime: &Regime) -> Result<(), PlanError> {
        let threads = regime.threads;
        if threads == 0 {
            return Err(PlanError::NoThreads);
        }
        harness::limits::room_for_threads(threads)
            .map_err(|source| PlanError::TooManyThreads { threads, source })?;
        let operation = regime.critical_ns.saturating_add(regime.think_ns);
        if u128::from(operation) * 10 > self.window.as_nanos() {
            return Err(PlanError::FewOperations {
                window: self.window,
                operation: Duration::from_nanos(operation),
            });
        }
        Ok(())
    }

    /// Windows that a run without repetition takes.
    pub fn windows(&self) -> usize {
        let of_each = self.rounds.saturating_add(1);
        (self.regimes.len() * self.locks.len()).saturating_mul(of_each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> ComparisonPlan {
        ComparisonPlan {
            regimes: vec![regime(1, 0, 0)],
            locks: vec![LockName::Std],
            window: Duration::from_millis(18),
            rounds: 1,
            limit: Duration::ZERO,
            bound: Duration::ZERO,
            seed: 0,
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert_eq!(plan().check(), Ok(()));
        let mut empty = plan();
        empty.locks.clear();
        assert_eq!(empty.check(), Err(PlanError::Empty));
        let mut short = plan();
        short.window = Duration::from_micros(999);
        assert_eq!(short.check(), Err(PlanError::TooShort));
        let mut idle = plan();
        idle.regimes.push(regime(0, 0, 0));
        assert_eq!(idle.check(), Err(PlanError::NoThreads));
        let mut crowded = plan();
        crowded.regimes = vec![regime(1_000_000_000, 0, 0)];
        let refusal = crowded.check();
        assert!(
            matches!(refusal, Err(PlanError::TooManyThreads { .. })),
            "{refusal:?}"
        );
        let mut long = plan();
        long.regimes = vec![regime(1, 1_000_000, 800_001)];
        let refusal = long.check().map_err(|error| error.to_string());
        assert!(refusal.is_err_and(|text| text.ends_with("give --seconds 0.019 or more")));
    }
}
