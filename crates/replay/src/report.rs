//! The result of a replay, as the JSON document has it (`schema` 1).

use serde::Serialize;

use super::real::RealMemory;
pub use super::run::Sample;
use crate::trace::Summary;

/// Everything measured on one trace.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// Version of this document's form.
    pub schema: u32,
    /// The trace itself.
    pub trace: TraceSums,
    /// The arena of the second run, in bytes.
    pub given_arena_bytes: u64,
    /// Whether the smallest arenas were looked for.
    pub search: SearchOutcome,
    /// Operations between two samples.
    pub sample_every_operations: u64,
    /// One row a policy.
    pub policies: Vec<PolicyRow>,
    /// The same in real memory, when asked for; null otherwise.
    pub real_memory: Option<Vec<RealMemory>>,
}

/// How the search for the smallest arenas ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchOutcome {
    /// The search was completed: shares over time and samples are of the smallest arenas.
    Yes,
    /// There was no search: they are of the given arena.
    No,
    /// A signal ended it: they are of the given arena, and a smallest arena is the smallest tried
    /// by then.
    Interrupted,
}

/// The trace, added up.
#[derive(Debug, Clone, Serialize)]
pub struct TraceSums {
    /// Operations of the trace.
    pub operations: u64,
    /// Most blocks live at once.
    pub peak_blocks: u64,
    /// Most bytes live at once, as asked for.
    pub peak_live_bytes: u64,
    /// Bytes ever asked for.
    pub total_bytes: u64,
    /// Why the trace, and so everything below, is only a part; null when it is whole.
    pub partial: Option<String>,
    /// Lines left out on purpose.
    pub notes: Vec<String>,
}

/// One policy's figures. Shares are 0 to 1, over time, in the smallest arena found; without a
/// search in the given one.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyRow {
    /// The policy.
    pub policy: String,
    /// Smallest arena found in which no request fails, verified by a run of that size; null without
    /// a search.
    pub smallest_arena_bytes: Option<u64>,
    /// The same as a multiple of the peak of live bytes.
    pub smallest_arena_of_peak: Option<f64>,
    /// Internal fragmentation: share of the bytes in use that were not asked for; mean over the
    /// samples.
    pub internal_mean: f64,
    /// Its maximum.
    pub internal_max: f64,
    /// External fragmentation: share of the free bytes beyond the largest request that would
    /// succeed; mean over the samples.
    pub external_mean: f64,
    /// Its maximum.
    pub external_max: f64,
    /// Bytes copied by compaction.
    pub moved_bytes: u64,
    /// Holes per live block in the given arena, after the first quarter of the trace; null for
    /// policies whose holes follow another rule.
    pub holes_per_block: Option<f64>,
    /// Knuth's prediction for it, p/2, where p is the share of placements that leave a rest.
    pub half_p: Option<f64>,
    /// The run in the given arena.
    pub given_arena: GivenArena,
    /// Memory over time.
    pub samples: Vec<Sample>,
}

/// How the policy did in the arena given by the user.
#[derive(Debug, Clone, Serialize)]
pub struct GivenArena {
    /// Requests that failed.
    pub failures: u64,
    /// Of these, requests for which enough was free in all.
    pub failures_with_enough_free: u64,
    /// Mean internal fragmentation, 0 to 1.
    pub internal_mean: f64,
    /// Mean external fragmentation, 0 to 1.
    pub external_mean: f64,
}

impl ReplayReport {
    pub(super) fn new(
        summary: &Summary,
        interrupted: Option<String>,
        arena: u64,
        sample_every: u64,
        search: SearchOutcome,
        policies: Vec<PolicyRow>,
    ) -> Self {
        ReplayReport {
            schema: 1,
            trace: TraceSums {
                operations: summary.operations,
                peak_blocks: summary.peak_blocks,
                peak_live_bytes: summary.peak_bytes,
                total_bytes: summary.total_bytes,
                partial: join_reasons(summary.partial.clone(), interrupted),
                notes: summary.notes.clone(),
            },
            given_arena_bytes: arena,
            search,
            sample_every_operations: sample_every,
            policies,
            real_memory: None,
        }
    }

    /// Adds a reason why this is only a part.
    pub fn mark_partial(&mut self, why: String) {
        self.trace.partial = join_reasons(self.trace.partial.take(), Some(why));
    }
}

fn join_reasons(first: Option<String>, second: Option<String>) -> Option<String> {
    let reasons: Vec<String> = first.into_iter().chain(second).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
