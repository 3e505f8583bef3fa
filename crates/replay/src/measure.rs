//! Driving every policy over the trace: endless arenas, the search, and the run that the report rests on.

use harness::interrupt::Interrupt;
use present::units::count;

use super::pass::pass;
use super::policy::Policy;
use super::report::{Report, Row, Searched};
use super::run::{Run, Watch};
use super::search::Search;
use super::source::Source;
use crate::trace::TraceError;

/// What to replay.
#[derive(Debug, Clone)]
pub struct Options {
    /// Page sizes in bytes.
    pub page_sizes: Vec<u64>,
    /// Arena for the second run, in bytes; by default 1.1 times the peak of live bytes.
    pub arena: Option<u64>,
    /// Samples over time kept for each policy.
    pub samples: u64,
    /// Whether to look for the smallest arena; without it only the given arena is run.
    pub search: bool,
}

impl Default for Options {
    fn default() -> Self {
        let page_sizes = vec![512, 4096, 16384, 65536, 262_144, 2 << 20];
        Options {
            page_sizes,
            arena: None,
            samples: 400,
            search: true,
        }
    }
}

/// An arena that no trace can fill: 2^63 bytes of offsets, none of them real.
const ENDLESS: u64 = 1 << 63;

/// Replays the trace under every policy. `progress` hears a line before each pass. A signal ends it with
/// what is known by then, and the report says so.
///
/// # Errors
/// The trace can no longer be read.
pub fn replay(
    source: &Source,
    options: &Options,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&str),
) -> Result<Report, TraceError> {
    let summary = source.summary();
    let peak = summary.peak_bytes;
    let arena = options.arena.unwrap_or(peak + peak / 10);
    let policies = Policy::all(&options.page_sizes);
    // Odd, so that a trace that repeats itself is not always met in the same phase.
    let sample_every = (summary.operations / options.samples.max(1)).max(1) | 1;
    let search = options.search && !source.interrupted();
    let sampled = Watch {
        sample_every,
        ..Watch::default()
    };

    progress("pass 1: the given arena, and arenas without an end");
    let mut runs: Vec<Run> = policies
        .iter()
        .map(|&policy| Run::new(policy, arena, sampled))
        .collect();
    if search {
        runs.extend(endless(&policies));
    }
    let mut cut = pass(source, &mut runs, interrupt)?.map(|cut| {
        format!(
            "interrupted by {} after {} of {} operations",
            cut.signal.as_str(),
            count(cut.operations),
            count(summary.operations)
        )
    });
    let endless = runs.split_off(policies.len());
    let given = runs;

    let mut smallest = None;
    let mut found = vec![None; policies.len()];
    if search && cut.is_none() {
        let mut searches = searches(&policies, &endless, peak);
        cut = look(source, &mut searches, interrupt, &mut progress)?;
        if cut.is_none() {
            progress("last pass: the smallest arenas again, to look closely");
            let mut runs: Vec<Run> = searches
                .iter()
                .map(|(policy, search)| Run::new(*policy, search.found().unwrap_or(0), sampled))
                .collect();
            cut = pass(source, &mut runs, interrupt)?.map(|cut| in_search(cut.signal));
            smallest = cut.is_none().then_some(runs);
        }
        found = searches.iter().map(|(_, search)| search.seen()).collect();
    }

    let rows = match &smallest {
        Some(runs) => runs
            .iter()
            .zip(&given)
            .map(|(run, given)| {
                Row::new(run, given, (run.failures == 0).then_some(run.arena), peak)
            })
            .collect(),
        None => given
            .iter()
            .zip(found)
            .map(|(given, found)| Row::new(given, given, found, peak))
            .collect(),
    };
    let searched = match (search, &cut) {
        (false, _) => Searched::No,
        (true, None) => Searched::Yes,
        (true, Some(_)) => Searched::Interrupted,
    };
    Ok(Report::new(
        summary,
        cut,
        arena,
        sample_every,
        searched,
        rows,
    ))
}

/// Runs whose highest footprint or highest sum is a bound for the search.
fn endless(policies: &[Policy]) -> impl Iterator<Item = Run> {
    let watch = Watch {
        footprint: true,
        ..Watch::default()
    };
    policies
        .iter()
        .filter(|policy| policy.settles_low() || matches!(policy, Policy::Paging(_)))
        .map(move |&policy| Run::new(policy, ENDLESS, watch))
}

/// A search for each policy, beginning between the bounds that the endless arenas showed.
fn searches(policies: &[Policy], endless: &[Run], peak: u64) -> Vec<(Policy, Search)> {
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

/// Takes every search to its end; what interrupted it, when something did.
fn look(
    source: &Source,
    searches: &mut [(Policy, Search)],
    interrupt: &Interrupt,
    progress: &mut impl FnMut(&str),
) -> Result<Option<String>, TraceError> {
    let watch = Watch {
        stop_at_failure: true,
        ..Watch::default()
    };
    for number in 2.. {
        let mut runs: Vec<Run> = searches
            .iter()
            .filter_map(|(policy, search)| Some(Run::new(*policy, search.next()?, watch)))
            .collect();
        if runs.is_empty() {
            break;
        }
        progress(&format!("pass {number}: {} arenas tried", runs.len()));
        let cut = pass(source, &mut runs, interrupt)?;
        for run in &runs {
            let search = searches
                .iter_mut()
                .find(|(policy, _)| *policy == run.policy);
            // A failure counts in any case, a success only at the end of the trace.
            if let Some((_, search)) = search.filter(|_| cut.is_none() || run.failures > 0) {
                search.learn(run.arena, run.failures > 0);
            }
        }
        if let Some(cut) = cut {
            return Ok(Some(in_search(cut.signal)));
        }
    }
    Ok(None)
}

fn in_search(signal: nix::sys::signal::Signal) -> String {
    format!(
        "interrupted by {} in the search: a smallest arena is the smallest tried by then, all else is of the given one",
        signal.as_str()
    )
}
