//! Driving every policy over the trace: endless arenas, the search, and the runs that are reported.

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;
use present::units::count;

use super::Error;
use super::pass::pass;
use super::policy::Policy;
use super::report::{PolicyRow, ReplayReport, SearchOutcome};
use super::run::{PolicyRun, RunOptions};
use super::search::Search;
use super::source::Source;

/// What to replay.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Page sizes in bytes.
    pub page_sizes: Vec<u64>,
    /// Arena for the second run, in bytes; by default 1.1 times the peak of live bytes.
    pub arena: Option<u64>,
    /// Samples over time kept for each policy.
    pub samples: u64,
    /// Whether to look for the smallest arena; without it only the given arena is run.
    pub search: bool,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        let page_sizes = vec![512, 4096, 16384, 65536, 262_144, 2 << 20];
        ReplayOptions {
            page_sizes,
            arena: None,
            samples: 400,
            search: true,
        }
    }
}

/// An arena that no trace can fill: 2^63 bytes of offsets, none of them real.
const ENDLESS_ARENA: u64 = 1 << 63;

/// Replays the trace under every policy. `progress` gets a line before each pass. A signal ends it
/// with what is known by then, and the report says so.
///
/// # Errors
/// The trace can no longer be read, or has changed.
pub fn replay(
    source: &Source,
    options: &ReplayOptions,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<ReplayReport, Error> {
    let summary = source.summary();
    let peak = summary.peak_bytes;
    let arena = options.arena.unwrap_or(peak + peak / 10);
    let policies = Policy::all(&options.page_sizes);
    // Odd, so that a trace that repeats itself is not always met in the same phase.
    let sample_every = (summary.operations / options.samples.max(1)).max(1) | 1;
    let sampled = RunOptions {
        sample_every,
        ..RunOptions::default()
    };
    let search = options.search && !source.is_interrupted();

    progress("pass 1: the given arena, and arenas without an end");
    let mut runs: Vec<PolicyRun> = policies
        .iter()
        .map(|&policy| PolicyRun::new(policy, arena, sampled))
        .collect();
    if search {
        runs.extend(endless_runs(&policies));
    }
    let interruption = pass(source, &mut runs, interrupt)?;
    let endless = runs.split_off(policies.len());
    let mut interrupted = interruption.map(|interruption| {
        format!(
            "interrupted by {} after {} of {} operations",
            interruption.signal.as_str(),
            count(interruption.operations),
            count(summary.operations)
        )
    });

    let mut smallest = Smallest::unknown(policies.len());
    if search && interrupted.is_none() {
        let searches = start_searches(&policies, &endless, peak);
        smallest = find_smallest(source, searches, sampled, interrupt, &mut progress)?;
        interrupted = smallest.interruption();
    }
    let outcome = match (search, &interrupted) {
        (false, _) => SearchOutcome::No,
        (true, None) => SearchOutcome::Yes,
        (true, Some(_)) => SearchOutcome::Interrupted,
    };
    let rows = smallest.rows(&runs, peak);
    Ok(ReplayReport::new(
        summary,
        interrupted,
        arena,
        sample_every,
        outcome,
        rows,
    ))
}

/// What the search found, policy by policy.
struct Smallest {
    /// The runs in the smallest arenas, where the search was completed.
    runs: Option<Vec<PolicyRun>>,
    /// The smallest arenas in which a run of the search went well, in bytes.
    arenas: Vec<Option<u64>>,
    /// The signal that ended the search.
    interrupted: Option<Signal>,
}

impl Smallest {
    /// Without a search.
    fn unknown(policies: usize) -> Smallest {
        Smallest {
            runs: None,
            arenas: vec![None; policies],
            interrupted: None,
        }
    }

    /// What the report says where a signal ended the search.
    fn interruption(&self) -> Option<String> {
        let signal = self.interrupted?;
        Some(format!(
            "interrupted by {} in the search: a smallest arena is the smallest tried by then, all \
             else is of the given one",
            signal.as_str()
        ))
    }

    /// The report's rows: of the runs in the smallest arenas where there are any, else of those in
    /// the given one.
    fn rows(&self, given: &[PolicyRun], peak: u64) -> Vec<PolicyRow> {
        match &self.runs {
            Some(runs) => runs
                .iter()
                .zip(given)
                .map(|(run, given)| {
                    let confirmed = (run.failures == 0).then_some(run.arena);
                    PolicyRow::new(run, given, confirmed, peak)
                })
                .collect(),
            None => given
                .iter()
                .zip(&self.arenas)
                .map(|(given, &arena)| PolicyRow::new(given, given, arena, peak))
                .collect(),
        }
    }
}

/// Runs whose highest footprint, or highest sum of allotted bytes, is a bound for the search.
fn endless_runs(policies: &[Policy]) -> impl Iterator<Item = PolicyRun> {
    let options = RunOptions {
        footprint: true,
        ..RunOptions::default()
    };
    policies
        .iter()
        .filter(|policy| policy.settles_low() || matches!(policy, Policy::Paging(_)))
        .map(move |&policy| PolicyRun::new(policy, ENDLESS_ARENA, options))
}

/// A search for each policy, between the bounds that the endless arenas showed.
fn start_searches(policies: &[Policy], endless: &[PolicyRun], peak: u64) -> Vec<(Policy, Search)> {
    policies
        .iter()
        .map(|&policy| {
            let run = endless.iter().find(|run| run.policy == policy);
            // The others allot what was asked for, to the byte.
            let floor = run.map_or(peak, |run| run.peak_allotted);
            let footprint = run
                .filter(|_| policy.settles_low())
                .map(|run| run.peak_footprint);
            (policy, Search::new(policy, floor, footprint, peak / 1000))
        })
        .collect()
}

/// Takes every search to its end, and runs the smallest arenas again to sample them.
fn find_smallest(
    source: &Source,
    mut searches: Vec<(Policy, Search)>,
    sampled: RunOptions,
    interrupt: &Interrupt,
    progress: &mut impl FnMut(&str),
) -> Result<Smallest, Error> {
    let mut smallest = Smallest::unknown(searches.len());
    smallest.interrupted = run_searches(source, &mut searches, interrupt, progress)?;
    if smallest.interrupted.is_none() {
        progress("last pass: the smallest arenas again, to look closely");
        let mut runs: Vec<PolicyRun> = searches
            .iter()
            .map(|(policy, search)| {
                PolicyRun::new(*policy, search.smallest().unwrap_or(0), sampled)
            })
            .collect();
        let interruption = pass(source, &mut runs, interrupt)?;
        smallest.interrupted = interruption.map(|interruption| interruption.signal);
        smallest.runs = smallest.interrupted.is_none().then_some(runs);
    }
    let successes = searches.iter().map(|(_, search)| search.smallest_success());
    smallest.arenas = successes.collect();
    Ok(smallest)
}

/// Takes every search to its end; the signal that ended them before, when one came.
fn run_searches(
    source: &Source,
    searches: &mut [(Policy, Search)],
    interrupt: &Interrupt,
    progress: &mut impl FnMut(&str),
) -> Result<Option<Signal>, Error> {
    let options = RunOptions {
        stop_at_failure: true,
        ..RunOptions::default()
    };
    for number in 2.. {
        let mut runs: Vec<PolicyRun> = searches
            .iter()
            .filter_map(|(policy, search)| Some(PolicyRun::new(*policy, search.next()?, options)))
            .collect();
        if runs.is_empty() {
            break;
        }
        progress(&format!("pass {number}: {} arenas tried", runs.len()));
        let interruption = pass(source, &mut runs, interrupt)?;
        for run in &runs {
            let search = searches
                .iter_mut()
                .find(|(policy, _)| *policy == run.policy);
            // A failure counts in any case, a success only at the end of the trace.
            let counts = interruption.is_none() || run.failures > 0;
            if let Some((_, search)) = search.filter(|_| counts) {
                search.record(run.arena, run.failures > 0);
            }
        }
        if let Some(interruption) = interruption {
            return Ok(Some(interruption.signal));
        }
    }
    Ok(None)
}
