//! Where processes run: one CPU for a process and its children, and which process preempts which
//! one there.
#![expect(unsafe_code, reason = "sched_setscheduler, which nix does not have")]

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use observe::Error;

/// The CPUs this process may run on, in order: [`observe::cpus::allowed`].
///
/// # Errors
/// That of sched_getaffinity(2).
pub fn cpus() -> Result<Vec<usize>, Error> {
    observe::cpus::allowed()
}

/// Binds the calling thread, and the threads and children that it starts from now on, to one CPU
/// (sched_setaffinity(2)), and looks whether it is bound (sched_getaffinity(2)).
///
/// # Errors
/// EINVAL if the CPU is not there or a cpuset forbids it; EPERM under a seccomp filter, unless this
/// is the only CPU that it may run on anyway; none where the call answers that it was done, and was
/// not.
pub fn pin(cpu: usize) -> Result<(), Error> {
    let refused = |errno| Error::new(format!("sched_setaffinity CPU {cpu}"), errno);
    let mut set = CpuSet::new();
    let bound = set.set(cpu);
    match bound.and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)) {
        Err(errno) if cpus() != Ok(vec![cpu]) => Err(refused(errno)),
        Ok(()) if cpus()? != [cpu] => {
            let what = format!("sched_setaffinity CPU {cpu} did nothing");
            Err(Error::without_errno(what))
        }
        _ => Ok(()),
    }
}

/// Keeps this process, and the children that it forks from now on, on the CPU where it runs: a
/// wakeup on a core that had gone idle costs several times as much as one on a busy core, and would
/// blur what is compared.
///
/// # Errors
/// That of sched_setaffinity(2).
pub fn stay_here() -> Result<(), Error> {
    let cpu = sched_getcpu().map_err(|errno| Error::new("getcpu", errno))?;
    pin(cpu)
}

/// Makes `pid` a batch process (SCHED_BATCH, sched(7)): when it is woken it waits for its turn and
/// does not preempt the running one.
///
/// # Errors
/// That of sched_setscheduler(2): EPERM where a filter forbids it.
pub fn make_batch_process(pid: i32) -> Result<(), Error> {
    let ordinary = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads the structure, which lives until the call returns; the rest are
    // integers.
    let set = unsafe { libc::sched_setscheduler(pid, libc::SCHED_BATCH, &ordinary) };
    Errno::result(set).map(drop).map_err(|errno| {
        let what = format!("sched_setscheduler {pid} SCHED_BATCH");
        Error::new(what, errno)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::with_refused_calls;

    #[test]
    fn who_may_run_on_one_cpu_alone_is_pinned_to_it() {
        let [first, .., last] = cpus().unwrap()[..] else {
            return;
        };
        std::thread::spawn(move || {
            pin(first).unwrap();
            with_refused_calls(
                (libc::SYS_sched_setaffinity, Vec::new()),
                Errno::EPERM,
                move || {
                    assert_eq!(pin(first), Ok(()));
                    assert_eq!(pin(last).unwrap_err().errno, Errno::EPERM);
                },
            );
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_call_that_pins_nothing_is_an_error() {
        let cpu = cpus().unwrap()[0];
        if cpus().unwrap().len() == 1 {
            // Here there is nothing that it could change.
            return;
        }
        let lied_to = std::thread::spawn(move || {
            let lie = crate::seccomp::Filter::answering(&["sched_setaffinity"], None).unwrap();
            lie.install().unwrap();
            pin(cpu)
        });
        let error = lied_to.join().unwrap().unwrap_err().to_string();
        assert_eq!(error, format!("sched_setaffinity CPU {cpu} did nothing"));
    }
}
