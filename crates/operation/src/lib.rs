#![doc = include_str!("../README.md")]

mod error;
mod not_measured;

pub use error::{Error, Refusal, errno};
pub use not_measured::{NotMeasured, Obstacle, find_obstacle};

use serde::{Deserialize, Serialize};

/// What was asked of the kernel, as far as it decides what a refusal means and what helps against
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Anything that is not named below: its refusals mean what they mean of every call.
    #[default]
    Other,
    /// Opening, reading or listing the file of this path, which exists only where the kernel and
    /// the mounts provide it: one of /proc or /sys.
    File(String),
    /// The same of a process that lives and that /proc does not show: see `hidepid` in proc(5).
    HiddenProcess,
    /// Finding a field in what such a file says, which only some kernels write.
    Field,
    /// fork(2) or clone(2).
    Fork,
    /// Starting a thread (pthread_create(3)).
    Thread,
    /// unshare(2) or setns(2): another namespace.
    Unshare,
    /// Making a file in the folder for temporary files.
    ScratchFile,
    /// execve(2) of a shell.
    Shell,
    /// sock_diag(7).
    SockDiag,
    /// kcmp(2).
    Kcmp,
    /// pidfd_getfd(2).
    CopyDescriptor,
    /// fcntl(2) `F_DUPFD_QUERY`.
    DescriptorQuery,
    /// fcntl(2) `F_OFD_SETLK` and its kin.
    OfdLock,
    /// getsockopt(2) `SO_COOKIE`.
    SocketCookie,
    /// madvise(2) `MADV_HUGEPAGE` and `MADV_NOHUGEPAGE`.
    HugePages,
    /// madvise(2) `MADV_COLLAPSE`.
    Collapse,
    /// prctl(2) `PR_RSEQ_SLICE_EXTENSION`.
    SliceExtension,
    /// madvise(2) `MADV_GUARD_INSTALL` and `MADV_GUARD_REMOVE`.
    GuardRegion,
    /// ioctl(2) `PAGEMAP_SCAN`.
    PagemapScan,
    /// userfaultfd(2), and what is asked of its descriptor.
    UserFaultFd,
    /// futex(2) with `FUTEX_ROBUST_UNLOCK`.
    RobustUnlock,
    /// perf_event_open(2) of a tracepoint, and the files of tracefs that name it.
    Tracepoint,
}

/// The operation that an error, or the innermost of its causes that says so, came from.
pub fn find(error: &(dyn std::error::Error + 'static)) -> Operation {
    let mut found = Operation::Other;
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<Refusal>() {
            Some(refusal) if refusal.kind != Operation::Other => found = refusal.kind.clone(),
            _ => {}
        }
        next = error.source();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::fmt;

    #[derive(Debug)]
    struct Wrapper(Error);

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapper")
        }
    }

    impl std::error::Error for Wrapper {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn it_is_found_behind_others_and_absent_where_nobody_says_so() {
        let refused = Error::new("kcmp 1 fd 3 against 2 fd 3", Errno::EPERM);
        assert_eq!(find(&Wrapper(refused.clone())), Operation::Other);
        assert_eq!(
            find(&Wrapper(refused.with_kind(Operation::Kcmp))),
            Operation::Kcmp
        );
        assert_eq!(find(&fmt::Error), Operation::Other);
    }
}
