//! The command `spinlock`: parse, run, exit status.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use claim::Register;
use clap::{Args, Parser, Subcommand};
use present::{OutputFile, Progress, print_document, terminal_width};
use runner::{Generate, RunArgs, SelftestArgs};
use serde_json::json;
use spinlock::compare::contender::LockName;
use spinlock::compare::window::Regime;
use spinlock::compare::{DEFAULT_REGIMES, Plan, render, svg};
use spinlock::doctor::{self, advice};
use spinlock::handover;

/// Test-and-set and its family: compare locks under contention, on this machine.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
    /// Run claims with experiment and control exchanged: every verdict must turn
    Selftest(SelftestArgs),
    /// Measure every lock under contention: time, fairness, CPU time, waits.
    ///
    /// Threads contend for a fixed time (a window); the windows of all locks are interleaved and shuffled, and one in which others used the
    /// CPU is refused and repeated. Only ratios within one run mean anything. Without --threads, --critical and --think,
    /// ten regimes from 1 to 8 threads are measured.
    Compare(Compare),
    /// Measure what waiting costs here, and say which lock to take, and why
    Doctor(Doctor),
    /// Kill the holder of a robust mutex again and again, and time the next owner's wait
    Handover(Handover),
    /// Print a man page or shell completions
    Generate(Generate),
}

/// Measure what waiting costs here, and say which lock to take, and why
#[derive(Args)]
struct Doctor {
    /// Threads that will contend [default: several cases]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Length of their critical section in nanoseconds; 0 is one increment
    #[arg(long, default_value_t = 0, value_name = "NS", requires = "threads")]
    critical: u64,
    /// Time between two sections in nanoseconds
    #[arg(long, default_value_t = 0, value_name = "NS", requires = "threads")]
    think: u64,
    /// Write one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Kill the holder of a robust mutex again and again, and time the next owner's wait
#[derive(Args)]
struct Handover {
    /// Holders to kill
    #[arg(long, default_value_t = 1000, value_name = "N")]
    tries: usize,
    /// Write one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Compare {
    /// Numbers of contending threads
    #[arg(long, value_delimiter = ',', value_name = "N,...")]
    threads: Vec<usize>,
    /// Lengths of the critical section in nanoseconds; 0 is one increment
    #[arg(long, value_delimiter = ',', value_name = "NS,...")]
    critical: Vec<u64>,
    /// Times between two sections in nanoseconds
    #[arg(long, value_delimiter = ',', value_name = "NS,...")]
    think: Vec<u64>,
    /// Length of one window in seconds
    #[arg(long, default_value_t = 0.018, value_name = "S")]
    seconds: f64,
    /// Windows for each lock and regime [default: 5, or 3 of windows of 0.2 s and more]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Locks to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LOCK,...")]
    locks: Vec<LockName>,
    /// Seed of the order of the windows [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Also write the heat-map to FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    // Registers with membarrier while there is one thread: later, the first unlock would pay for it.
    locks::barriers();
    runner::finish(dispatch(Cli::parse()))
}

fn dispatch(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Claims(run) => run.run(&Register::new(&[spinlock::TOPIC])?),
        Command::Selftest(selftest) => selftest.run(&Register::new(&[spinlock::TOPIC])?),
        Command::Compare(options) => compare(&options),
        Command::Doctor(options) => doctor(&options),
        Command::Handover(options) => handover(&options),
        Command::Generate(generate) => generate.run::<Cli>(),
    }
}

fn compare(options: &Compare) -> Result<u8> {
    let plan = plan(options)?;
    plan.check().map_err(anyhow::Error::msg)?;
    let file = options.svg.as_deref().map(OutputFile::at).transpose()?;
    let mut progress = Progress::new(plan.windows() as u64, "windows");
    let comparison = plan.run(|done| progress.show(done as u64, ""));
    drop(progress);
    let comparison = comparison.context("compare")?;
    if let Some(file) = file {
        file.write(&svg::svg(&comparison))?;
    }
    print_document(options.json, &comparison, || {
        render::text(&comparison, terminal_width())
    })?;
    Ok(0)
}

/// No comparison may take longer; a slip of the keyboard would.
const LONGEST: Duration = Duration::from_secs(3600);

