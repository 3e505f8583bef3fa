//! What may go wrong with a system call, and which of it is tried.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::calls::Call;
use crate::random::Random;

/// One thing that goes wrong, once in each process that comes so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The claim.
    pub claim: String,
    /// The system call.
    pub call: String,
    /// What happens to it, in the words of strace(1).
    pub fault: Fault,
    /// To which of a process's calls of this name, counted from 1.
    pub when: usize,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// It fails with this error, and is not carried out.
    Error(String),
    /// It is held up for so many microseconds before it begins.
    Delay(u32),
    /// This signal comes with it.
    Signal(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Error(name) => write!(f, "error={name}"),
            Fault::Delay(microseconds) => write!(f, "delay_enter={microseconds}"),
            Fault::Signal(name) => write!(f, "signal={name}"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            call, fault, when, ..
        } = self;
        write!(f, "{call}:{fault}:when={when}")
    }
}

/// Likely errors of calls (the ERRORS of their manual pages), the likeliest first; several names
/// share a row where they fail alike.
const LIKELY: &[(&[&str], &[&str])] = &[
    (
        &["open", "openat", "openat2", "memfd_create"],
        &["EMFILE", "EACCES"],
    ),
    (
        &["socket", "socketpair", "pipe", "pipe2", "eventfd2"],
        &["EMFILE", "EPERM"],
    ),
    (
        &["epoll_create1", "signalfd4", "timerfd_create"],
        &["EMFILE", "ENOMEM"],
    ),
    (&["dup", "dup2", "dup3"], &["EMFILE", "EINTR"]),
    (&["read", "pread64", "readv", "preadv"], &["EINTR", "EIO"]),
    (
        &["write", "pwrite64", "writev", "pwritev", "fallocate"],
        &["EINTR", "ENOSPC"],
    ),
    (&["sendto", "sendmsg"], &["EINTR", "ENOBUFS"]),
    (&["recvfrom", "recvmsg"], &["EINTR", "ENOMEM"]),
    (&["close"], &["EINTR", "EIO"]),
    (&["clone", "clone3", "fork", "vfork"], &["EAGAIN", "ENOMEM"]),
    (
        &["mmap", "mremap", "brk", "mprotect", "munmap", "madvise"],
        &["ENOMEM", "EAGAIN"],
    ),
    (&["accept", "accept4"], &["EINTR", "ECONNABORTED"]),
    (&["connect"], &["EINTR", "ECONNREFUSED"]),
    (&["bind", "listen"], &["EADDRINUSE", "EACCES"]),
    (
        &["poll", "ppoll", "epoll_wait", "epoll_pwait", "select"],
        &["EINTR", "ENOMEM"],
    ),
    (&["epoll_ctl"], &["ENOSPC", "ENOMEM"]),
    (
        &["futex", "flock", "fcntl", "clock_nanosleep"],
        &["EINTR", "ENOSYS"],
    ),
    (&["wait4", "waitid"], &["EINTR", "ECHILD"]),
    (
        &["kill", "tgkill", "pidfd_send_signal"],
        &["EPERM", "ESRCH"],
    ),
    (&["unshare", "setns", "mount"], &["EPERM", "ENOSPC"]),
    (
        &["lseek", "fstat", "newfstatat", "statx", "readlink"],
        &["EACCES", "EIO"],
    ),
    (&["io_uring_setup", "io_uring_enter"], &["EPERM", "EAGAIN"]),
];
/// Of all others: refused by a filter, or unknown to the kernel.
const ELSE: &[&str] = &["EPERM", "ENOSYS"];

/// Signals that programs are sent. Only the third is ignored where nobody asked for it.
const SIGNALS: [&str; 3] = ["SIGUSR1", "SIGALRM", "SIGCHLD"];

/// How long a call is held up.
const DELAY: Fault = Fault::Delay(50_000);

/// The cases of one call of one claim, the most telling first: the likeliest error at its first
/// call, the other one, the likeliest at its last call and at one between, a delay, a signal.
pub fn cases(seed: u64, claim: &str, call: &Call) -> Vec<Case> {
    let name = call.name.as_str();
    let row = LIKELY.iter().find(|(names, _)| names.contains(&name));
    let errors = row.map_or(ELSE, |(_, errors)| errors);
    let mut random = Random::of_step(seed, text_number(claim) ^ text_number(name));
    // Beyond the program's own calls only those of the claim's processes are met.
    let first = match call.by_claim > call.by_program {
        true => call.by_program + 1,
        false => 1,
    };
    let span = call.by_claim.saturating_sub(first);
    let between = first + random.below(span + 1);
    let error = |at: usize| errors.get(at).map(|name| Fault::Error((*name).to_owned()));
    let signal = random
        .choose(&SIGNALS)
        .map(|name| Fault::Signal((*name).to_owned()));
    let wanted = [
        (error(0), first),
        (error(1), first),
        (error(0), call.by_claim),
        (Some(DELAY), first),
        (signal, first),
        (error(0), between),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (fault, when) in wanted {
        let Some(fault) = fault else { continue };
        let case = Case {
            claim: claim.to_owned(),
            call: call.name.clone(),
            fault,
            when,
        };
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    cases
}

/// A number for a name, the same in every run (FNV-1a).
fn text_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, by_program: usize, by_claim: usize) -> Call {
        Call {
            name: name.to_owned(),
            by_program,
            by_claim,
        }
    }

    #[test]
    fn the_programs_own_calls_are_passed_over_where_they_can_be() {
        let first = |call: &Call| cases(1, "layers", call)[0].to_string();
        assert_eq!(
            first(&call("openat", 12, 20)),
            "openat:error=EMFILE:when=13"
        );
        assert_eq!(first(&call("openat", 12, 12)), "openat:error=EMFILE:when=1");
        assert_eq!(first(&call("kcmp", 0, 3)), "kcmp:error=EPERM:when=1");
    }

    #[test]
    fn cases_are_the_same_for_a_seed_and_never_twice() {
        let call = call("read", 4, 9);
        let all = cases(1, "layers", &call);
        assert_eq!(all, cases(1, "layers", &call));
        for (at, case) in all.iter().enumerate() {
            assert!((5..=9).contains(&case.when), "{case}");
            assert!(!all[at + 1..].contains(case), "{case}");
        }
        // A single call: first, last and between are the same one.
        let single = cases(1, "layers", &super::tests::call("kcmp", 0, 1));
        assert_eq!(single.len(), 4);
    }

    #[test]
    fn no_call_stands_in_two_rows() {
        let mut names: Vec<&str> = LIKELY
            .iter()
            .flat_map(|(names, _)| *names)
            .copied()
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
