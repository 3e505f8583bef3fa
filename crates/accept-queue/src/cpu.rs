//! One CPU for a process and its children, where CPU times are compared.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps this process, and the children that it forks from now on, on the CPU where it runs: a wakeup
/// on a core that had gone idle costs several times as much as one on a busy core, and would blur
/// what is compared.
///
/// # Errors
/// That of sched_setaffinity(2).
pub fn stay_here() -> Result<()> {
    let mut here = CpuSet::new();
    here.set(sched_getcpu().context("getcpu")?)
        .context("CPU_SET")?;
    sched_setaffinity(Pid::from_raw(0), &here).context("sched_setaffinity")
}
