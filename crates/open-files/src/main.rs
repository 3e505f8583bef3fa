//! The command line of this topic.

use std::process::ExitCode;

use anyhow::{Context, Result};
use claim::Register;
use clap::{Args, Parser};
use runner::{Generate, RunArgs, SelftestArgs};

/// Descriptors, open file descriptions, inodes and sockets of the kernel that runs.
#[derive(Parser)]
#[command(version)]
enum Cli {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
    /// Run this topic's claims with experiment and control exchanged: every verdict must turn
    Selftest(SelftestArgs),
    /// Map real processes: which of their descriptors are one open file description
    Map(MapArgs),
    /// Print a man page or shell completions
    Generate(Generate),
}

#[derive(Args)]
struct MapArgs {
    /// Processes to map; every one that may be looked into where none is named
    #[arg(value_name = "PID")]
    pids: Vec<i32>,
    /// Only descriptions that more than one descriptor refers to
    #[arg(long)]
    shared: bool,
    /// Only descriptions of objects whose name contains this: a path, socket:[4711], eventpoll
    #[arg(long, value_name = "TEXT")]
    object: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    runner::finish(match Cli::parse() {
        Cli::Claims(run) => register().and_then(|register| run.run(&register)),
        Cli::Selftest(selftest) => register().and_then(|register| selftest.run(&register)),
        Cli::Map(args) => args.run(),
        Cli::Generate(generate) => generate.run::<Cli>(),
    })
}

fn register() -> Result<Register> {
    Ok(Register::new(&[open_files::TOPIC])?)
}

impl MapArgs {
    fn run(&self) -> Result<u8> {
        runner::own_proc()?;
        for pid in &self.pids {
            observe::process::count(*pid).with_context(|| format!("no process {pid}"))?;
        }
        let all;
        let pids = if self.pids.is_empty() {
            all = observe::process::all()?;
            &all
        } else {
            &self.pids
        };
        let mut map = descriptors::scan(pids);
        if let Some(object) = &self.object {
            map.descriptions
                .retain(|description| description.object.contains(object));
        }
        if self.shared {
            map.descriptions
                .retain(|description| description.holders.len() > 1);
        }
        present::print(&if self.json {
            serde_json::to_string_pretty(&map)? + "\n"
        } else {
            descriptors::text::render(&map)
        })?;
        Ok(0)
    }
}
