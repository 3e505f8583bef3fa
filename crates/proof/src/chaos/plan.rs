//! What is done to a run, and when: drawn from the seed.

use std::time::Duration;

use crate::random::Random;

/// Claims of one run, at most: so that a moment is soon there.
const MOST_CLAIMS: usize = 5;
/// The longest pause, in milliseconds.
const LONGEST_PAUSE_MS: usize = 300;

/// What is done to one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The claims that run.
    pub claims: Vec<String>,
    /// The moment: so many processes of the run have been seen.
    pub processes: usize,
    /// What is done.
    pub strike: Strike,
    /// To whom.
    pub target: Target,
    /// Which of the children that live, where one is struck.
    pub choice: usize,
    /// How long a stopped process stays so. It is the disturbance itself: no verdict waits for it.
    pub pause: Duration,
}

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGHUP.
    HangUp,
    /// SIGSTOP, and after a while SIGCONT.
    Pause,
}

/// Who is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The program itself.
    Witness,
    /// One of the processes that it has started.
    Child,
}

impl Strike {
    const ALL: [Strike; 5] = [
        Strike::Kill,
        Strike::Terminate,
        Strike::Interrupt,
        Strike::HangUp,
        Strike::Pause,
    ];

    /// The names of its signals.
    pub fn name(self) -> &'static str {
        match self {
            Strike::Kill => "SIGKILL",
            Strike::Terminate => "SIGTERM",
            Strike::Interrupt => "SIGINT",
            Strike::HangUp => "SIGHUP",
            Strike::Pause => "SIGSTOP, SIGCONT",
        }
    }
}

impl Target {
    const ALL: [Target; 2] = [Target::Witness, Target::Child];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Target::Witness => "witness",
            Target::Child => "a child",
        }
    }
}

/// Draws run number `run` of the trial with this seed. Every strike meets every target equally
/// often: they go round, and chance decides the rest.
pub fn plan(seed: u64, run: u64, claims: &[String]) -> Plan {
    let mut random = Random::of_step(seed, run);
    let count = 1 + random.below(MOST_CLAIMS);
    let chosen: Vec<String> = (0..count)
        .filter_map(|_| random.choose(claims).cloned())
        .collect();
    let round = run as usize % (Strike::ALL.len() * Target::ALL.len());
    Plan {
        // Each claim has a process of its own, and most have more.
        processes: 1 + random.below(chosen.len() + 2),
        claims: chosen,
        strike: Strike::ALL[round / Target::ALL.len()],
        target: Target::ALL[round % Target::ALL.len()],
        choice: random.below(usize::MAX),
        pause: Duration::from_millis(random.below(LONGEST_PAUSE_MS) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_plans_and_each_kind_as_often() {
        let claims: Vec<String> = ["layers", "offset", "heap-holes"].map(str::to_owned).into();
        let plans = |seed| -> Vec<Plan> { (0..200).map(|run| plan(seed, run, &claims)).collect() };
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
        for strike in Strike::ALL {
            for target in Target::ALL {
                let plans = plans(3);
                let same = plans
                    .iter()
                    .filter(|plan| (plan.strike, plan.target) == (strike, target));
                assert_eq!(same.count(), 20, "{strike:?} {target:?}");
            }
        }
        let some = plans(4);
        assert!(
            some.iter()
                .all(|plan| (1..=MOST_CLAIMS).contains(&plan.claims.len()))
        );
        assert!(some.iter().all(|plan| plan.processes > 0));
    }
}
