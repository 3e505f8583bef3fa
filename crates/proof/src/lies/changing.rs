//! The system calls that change something, each with the error that a kernel is likeliest to give.

use nix::errno::Errno;

/// A system call that changes something: memory, descriptors, processes, settings.
#[derive(Clone, Copy, Debug)]
pub struct Changing {
    /// Its name, as strace(1) prints it.
    pub name: &'static str,
    /// The error that it is likeliest to fail with.
    pub error: Errno,
    /// Where it does.
    pub reason: &'static str,
}

const fn changing(name: &'static str, error: Errno, reason: &'static str) -> Changing {
    Changing {
        name,
        error,
        reason,
    }
}

const NO_DESCRIPTOR: &str = "the descriptor table is full";
const NO_MEMORY: &str = "memory or mappings are used up";
const NO_PROCESS: &str = "a limit on processes";
const NO_RIGHT: &str = "a capability is missing, or a filter forbids it";
const NOT_THERE: &str = "an older kernel, another one, or a filter of a container";
const NO_SPACE: &str = "the file system or a limit is full";
const NOT_ALLOWED_HERE: &str = "the object does not know this request";

/// Every call that changes something and that a claim may make.
pub const CHANGING: &[Changing] = &[
    // processes and threads
    changing("clone", Errno::EAGAIN, NO_PROCESS),
    changing("clone3", Errno::ENOSYS, NOT_THERE),
    changing("fork", Errno::EAGAIN, NO_PROCESS),
    changing("vfork", Errno::EAGAIN, NO_PROCESS),
    changing("execve", Errno::EACCES, NO_RIGHT),
    changing("kill", Errno::EPERM, NO_RIGHT),
    changing("tgkill", Errno::EPERM, NO_RIGHT),
    changing("pidfd_send_signal", Errno::ENOSYS, NOT_THERE),
    changing("ptrace", Errno::EPERM, NO_RIGHT),
    changing("prctl", Errno::EINVAL, NOT_THERE),
    changing("prlimit64", Errno::EPERM, NO_RIGHT),
    changing("setrlimit", Errno::EPERM, NO_RIGHT),
    changing("setpriority", Errno::EACCES, NO_RIGHT),
    changing("sched_setaffinity", Errno::EPERM, NO_RIGHT),
    changing("sched_setscheduler", Errno::EPERM, NO_RIGHT),
    changing("sched_setattr", Errno::EPERM, NO_RIGHT),
    changing("sched_yield", Errno::ENOSYS, NOT_THERE),
    changing("setsid", Errno::EPERM, NO_RIGHT),
    changing("setpgid", Errno::EPERM, NO_RIGHT),
    changing("wait4", Errno::ECHILD, "SIGCHLD is ignored"),
    changing("waitid", Errno::ECHILD, "SIGCHLD is ignored"),
    // namespaces and mounts
    changing("unshare", Errno::EPERM, NO_RIGHT),
    changing("setns", Errno::EPERM, NO_RIGHT),
    changing("mount", Errno::EPERM, NO_RIGHT),
    changing("umount2", Errno::EPERM, NO_RIGHT),
    changing("pivot_root", Errno::EPERM, NO_RIGHT),
    // signals and timers
    changing("rt_sigaction", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("rt_sigprocmask", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("sigaltstack", Errno::ENOMEM, NO_MEMORY),
    changing("setitimer", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("timer_create", Errno::EAGAIN, "a limit on timers"),
    changing("timer_settime", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("timerfd_create", Errno::EMFILE, NO_DESCRIPTOR),
    changing("timerfd_settime", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("futex", Errno::ENOSYS, NOT_THERE),
    changing("set_robust_list", Errno::ENOSYS, NOT_THERE),
    changing("rseq", Errno::ENOSYS, NOT_THERE),
    changing("membarrier", Errno::ENOSYS, NOT_THERE),
    // memory
    changing("mmap", Errno::ENOMEM, NO_MEMORY),
    changing("munmap", Errno::ENOMEM, NO_MEMORY),
    changing("mremap", Errno::ENOMEM, NO_MEMORY),
    changing("mprotect", Errno::ENOMEM, NO_MEMORY),
    changing("brk", Errno::ENOMEM, NO_MEMORY),
    changing(
        "madvise",
        Errno::EINVAL,
        "built without transparent huge pages",
    ),
    changing("mlock", Errno::ENOMEM, "RLIMIT_MEMLOCK"),
    changing("msync", Errno::EBUSY, NOT_ALLOWED_HERE),
    changing("modify_ldt", Errno::ENOSYS, NOT_THERE),
    changing("arch_prctl", Errno::EINVAL, NOT_THERE),
    changing("userfaultfd", Errno::EPERM, NO_RIGHT),
    changing("process_vm_writev", Errno::EPERM, NO_RIGHT),
    // descriptors and files
    changing("open", Errno::EMFILE, NO_DESCRIPTOR),
    changing("openat", Errno::EMFILE, NO_DESCRIPTOR),
    changing("openat2", Errno::ENOSYS, NOT_THERE),
    changing("close", Errno::EIO, "what was written could not be kept"),
    changing("close_range", Errno::ENOSYS, NOT_THERE),
    changing("dup", Errno::EMFILE, NO_DESCRIPTOR),
    changing("dup2", Errno::EMFILE, NO_DESCRIPTOR),
    changing("dup3", Errno::EMFILE, NO_DESCRIPTOR),
    changing("fcntl", Errno::EINVAL, NOT_THERE),
    changing("flock", Errno::ENOLCK, NO_MEMORY),
    changing("ioctl", Errno::ENOTTY, NOT_ALLOWED_HERE),
    changing("lseek", Errno::ESPIPE, NOT_ALLOWED_HERE),
    changing("read", Errno::EIO, "the device"),
    changing("write", Errno::ENOSPC, NO_SPACE),
    changing("writev", Errno::ENOSPC, NO_SPACE),
    changing("pwrite64", Errno::ENOSPC, NO_SPACE),
    changing("pwritev", Errno::ENOSPC, NO_SPACE),
    changing("sendfile", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("splice", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("ftruncate", Errno::EFBIG, "RLIMIT_FSIZE"),
    changing("fallocate", Errno::EOPNOTSUPP, NOT_ALLOWED_HERE),
    changing("unlink", Errno::EACCES, NO_RIGHT),
    changing("unlinkat", Errno::EACCES, NO_RIGHT),
    changing("rename", Errno::EACCES, NO_RIGHT),
    changing("mkdir", Errno::ENOSPC, NO_SPACE),
    changing("memfd_create", Errno::ENOSYS, NOT_THERE),
    changing("pipe", Errno::EMFILE, NO_DESCRIPTOR),
    changing("pipe2", Errno::EMFILE, NO_DESCRIPTOR),
    changing("eventfd2", Errno::EMFILE, NO_DESCRIPTOR),
    changing("signalfd4", Errno::EMFILE, NO_DESCRIPTOR),
    changing("inotify_init1", Errno::EMFILE, NO_DESCRIPTOR),
    changing("inotify_add_watch", Errno::ENOSPC, "a limit on watches"),
    changing("epoll_create1", Errno::EMFILE, NO_DESCRIPTOR),
    changing("epoll_ctl", Errno::ENOSPC, "a limit on watches"),
    changing("epoll_wait", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("epoll_pwait", Errno::EINVAL, NOT_ALLOWED_HERE),
    changing("poll", Errno::ENOMEM, NO_MEMORY),
    changing("ppoll", Errno::ENOMEM, NO_MEMORY),
    changing("io_uring_setup", Errno::ENOSYS, NOT_THERE),
    changing("io_uring_enter", Errno::EPERM, NO_RIGHT),
    changing("io_uring_register", Errno::EPERM, NO_RIGHT),
    changing("pidfd_open", Errno::ENOSYS, NOT_THERE),
    changing("pidfd_getfd", Errno::EPERM, NO_RIGHT),
    changing("perf_event_open", Errno::EACCES, NO_RIGHT),
    changing("bpf", Errno::EPERM, NO_RIGHT),
    // sockets
    changing("socket", Errno::EMFILE, NO_DESCRIPTOR),
    changing("socketpair", Errno::EMFILE, NO_DESCRIPTOR),
    changing("bind", Errno::EADDRINUSE, "somebody has the port"),
    changing("listen", Errno::EADDRINUSE, "somebody has the port"),
    changing("connect", Errno::ECONNREFUSED, "nobody listens"),
    changing("accept", Errno::EMFILE, NO_DESCRIPTOR),
    changing("accept4", Errno::EMFILE, NO_DESCRIPTOR),
    changing("shutdown", Errno::ENOTCONN, "the other side was faster"),
    changing("setsockopt", Errno::ENOPROTOOPT, NOT_THERE),
    changing("sendto", Errno::ENOBUFS, NO_MEMORY),
    changing("sendmsg", Errno::ENOBUFS, NO_MEMORY),
    changing("recvfrom", Errno::ENOMEM, NO_MEMORY),
    changing("recvmsg", Errno::ENOMEM, NO_MEMORY),
];

/// The row of a call.
pub fn by_name(name: &str) -> Option<&'static Changing> {
    CHANGING.iter().find(|call| call.name == name)
}

// The numbers are those of x86-64.
#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A name without a number could not be answered falsely.
    #[test]
    fn each_call_has_a_number_and_one_row() {
        let mut names = HashSet::new();
        for call in CHANGING {
            assert!(
                harness::seccomp::number(call.name).is_some(),
                "{}",
                call.name
            );
            assert!(names.insert(call.name), "{} twice", call.name);
        }
    }
}
