//! Sabotage: each act of each experiment is removed or weakened in the sources, and the claim must
//! notice it, by its verdict or because the recorder misses an act.

mod mutation;
mod workshop;

pub use mutation::{Edit, Mutation, groups, parse};
pub use workshop::{Build, Workshop};

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::document::{Claim, Document, Verdict};
use crate::program;
use crate::record;
use crate::witness::Witness;

/// How long a claim may take, its repetitions on a noisy machine included.
const CLAIM_LIMIT: Duration = Duration::from_secs(120);

/// How often a verdict is asked for before noise is blamed.
const ATTEMPTS: usize = 3;

/// What became of a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The claims noticed it: by what.
    Noticed(String),
    /// This claim still holds, and the recorder sees every act that it announces.
    Survived(String),
    /// The machine was too busy, or does not allow the claim: nothing is known.
    Unknown(String),
    /// The mutated sources do not build.
    Broken(String),
}

/// The topics for which there are mutations, each with them, from `crates/proof/sabotage` below
/// `root`.
///
/// # Errors
/// A file cannot be read, or is not of the form that [`parse`] knows.
pub fn mutations(root: &Path) -> Result<Vec<(String, Vec<Mutation>)>> {
    let folder = root.join("crates/proof/sabotage");
    let what = || format!("read {}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(what)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut topics = Vec::new();
    for file in files {
        let name = || file.display().to_string();
        let text = fs::read_to_string(&file).with_context(name)?;
        let mutations = parse(&text).with_context(name)?;
        let topic = file.file_stem().unwrap_or_default();
        topics.push((topic.to_string_lossy().into_owned(), mutations));
    }
    Ok(topics)
}

/// Whether each claim that `mutation` names notices it in `program`, which is built with it.
///
/// # Errors
/// The program cannot be run; strace cannot be had.
pub fn try_claims(program: &Witness, mutation: &Mutation) -> Result<Fate> {
    let mut noticed = Vec::new();
    for id in &mutation.claims {
        match try_claim(program, id)? {
            Fate::Noticed(by) => noticed.push(by),
            other => return Ok(other),
        }
    }
    Ok(Fate::Noticed(noticed.join("; ")))
}

/// Whether the claim notices, twice in a row, by its verdict; else whether the recorder does.
fn try_claim(program: &Witness, id: &str) -> Result<Fate> {
    let mut by = String::new();
    for _ in 0..2 {
        match verdict(program, id)? {
            Fate::Noticed(verdict) => by = verdict,
            Fate::Survived(_) => return try_recorder(program, id),
            other => return Ok(other),
        }
    }
    Ok(Fate::Noticed(by))
}

/// Whether a claim holds in one of three attempts.
///
/// # Errors
/// The program cannot be run.
pub fn holds(program: &Witness, id: &str) -> Result<bool> {
    for _ in 0..ATTEMPTS {
        if let Fate::Survived(_) = verdict(program, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verdict(program: &Witness, id: &str) -> Result<Fate> {
    let mut noise = String::new();
    for _ in 0..ATTEMPTS {
        let run = program::run(&mut program.measure([id]), CLAIM_LIMIT)?;
        if run.late {
            return Ok(Fate::Noticed("it does not end".to_owned()));
        }
        let Claim { verdict, why, .. } = run.read::<Document>()?.into_claim()?;
        let why = why.unwrap_or_default();
        match verdict {
            Verdict::Holds | Verdict::HoldsWith => return Ok(Fate::Survived(id.to_owned())),
            Verdict::NotMeasured if is_noise(&why) => noise = why,
            verdict => {
                let separator = if why.is_empty() { "" } else { ": " };
                let verdict = verdict.name().replace('_', " ");
                return Ok(Fate::Noticed(format!("{verdict}{separator}{why}")));
            }
        }
    }
    Ok(Fate::Unknown(noise))
}

/// Whether a claim was not measured because of other programs, which says nothing of a mutation.
fn is_noise(why: &str) -> bool {
    why.starts_with("other programs used") || why.starts_with("what other programs used")
}

fn try_recorder(program: &Witness, id: &str) -> Result<Fate> {
    let ids = [id.to_owned()];
    let claims = program.claims(&ids)?;
    let claim = claims.first().context("the claim is not in the list")?;
    let findings = record::check(program, claim)?;
    Ok(match findings.faults.into_iter().next() {
        // The lines that follow show the calls that were seen instead.
        Some(fault) => {
            let fault = fault.lines().next().unwrap_or_default();
            Fate::Noticed(format!("recorder: {fault}"))
        }
        None => Fate::Survived(id.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// What the sources no longer say cannot be mutated: the data would rot in silence.
    #[test]
    fn every_mutation_fits_the_sources() {
        for (topic, mutations) in mutations(&root()).unwrap() {
            for mutation in mutations {
                let changed = mutation.changed_files(&root());
                assert!(changed.is_ok(), "{topic}: {:#}", changed.unwrap_err());
            }
        }
    }
}
