//! `proof lies`: each claim under each lie that concerns it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use present::foreign_text::escape_controls;
use present::print;
use proof::lies::{Calls, Liar, Trial};
use proof::room;

use super::witness_at;

/// Options of a sweep.
#[derive(Args)]
pub(super) struct LiesArgs {
    /// Claims to lie to; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The program whose claims are lied to [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// Lie about every call that changes something, not the acts' own alone, and let each fail and
    /// be interrupted, too
    #[arg(long)]
    full: bool,
    /// Append each result to this file, and leave out what stands there already
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

/// The results of earlier sweeps, and where new ones are added: claim, lie and what came of it,
/// with tabs between.
#[derive(Default)]
struct Results {
    /// Claims and lies, with a tab between.
    known: BTreeSet<String>,
    file: Option<File>,
}

impl LiesArgs {
    /// Tells each claim its lies, and says what it said. Status 1 where it said what it must not.
    ///
    /// # Errors
    /// No strace, no such program, no such claim; a file that cannot be written.
    pub(super) fn run(&self) -> Result<u8> {
        let mut results = Results::open(self.results.as_ref())?;
        room::enter_if_root(|| self.sweep(&mut results))
    }

    fn sweep(&self, results: &mut Results) -> Result<u8> {
        let witness = witness_at(self.witness.as_deref())?;
        let mut liar = Liar::new(&witness);
        let (mut told, mut faults) = (0, 0);
        for claim in witness.claims(&self.ids)? {
            let calls = Calls::record(&witness, &claim)?;
            let lies = if self.full {
                calls.lies()
            } else {
                calls.lies_about_acts()
            };
            for lie in lies {
                let (id, name) = (&claim.id, lie.to_string());
                if results.known.contains(&format!("{id}\t{name}")) {
                    continue;
                }
                let trial = liar.try_claim(&claim, &calls, &lie)?;
                told += 1;
                faults += usize::from(trial.as_ref().is_some_and(|trial| trial.fault.is_some()));
                let said = escape_controls(&description(trial));
                print(&format!("{id:<32} {name:<28} {said}\n"))?;
                results.add(&format!("{id}\t{name}\t{said}"))?;
            }
        }
        print(&format!("\n{told} lies told, {faults} wrong\n"))?;
        Ok(u8::from(faults > 0))
    }
}

/// What came out of a trial; none where under the lie no program starts.
fn description(trial: Option<Trial>) -> String {
    match trial {
        None => "no program starts".to_owned(),
        Some(Trial {
            fault: Some(fault), ..
        }) => format!("WRONG: {fault}"),
        Some(Trial { said, .. }) => said.replace('_', " "),
    }
}

impl Results {
    fn open(path: Option<&PathBuf>) -> Result<Results> {
        let Some(path) = path else {
            return Ok(Results::default());
        };
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let file = file.with_context(|| format!("open {}", path.display()))?;
        let mut known = BTreeSet::new();
        for line in BufReader::new(&file).lines() {
            let line = line.with_context(|| format!("read {}", path.display()))?;
            let fields: Vec<&str> = line.splitn(3, '\t').collect();
            if let [id, lie, _] = fields[..] {
                known.insert(format!("{id}\t{lie}"));
            }
        }
        Ok(Results {
            known,
            file: Some(file),
        })
    }

    fn add(&mut self, line: &str) -> Result<()> {
        match &mut self.file {
            Some(file) => writeln!(file, "{line}").context("write the results"),
            None => Ok(()),
        }
    }
}
