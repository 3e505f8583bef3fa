//! The rungs: a name, the steps that lead there, and who else runs meanwhile.

use nix::errno::Errno::{ENOSYS, EPERM};
use nix::sched::CloneFlags;
use nix::sys::resource::Resource;
use rustix::thread::CapabilitySet;

use super::company::Company;
use super::group::Group;
use super::step::Step::{self, *};

/// One set of surroundings.
#[derive(Clone, Debug)]
pub struct Rung {
    /// Its name, in the list of allowed verdicts and on the command line.
    pub name: &'static str,
    /// How a process gets there, in this order.
    pub steps: &'static [Step],
    /// Who else runs.
    pub company: Company,
    /// Whether it belongs to the short ladder.
    pub short: bool,
}

const fn rung(name: &'static str, steps: &'static [Step]) -> Rung {
    Rung {
        name,
        steps,
        company: Company::None,
        short: false,
    }
}

/// A rung that the short ladder has as well: fast, or telling.
const fn short(name: &'static str, steps: &'static [Step]) -> Rung {
    Rung {
        short: true,
        ..rung(name, steps)
    }
}

/// All rungs, in the order in which they are climbed.
pub fn rungs() -> impl Iterator<Item = &'static Rung> {
    [
        USERS,
        REFUSED_CALLS,
        NAMESPACES,
        FILE_SYSTEMS,
        LIMITS,
        GROUPS,
        INHERITED,
        COMPANY,
    ]
    .into_iter()
    .flatten()
}

/// Nobody, whom root's files mean nothing.
const NOBODY: u32 = 65_534;
/// A user of whom no other process runs, so that a limit on processes counts the rung's alone.
const STRANGER: u32 = 61_917;

const NONE: CapabilitySet = CapabilitySet::empty();

const USERS: &[Rung] = &[
    rung("as-called", &[]),
    short("nobody", &[User(NOBODY, NONE)]),
    short("only-SYS_ADMIN", &[User(NOBODY, CapabilitySet::SYS_ADMIN)]),
    rung("only-NET_ADMIN", &[User(NOBODY, CapabilitySet::NET_ADMIN)]),
    rung(
        "only-SYS_PTRACE",
        &[User(NOBODY, CapabilitySet::SYS_PTRACE)],
    ),
    rung("only-PERFMON", &[User(NOBODY, CapabilitySet::PERFMON)]),
    rung("only-BPF", &[User(NOBODY, CapabilitySet::BPF)]),
    rung("only-IPC_LOCK", &[User(NOBODY, CapabilitySet::IPC_LOCK)]),
    rung("only-SYS_NICE", &[User(NOBODY, CapabilitySet::SYS_NICE)]),
    rung(
        "only-SYS_RESOURCE",
        &[User(NOBODY, CapabilitySet::SYS_RESOURCE)],
    ),
    rung(
        "only-DAC_READ_SEARCH",
        &[User(NOBODY, CapabilitySet::DAC_READ_SEARCH)],
    ),
    rung("no-new-privs", &[NoNewPrivileges, User(NOBODY, NONE)]),
];

