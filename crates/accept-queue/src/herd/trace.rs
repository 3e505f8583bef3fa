//! `--trace`: what each worker did, as Chrome trace event JSON, which the Perfetto viewer opens.
//!
//! A process for each row, a track for each worker. Times come from the workers' own stamps
//! (CLOCK_MONOTONIC) where they returned to user space. A worker that slept again inside its call
//! has no stamp: it is known only from its count of sleeps between two moments at which all were
//! asleep, and its slice covers all of that time.

use std::sync::atomic::Ordering::Relaxed;

use prefork::{Tally, now_ns};
use serde_json::{Value, json};

use crate::counts::{Counts, Snapshot};
use crate::error::Error;
use crate::workers::Workers;

/// The slice of a worker that slept again inside its call.
const WASTED_IN_KERNEL: &str = "wasted, in the kernel, at some time here";

/// The events so far.
#[derive(Debug, Default)]
pub struct HerdTrace {
    events: Vec<Value>,
    row: u32,
    tracks: Vec<Track>,
}

/// One worker's track: what it had counted, and since when it sleeps.
#[derive(Clone, Copy, Debug)]
struct Track {
    pid: i32,
    counts: Counts,
    asleep_since: u64,
}

/// What one worker has noted when a burst is over: its counts, and when it last returned, accepted
/// and finished serving, in nanoseconds of CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, Default)]
struct WorkerState {
    counts: Counts,
    returned_at: u64,
    accepted_at: u64,
    served_at: u64,
}

impl WorkerState {
    fn read(counts: Counts, tally: &Tally) -> Self {
        WorkerState {
            counts,
            returned_at: tally.returned_at.load(Relaxed),
            accepted_at: tally.accepted_at.load(Relaxed),
            served_at: tally.served_at.load(Relaxed),
        }
    }
}

impl HerdTrace {
    /// Begins a row: its process and its workers' tracks. `before` is what the workers, all asleep,
    /// have counted so far: nothing of it belongs to the row.
    pub(super) fn begin_row(&mut self, strategy: &str, pids: &[i32], before: &Snapshot) {
        self.row += 1;
        let name = format!("{strategy}, {} workers", pids.len());
        self.name("process_name", 0, &name);
        self.tracks.clear();
        for (index, (&pid, &counts)) in pids.iter().zip(&before.each).enumerate() {
            self.name("thread_name", pid, &format!("worker {index}"));
            self.tracks.push(Track {
                pid,
                counts,
                asleep_since: now_ns(),
            });
        }
    }

    /// Adds what the workers did since `start`, when a burst of connections was begun, once they
    /// sleep again.
    ///
    /// # Errors
    /// Those of [`Workers::settle`].
    pub(super) fn add_burst(&mut self, start: u64, workers: &mut Workers) -> Result<(), Error> {
        let after = workers.settle()?;
        let end = now_ns();
        for (index, counts) in after.each.into_iter().enumerate().take(self.tracks.len()) {
            let state = WorkerState::read(counts, workers.tally(index));
            self.add_worker(index, start, end, state);
        }
        Ok(())
    }

    /// Adds what worker `index` did between `start` and `end`.
    fn add_worker(&mut self, index: usize, start: u64, end: u64, state: WorkerState) {
        let (track, now) = (self.tracks[index], state.counts);
        let slept = now.sleeps.saturating_sub(track.counts.sleeps);
        let accepted = now.accepted.saturating_sub(track.counts.accepted);
        if slept == 0 && accepted == 0 {
            return;
        }
        let within = |stamp: u64| stamp.clamp(start, end);
        let woken = json!({ "wakeups": slept, "accepted": accepted });
        self.slice(track, "asleep", track.asleep_since, start, json!({}));
        let asleep_since = if accepted > 0 {
            let (taken, served) = (within(state.accepted_at), within(state.served_at));
            self.slice(track, "woken", start, taken, woken.clone());
            self.slice(track, "accepted", taken, served, woken);
            served
        } else if now.empty > track.counts.empty {
            let returned = within(state.returned_at);
            self.slice(track, "wasted, visible", start, returned, woken);
            returned
        } else {
            self.slice(track, WASTED_IN_KERNEL, start, end, woken);
            end
        };
        self.tracks[index] = Track {
            counts: now,
            asleep_since,
            ..track
        };
    }

    /// The whole file.
    pub fn document(&self) -> Value {
        json!({
            "displayTimeUnit": "ns",
            "otherData": {
                "clock": "CLOCK_MONOTONIC",
                WASTED_IN_KERNEL: "counted between two moments at which all workers slept; \
                                   the slice covers the time between them",
            },
            "traceEvents": self.events,
        })
    }

    fn name(&mut self, kind: &str, thread: i32, name: &str) {
        let row = self.row;
        let event =
            json!({"name": kind, "ph": "M", "pid": row, "tid": thread, "args": {"name": name}});
        self.events.push(event);
    }

    fn slice(&mut self, track: Track, name: &str, from: u64, to: u64, args: Value) {
        let us = |ns: u64| ns as f64 / 1e3;
        self.events.push(json!({
            "name": name, "cat": "worker", "ph": "X", "pid": self.row, "tid": track.pid,
            "ts": us(from), "dur": us(to.saturating_sub(from)), "args": args,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sleeps: u64, accepted: u64) -> Counts {
        Counts {
            sleeps,
            accepted,
            ..Counts::default()
        }
    }

    #[test]
    fn the_warm_up_is_not_in_the_first_slices() {
        let warm = Snapshot {
            each: vec![counts(9, 3), counts(4, 0)],
        };
        let mut trace = HerdTrace::default();
        trace.begin_row("poll", &[10, 11], &warm);
        let start = now_ns();
        for (index, counts) in [counts(10, 4), counts(5, 0)].into_iter().enumerate() {
            let state = WorkerState {
                counts,
                ..WorkerState::default()
            };
            trace.add_worker(index, start, start + 1000, state);
        }
        let document = trace.document();
        let slices = document["traceEvents"].as_array().unwrap();
        let args = |name: &str| {
            let slice = slices.iter().find(|slice| slice["name"] == name).unwrap();
            (
                slice["args"]["wakeups"].clone(),
                slice["args"]["accepted"].clone(),
            )
        };
        assert_eq!(args("accepted"), (json!(1), json!(1)));
        assert_eq!(args(WASTED_IN_KERNEL), (json!(1), json!(0)));
    }
}
