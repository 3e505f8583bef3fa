//! `accept-queue herd`: the meter.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use accept_queue::herd::{
    Assertions, Kernel, Pace, Plan, Row, Trace, checked, csv, details, document, measure, overhead,
    svg, table,
};
use accept_queue::interrupt::{self, Interrupted};
use anyhow::{Result, ensure};
use clap::Args;
use harness::statistics::shuffle;
use prefork::strategies::{self, Strategy};
use prefork::{Detail, NoStart, Site};
use present::{OutputFile, Progress, print};
use runner::{known_names, whole_number};

use super::{BACKLOG, INTERRUPTED, WORKERS, strategy_names, tell};

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
  128 + N  signal N ended the run; the rows that were measured by then are shown

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

impl HerdArgs {
    /// Measures, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let strategies = self.strategies()?;
        ensure!(
            self.trace.is_none() || self.pace != Pace::BackToBack,
            "--trace waits until all workers sleep after each connection, so --pace back-to-back \
             would not be kept: take all-asleep or burst=K"
        );
        // Before anything is forked: a file that cannot be written costs nobody a run.
        let trace_file = self.trace.as_deref().map(OutputFile::at).transpose()?;
        let svg_file = self.svg.as_deref().map(OutputFile::at).transpose()?;
        for &workers in &self.workers {
            prefork::room_for(workers as usize)?;
        }
        interrupt::catch()?;
        let (kernel, refused) = match checked() {
            Ok(kernel) => (Some(kernel), None),
            Err(error) => (None, Some(claim::error_chain(&error))),
        };
        if self.overhead {
            return self.overhead(&strategies, kernel);
        }
        let mut trace = self.trace.is_some().then(Trace::default);
        let (rows, interrupted) = self.rows(&strategies, kernel, trace.as_mut())?;
        let release = observe::machine::this().kernel;
        print(&if self.json {
            format!("{:#}\n", document(&release, &rows))
        } else if self.csv {
            csv(&rows)
        } else if self.details {
            table(&rows, refused.as_deref()) + &details(&rows)
        } else {
            table(&rows, refused.as_deref())
        })?;
        if let (Some(file), Some(trace)) = (trace_file, trace) {
            file.write(&trace.document().to_string())?;
        }
        if let Some(file) = svg_file {
            file.write(&svg(&release, &rows))?;
        }
        if interrupted {
            tell(if rows.is_empty() {
                "interrupted before anything was measured"
            } else {
                "interrupted: the rows above cover what was done"
            });
            return Ok(INTERRUPTED);
        }
        let broken: Vec<String> = self
            .assert
            .iter()
            .flat_map(|bounds| rows.iter().flat_map(|row| bounds.broken_by(row)))
            .collect();
        for row in &broken {
            tell(&format!("assertion broken: {row}"));
        }
        let measured = rows.iter().any(|row| row.wakeups_per_connection.is_some());
        Ok(match (broken.is_empty(), measured) {
            (_, false) => 2,
            (false, true) => 1,
            (true, true) => 0,
        })
    }

    /// Every row, in the order asked for; and whether the run was interrupted.
    fn rows(
        &self,
        strategies: &[&'static Strategy],
        kernel: Option<Kernel>,
        mut trace: Option<&mut Trace>,
    ) -> Result<(Vec<Row>, bool)> {
        let asked: Vec<(u32, &Strategy)> = self
            .workers
            .iter()
            .flat_map(|&workers| strategies.iter().map(move |&strategy| (workers, strategy)))
            .collect();
        let mut progress = Progress::new(self.connections.saturating_mul(asked.len() as u64));
        let mut rows = HashMap::new();
        let mut interrupted = false;
        // A machine that gets slower or faster meanwhile favours no strategy by its place in the list.
        let mut order: Vec<usize> = (0..asked.len()).collect();
        shuffle(&mut order, &mut { self.seed });
        for (done, at) in order.into_iter().enumerate() {
            let (workers, strategy) = asked[at];
            let what = format!("{}, {workers} workers", strategy.name);
            let before = self.connections.saturating_mul(done as u64);
            let mut tick = |connections| progress.show(before.saturating_add(connections), &what);
            let plan = self.plan(workers, kernel);
            let row = match measure(strategy, &plan, trace.as_deref_mut(), &mut tick) {
                Ok(row) => row,
                Err(error) if error.is::<Interrupted>() => {
                    interrupted = true;
                    break;
                }
                Err(error) if error.is::<NoStart>() => return Err(error),
                Err(error) => Row {
                    strategy: strategy.name.to_owned(),
                    workers: workers as usize,
                    pace: self.pace.to_string(),
                    evidence: if kernel.is_some() {
                        "kernel"
                    } else {
                        "counters"
                    },
                    note: format!("not measured: {}", claim::error_chain(&error)),
                    ..Row::default()
                },
            };
            rows.insert(at, row);
            interrupted = interrupt::check().is_err();
            if interrupted {
                break;
            }
        }
        let rows = (0..asked.len()).filter_map(|at| rows.remove(&at)).collect();
        Ok((rows, interrupted))
    }

    fn overhead(&self, strategies: &[&'static Strategy], kernel: Option<Kernel>) -> Result<u8> {
        print(&format!(
            "worker CPU per connection with the meter and without, {PAIRS} pairs of runs on one CPU\n\
             {:<21}{:>5}{:>10}{:>10}{:>10}   {}\n",
            "strategy", "N", "with us", "without", "ratio", "all ratios"
        ))?;
        for &workers in &self.workers {
            for strategy in strategies {
                let cost = match overhead(strategy, &self.plan(workers, kernel), PAIRS) {
                    Err(error) if error.is::<Interrupted>() => {
                        tell("interrupted: the lines above are whole");
                        return Ok(INTERRUPTED);
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

    fn plan(&self, workers: u32, kernel: Option<Kernel>) -> Plan {
        Plan {
            site: Site {
                address: self.listen,
                backlog: self.backlog,
                workers: workers as usize,
            },
            connections: self.connections,
            pace: self.pace,
            kernel,
            detail: if self.trace.is_some() {
                Detail::Times
            } else {
                Detail::Counts
            },
        }
    }

    fn strategies(&self) -> Result<Vec<&'static Strategy>> {
        if self.strategy.iter().any(|name| name == "all") {
            return Ok(strategies::ALL.iter().collect());
        }
        self.strategy
            .iter()
            .map(|name| strategies::named(name))
            .collect()
    }
}
