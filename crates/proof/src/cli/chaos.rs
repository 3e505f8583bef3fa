//! `proof chaos`: runs that are killed or stopped at random moments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use harness::interrupt::Interrupt;
use present::{Column, Table, print};
use proof::chaos::{Record, plan, run};
use proof::host::Host;
use proof::journal::{Journal, identity};
use proof::remains::Folder;
use proof::running::check;

use super::{begin, journal_path, witness_at};

/// Options of chaos.
#[derive(Args)]
pub(super) struct ChaosArgs {
    /// The program whose claims are tried [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// What chance begins with; the same seed does the same things
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 200)]
    runs: usize,
    /// Go on where an earlier run of the same build and seed was ended
    #[arg(long)]
    resume: bool,
}

impl ChaosArgs {
    /// Kills and stops runs. Status 1 where one left something, panicked or refuted a claim.
    ///
    /// # Errors
    /// No such program; a signal.
    pub(super) fn run(&self) -> Result<u8> {
        begin(|interrupt| self.run_all(interrupt))
    }

    fn run_all(&self, interrupt: &Interrupt) -> Result<u8> {
        let witness = witness_at(self.witness.as_deref())?;
        let claims: Vec<String> = witness
            .claims(&[])?
            .into_iter()
            .map(|claim| claim.id)
            .collect();
        let subject = format!("{} seed {}", identity(witness.path())?, self.seed);
        let path = journal_path("chaos");
        let mut journal: Journal<Record> = Journal::open(&path, &subject, self.resume)?;
        let folder = Folder::new("chaos")?;
        let mut host = Host::read()?;
        while journal.records.len() < self.runs {
            check(interrupt)?;
            let number = journal.records.len();
            let plan = plan(self.seed, number as u64, &claims);
            let record = run(&witness, &plan, &folder, &mut host, interrupt)?;
            for fault in &record.faults {
                let (signals, target) = (&record.signals, &record.target);
                let claims = plan.claims.join(" ");
                print(&format!(
                    "run {number}, {signals} to {target}: {fault} ({claims})\n"
                ))?;
            }
            journal.add(record)?;
        }
        let records = journal.records.get(..self.runs).unwrap_or_default();
        print(&table(records))?;
        let faulty = records.iter().any(|record| !record.faults.is_empty());
        Ok(u8::from(faulty))
    }
}

/// A row for each strike and target.
fn table(records: &[Record]) -> String {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for record in records {
        let kind = (&*record.signals, &*record.target);
        kinds.entry(kind).or_default().push(record);
    }
    let mut table = Table::new([
        Column::left("signals"),
        Column::left("to"),
        Column::right("runs"),
        Column::right("struck"),
        Column::right("faults"),
        Column::left("ended by"),
    ]);
    for ((signals, target), records) in kinds {
        let struck = records.iter().filter(|record| record.struck).count();
        let faults: usize = records.iter().map(|record| record.faults.len()).sum();
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &records {
            *ends.entry(&record.how).or_default() += 1;
        }
        let ends: Vec<String> = ends
            .iter()
            .map(|(how, count)| format!("{how} ({count})"))
            .collect();
        table.row([
            signals.to_owned(),
            target.to_owned(),
            records.len().to_string(),
            struck.to_string(),
            faults.to_string(),
            ends.join(", "),
        ]);
    }
    table.render(None)
}
