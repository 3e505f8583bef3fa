//! `proof ladder`: the tour on every rung.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use harness::interrupt::Interrupt;
use present::print;
use proof::document::Verdict;
use proof::journal::{Journal, identity};
use proof::ladder::{Allowed, Climb, Record, Rung, rungs};
use proof::remains::Folder;
use proof::running::check;

use super::{begin, journal_path, witness_at};

/// Options of the ladder.
///
/// What each claim may come to on each rung is a list; every difference from it is a fault, and so
/// is whatever is left behind or changed.
#[derive(Args)]
pub(super) struct LadderArgs {
    /// The claims; all unless named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The program whose claims are tried [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// Climb the short ladder: the rungs that are fast or telling
    #[arg(long)]
    short: bool,
    /// Climb this rung; may be given several times
    #[arg(long = "rung", value_name = "NAME")]
    rungs: Vec<String>,
    /// The list of allowed verdicts
    #[arg(long, value_name = "FILE", default_value = ALLOWED, hide_default_value = true)]
    allowed: PathBuf,
    /// Excuse claims that are not measured because other programs used the processors
    #[arg(long)]
    noisy: bool,
    /// Go on where an earlier run of the same build was ended
    #[arg(long)]
    resume: bool,
    /// Write the rows that this run's verdicts would need to FILE; faults are never allowed
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Name the rungs, and run nothing
    #[arg(long)]
    list: bool,
}

/// How many of a rung's faults are told one by one: where no claim can be measured, they are alike.
const MOST_FAULTS: usize = 12;

/// The list of this crate.
const ALLOWED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ladder.txt");

impl LadderArgs {
    /// Runs the claims on the rungs. Status 1 where one came to what is not allowed there.
    ///
    /// # Errors
    /// No such program, rung or list; a signal.
    pub(super) fn run(&self) -> Result<u8> {
        let rungs = self.chosen()?;
        if self.list {
            let names = rungs.iter().map(|rung| format!("{}\n", rung.name));
            print(&names.collect::<String>())?;
            return Ok(0);
        }
        begin(|interrupt| self.climb_all(&rungs, interrupt))
    }

    /// The rungs that the command line asks for.
    fn chosen(&self) -> Result<Vec<&'static Rung>> {
        for name in &self.rungs {
            let known = rungs().any(|rung| rung.name == name);
            ensure!(known, "there is no rung {name}; --list names them");
        }
        let is_chosen = |rung: &&Rung| match self.rungs.is_empty() {
            true => rung.is_short() || !self.short,
            false => self.rungs.iter().any(|name| name == rung.name),
        };
        Ok(rungs().filter(is_chosen).collect())
    }

    fn climb_all(&self, chosen: &[&Rung], interrupt: &Interrupt) -> Result<u8> {
        let witness = witness_at(self.witness.as_deref())?;
        let path = || self.allowed.display().to_string();
        let text = fs::read_to_string(&self.allowed).with_context(path)?;
        let allowed = Allowed::parse(&text).with_context(path)?;
        let known = witness.claims(&[])?;
        let strangers = allowed.strangers(rungs(), known.iter().map(|claim| &*claim.id));
        let subject = format!("{} {:?} {text}", identity(witness.path())?, self.ids);
        let climb = Climb {
            claims: witness.claims(&self.ids)?,
            witness,
            allowed,
            noisy: self.noisy,
            folder: Folder::new("ladder")?,
            interrupt,
        };
        let mut journal = Journal::open(&journal_path("ladder"), &subject, self.resume)?;
        print(&heading())?;
        for rung in chosen {
            check(interrupt)?;
            let known = |record: &&Record| record.rung == rung.name;
            if let Some(record) = journal.records.iter().find(known) {
                print(&row(record))?;
                continue;
            }
            let record = climb.climb(rung)?;
            print(&row(&record))?;
            journal.add(record)?;
        }
        let is_chosen = |record: &&Record| chosen.iter().any(|rung| rung.name == record.rung);
        let records: Vec<&Record> = journal.records.iter().filter(is_chosen).collect();
        if let Some(path) = &self.write {
            let rows: String = records.iter().map(|record| &*record.rows).collect();
            fs::write(path, rows).with_context(|| path.display().to_string())?;
        }
        print(&summary(&records, &strangers))?;
        let faulty = records.iter().any(|record| !record.faults.is_empty());
        Ok(u8::from(faulty || !strangers.is_empty()))
    }
}

fn heading() -> String {
    let names = Verdict::ALL.map(|verdict| format!("{:>13}", verdict.name()));
    format!("{:<24}{}{:>9}\n", "rung", names.concat(), "seconds")
}

/// A rung's row, with what is wrong beneath it.
fn row(record: &Record) -> String {
    let mut text = format!("{:<24}", record.rung);
    match &record.skipped {
        Some(why) => text += &format!("  skipped: {why}\n"),
        None => {
            let counts = record.counts.map(|count| format!("{count:>13}"));
            text += &format!("{}{:>9.1}\n", counts.concat(), record.seconds);
        }
    }
    for fault in record.faults.iter().take(MOST_FAULTS) {
        text += &format!("    {fault}\n");
    }
    let more = record.faults.len().saturating_sub(MOST_FAULTS);
    if more > 0 {
        text += &format!("    and {more} more\n");
    }
    text
}

fn summary(records: &[&Record], strangers: &[String]) -> String {
    let skipped = records.iter().filter(|record| record.skipped.is_some());
    let skipped = skipped.count();
    let faults: usize = records.iter().map(|record| record.faults.len()).sum();
    let mut text = format!(
        "\n{} rungs, {skipped} skipped, {faults} differences\n",
        records.len()
    );
    for stranger in strangers {
        text += &format!("in the list of allowed verdicts: {stranger}\n");
    }
    text
}
