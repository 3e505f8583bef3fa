//! Many tours: one after the other, beside busy loops, at the same time. None may say "refuted".

use anyhow::Result;
use harness::interrupt::Interrupt;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Verdict};
use crate::ladder::BusyLoops;
use crate::program::Finished;
use crate::remains::{Folder, await_descendants};
use crate::running::{Running, finish_all};
use crate::tour::{self, TOUR_LIMIT};
use crate::witness::Witness;

/// Tours of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// What it is called.
    pub name: &'static str,
    /// How many tours.
    pub tours: usize,
    /// How many of them at the same time.
    pub at_once: usize,
    /// How many busy loops run meanwhile.
    pub loops: usize,
    /// Whether a claim may be not measured, because the tours disturb each other.
    pub may_be_not_measured: bool,
}

/// What one tour came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// The series' name.
    pub series: String,
    /// How many claims came to each verdict, in the order of [`Verdict::ALL`].
    pub counts: [usize; 5],
    /// The exit status, or the signal.
    pub how: String,
    /// What is wrong, a line each.
    pub faults: Vec<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Series {
    /// Runs the next tours of this series, so many as run at the same time, but `left` at most.
    ///
    /// # Errors
    /// A signal asked this process to end; a program that cannot be started.
    pub fn run(
        &self,
        witness: &Witness,
        left: usize,
        folder: &Folder,
        interrupt: &Interrupt,
    ) -> Result<Vec<Record>> {
        let loops = BusyLoops::start(self.loops)?;
        let start = |_| {
            let mut command = witness.measure([]);
            Running::start(command.env("TMPDIR", folder.path()), TOUR_LIMIT)
        };
        let programs = (0..self.at_once.min(left)).map(start);
        let ended = finish_all(programs.collect::<Result<_>>()?, interrupt)?;
        drop(loops);
        let mut records: Vec<Record> = ended.iter().map(|ended| self.record(ended)).collect();
        let remains = await_descendants()?.into_iter().chain(folder.empty()?);
        if let Some(last) = records.last_mut() {
            last.faults
                .extend(remains.map(|what| format!("left behind: {what}")));
        }
        Ok(records)
    }

    fn record(&self, ended: &Finished) -> Record {
        let document = Document::parse(&ended.stdout).ok();
        let mut faults = tour::faults(ended, document.as_ref());
        match &document {
            Some(document) => faults.extend(self.wrong_verdicts(document)),
            None => faults.push(format!(
                "no document, {}: {}",
                ended.how(),
                ended.last_words()
            )),
        }
        let count = |verdict| {
            document
                .as_ref()
                .map_or(0, |document| document.count(verdict))
        };
        Record {
            series: self.name.to_owned(),
            counts: Verdict::ALL.map(count),
            how: ended.how(),
            faults,
            seconds: ended.took.as_secs_f64(),
        }
    }

    /// The claims that came to what they may not, a line each.
    fn wrong_verdicts(&self, document: &Document) -> Vec<String> {
        let wrong = document.claims.iter().filter(|claim| match claim.verdict {
            Verdict::Holds | Verdict::HoldsWith => false,
            Verdict::NotMeasured => !self.may_be_not_measured || claim.has_failed_control(),
            Verdict::Refuted | Verdict::Error => true,
        });
        let told = wrong.map(|claim| {
            let why = claim.why.as_deref().unwrap_or("no reason given");
            format!("{}: {}: {why}", claim.id, claim.verdict)
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn only_crowded_tours_may_leave_something_unmeasured() {
        let series = |may_be_not_measured| Series {
            name: "test",
            tours: 1,
            at_once: 1,
            loops: 0,
            may_be_not_measured,
        };
        let verdicts = Verdict::ALL.map(|verdict| (verdict.name(), verdict));
        let document = document(&verdicts);
        assert_eq!(series(true).wrong_verdicts(&document).len(), 2);
        let wrong = series(false).wrong_verdicts(&document);
        assert_eq!(wrong.len(), 3);
        assert!(wrong.iter().any(|line| line.starts_with("not_measured: ")));
    }
}
