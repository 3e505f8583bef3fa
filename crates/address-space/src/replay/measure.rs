//! Driving every policy over the trace: endless arenas, the search, and the run that the report rests on.

use super::policy::Policy;
use super::report::{GivenArena, Report, Row};
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
        Options { page_sizes, arena: None, samples: 400, search: true }
    }
}

/// An arena that no trace can fill: 2^63 bytes of offsets, none of them real.
const ENDLESS: u64 = 1 << 63;

/// Replays the trace under every policy. `progress` hears a line before each pass.
///
/// # Errors
/// The trace can no longer be read.
pub fn replay(
    source: &Source,
    options: &Options,
    mut progress: impl FnMut(&str),
) -> Result<Report, TraceError> {
    let peak = source.summary().peak_bytes;
    let arena = options.arena.unwrap_or(peak + peak / 10);
    let policies = Policy::all(&options.page_sizes);
    let sample_every = (source.summary().operations / options.samples.max(1)).max(1);

    let smallest = if options.search {
        search(source, &policies, peak, &mut progress)?
    } else {
        vec![None; policies.len()]
    };

    progress("last pass: the smallest arena again, and the given one");
    let verifying = |(&policy, &arena): (&Policy, &Option<u64>)| {
        Run::new(policy, arena.unwrap_or(0), Watch { sample_every, stop_at_failure: arena.is_none(), ..Watch::default() })
    };
    let given = |&policy: &Policy| Run::new(policy, arena, Watch { sample_every, ..Watch::default() });
    let mut runs: Vec<Run> = policies.iter().zip(&smallest).map(verifying).collect();
    runs.extend(policies.iter().map(given));
    pass(source, &mut runs)?;

    let given = runs.split_off(policies.len());
    let rows = runs.iter().zip(&given).map(|(run, given)| row(run, given, peak, options.search)).collect();
    Ok(Report::new(source.summary(), arena, sample_every, rows))
}

fn search(
    source: &Source,
    policies: &[Policy],
    peak: u64,
    progress: &mut impl FnMut(&str),
) -> Result<Vec<Option<u64>>, TraceError> {
    progress("pass 1: arenas without an end");
    let mut runs: Vec<Run> = policies
        .iter()
        .map(|&policy| {
            // Worst fit would cut every block from the far end; all it is asked here is its peak.
            let probe = if policy.settles_low() || policy.never_fragments() { policy } else { Policy::FirstFit };
            Run::new(probe, ENDLESS, Watch { footprint: policy.settles_low(), ..Watch::default() })
        })
        .collect();
    pass(source, &mut runs)?;
    let resolution = peak / 1000;
    let mut searches: Vec<Search> = policies
        .iter()
        .zip(&runs)
        .map(|(&policy, run)| {
            let footprint = policy.settles_low().then_some(run.peak_footprint);
            Search::new(policy, run.peak_allotted, footprint, resolution.max(policy.unit()))
        })
        .collect();
    for number in 2.. {
        let mut runs: Vec<Run> = policies
            .iter()
            .zip(&searches)
            .filter_map(|(&policy, search)| {
                let watch = Watch { stop_at_failure: true, ..Watch::default() };
                search.next().map(|arena| Run::new(policy, arena, watch))
            })
            .collect();
        if runs.is_empty() {
            break;
        }
        progress(&format!("pass {number}: {} arenas tried", runs.len()));
        pass(source, &mut runs)?;
        for run in &runs {
            let search = policies.iter().position(|&policy| policy == run.policy);
            if let Some(search) = search.and_then(|i| searches.get_mut(i)) {
                search.learn(run.arena, run.failures > 0);
            }
        }
    }
    Ok(searches.iter().map(Search::found).collect())
}

/// Takes every run through the whole trace; the runs are shared out among the processors.
fn pass(source: &Source, runs: &mut [Run]) -> Result<(), TraceError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(runs.len()).max(1);
    let mut shares: Vec<Vec<&mut Run>> = (0..workers).map(|_| Vec::new()).collect();
    for (i, run) in runs.iter_mut().enumerate() {
        shares[i % workers].push(run);
    }
    let work = |share: Vec<&mut Run>| match source {
        // Kept operations: one run after the other, each with its own small working set.
        Source::Kept(..) => share.into_iter().try_for_each(|run| {
            source.each(|op| {
                run.step(op);
                !run.stopped()
            })
        }),
        // A file is read once for all runs of the share.
        Source::Streamed { .. } => {
            let mut share = share;
            source.each(|op| {
                share.iter_mut().filter(|run| !run.stopped()).for_each(|run| run.step(op));
                share.iter().any(|run| !run.stopped())
            })
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
        handles.into_iter().try_for_each(|handle| match handle.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn row(run: &Run, given: &Run, peak: u64, searched: bool) -> Row {
    let verified = searched && run.failures == 0 && run.placements > 0;
    let shown = if verified { run } else { given };
    let mean = |of: &dyn Fn(&super::run::Sample) -> f64| {
        shown.samples.iter().map(of).sum::<f64>() / shown.samples.len().max(1) as f64
    };
    let max = |of: &dyn Fn(&super::run::Sample) -> f64| shown.samples.iter().map(of).fold(0.0, f64::max);
    let contiguous = !matches!(run.policy, Policy::Paging(_));
    // Knuth's rule is about the steady state: the first quarter of the trace is left out.
    let steady = &given.samples[given.samples.len() / 4..];
    let (holes, blocks) = steady
        .iter()
        .fold((0, 0), |(holes, blocks), sample| (holes + sample.holes, blocks + sample.blocks));
    let classic = contiguous && !matches!(run.policy, Policy::Buddy | Policy::Segments);
    Row {
        policy: run.policy.name(),
        smallest_arena_bytes: verified.then_some(run.arena),
        smallest_arena_of_peak: verified.then(|| run.arena as f64 / peak.max(1) as f64),
        internal_mean: mean(&|sample| sample.internal()),
        internal_max: max(&|sample| sample.internal()),
        external_mean: mean(&|sample| sample.external()),
        external_max: max(&|sample| sample.external()),
        moved_bytes: shown.moved_bytes(),
        holes_per_block: (classic && blocks > 0).then(|| holes as f64 / blocks as f64),
        half_p: (classic && given.placements > 0)
            .then(|| (given.placements - given.exact) as f64 / given.placements as f64 / 2.0),
        given_arena: GivenArena {
            failures: given.failures,
            failures_with_enough_free: given.failures_with_enough_free,
            internal_mean: given.samples.iter().map(|s| s.internal()).sum::<f64>() / given.samples.len().max(1) as f64,
            external_mean: given.samples.iter().map(|s| s.external()).sum::<f64>() / given.samples.len().max(1) as f64,
        },
        samples: shown.samples.clone(),
    }
}