const REFUSED_CALLS: &[Rung] = &[
    rung("kcmp-EPERM", &[Refuse(&[libc::SYS_kcmp], EPERM)]),
    short("kcmp-ENOSYS", &[Refuse(&[libc::SYS_kcmp], ENOSYS)]),
    rung(
        "pidfd_open-EPERM",
        &[Refuse(&[libc::SYS_pidfd_open], EPERM)],
    ),
    short(
        "pidfd_open-ENOSYS",
        &[Refuse(&[libc::SYS_pidfd_open], ENOSYS)],
    ),
    rung(
        "pidfd_getfd-EPERM",
        &[Refuse(&[libc::SYS_pidfd_getfd], EPERM)],
    ),
    rung(
        "pidfd_getfd-ENOSYS",
        &[Refuse(&[libc::SYS_pidfd_getfd], ENOSYS)],
    ),
    short(
        "socketpair-EPERM",
        &[Refuse(&[libc::SYS_socketpair], EPERM)],
    ),
    rung(
        "socketpair-ENOSYS",
        &[Refuse(&[libc::SYS_socketpair], ENOSYS)],
    ),
    short("unshare-EPERM", &[Refuse(&[libc::SYS_unshare], EPERM)]),
    rung("unshare-ENOSYS", &[Refuse(&[libc::SYS_unshare], ENOSYS)]),
    rung("ptrace-EPERM", &[Refuse(&[libc::SYS_ptrace], EPERM)]),
    rung("ptrace-ENOSYS", &[Refuse(&[libc::SYS_ptrace], ENOSYS)]),
    rung(
        "perf_event_open-EPERM",
        &[Refuse(&[libc::SYS_perf_event_open], EPERM)],
    ),
    rung(
        "perf_event_open-ENOSYS",
        &[Refuse(&[libc::SYS_perf_event_open], ENOSYS)],
    ),
    rung("bpf-EPERM", &[Refuse(&[libc::SYS_bpf], EPERM)]),
    rung("bpf-ENOSYS", &[Refuse(&[libc::SYS_bpf], ENOSYS)]),
    rung(
        "io_uring_setup-EPERM",
        &[Refuse(&[libc::SYS_io_uring_setup], EPERM)],
    ),
    rung(
        "io_uring_setup-ENOSYS",
        &[Refuse(&[libc::SYS_io_uring_setup], ENOSYS)],
    ),
    rung(
        "userfaultfd-EPERM",
        &[Refuse(&[libc::SYS_userfaultfd], EPERM)],
    ),
    rung(
        "userfaultfd-ENOSYS",
        &[Refuse(&[libc::SYS_userfaultfd], ENOSYS)],
    ),
    rung(
        "membarrier-EPERM",
        &[Refuse(&[libc::SYS_membarrier], EPERM)],
    ),
    rung(
        "membarrier-ENOSYS",
        &[Refuse(&[libc::SYS_membarrier], ENOSYS)],
    ),
    rung(
        "set_robust_list-EPERM",
        &[Refuse(&[libc::SYS_set_robust_list], EPERM)],
    ),
    rung(
        "set_robust_list-ENOSYS",
        &[Refuse(&[libc::SYS_set_robust_list], ENOSYS)],
    ),
    rung(
        "sched_setaffinity-EPERM",
        &[Refuse(&[libc::SYS_sched_setaffinity], EPERM)],
    ),
    rung(
        "sched_setaffinity-ENOSYS",
        &[Refuse(&[libc::SYS_sched_setaffinity], ENOSYS)],
    ),
    short("prlimit64-EPERM", &[Refuse(&[libc::SYS_prlimit64], EPERM)]),
    rung(
        "prlimit64-ENOSYS",
        &[Refuse(&[libc::SYS_prlimit64], ENOSYS)],
    ),
    #[cfg(target_arch = "x86_64")]
    rung(
        "modify_ldt-EPERM",
        &[Refuse(&[libc::SYS_modify_ldt], EPERM)],
    ),
    #[cfg(target_arch = "x86_64")]
    rung(
        "modify_ldt-ENOSYS",
        &[Refuse(&[libc::SYS_modify_ldt], ENOSYS)],
    ),
    short(
        "memfd_create-EPERM",
        &[Refuse(&[libc::SYS_memfd_create], EPERM)],
    ),
    rung(
        "memfd_create-ENOSYS",
        &[Refuse(&[libc::SYS_memfd_create], ENOSYS)],
    ),
    rung("madvise-EPERM", &[Refuse(&[libc::SYS_madvise], EPERM)]),
    rung("madvise-ENOSYS", &[Refuse(&[libc::SYS_madvise], ENOSYS)]),
    short(
        "all-of-these-ENOSYS",
        &[Refuse(
            &[
                libc::SYS_kcmp,
                libc::SYS_pidfd_open,
                libc::SYS_pidfd_getfd,
                libc::SYS_unshare,
                libc::SYS_ptrace,
                libc::SYS_perf_event_open,
                libc::SYS_bpf,
                libc::SYS_io_uring_setup,
                libc::SYS_userfaultfd,
                libc::SYS_membarrier,
                libc::SYS_memfd_create,
            ],
            ENOSYS,
        )],
    ),
    short("no-ipv6", &[RefuseFamily(libc::AF_INET6)]),
    rung("no-netlink", &[RefuseFamily(libc::AF_NETLINK)]),
];

