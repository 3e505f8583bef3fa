//! Injection: a claim's own system calls fail one at a time, come late, or bring a signal.
//!
//! strace(1) injects, into every process of the run, as an engineer would do it: the program's own
//! process may be hit as well, and then there may be no verdict at all. What must never be: a
//! refutation, a panic, a run without end, or anything left behind.

mod calls;
mod fault;

pub use calls::{Call, calls};
pub use fault::{Case, Fault, cases};

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::interrupt::Interrupt;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Verdict};
use crate::host::Host;
use crate::program::Finished;
use crate::remains::{Folder, await_descendants};
use crate::running::Running;
use crate::witness::Witness;

/// How long one run may take before it is a fault.
const SLOW: Duration = Duration::from_secs(30);
/// How long one run may take before it is killed.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// What a run with one fault came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// What went wrong on purpose.
    pub case: Case,
    /// What the claim came to; none where there was no document.
    pub verdict: Option<Verdict>,
    /// What must never be, a line each.
    pub faults: Vec<String>,
}

/// The folders and the host that runs are held against.
#[derive(Debug)]
pub struct Trial<'a> {
    /// The program on trial.
    pub witness: Witness,
    /// The temporary folder of the claims, empty after each run.
    pub folder: Folder,
    /// The folder of the traces.
    pub traces: Folder,
    /// The settings of the host before.
    pub host: Host,
    /// Asks this process to end.
    pub interrupt: &'a Interrupt,
}

impl Trial<'_> {
    /// The calls that a claim makes, from a run that strace records. Where that takes too long, as
    /// for one whose threads call the kernel without end, those that it has made by then.
    ///
    /// # Errors
    /// There is no strace, or it may not trace; a signal asked this process to end.
    pub fn calls_of(&self, claim: &str) -> Result<Vec<Call>> {
        let file = self.traces.path().join("trace");
        let options = ["-s".as_ref(), "0".as_ref(), "-o".as_ref(), file.as_os_str()];
        self.run(&options, claim)?;
        let trace = fs::read(&file).context("read the trace")?;
        await_descendants()?;
        self.folder.empty()?;
        Ok(calls(&String::from_utf8_lossy(&trace)))
    }

    /// Runs a claim with one fault.
    ///
    /// # Errors
    /// A signal asked this process to end; strace cannot be started.
    pub fn try_case(&mut self, case: Case) -> Result<Record> {
        let (traced, injected) = (format!("trace={}", case.call), format!("inject={case}"));
        // Only calls of this name stop their process: all others run as fast as ever.
        let options = [
            "--seccomp-bpf",
            "-o",
            "/dev/null",
            "-e",
            &traced,
            "-e",
            &injected,
        ];
        let finished = self.run(&options.map(OsStr::new), &case.claim)?;
        let document = Document::parse(&finished.stdout).ok();
        let claim = document
            .as_ref()
            .and_then(|document| document.claims.first());
        let verdict = claim.map(|claim| claim.verdict);
        let mut faults = faults(verdict, &finished);
        let remains: Vec<String> = await_descendants()?
            .into_iter()
            .chain(self.folder.empty()?)
            .collect();
        // Where strace had to be killed, those that it traced could only go on.
        if !finished.late {
            faults.extend(remains.iter().map(|what| format!("left behind: {what}")));
        }
        let after = Host::read()?;
        let changes = after.changes_since(&self.host).into_iter();
        faults.extend(changes.map(|change| format!("the host was changed: {change}")));
        self.host = after;
        Ok(Record {
            case,
            verdict,
            faults,
        })
    }

    fn run(&self, options: &[&OsStr], claim: &str) -> Result<Finished> {
        #[expect(clippy::disallowed_methods, reason = "strace injects")]
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(options);
        let measure = self.witness.measure([claim]);
        command.arg(measure.get_program()).args(measure.get_args());
        command.env("TMPDIR", self.folder.path());
        Running::start(&mut command, RUN_LIMIT)?.finish(self.interrupt)
    }
}

/// What must never be.
fn faults(verdict: Option<Verdict>, finished: &Finished) -> Vec<String> {
    let mut faults = Vec::new();
    if verdict == Some(Verdict::Refuted) {
        faults.push("refuted".to_owned());
    }
    if finished.has_panicked() {
        faults.push(format!("a panic: {}", finished.stderr.trim_end()));
    }
    if finished.late || finished.took > SLOW {
        faults.push(format!("it took {} s", finished.took.as_secs()));
    }
    faults
}

/// Whether strace is there.
///
/// # Errors
/// It cannot be run.
pub fn require_strace() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "strace injects")]
    let output = Command::new("strace").arg("--version").output();
    let output = output.context("strace is missing (apt-get install strace)")?;
    ensure!(
        output.status.success(),
        "strace --version: {}",
        output.status
    );
    Ok(())
}