/// No window of the default run begins after this time, and it ends within 30 s. A first round always has as long.
const DEFAULT_RUN: Duration = Duration::from_secs(27);

fn plan(options: &Compare) -> Result<Plan> {
    let window = Duration::try_from_secs_f64(options.seconds)
        .with_context(|| format!("--seconds {}", options.seconds))?;
    let or = |given: &[u64], default| {
        if given.is_empty() {
            vec![default]
        } else {
            given.to_vec()
        }
    };
    let all_default =
        options.threads.is_empty() && options.critical.is_empty() && options.think.is_empty();
    let mut regimes = if all_default {
        DEFAULT_REGIMES.to_vec()
    } else {
        Vec::new()
    };
    if !all_default {
        let threads = if options.threads.is_empty() {
            vec![1, 2, 4, 8]
        } else {
            options.threads.clone()
        };
        for &threads in &threads {
            for &critical_ns in &or(&options.critical, 0) {
                for &think_ns in &or(&options.think, 0) {
                    let regime = Regime {
                        threads,
                        critical_ns,
                        think_ns,
                    };
                    if !regimes.contains(&regime) {
                        regimes.push(regime);
                    }
                }
            }
        }
    }
    // Named twice, a lock would be measured twice and shown as two.
    let mut locks = options.locks.clone();
    let mut seen = std::collections::HashSet::new();
    locks.retain(|lock| seen.insert(*lock));
    let mut plan = Plan {
        regimes,
        locks: if locks.is_empty() {
            LockName::ALL.to_vec()
        } else {
            locks
        },
        window,
        rounds: options
            .rounds
            .unwrap_or(if options.seconds < 0.2 { 5 } else { 3 }),
        limit: Duration::ZERO,
        bound: Duration::ZERO,
        seed: options.seed.unwrap_or_else(time_seed),
    };
    // Repeating refused windows may take half as long again; the default run stays under 30 s.
    let planned = u32::try_from(plan.windows())
        .ok()
        .and_then(|windows| plan.window.checked_mul(windows))
        .filter(|planned| *planned <= LONGEST);
    let Some(planned) = planned else {
        bail!(
            "{} windows of {} s last more than an hour: give fewer --rounds, --locks or cases, or less --seconds",
            plan.windows(),
            options.seconds
        );
    };
    plan.limit = if all_default && options.seconds < 0.02 {
        DEFAULT_RUN
    } else {
        planned * 3 / 2
    };
    plan.bound = plan.limit.max(DEFAULT_RUN);
    Ok(plan)
}

fn time_seed() -> u64 {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| u64::from(time.subsec_nanos()))
}

fn doctor(options: &Doctor) -> Result<u8> {
    ensure!(
        options.threads != Some(0),
        "0 threads contend for nothing: --threads takes 1 or more"
    );
    let costs = doctor::measure().context("doctor")?;
    let cases = match options.threads {
        None => advice::cases(costs.cpus),
        Some(threads) => {
            vec![Regime {
                threads,
                critical_ns: options.critical,
                think_ns: options.think,
            }]
        }
    };
    let advice: Vec<_> = cases
        .into_iter()
        .map(|case| advice::advise(&costs, case))
        .collect();
    print_document(
        options.json,
        &json!({"schema": 1, "costs": costs, "advice": advice}),
        || doctor::render::text(&costs, &advice, terminal_width()),
    )?;
    Ok(0)
}

/// A holder is forked, killed and reaped in about a millisecond: these last a quarter of an hour.
const MOST_TRIES: usize = 1_000_000;

fn handover(options: &Handover) -> Result<u8> {
    ensure!(
        options.tries > 0,
        "0 tries show nothing: --tries takes 1 or more"
    );
    ensure!(
        options.tries <= MOST_TRIES,
        "--tries {}: at most {MOST_TRIES} are run at once",
        options.tries
    );
    let handovers = handover::measure(options.tries)?;
    print_document(options.json, &handovers, || {
        format!(
            "{} of {} locks were handed on after SIGKILL of their holder, {} within 5 ms; median {}, slowest {}\n",
            handovers.handed_on,
            handovers.tries,
            handovers.within_5_ms,
            render::nanoseconds(handovers.median_ns),
            render::nanoseconds(handovers.max_ns),
        )
    })?;
    Ok(u8::from(handovers.handed_on < handovers.tries))
}
