//! `accept-queue herd`: the meter.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use accept_queue::Error;
use accept_queue::herd::{
    Assertions, HerdPlan, HerdRow, HerdTrace, Pace, PartialRun, TracepointPermit, csv, details,
    document, measure, measure_overhead, svg, table,
};
use anyhow::{Result, ensure};
use clap::Args;
use harness::interrupt::{self, exit_status};
use harness::statistics::shuffle;
use nix::sys::signal::Signal;
use prefork::strategies::{self, Strategy};
use prefork::{Metering, Site};
use present::{OutputFile, Progress, ensure_apart};
use present::{print, print_data, print_note, terminal_width};
use runner::{known_names, whole_number};

use super::{BACKLOG, WORKERS, strategy_names};

/// Connections for a row: a hundred million take hours.
const CONNECTIONS: RangeInclusive<u64> = 1..=100_000_000;

/// Pairs of runs, with the meter and without.
const PAIRS: usize = 9;

/// Options of the meter.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        measured, and no assertion is broken
  1        an assertion is broken
  2        an error, or nothing could be measured
  128 + N  signal N (INT, TERM, HUP) ended the run: the rows that were measured
           by then are shown and marked PARTIAL

Examples:
  accept-queue herd --strategy blocking,epoll-level --workers 8
  accept-queue herd --pace burst=8 --details
  accept-queue herd --assert 'wakeups<=1.01,jain>=0.9' --json")]
pub struct HerdArgs {
    /// Strategies to measure, or all
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "all",
        hide_possible_values = true,
        value_parser = known_names(strategy_names().chain(["all"]))
    )]
    strategy: Vec<String>,
    /// Numbers of workers
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "8",
          value_parser = whole_number(WORKERS))]
    workers: Vec<u32>,
    /// Connections to make for each row
    #[arg(long, value_name = "N", default_value = "200", value_parser = whole_number(CONNECTIONS))]
    connections: u64,
    /// When to make the next connection: all-asleep, back-to-back or burst=K
    #[arg(long, value_name = "PACE", default_value = "all-asleep")]
    pace: Pace,
    /// Order in which rows are measured; they are shown in the order in which they were asked for
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole_number(0..=u64::MAX))]
    seed: u64,
    /// Address to listen on; port 0 lets the kernel choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Length of the accept queue; the kernel caps it at net.core.somaxconn
    #[arg(long, value_name = "N", default_value = "4096", value_parser = whole_number(BACKLOG))]
    backlog: i32,
    /// Print one JSON document instead of the table (described in docs/accept-queue.md)
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print comma-separated values instead of the table
    #[arg(long)]
    csv: bool,
    /// Show every column
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    details: bool,
    /// Write a picture of the wakeups, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write what each worker did, for https://ui.perfetto.dev (Chrome trace event JSON)
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Bounds that every row must keep, else exit 1: wakeups<=1.01,jain>=0.9
    #[arg(long, value_name = "BOUNDS")]
    assert: Option<Assertions>,
    /// Measure what the meter itself costs the workers, instead
    #[arg(long, conflicts_with_all = ["json", "csv", "details", "svg", "trace", "assert"])]
    overhead: bool,
}

/// The rows of a run, in the order asked for, and the signal that ended it early.
struct Rows {
    rows: Vec<HerdRow>,
    /// How many were finished before the signal came.
    finished: usize,
    /// How many were asked for.
    asked: usize,
    ended_by: Option<Signal>,
}

impl Rows {
    /// Why this is not everything that was asked for.
    fn partial(&self) -> Option<PartialRun> {
        Some(PartialRun {
            signal: self.ended_by?.to_string(),
            measured: self.finished,
            rows: self.asked,
        })
    }
}

