//! Driving every policy over the trace: endless arenas, the search, and the run that the report rests on.

use std::sync::{Arc, Mutex, PoisonError};

use super::policy::Policy;
use super::report::{GivenArena, Report, Row};
use super::run::{Run, Watch};
use super::search::Search;
use super::source::Source;
use crate::trace::{Op, TraceError};

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
    // Odd, so that a trace that repeats itself is not always met in the same phase.
    let sample_every = (source.summary().operations / options.samples.max(1)).max(1) | 1;

    let smallest = if options.search {
        search(source, &policies, peak, &mut progress)?
    } else {
        vec![None; policies.len()]
    };

    progress("last pass: the smallest arena again, and the given one");
    let verifying = |(&policy, &arena): (&Policy, &Option<u64>)| {
        Run::new(
            policy,
            arena.unwrap_or(0),
            Watch {
                sample_every,
                stop_at_failure: arena.is_none(),
                ..Watch::default()
            },
        )
    };
    let given = |&policy: &Policy| {
        Run::new(
            policy,
            arena,
            Watch {
                sample_every,
                ..Watch::default()
            },
        )
    };
    let mut runs: Vec<Run> = policies.iter().zip(&smallest).map(verifying).collect();
    runs.extend(policies.iter().map(given));
    pass(source, &mut runs)?;

    let given = runs.split_off(policies.len());
    let rows = runs
        .iter()
        .zip(&given)
        .map(|(run, given)| row(run, given, peak, options.search))
        .collect();
    Ok(Report::new(source.summary(), arena, sample_every, rows))
}

fn search(
    source: &Source,
    policies: &[Policy],
    peak: u64,
    progress: &mut impl FnMut(&str),
) -> Result<Vec<Option<u64>>, TraceError> {
    progress("pass 1: arenas without an end");
    let watch = Watch {
        footprint: true,
        ..Watch::default()
    };
    let mut endless: Vec<Run> = policies
        .iter()
        .filter(|policy| policy.settles_low())
        .map(|&policy| Run::new(policy, ENDLESS, watch))
        .collect();
    pass(source, &mut endless)?;
    let floors = peaks(source, policies)?;
    let resolution = peak / 1000;
    let mut searches: Vec<Search> = policies
        .iter()
        .zip(floors)
        .map(|(&policy, floor)| {
            let run = endless.iter().find(|run| run.policy == policy);
            let footprint = run.map(|run| run.peak_footprint);
            Search::new(policy, floor, footprint, resolution)
        })
        .collect();
    for number in 2.. {
        let mut runs: Vec<Run> = policies
            .iter()
            .zip(&searches)
            .filter_map(|(&policy, search)| {
                let watch = Watch {
                    stop_at_failure: true,
                    ..Watch::default()
                };
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

/// The highest sum of allotted bytes under each policy: no smaller arena can do.
fn peaks(source: &Source, policies: &[Policy]) -> Result<Vec<u64>, TraceError> {
    let rules: Vec<_> = policies.iter().map(|policy| policy.build(0)).collect();
    let mut sums = vec![(0u64, 0u64); policies.len()];
    let mut sizes: Vec<u64> = Vec::new();
    source.each(|op| {
        let (slot, size) = match op {
            Op::Place { slot, size } | Op::Resize { slot, size } => (slot as usize, size),
            Op::Free { slot } => (slot as usize, 0),
        };
        if sizes.len() <= slot {
            sizes.resize(slot + 1, 0);
        }
        let was = std::mem::replace(&mut sizes[slot], size);
        for (rule, (sum, peak)) in rules.iter().zip(&mut sums) {
            let allotted = |size| if size == 0 { 0 } else { rule.allotted(size) };
            *sum = *sum - allotted(was) + allotted(size);
            *peak = (*peak).max(*sum);
        }
        true
    })?;
    Ok(sums.into_iter().map(|(_, peak)| peak).collect())
}

/// Takes every run through the whole trace; the runs are shared out among the processors.
fn pass(source: &Source, runs: &mut [Run]) -> Result<(), TraceError> {
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(runs.len())
        .max(1);
    std::thread::scope(|scope| {
        let mut handles = Vec::new();
        match source {
            // Kept operations: each worker takes the next run from the queue and sees it through.
            Source::Kept(..) => {
                let queue = Arc::new(Mutex::new(runs.iter_mut()));
                for _ in 0..workers {
                    let queue = Arc::clone(&queue);
                    handles.push(scope.spawn(move || {
                        while let Some(run) = next(&queue) {
                            together(source, std::slice::from_mut(run))?;
                        }
                        Ok(())
                    }));
                }
            }
            // A file is read once by each worker, for all the runs of its share.
            Source::Streamed { .. } => {
                for share in runs.chunks_mut(runs.len().div_ceil(workers).max(1)) {
                    handles.push(scope.spawn(move || together(source, share)));
                }
            }
        }
        handles
            .into_iter()
            .try_for_each(|handle| match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

fn next<'a>(queue: &Mutex<std::slice::IterMut<'a, Run>>) -> Option<&'a mut Run> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// One reading of the trace for all of `runs`.
fn together(source: &Source, runs: &mut [Run]) -> Result<(), TraceError> {
    source.each(|op| {
        let mut going = false;
        for run in runs.iter_mut().filter(|run| !run.stopped()) {
            run.step(op);
            going |= !run.stopped();
        }
        going
    })
}

fn row(run: &Run, given: &Run, peak: u64, searched: bool) -> Row {
    let verified = searched && run.failures == 0 && run.placements > 0;
    let shown = if verified { run } else { given };
    let mean = |of: &dyn Fn(&super::run::Sample) -> f64| {
        shown.samples.iter().map(of).sum::<f64>() / shown.samples.len().max(1) as f64
    };
    let max =
        |of: &dyn Fn(&super::run::Sample) -> f64| shown.samples.iter().map(of).fold(0.0, f64::max);
    let contiguous = !matches!(run.policy, Policy::Paging(_));
    // Knuth's rule is about the steady state: the first quarter of the trace is left out.
    let steady = &given.samples[given.samples.len() / 4..];
    let (holes, blocks) = steady.iter().fold((0, 0), |(holes, blocks), sample| {
        (holes + sample.holes, blocks + sample.blocks)
    });
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
            internal_mean: given.samples.iter().map(|s| s.internal()).sum::<f64>()
                / given.samples.len().max(1) as f64,
            external_mean: given.samples.iter().map(|s| s.external()).sum::<f64>()
                / given.samples.len().max(1) as f64,
        },
        samples: shown.samples.clone(),
    }
}
