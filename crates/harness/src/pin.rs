//! Where processes run: one CPU for a process and its children, and who preempts whom there.
#![expect(unsafe_code, reason = "sched_setscheduler, which nix does not have")]

use anyhow::{Context, Result};
use nix::errno::Errno;
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

/// Makes `pid` a batch process (SCHED_BATCH, sched(7)): when it is woken it waits for its turn and does
/// not preempt who runs.
///
/// # Errors
/// That of sched_setscheduler(2): EPERM where a filter forbids it.
pub fn never_preempts(pid: i32) -> Result<()> {
    let ordinary = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads the structure, which lives until the call returns; the rest are integers.
    let set = unsafe { libc::sched_setscheduler(pid, libc::SCHED_BATCH, &ordinary) };
    Errno::result(set).with_context(|| format!("sched_setscheduler {pid} SCHED_BATCH"))?;
    Ok(())
}
