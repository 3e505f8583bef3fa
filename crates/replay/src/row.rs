//! One policy's row of the report, from its two runs.

use super::Policy;
use super::report::{GivenArena, PolicyRow};
use super::run::{PolicyRun, Sample};

impl PolicyRow {
    /// The row of a policy: `shown` is the run whose samples are shown, `given` the run in the
    /// given arena; `peak` is the trace's.
    pub(super) fn new(
        shown: &PolicyRun,
        given: &PolicyRun,
        smallest: Option<u64>,
        peak: u64,
    ) -> PolicyRow {
        let contiguous = !matches!(given.policy, Policy::Paging(_));
        // Knuth's rule is about the steady state: the first quarter of the trace is left out.
        let steady = &given.samples[given.samples.len() / 4..];
        let (holes, blocks) = steady.iter().fold((0, 0), |(holes, blocks), sample| {
            (holes + sample.holes, blocks + sample.blocks)
        });
        let follows_knuth = contiguous && !matches!(given.policy, Policy::Buddy | Policy::Segments);
        PolicyRow {
            policy: given.policy.name(),
            smallest_arena_bytes: smallest,
            smallest_arena_of_peak: smallest.map(|arena| arena as f64 / peak.max(1) as f64),
            internal_mean: mean(&shown.samples, Sample::internal),
            internal_max: max(&shown.samples, Sample::internal),
            external_mean: mean(&shown.samples, Sample::external),
            external_max: max(&shown.samples, Sample::external),
            moved_bytes: shown.moved_bytes(),
            holes_per_block: (follows_knuth && blocks > 0).then(|| holes as f64 / blocks as f64),
            half_p: (follows_knuth && given.placements > 0)
                .then(|| (given.placements - given.exact) as f64 / given.placements as f64 / 2.0),
            given_arena: GivenArena {
                failures: given.failures,
                failures_with_enough_free: given.failures_with_enough_free,
                internal_mean: mean(&given.samples, Sample::internal),
                external_mean: mean(&given.samples, Sample::external),
            },
            samples: shown.samples.clone(),
        }
    }
}

fn mean(samples: &[Sample], share: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(share).sum::<f64>() / samples.len().max(1) as f64
}

fn max(samples: &[Sample], share: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(share).fold(0.0, f64::max)
}
