//! Error numbers that mean "not here" rather than "broken", and what a person can do about each.
//!
//! A refusal is known by the operation and the error number, never by the words of its message:
//! `Operation` travels with the error, also from a child to its parent.

use claim::{Obstacle, Verdict, error_chain, find_obstacle};
use nix::errno::Errno;
use observe::Operation;
use serde::{Deserialize, Serialize};

use crate::missing;

/// Why there are no readings, in a form that passes from the child to the parent. It is no verdict:
/// the parent finds that by [`Failure::verdict`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The measurement itself says that it cannot be made here, and what would allow it.
    NotMeasured(Obstacle),
    /// Something failed.
    Failed {
        /// The error's chain of messages.
        why: String,
        /// The error number at its root, if there is one.
        errno: Option<i32>,
        /// The operation that was refused, as far as the error says so.
        operation: Operation,
    },
}

impl Failure {
    /// Not measured where a refusal is the cause (a missing privilege, a filter, a full table), a
    /// broken set-up otherwise.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Failure::NotMeasured(Obstacle { why, enable }) => Verdict::NotMeasured { why, enable },
            Failure::Failed {
                why,
                errno,
                operation,
            } => {
                let errno = errno.map(Errno::from_raw);
                match errno.and_then(|errno| remedy(&operation, errno)) {
                    Some(enable) => Verdict::NotMeasured {
                        why,
                        enable: enable.to_owned(),
                    },
                    None => Verdict::Error(why),
                }
            }
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        if let Some(obstacle) = find_obstacle(error.as_ref()) {
            return Failure::NotMeasured(obstacle.clone());
        }
        Failure::Failed {
            why: error_chain(&error),
            errno: errno(&error).map(|errno| errno as i32),
            operation: child::find_operation(error.as_ref()),
        }
    }
}

fn errno(error: &anyhow::Error) -> Option<Errno> {
    error.chain().find_map(|cause| {
        let io = |e: &std::io::Error| e.raw_os_error().map(Errno::from_raw);
        cause
            .downcast_ref::<Errno>()
            .copied()
            .or_else(|| cause.downcast_ref().and_then(io))
    })
}

/// What lets `operation` pass that was refused with `errno`; none where that is no refusal but an
/// answer, or a fault of ours.
fn remedy(operation: &Operation, errno: Errno) -> Option<&'static str> {
    use Errno::{EACCES, EAGAIN, EDQUOT, EINVAL, ENODEV, ENOENT, ENOMEM, ENOPROTOOPT, ENOSPC};
    use Errno::{
        ENODATA, ENOSYS, ENOTDIR, ENOTTY, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, EROFS, EUSERS,
    };
    Some(match (operation, errno) {
        (Operation::Unshare, EPERM | EACCES | ENOSPC | EUSERS | ENOSYS | EINVAL) => {
            "run it as root, or allow user namespaces (user.max_user_namespaces, \
             user.max_net_namespaces above 0, no filter on unshare)"
        }
        (
            Operation::ScratchFile,
            EACCES | EPERM | EROFS | ENOENT | ENOTDIR | ENOSPC | EDQUOT | EOPNOTSUPP,
        ) => "set TMPDIR to a directory that exists, has space and may be written",
        (Operation::Shell, ENOENT | EACCES) => "install a shell called sh where PATH finds it",
        (Operation::Fork | Operation::Thread, EAGAIN | ENOMEM) => {
            "raise the limit on processes (ulimit -u, or pids.max of the control group), or free \
             memory"
        }
        (Operation::SockDiag, ENOENT | EPROTONOSUPPORT) => {
            "load the kernel's module for it (modprobe tcp_diag), or use a kernel with \
             CONFIG_INET_DIAG"
        }
        (Operation::Kcmp, ENOSYS) => {
            "use a kernel with CONFIG_KCMP, or Linux 6.10 or later, where fcntl F_DUPFD_QUERY \
             answers in its place, and no seccomp filter that hides them"
        }
        (Operation::HiddenProcess, ENOENT) => HIDDEN,
        (Operation::Kcmp | Operation::CopyDescriptor, EPERM | EACCES) => {
            ptrace_remedy(observe::program::is_own_readable())
        }
        (Operation::DescriptorQuery, EINVAL) => "use Linux 6.10 or later, which has F_DUPFD_QUERY",
        (Operation::OfdLock, EINVAL) => {
            "use a kernel that has open file description locks (Linux 3.15 or later)"
        }
        (Operation::SocketCookie, ENOPROTOOPT | EOPNOTSUPP) => {
            "use a kernel that numbers its sockets (SO_COOKIE, Linux 4.6 or later)"
        }
        (Operation::HugePages, EINVAL) => "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE",
        (Operation::Collapse, EINVAL) => {
            "use Linux 6.1 or later, which has MADV_COLLAPSE, with CONFIG_TRANSPARENT_HUGEPAGE"
        }
        (Operation::SliceExtension, EINVAL) => {
            "use Linux 7.0 or later with CONFIG_RSEQ_SLICE_EXTENSION"
        }
        (Operation::GuardRegion, EINVAL) => "use Linux 6.13 or later, which has MADV_GUARD_INSTALL",
        (Operation::PagemapScan, ENOTTY | EINVAL) => {
            "use Linux 6.7 or later, which has PAGEMAP_SCAN"
        }
        (Operation::UserFaultFd, EINVAL | ENOSYS | EPERM | EACCES) => {
            "use Linux 6.7 or later with CONFIG_USERFAULTFD, outside of a seccomp filter"
        }
        (Operation::RobustUnlock, ENOSYS) => {
            "use a kernel with CONFIG_FUTEX_ROBUST_UNLOCK (Linux 7.2 has it)"
        }
        (Operation::Tracepoint, ENOENT | ENODEV | EINVAL) => {
            "use a kernel with tracepoints (CONFIG_FTRACE, CONFIG_PERF_EVENTS)"
        }
        (Operation::File(path), ENOENT | ENOTDIR) => missing::remedy(path)?,
        (Operation::File(path), EPERM | EACCES) if path.starts_with("/proc/") => {
            ptrace_remedy(observe::program::is_own_readable())
        }
        (Operation::Field, ENODATA) => "use a kernel that shows what is named above",
        (_, errno) => remedy_of_any(errno)?,
    })
}