impl HerdArgs {
    /// Measures, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let strategies = self.strategies()?;
        ensure!(
            self.trace.is_none() || self.pace != Pace::BackToBack,
            "--trace waits until all workers sleep after each connection, so --pace back-to-back \
             would not be kept: take all-asleep or burst=K"
        );
        // Before anything is forked: a file that cannot be written costs no run.
        let files = [
            ("--trace", self.trace.as_deref()),
            ("--svg", self.svg.as_deref()),
        ];
        ensure_apart(&files)?;
        let trace_file = self.trace.as_deref().map(OutputFile::at).transpose()?;
        let svg_file = self.svg.as_deref().map(OutputFile::at).transpose()?;
        for &workers in &self.workers {
            prefork::ensure_room_for(workers as usize)?;
        }
        interrupt::catch()?;
        let (permit, refused) = match TracepointPermit::obtain() {
            Ok(permit) => (Some(permit), None),
            Err(error) => (None, Some(claim::error_chain(&error.into()))),
        };
        if self.overhead {
            return self.run_overhead(&strategies, permit);
        }
        let mut trace = self.trace.is_some().then(HerdTrace::default);
        let rows = self.measure_rows(&strategies, permit, trace.as_mut())?;
        self.print_rows(&rows, refused.as_deref())?;
        if let (Some(file), Some(trace)) = (trace_file, trace) {
            file.write(&trace.document().to_string())?;
        }
        if let Some(file) = svg_file {
            let partial = rows.partial().map(|why| why.to_string());
            let kernel = observe::machine::read().kernel;
            file.write(&svg(&kernel, &rows.rows, partial.as_deref()))?;
        }
        Ok(self.status(&rows))
    }

    fn print_rows(&self, rows: &Rows, refused: Option<&str>) -> Result<()> {
        let (partial, width) = (rows.partial(), terminal_width());
        let rows = &rows.rows;
        let heading = partial.iter().map(|why| format!("PARTIAL: {why}\n\n"));
        let heading: String = heading.collect();
        if self.json {
            let kernel = observe::machine::read().kernel;
            print_data(&(document(&kernel, rows, partial.as_ref())? + "\n"))?;
        } else if self.csv {
            print_data(&csv(rows))?;
        } else if self.details {
            print(&(heading + &table(rows, refused, width) + &details(rows, width)))?;
        } else {
            print(&(heading + &table(rows, refused, width)))?;
        }
        Ok(())
    }

    /// The exit status, after a line on standard error for whatever makes it not 0.
    fn status(&self, rows: &Rows) -> u8 {
        if let (Some(signal), Some(why)) = (rows.ended_by, rows.partial()) {
            print_note(&format!("PARTIAL: {why}"));
            return exit_status(signal);
        }
        let violations = self.assert.iter().flat_map(|bounds| {
            let rows = rows.rows.iter();
            rows.flat_map(|row| bounds.violations(row))
        });
        let violations: Vec<String> = violations.collect();
        for violation in &violations {
            print_note(&format!("assertion broken: {violation}"));
        }
        let mut rows = rows.rows.iter();
        let measured = rows.any(|row| row.wakeups_per_connection.is_some());
        match (violations.is_empty(), measured) {
            (_, false) => 2,
            (false, true) => 1,
            (true, true) => 0,
        }
    }

    /// Measures every row until a signal comes.
    fn measure_rows(
        &self,
        strategies: &[&'static Strategy],
        permit: Option<TracepointPermit>,
        mut trace: Option<&mut HerdTrace>,
    ) -> Result<Rows> {
        let asked: Vec<(u32, &Strategy)> = self
            .workers
            .iter()
            .flat_map(|&workers| strategies.iter().map(move |&strategy| (workers, strategy)))
            .collect();
        let total = self.connections.saturating_mul(asked.len() as u64);
        let mut progress = Progress::new(total, "connections");
        let (mut rows, mut finished) = (HashMap::new(), 0);
        // Shuffled, so that a machine that gets slower or faster favours no strategy by its place.
        let mut order: Vec<usize> = (0..asked.len()).collect();
        shuffle(&mut order, &mut { self.seed });
        for (done, at) in order.into_iter().enumerate() {
            if interrupt::signal().is_some() {
                break;
            }
            let (workers, strategy) = asked[at];
            let what = format!("{}, {workers} workers", strategy.name);
            let before = self.connections.saturating_mul(done as u64);
            let mut tick = |connections| progress.show(before.saturating_add(connections), &what);
            let plan = self.plan(workers, permit);
            let row = match measure(strategy, &plan, trace.as_deref_mut(), &mut tick) {
                Ok(row) => row,
                Err(Error::Interrupted(_)) => break,
                Err(error) if error.stops_every_row() => return Err(error.into()),
                Err(error) => {
                    let why = claim::error_chain(&error.into());
                    HerdRow::not_measured(strategy, &plan, &why)
                }
            };
            rows.insert(at, row);
            finished += usize::from(interrupt::signal().is_none());
        }
        Ok(Rows {
            rows: (0..asked.len()).filter_map(|at| rows.remove(&at)).collect(),
            finished,
            asked: asked.len(),
            ended_by: interrupt::signal(),
        })
    }

    fn run_overhead(
        &self,
        strategies: &[&'static Strategy],
        permit: Option<TracepointPermit>,
    ) -> Result<u8> {
        print(&format!(
            "worker CPU per connection with the meter and without, \
             {PAIRS} pairs of runs on one CPU\n\
             {:<21}{:>5}{:>10}{:>10}{:>10}   {}\n",
            "strategy", "N", "with us", "without", "ratio", "all ratios"
        ))?;
        for &workers in &self.workers {
            for strategy in strategies {
                let cost = match measure_overhead(strategy, &self.plan(workers, permit), PAIRS) {
                    Err(Error::Interrupted(signal)) => {
                        print_note(&format!(
                            "PARTIAL: {signal} ended the run; the lines above are whole"
                        ));
                        return Ok(exit_status(signal));
                    }
                    cost => cost?,
                };
                let ratios = cost.ratios.iter().map(|ratio| format!("{ratio:.3}"));
                print(&format!(
                    "{:<21}{workers:>5}{:>10.2}{:>10.2}{:>10.3}   {}\n",
                    strategy.name,
                    cost.metered_us,
                    cost.unmetered_us,
                    cost.ratio(),
                    ratios.collect::<Vec<_>>().join(" ")
                ))?;
            }
        }
        Ok(0)
    }

    fn plan(&self, workers: u32, permit: Option<TracepointPermit>) -> HerdPlan {
        HerdPlan {
            site: Site {
                address: self.listen,
                backlog: self.backlog,
                workers: workers as usize,
            },
            connections: self.connections,
            pace: self.pace,
            permit,
            metering: if self.trace.is_some() {
                Metering::Times
            } else {
                Metering::Counts
            },
        }
    }

    fn strategies(&self) -> Result<Vec<&'static Strategy>> {
        if self.strategy.iter().any(|name| name == "all") {
            return Ok(strategies::ALL.iter().collect());
        }
        let strategies = self.strategy.iter().map(|name| strategies::by_name(name));
        Ok(strategies.collect::<Result<_, _>>()?)
    }
}
