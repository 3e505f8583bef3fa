//! The tour on one rung, and all that is wrong with how it ended.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use harness::interrupt::Interrupt;
use serde::{Deserialize, Serialize};

use super::allowed::{Allowed, rows};
use super::company::BusyLoops;
use super::rungs::Rung;
use super::start::{CANNOT_BE_MADE, needs_root};
use crate::document::{self, Document, Verdict};
use crate::host::Host;
use crate::program::Finished;
use crate::remains::{Folder, await_descendants};
use crate::running::{Running, finish_all};
use crate::tour::{self, TOUR_LIMIT};
use crate::witness::{Claim, Witness};

/// How often a claim that chance left out is measured again.
const REPETITIONS: usize = 2;

/// How rungs are climbed.
#[derive(Debug)]
pub struct Climb<'a> {
    /// The program on trial.
    pub witness: Witness,
    /// The claims that are tried.
    pub claims: Vec<Claim>,
    /// What they may come to.
    pub allowed: Allowed,
    /// Whether a claim may be not measured because other programs used the processors.
    pub noisy: bool,
    /// The temporary folder of all that is started.
    pub folder: Folder,
    /// Asks this process to end.
    pub interrupt: &'a Interrupt,
}

/// What came of a rung.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub rung: String,
    /// Why it could not be made here.
    pub skipped: Option<String>,
    /// How many claims came to each verdict, in the order of [`Verdict::ALL`].
    pub counts: [usize; 5],
    /// What is wrong, a line each.
    pub faults: Vec<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The rows of the list of allowed verdicts that this would need.
    pub rows: String,
}

impl Climb<'_> {
    /// Runs the claims on `rung`.
    ///
    /// # Errors
    /// A signal asked this process to end; a program that cannot be started; the host's settings
    /// cannot be read.
    pub fn climb(&self, rung: &Rung) -> Result<Record> {
        let mut record = Record {
            rung: rung.name.to_owned(),
            ..Record::default()
        };
        if needs_root(rung) && !nix::unistd::geteuid().is_root() {
            record.skipped = Some("only root can make it".to_owned());
            return Ok(record);
        }
        let host = Host::read()?;
        let start = Instant::now();
        let claims: Vec<&str> = self.claims.iter().map(|claim| &*claim.id).collect();
        let ended = self.run(rung, &claims)?;
        record.seconds = start.elapsed().as_secs_f64();
        let is_impossible = |ended: &&Finished| ended.status.code() == Some(CANNOT_BE_MADE.into());
        if let Some(ended) = ended.iter().find(is_impossible) {
            record.skipped = Some(ended.last_words().to_owned());
        } else {
            for ended in &ended {
                self.look_at(rung, ended, &mut record)?;
            }
        }
        record
            .faults
            .extend(await_descendants()?.into_iter().map(left));
        record
            .faults
            .extend(self.folder.empty()?.into_iter().map(left));
        for change in Host::read()?.changes_since(&host) {
            record
                .faults
                .push(format!("the host was changed: {change}"));
        }
        Ok(record)
    }

    /// Starts the tours that the rung asks for, with these claims, and waits for all.
    fn run(&self, rung: &Rung, claims: &[&str]) -> Result<Vec<Finished>> {
        let _loops = BusyLoops::start(rung.company.loops())?;
        let start = |_| {
            #[expect(clippy::disallowed_methods, reason = "witness is run from outside")]
            let mut command = Command::new("/proc/self/exe");
            command.args(["rung", rung.name, "--"]);
            let measure = self.witness.measure(claims.iter().copied());
            command.arg(measure.get_program()).args(measure.get_args());
            command.env("TMPDIR", self.folder.path());
            Running::start(&mut command, TOUR_LIMIT)
        };
        let programs = (0..rung.company.tours()).map(start);
        finish_all(programs.collect::<Result<_>>()?, self.interrupt)
            .with_context(|| format!("on the rung {}", rung.name))
    }

    /// Adds what this tour came to, and what is wrong with it.
    fn look_at(&self, rung: &Rung, ended: &Finished, record: &mut Record) -> Result<()> {
        let document = Document::parse(&ended.stdout).ok();
        let faults = self.faults(rung, ended, document.as_ref(), REPETITIONS)?;
        record.faults.extend(faults);
        if ended.late {
            return Ok(());
        }
        if let (Some(document), true) = (&document, self.allowed.expects_document(rung.name)) {
            for (count, verdict) in record.counts.iter_mut().zip(Verdict::ALL) {
                *count += document.count(verdict);
            }
        }
        record.rows = rows(rung, document.as_ref());
        Ok(())
    }

    /// What is wrong with a tour. A claim that chance left out is measured again, `repetitions`
    /// times at most, and whatever is wrong then is told.
    fn faults(
        &self,
        rung: &Rung,
        ended: &Finished,
        document: Option<&Document>,
        repetitions: usize,
    ) -> Result<Vec<String>> {
        let mut faults = tour::faults(ended, document);
        if ended.late {
            return Ok(faults);
        }
        match (document, self.allowed.expects_document(rung.name)) {
            (Some(document), true) => {
                let wrong = self.allowed.differences(rung.name, document);
                let is_told = |claim: &&document::Claim| !(self.noisy && claim.is_noise());
                for claim in wrong.into_iter().filter(is_told) {
                    if repetitions == 0 || !claim.is_left_to_chance() {
                        faults.push(self.allowed.tell(rung.name, claim));
                        continue;
                    }
                    for ended in self.run(rung, &[&claim.id])? {
                        let document = Document::parse(&ended.stdout).ok();
                        let document = document.as_ref();
                        faults.extend(self.faults(rung, &ended, document, repetitions - 1)?);
                    }
                }
            }
            // It could not run, or nothing could be measured.
            (None, false) if matches!(ended.status.code(), Some(2 | 4)) => {}
            (None, false) => faults.push(format!("{} instead of status 2 or 4", ended.how())),
            (Some(_), false) => faults.push("a document, where none is allowed".to_owned()),
            (None, true) => {
                let words = ended.last_words();
                faults.push(format!("no document, {}: {words}", ended.how()));
            }
        }
        Ok(faults)
    }
}

fn left(what: String) -> String {
    format!("left behind: {what}")
}