const HIDDEN: &str = "let its user read the program's file (chmod a+r; a program with capabilities \
                      of its own is hidden too), run it as root, or mount /proc without hidepid";

/// What lets a process look at its own child, which is always allowed but where the program's file
/// may only be executed, or where something filters.
fn ptrace_remedy(program_is_readable: bool) -> &'static str {
    match program_is_readable {
        true => PTRACE,
        false => {
            "let its user read the program's file, whose mode lacks r (chmod a+r), or run it \
                  as root"
        }
    }
}

const PTRACE: &str = "run it as root and outside of a seccomp filter (in a container: --cap-add \
                      SYS_PTRACE --security-opt seccomp=unconfined)";

/// What lets a call pass, whichever it is.
fn remedy_of_any(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EPERM | Errno::EACCES => {
            "run it as root and outside of a seccomp filter (in a container: --privileged)"
        }
        Errno::ENOSYS | Errno::EOPNOTSUPP => {
            "use a kernel that has the call (Linux 5.10 or later) and no seccomp filter that hides \
             it"
        }
        Errno::ENETUNREACH => "bring the loopback interface up: ip link set lo up",
        Errno::EAFNOSUPPORT => "use a kernel with IPv4, IPv6 and Unix sockets",
        Errno::EMFILE => "raise the limit on open files, for instance: ulimit -n 1024",
        Errno::EFBIG => "raise the limit on the size of files, for instance: ulimit -f unlimited",
        Errno::ENFILE => "the system's file table is full: close programs or raise fs.file-max",
        Errno::ENOMEM => {
            "free memory, or raise the limit on it (ulimit -d, ulimit -v, the control group's)"
        }
        Errno::ENOSPC | Errno::EDQUOT => "free space or raise the quota of what is named above",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, Error};
    use claim::NotMeasured;

    /// What enables `operation` after it failed with `errno`; none where that is no refusal.
    fn enable(operation: Operation, errno: Errno) -> Option<String> {
        let refused = observe::Error::new("try it", errno).with_kind(operation);
        match Failure::from(Error::new(refused).context("measuring")).verdict() {
            Verdict::NotMeasured { enable, .. } => Some(enable),
            _ => None,
        }
    }

    #[test]
    fn a_refusal_anywhere_in_the_chain_is_not_measured() {
        let refused = observe::Error::new("kcmp 1 fd 3 against 2 fd 3", Errno::ENOSYS);
        let error = Error::new(refused.with_kind(Operation::Kcmp)).context("comparing");
        let verdict = Failure::from(error).verdict();
        let Verdict::NotMeasured { why, enable } = verdict else {
            panic!("{verdict:?}");
        };
        assert!(why.contains("kcmp 1 fd 3 against 2 fd 3: ENOSYS"), "{why}");
        assert!(enable.contains("CONFIG_KCMP"));
    }

    #[test]
    fn what_a_measurement_says_of_itself_stands() {
        let error = Error::new(NotMeasured::new("one CPU", "allow two")).context("racing");
        let (why, enable) = ("one CPU".to_owned(), "allow two".to_owned());
        let expected = Verdict::NotMeasured { why, enable };
        assert_eq!(Failure::from(error).verdict(), expected);
    }

    /// A child's closure fails with a boxed error, in which the type of an `anyhow::Error` is lost.
    #[test]
    fn what_a_measurement_says_in_a_child_of_its_own_stands() {
        let error = Error::new(NotMeasured::new("one CPU", "allow two")).context("racing");
        let boxed: child::BoxError = error.into();
        let found = find_obstacle(boxed.as_ref()).map(|obstacle| obstacle.why.as_str());
        assert_eq!(found, Some("one CPU"));
    }

    /// The words of a message decide nothing, neither for nor against.
    #[test]
    fn an_answer_is_not_a_refusal_whatever_its_words() {
        for words in [
            "flock",
            "child reader: fork:",
            "spawn a thread",
            "open /proc/1/wchan",
        ] {
            for errno in [Errno::EAGAIN, Errno::ENOENT, Errno::EINVAL, Errno::EISDIR] {
                let answer = Err::<(), _>(errno).context(words).expect_err("error");
                let verdict = Failure::from(answer).verdict();
                assert!(matches!(verdict, Verdict::Error(_)), "{words}: {verdict:?}");
            }
        }
        let own = enable(Operation::Fork, Errno::EPERM).unwrap_or_default();
        assert!(own.contains("root"), "a filter on fork is no limit: {own}");
    }

    #[test]
    fn the_remedy_belongs_to_the_operation() {
        let file = |path: &str| Operation::File(path.to_owned());
        for (operation, errno, names) in [
            (Operation::Unshare, Errno::ENOSPC, "namespaces"),
            (Operation::ScratchFile, Errno::ENOENT, "TMPDIR"),
            (Operation::Thread, Errno::EAGAIN, "ulimit -u"),
            (Operation::Kcmp, Errno::EPERM, "SYS_PTRACE"),
            (Operation::SockDiag, Errno::ENOENT, "modprobe tcp_diag"),
            (Operation::Other, Errno::ENETUNREACH, "lo up"),
            (Operation::Shell, Errno::ENOENT, "shell"),
            (Operation::HugePages, Errno::EINVAL, "TRANSPARENT_HUGEPAGE"),
            (Operation::SocketCookie, Errno::ENOPROTOOPT, "SO_COOKIE"),
            (Operation::OfdLock, Errno::EINVAL, "3.15"),
            (file("/proc/7/wchan"), Errno::ENOENT, "CONFIG_KALLSYMS"),
            (file("/proc/7/wchan"), Errno::EACCES, "SYS_PTRACE"),
            (file("/proc/meminfo"), Errno::ENOENT, "subset=pid"),
            (Operation::HiddenProcess, Errno::ENOENT, "hidepid"),
        ] {
            let enable = enable(operation.clone(), errno).unwrap_or_default();
            assert!(enable.contains(names), "{operation:?}: {enable}");
        }
        assert_eq!(enable(file("/proc/2/fdinfo/3"), Errno::ENOENT), None);
    }

    #[test]
    fn the_mode_of_the_program_is_named_where_it_is_the_cause() {
        assert!(ptrace_remedy(false).contains("chmod a+r"));
        assert!(!ptrace_remedy(true).contains("chmod"));
    }

    #[test]
    fn it_crosses_to_the_parent() {
        let refused = observe::Error::new("madvise", Errno::EINVAL).with_kind(Operation::HugePages);
        let failure = Failure::from(Error::new(refused));
        let text = serde_json::to_string(&failure).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Failure>(&text).expect("JSON"),
            failure
        );
    }
}
