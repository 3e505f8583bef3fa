//! What several claims do, and how each of these acts is shown.

use claim::{Act, Does, InControl};

/// The name of the processes that wait for connections, as ps(1) shows it.
pub(super) const WORKER: &str = "worker";

/// The name of a worker beside which there is no other.
pub(super) const LONE_WORKER: &str = "lone worker";

/// What an epoll instance is told of a listening socket, as strace(1) prints it.
pub(super) const LEVEL_TRIGGERED: &str = "EPOLL_CTL_ADD … {events=EPOLLIN,";
/// The same with EPOLLEXCLUSIVE.
pub(super) const EXCLUSIVE: &str = "EPOLL_CTL_ADD … {events=EPOLLIN|EPOLLEXCLUSIVE,";

/// Stands for the answer of a call that does not return: strace(1) prints a question mark.
pub(super) const NO_RETURN: &str = "= ?";

/// `does`: forks so many processes.
pub(super) const fn fork(does: &'static str, times: usize) -> Act {
    Does(does)
        .call("clone", "SIGCHLD")
        .times(times)
        .shown_by("that many living processes in /proc whose PPid is this process")
}

/// So many workers sleep in accept, where those of the control sleep in poll.
pub(super) const fn sleep_in_accept(times: usize) -> Act {
    Does("sleeps in accept4 on the one listening socket")
        .call("accept4", NO_RETURN)
        .by(WORKER)
        .times(times)
        .shown_by("/proc/PID/syscall: accept4, on a descriptor that leads to the listener's inode")
        .in_control(InControl::Instead("poll", "POLLIN"))
}

/// So many workers watch the listening socket by an epoll instance each, and sleep there.
pub(super) const fn watch(does: &'static str, how: &'static str, times: usize) -> Act {
    Does(does)
        .call("epoll_ctl", how)
        .by(WORKER)
        .times(times)
        .shown_by(
            "/proc/PID/syscall: asleep on an epoll instance; its `tfd` line in /proc/PID/fdinfo: \
             the listener's inode, with these events",
        )
}

/// Makes so many connections, each of which is served.
pub(super) const fn connect(does: &'static str, times: usize) -> Act {
    Does(does)
        .call("connect", "AF_INET")
        .times(times)
        .shown_by("TCP_INFO of each client: CLOSE_WAIT, since a worker has closed the other end")
}

/// Lets the workers wake and sleep by themselves: each stop of a tracer is a wakeup, too.
pub(super) const UNTRACED: Act = Does("sleeps and wakes without a tracer")
    .in_memory()
    .by(WORKER)
    .shown_by("TracerPid in /proc/PID/status of each worker: 0")
    .or_not_measured("run it without strace or a debugger");

/// Keeps everything on one CPU.
pub(super) const ONE_CPU: Act = Does("binds itself, and so its workers, to one CPU")
    .call("sched_setaffinity", "")
    .shown_by("Cpus_allowed_list in /proc/PID/status of each worker: one CPU, the same for all");
