//! `proof inject`: each claim's own calls fail one at a time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use harness::interrupt::Interrupt;
use present::{Column, Table, print};
use proof::document::Verdict;
use proof::host::Host;
use proof::inject::{Call, Case, Record, Trial, cases, require_strace};
use proof::journal::{Journal, identity};
use proof::remains::Folder;
use proof::running::check;
use serde::{Deserialize, Serialize};

use super::{begin, journal_path, witness_at};

/// Options of injection.
#[derive(Args)]
pub(super) struct InjectArgs {
    /// The claims; all unless named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The program whose claims are tried [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// What chance begins with; the same seed tries the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Begin no run after so many minutes; the rest is for --resume
    #[arg(long, value_name = "N", default_value_t = 120)]
    minutes: u64,
    /// Go on where an earlier run of the same build and seed was ended
    #[arg(long)]
    resume: bool,
    /// Write the table to FILE as well
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    /// The calls of a claim.
    Calls(String, Vec<Call>),
    /// A run with a fault.
    Run(Record),
}

impl InjectArgs {
    /// Runs the claims with faults. Status 1 where one was refuted, panicked, did not end in time
    /// or left something.
    ///
    /// # Errors
    /// No strace, no such program or claim; a signal.
    pub(super) fn run(&self) -> Result<u8> {
        require_strace()?;
        begin(|interrupt| self.run_all(interrupt))
    }

    fn run_all(&self, interrupt: &Interrupt) -> Result<u8> {
        let end = Instant::now() + Duration::from_secs(60 * self.minutes);
        let witness = witness_at(self.witness.as_deref())?;
        let claims = witness.claims(&self.ids)?;
        let subject = format!("{} seed {}", identity(witness.path())?, self.seed);
        let path = journal_path("inject");
        let mut journal: Journal<Entry> = Journal::open(&path, &subject, self.resume)?;
        let mut trial = Trial {
            witness,
            folder: Folder::new("inject")?,
            traces: Folder::new("traces")?,
            host: Host::read()?,
            interrupt,
        };
        for claim in &claims {
            check(interrupt)?;
            if calls_of(&journal.records, &claim.id).is_none() {
                let calls = trial.calls_of(&claim.id)?;
                journal.add(Entry::Calls(claim.id.clone(), calls))?;
            }
        }
        let ids: Vec<&str> = claims.iter().map(|claim| &*claim.id).collect();
        let all = self.all_cases(&journal.records, &ids);
        for case in &all {
            check(interrupt)?;
            if Instant::now() >= end {
                break;
            }
            if runs(&journal.records).any(|record| record.case == *case) {
                continue;
            }
            let record = trial.try_case(case.clone())?;
            for fault in &record.faults {
                print(&format!("{}: {}: {fault}\n", case.claim, case))?;
            }
            journal.add(Entry::Run(record))?;
        }
        let wanted: Vec<&Record> = runs(&journal.records)
            .filter(|record| all.contains(&record.case))
            .collect();
        let text = report(&wanted, &all);
        print(&text)?;
        if let Some(path) = &self.write {
            fs::write(path, &text).with_context(|| path.display().to_string())?;
        }
        Ok(u8::from(
            wanted.iter().any(|record| !record.faults.is_empty()),
        ))
    }

    /// The cases of all claims: the most telling one of every call first, then the next one of
    /// each, so that a run that is ended early has covered as many calls as can be.
    fn all_cases(&self, entries: &[Entry], claims: &[&str]) -> Vec<Case> {
        let by_call: Vec<Vec<Case>> = claims
            .iter()
            .filter_map(|claim| Some((claim, calls_of(entries, claim)?)))
            .flat_map(|(claim, calls)| calls.iter().map(|call| cases(self.seed, claim, call)))
            .collect();
        let most = by_call.iter().map(Vec::len).max().unwrap_or_default();
        (0..most)
            .flat_map(|at| {
                by_call
                    .iter()
                    .filter_map(move |cases| cases.get(at).cloned())
            })
            .collect()
    }
}

/// The calls of a claim, where they have been recorded.
fn calls_of<'a>(entries: &'a [Entry], claim: &str) -> Option<&'a [Call]> {
    entries.iter().find_map(|entry| match entry {
        Entry::Calls(id, calls) if id == claim => Some(calls.as_slice()),
        _ => None,
    })
}

fn runs(entries: &[Entry]) -> impl Iterator<Item = &Record> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Run(record) => Some(record),
        Entry::Calls(..) => None,
    })
}

/// A row for each call, and what was covered.
fn report(records: &[&Record], all: &[Case]) -> String {
    let mut by_call: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        by_call.entry(&record.case.call).or_default().push(record);
    }
    let mut columns = vec![Column::left("call"), Column::right("runs")];
    columns.extend(Verdict::ALL.map(|verdict| Column::right(verdict.name())));
    columns.extend([Column::right("no verdict"), Column::right("faults")]);
    let mut table = Table::new(columns);
    for (call, records) in &by_call {
        table.row(row(call, records));
    }
    table.row(row("all", records));
    let calls = |cases: &mut dyn Iterator<Item = &Case>| {
        let pairs: BTreeSet<(String, String)> = cases
            .map(|case| (case.claim.clone(), case.call.clone()))
            .collect();
        pairs.len()
    };
    let known = calls(&mut all.iter());
    let covered = calls(&mut records.iter().map(|record| &record.case));
    format!(
        "{}\n{} of {} cases; {covered} of {known} calls of the claims ({})\n",
        table.render(None),
        records.len(),
        all.len(),
        present::units::percent(covered as f64 / known.max(1) as f64),
    )
}

fn row(name: &str, records: &[&Record]) -> Vec<String> {
    let count = |verdict| {
        let same = records.iter().filter(|record| record.verdict == verdict);
        same.count().to_string()
    };
    let faults: usize = records.iter().map(|record| record.faults.len()).sum();
    let mut row = vec![name.to_owned(), records.len().to_string()];
    row.extend(Verdict::ALL.map(|verdict| count(Some(verdict))));
    row.extend([count(None), faults.to_string()]);
    row
}
