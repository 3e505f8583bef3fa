//! Chaos: runs that are killed or stopped at random moments, after which nothing may be left.
//!
//! What is done to run number N of a seed is always the same; the moment is the same state of the
//! run: so many of its processes have been seen.

mod plan;
mod strike;

pub use plan::{Plan, Strike, Target, plan};

use std::time::Duration;

use anyhow::Result;
use harness::interrupt::Interrupt;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Verdict};
use crate::host::Host;
use crate::program::Finished;
use crate::remains::{Folder, await_descendants};
use crate::running::Running;
use crate::witness::Witness;

/// How long a run of a few claims may take on a busy machine, pauses included.
const RUN_LIMIT: Duration = Duration::from_secs(240);

/// What came of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// What was done: `SIGKILL`, `SIGSTOP, SIGCONT`.
    pub signals: String,
    /// To whom: `witness`, `a child`.
    pub target: String,
    /// Whether the moment came before the run had ended.
    pub struck: bool,
    /// The exit status, or the signal.
    pub how: String,
    /// What is wrong, a line each.
    pub faults: Vec<String>,
}

/// Runs the claims of `plan` and strikes. `host` is the state before, and the state after.
///
/// # Errors
/// A signal asked this process to end; a program that cannot be started; /proc cannot be read.
pub fn run(
    witness: &Witness,
    plan: &Plan,
    folder: &Folder,
    host: &mut Host,
    interrupt: &Interrupt,
) -> Result<Record> {
    let mut command = witness.measure(plan.claims.iter().map(String::as_str));
    let mut running = Running::start(command.env("TMPDIR", folder.path()), RUN_LIMIT)?;
    let early = strike::strike_at_moment(&mut running, plan, interrupt)?;
    let struck = early.is_none();
    let finished = match early {
        Some(finished) => finished,
        None => running.finish(interrupt)?,
    };
    let mut faults = faults(plan, &finished);
    let remains = await_descendants()?.into_iter().chain(folder.empty()?);
    faults.extend(remains.map(|what| format!("left behind: {what}")));
    let after = Host::read()?;
    let changes = after.changes_since(host).into_iter();
    faults.extend(changes.map(|change| format!("the host was changed: {change}")));
    *host = after;
    Ok(Record {
        signals: plan.strike.name().to_owned(),
        target: plan.target.name().to_owned(),
        struck,
        how: finished.how(),
        faults,
    })
}

/// What is wrong with how the run ended. A claim whose process was killed is in error, rightly; one
/// that was only stopped for a while is not.
fn faults(plan: &Plan, finished: &Finished) -> Vec<String> {
    let mut faults = Vec::new();
    if finished.late {
        faults.push(format!("it was {}", finished.how()));
    }
    if finished.has_panicked() {
        faults.push(format!("a panic: {}", finished.stderr.trim_end()));
    }
    let Ok(document) = Document::parse(&finished.stdout) else {
        return faults;
    };
    let is_wrong = |verdict| match verdict {
        Verdict::Refuted => true,
        Verdict::Error => plan.strike == Strike::Pause,
        Verdict::Holds | Verdict::HoldsWith | Verdict::NotMeasured => false,
    };
    for claim in document
        .claims
        .iter()
        .filter(|claim| is_wrong(claim.verdict))
    {
        let why = claim.why.as_deref().unwrap_or("no reason given");
        faults.push(format!("{}: {}: {why}", claim.id, claim.verdict));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn an_error_is_a_fault_only_where_nobody_was_killed() {
        let finished = |verdict: &str| Finished {
            status: ExitStatus::from_raw(0),
            stdout: format!(
                r#"{{"claims": [{{"id": "layers", "verdict": "{verdict}", "why": "x",
                    "duration_ms": 1, "control": {{"observed": {{}}}}}}]}}"#
            ),
            stderr: String::new(),
            took: Duration::ZERO,
            late: false,
        };
        let mut plan = plan(1, 1, &["layers".to_owned()]);
        for (strike, verdict, count) in [
            (Strike::Pause, "error", 1),
            (Strike::Kill, "error", 0),
            (Strike::Kill, "refuted", 1),
            (Strike::Pause, "not_measured", 0),
        ] {
            plan.strike = strike;
            assert_eq!(
                faults(&plan, &finished(verdict)).len(),
                count,
                "{strike:?} {verdict}"
            );
        }
    }
}
