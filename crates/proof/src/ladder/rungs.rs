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
    /// Whether chance decides there which claims can be measured: others use the processors.
    pub by_chance: bool,
}

/// The short ladder: rungs that are fast, or telling, and on none of which chance decides.
const SHORT: &[&str] = &[
    "nobody",
    "only-SYS_ADMIN",
    "kcmp-ENOSYS",
    "pidfd_open-ENOSYS",
    "socketpair-EPERM",
    "unshare-EPERM",
    "prlimit64-EPERM",
    "memfd_create-EPERM",
    "all-of-these-ENOSYS",
    "no-ipv6",
    "container",
    "no-proc-of-its-own",
    "somaxconn-1",
    "proc-subset-pid",
    "proc-hidepid-2",
    "no-proc-stat",
    "no-dev-shm",
    "tmp-full",
    "descriptors-16",
    "processes-8",
    "stack-64-KiB",
    "file-size-0",
    "pids-max-4",
    "signals-ignored",
    "signals-blocked",
];

impl Rung {
    /// Whether it belongs to the short ladder.
    pub fn is_short(&self) -> bool {
        SHORT.contains(&self.name)
    }
}

const fn rung(name: &'static str, steps: &'static [Step]) -> Rung {
    Rung {
        name,
        steps,
        company: Company::None,
        by_chance: false,
    }
}

/// A rung on which the processors are not the claims' own.
const fn crowded(name: &'static str, company: Company, steps: &'static [Step]) -> Rung {
    Rung {
        company,
        by_chance: true,
        ..rung(name, steps)
    }
}

/// All rungs, in the order in which they are climbed.
pub fn rungs() -> impl Iterator<Item = &'static Rung> {
    [
        USERS,
        REFUSED_CALLS,
        LACKS,
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
    rung("nobody", &[User(NOBODY, NONE)]),
    rung("only-SYS_ADMIN", &[User(NOBODY, CapabilitySet::SYS_ADMIN)]),
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

/// Two rungs for each call: refused by a filter, and unknown to the kernel.
macro_rules! refused {
    ($($(#[$when:meta])? $call:literal $number:ident,)*) => {
        &[$(
            $(#[$when])?
            rung(concat!($call, "-EPERM"), &[Refuse(&[libc::$number], EPERM)]),
            $(#[$when])?
            rung(concat!($call, "-ENOSYS"), &[Refuse(&[libc::$number], ENOSYS)]),
        )*]
    };
}

const REFUSED_CALLS: &[Rung] = refused![
    "kcmp" SYS_kcmp,
    "pidfd_open" SYS_pidfd_open,
    "pidfd_getfd" SYS_pidfd_getfd,
    "socketpair" SYS_socketpair,
    "unshare" SYS_unshare,
    "ptrace" SYS_ptrace,
    "perf_event_open" SYS_perf_event_open,
    "bpf" SYS_bpf,
    "io_uring_setup" SYS_io_uring_setup,
    "userfaultfd" SYS_userfaultfd,
    "membarrier" SYS_membarrier,
    "set_robust_list" SYS_set_robust_list,
    "sched_setaffinity" SYS_sched_setaffinity,
    "prlimit64" SYS_prlimit64,
    #[cfg(target_arch = "x86_64")] "modify_ldt" SYS_modify_ldt,
    "memfd_create" SYS_memfd_create,
    "madvise" SYS_madvise,
];

/// What an older kernel lacks, or a strict filter refuses, at once; and address families.
const LACKS: &[Rung] = &[
    rung("all-of-these-ENOSYS", &[Refuse(LATER_CALLS, ENOSYS)]),
    rung("no-ipv6", &[RefuseFamily(libc::AF_INET6)]),
    rung("no-netlink", &[RefuseFamily(libc::AF_NETLINK)]),
];

const LATER_CALLS: &[i64] = &[
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
];

const MOUNTS: CloneFlags = CloneFlags::CLONE_NEWNS;
const NETWORK: CloneFlags = CloneFlags::CLONE_NEWNET;
const CONTAINER: CloneFlags = CloneFlags::CLONE_NEWUSER.union(MOUNTS).union(NETWORK);
const SOMAXCONN: &str = "core/somaxconn";

const NAMESPACES: &[Rung] = &[
    rung(
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
    rung("no-proc-of-its-own", &[Unshare(MOUNTS), NewProcessIds]),
    rung(
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
    rung(
        "proc-subset-pid",
        &[Unshare(MOUNTS), MountProc("subset=pid")],
    ),
    rung(
        "proc-hidepid-1",
        &[Unshare(MOUNTS), MountProc("hidepid=1"), User(NOBODY, NONE)],
    ),
    rung(
        "proc-hidepid-2",
        &[Unshare(MOUNTS), MountProc("hidepid=2"), User(NOBODY, NONE)],
    ),
    rung(
        "unreadable-hidepid-2",
        &[
            Unshare(MOUNTS),
            MountProc("hidepid=2"),
            UnreadableProgram,
            User(NOBODY, NONE),
        ],
    ),
    rung("no-proc-stat", &[Unshare(MOUNTS), HideFile("/proc/stat")]),
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
    rung("no-dev-shm", &[Unshare(MOUNTS), HideFolder("/dev/shm")]),
    rung("tmp-full", &[Unshare(MOUNTS), FullTemporaryFolder]),
    rung("tmp-read-only", &[Unshare(MOUNTS), ReadOnlyTemporaryFolder]),
    rung("tmpdir-empty", &[Variable("TMPDIR", "")]),
    rung(
        "tmpdir-absent",
        &[Variable("TMPDIR", "/proof/no/such/folder")],
    ),
    rung("no-path", &[Variable("PATH", "")]),
];

const LIMITS: &[Rung] = &[
    rung("descriptors-16", &[Limit(Resource::RLIMIT_NOFILE, 16)]),
    rung("descriptors-64", &[Limit(Resource::RLIMIT_NOFILE, 64)]),
    rung("descriptors-256", &[Limit(Resource::RLIMIT_NOFILE, 256)]),
    rung(
        "processes-8",
        &[Limit(Resource::RLIMIT_NPROC, 8), User(STRANGER, NONE)],
    ),
    rung("stack-64-KiB", &[Limit(Resource::RLIMIT_STACK, 64 << 10)]),
    rung("file-size-0", &[Limit(Resource::RLIMIT_FSIZE, 0)]),
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
    rung(
        "pids-max-4",
        &[Step::Group(Group {
            name: "proof-pids-max-4",
            controller: "pids",
            version_1: &[("pids.max", "4")],
            version_2: ("pids.max", "4"),
        })],
    ),
    crowded(
        "cpu-max-half",
        Company::None,
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
    rung("signals-ignored", &[IgnoreSignals]),
    rung("SIGCHLD-ignored", &[IgnoreChildSignal]),
    rung("signals-blocked", &[BlockSignals]),
    rung("stdin-closed", &[Close(0)]),
    rung("stdout-closed", &[Close(1)]),
    rung("stderr-closed", &[Close(2)]),
];

const COMPANY: &[Rung] = &[
    crowded("four-busy-loops", Company::BusyLoops(4), &[]),
    crowded("ten-at-once", Company::Tours(10), &[]),
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
        let short: Vec<&Rung> = rungs().filter(|rung| rung.is_short()).collect();
        assert_eq!(short.len(), SHORT.len(), "each name is a rung's");
        assert!(short.iter().all(|rung| !rung.by_chance));
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