const MOUNTS: CloneFlags = CloneFlags::CLONE_NEWNS;
const NETWORK: CloneFlags = CloneFlags::CLONE_NEWNET;
const CONTAINER: CloneFlags = CloneFlags::CLONE_NEWUSER.union(MOUNTS).union(NETWORK);
const SOMAXCONN: &str = "core/somaxconn";

const NAMESPACES: &[Rung] = &[
    short(
        "container",
        &[Unshare(CONTAINER), NewProcessIds, MountProc("")],
    ),
    rung(
        "container-of-nobody",
        &[
            User(NOBODY, NONE),
            Unshare(CONTAINER),
            NewProcessIds,
            MountProc(""),
        ],
    ),
    rung("loopback-down", &[Unshare(NETWORK)]),
    rung(
        "loopback-down-nobody",
        &[Unshare(NETWORK), User(NOBODY, NONE)],
    ),
    short("no-proc-of-its-own", &[Unshare(MOUNTS), NewProcessIds]),
    short(
        "somaxconn-1",
        &[Unshare(NETWORK), LoopbackUp, Setting(SOMAXCONN, "1")],
    ),
    rung(
        "somaxconn-64",
        &[Unshare(NETWORK), LoopbackUp, Setting(SOMAXCONN, "64")],
    ),
    rung(
        "somaxconn-128",
        &[Unshare(NETWORK), LoopbackUp, Setting(SOMAXCONN, "128")],
    ),
    rung(
        "somaxconn-65535",
        &[Unshare(NETWORK), LoopbackUp, Setting(SOMAXCONN, "65535")],
    ),
];

const FILE_SYSTEMS: &[Rung] = &[
    short(
        "proc-subset-pid",
        &[Unshare(MOUNTS), MountProc("subset=pid")],
    ),
    rung(
        "proc-hidepid-1",
        &[Unshare(MOUNTS), MountProc("hidepid=1"), User(NOBODY, NONE)],
    ),
    short(
        "proc-hidepid-2",
        &[Unshare(MOUNTS), MountProc("hidepid=2"), User(NOBODY, NONE)],
    ),
    short("no-proc-stat", &[Unshare(MOUNTS), HideFile("/proc/stat")]),
    rung(
        "no-proc-meminfo",
        &[Unshare(MOUNTS), HideFile("/proc/meminfo")],
    ),
    rung("no-proc-sys", &[Unshare(MOUNTS), HideFolder("/proc/sys")]),
    rung("no-proc", &[Unshare(MOUNTS), HideFolder("/proc")]),
    rung("no-sys", &[Unshare(MOUNTS), Unmount("/sys")]),
    rung(
        "no-tracefs",
        &[
            Unshare(MOUNTS),
            HideFolder("/sys/kernel/tracing"),
            HideFolder("/sys/kernel/debug"),
        ],
    ),
    short("no-dev-shm", &[Unshare(MOUNTS), HideFolder("/dev/shm")]),
    short("tmp-full", &[Unshare(MOUNTS), FullTemporaryFolder]),
    rung("tmp-read-only", &[Unshare(MOUNTS), ReadOnlyTemporaryFolder]),
    rung("tmpdir-empty", &[Variable("TMPDIR", "")]),
    rung(
        "tmpdir-absent",
        &[Variable("TMPDIR", "/proof/no/such/folder")],
    ),
    rung("no-path", &[Variable("PATH", "")]),
];

