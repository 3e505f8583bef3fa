//! `--trace`: what each worker did, as Chrome trace event JSON, which the Perfetto viewer opens.
//!
//! A process for each row, a track for each worker. Times come from the workers' own stamps
//! (CLOCK_MONOTONIC) where they returned to user space. A worker that slept again inside its call has
//! no stamp: it is known only from its count of sleeps between two moments at which all were
//! asleep, and its slice covers all of that time.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Result, ensure};
use prefork::counts::Counts;
use prefork::tally::now_ns;
use serde_json::{Value, json};

use crate::workers::Workers;

/// The slice of a worker that slept again inside its call.
const IN_THE_KERNEL: &str = "wasted, in the kernel, at some time here";

/// The events so far.
#[derive(Debug, Default)]
pub struct Trace {
    events: Vec<Value>,
    row: u32,
    tracks: Vec<Track>,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    pid: i32,
    counts: Counts,
    asleep_since: u64,
}

impl Trace {
    /// Begins a row: its process and its workers' tracks.
    pub(super) fn begin(&mut self, strategy: &str, workers: &Workers) {
        self.row += 1;
        let name = format!("{strategy}, {} workers", workers.pids().len());
        self.name("process_name", 0, &name);
        self.tracks.clear();
        let counts = workers.snapshot().ok().flatten().unwrap_or_default().each;
        for (index, pid) in workers.pids().into_iter().enumerate() {
            self.name("thread_name", pid, &format!("worker {index}"));
            self.tracks.push(Track {
                pid,
                counts: counts.get(index).copied().unwrap_or_default(),
                asleep_since: now_ns(),
            });
        }
    }

    /// Adds what the workers did since `start`, when a connection or a burst of them was begun, once
    /// they sleep again.
    ///
    /// # Errors
    /// They do not.
    pub(super) fn connection(&mut self, start: u64, workers: &mut Workers) -> Result<()> {
        let after = workers.settle()?;
        ensure!(
            after.each.len() == self.tracks.len(),
            "a worker is missing from the trace"
        );
        let end = now_ns();
        for (index, now) in after.each.into_iter().enumerate() {
            let track = self.tracks[index];
            let slept = now.sleeps.saturating_sub(track.counts.sleeps);
            let accepted = now.accepted.saturating_sub(track.counts.accepted);
            if slept == 0 && accepted == 0 {
                continue;
            }
            let tally = workers.tally(index);
            let within = |stamp: u64| stamp.clamp(start, end);
            let returned = within(tally.returned_at.load(Relaxed));
            let taken = within(tally.accepted_at.load(Relaxed));
            let served = within(tally.served_at.load(Relaxed));
            let empty = now.empty > track.counts.empty;
            self.slice(track, "asleep", track.asleep_since, start, json!({}));
            let woken = json!({ "wakeups": slept, "accepted": accepted });
            let asleep_since = if accepted > 0 {
                self.slice(track, "woken", start, taken, woken.clone());
                self.slice(track, "accepted", taken, served, woken);
                served
            } else if empty {
                self.slice(track, "wasted, visible", start, returned, woken);
                returned
            } else {
                self.slice(track, IN_THE_KERNEL, start, end, woken);
                end
            };
            self.tracks[index] = Track {
                counts: now,
                asleep_since,
                ..track
            };
        }
        Ok(())
    }

    /// The whole file.
    pub fn document(&self) -> Value {
        json!({
            "displayTimeUnit": "ns",
            "otherData": {
                "clock": "CLOCK_MONOTONIC",
                IN_THE_KERNEL: "counted between two moments at which all workers slept; the slice \
                                covers the time between them",
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