const LIMITS: &[Rung] = &[
    short("descriptors-16", &[Limit(Resource::RLIMIT_NOFILE, 16)]),
    rung("descriptors-64", &[Limit(Resource::RLIMIT_NOFILE, 64)]),
    rung("descriptors-256", &[Limit(Resource::RLIMIT_NOFILE, 256)]),
    short(
        "processes-8",
        &[Limit(Resource::RLIMIT_NPROC, 8), User(STRANGER, NONE)],
    ),
    short("stack-64-KiB", &[Limit(Resource::RLIMIT_STACK, 64 << 10)]),
    short("file-size-0", &[Limit(Resource::RLIMIT_FSIZE, 0)]),
    rung(
        "address-space-256-MiB",
        &[Limit(Resource::RLIMIT_AS, 256 << 20)],
    ),
    rung("data-64-MiB", &[Limit(Resource::RLIMIT_DATA, 64 << 20)]),
    rung("resident-1-MiB", &[Limit(Resource::RLIMIT_RSS, 1 << 20)]),
    rung(
        "locked-0",
        &[Limit(Resource::RLIMIT_MEMLOCK, 0), User(NOBODY, NONE)],
    ),
    rung("core-0", &[Limit(Resource::RLIMIT_CORE, 0)]),
    rung(
        "signals-0",
        &[Limit(Resource::RLIMIT_SIGPENDING, 0), User(STRANGER, NONE)],
    ),
];

const GROUPS: &[Rung] = &[
    short(
        "pids-max-4",
        &[Step::Group(Group {
            name: "proof-pids-max-4",
            controller: "pids",
            version_1: &[("pids.max", "4")],
            version_2: ("pids.max", "4"),
        })],
    ),
    rung(
        "cpu-max-half",
        &[Step::Group(Group {
            name: "proof-cpu-max-half",
            controller: "cpu",
            version_1: &[
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000"),
            ],
            version_2: ("cpu.max", "50000 100000"),
        })],
    ),
    rung(
        "memory-max-64-MiB",
        &[Step::Group(Group {
            name: "proof-memory-max",
            controller: "memory",
            version_1: &[("memory.limit_in_bytes", "67108864")],
            version_2: ("memory.max", "67108864"),
        })],
    ),
    rung(
        "cpuset-one",
        &[Step::Group(Group {
            name: "proof-cpuset-one",
            controller: "cpuset",
            version_1: &[("cpuset.cpus", "0"), ("cpuset.mems", "0")],
            version_2: ("cpuset.cpus", "0"),
        })],
    ),
];

const INHERITED: &[Rung] = &[
    rung("one-processor", &[OneProcessor]),
    rung("nice-19", &[Nice(19)]),
    short("signals-ignored", &[IgnoreSignals]),
    rung("SIGCHLD-ignored", &[IgnoreChildSignal]),
    short("signals-blocked", &[BlockSignals]),
    rung("stdin-closed", &[Close(0)]),
    rung("stdout-closed", &[Close(1)]),
    rung("stderr-closed", &[Close(2)]),
];

const COMPANY: &[Rung] = &[
    Rung {
        company: Company::BusyLoops(4),
        ..rung("four-busy-loops", &[])
    },
    Rung {
        company: Company::Tours(10),
        ..rung("ten-at-once", &[])
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_words() {
        let mut names: Vec<&str> = rungs().map(|rung| rung.name).collect();
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        );
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_short_ladder_has_no_rung_of_chance() {
        let chance = rungs().filter(|rung| rung.short && rung.company != Company::None);
        assert_eq!(chance.count(), 0);
    }

    #[test]
    fn what_goes_on_in_another_process_comes_before_what_that_would_lose() {
        for rung in rungs() {
            let at = |wanted: fn(&Step) -> bool| rung.steps.iter().position(wanted);
            let other = at(|step| matches!(step, NewProcessIds | Step::Group(_)));
            // The standard library gives a child an empty signal mask.
            let lost = at(|step| matches!(step, BlockSignals | Variable(..) | Refuse(..)));
            if let (Some(other), Some(lost)) = (other, lost) {
                assert!(other < lost, "{}", rung.name);
            }
        }
    }
}
