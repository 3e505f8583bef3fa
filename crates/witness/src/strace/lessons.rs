//! The lessons that were written for claims: what else a trace shows than the acts of the claim.

use super::lesson::Written;

/// Every lesson that was written, one a claim.
pub const WRITTEN: &[Written] = &[
    FORK_SHARES_OFFSET,
    PORT_AND_SOCKET,
    ACCEPT_WAKES_ONE,
    HERD_EPOLL,
    SPINLOCK_BURNS,
    LAZY_PAGES,
    LAYERS,
    EPOLL_REGISTERS,
    ADDRESSES_FRAGMENT,
];

const ADDRESSES_FRAGMENT: Written = Written {
    claim: "address-space-fragments",
    options: &[],
    steps: &[
        (
            "mmap",
            "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE",
            "Addresses are reserved: first all, then those of the holes.",
        ),
        (
            "mmap",
            "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE … ENOMEM",
            "There is no free range of that length.",
        ),
        (
            "munmap",
            "536870912",
            "The control unmaps 512 MiB in one piece.",
        ),
        (
            "munmap",
            "1048576",
            "1 MiB is unmapped. So the experiment makes 512 holes with a separator between any \
            two, and both arms unmap one MiB more.",
        ),
    ],
};

const LAYERS: Written = Written {
    claim: "layers",
    options: &[],
    steps: &[
        (
            "openat",
            "O_TMPFILE",
            "open makes a file without a name, and a new open file description of it.",
        ),
        (
            "fcntl",
            "F_DUPFD_CLOEXEC",
            "A second descriptor of the same description.",
        ),
        (
            "openat",
            "/proc/self/fd/ … O_RDONLY",
            "The same file is opened again: a second description, the same inode.",
        ),
        (
            "read",
            "\"hello,\", 6",
            "The first descriptor reads 6 bytes: the offset of its description moves.",
        ),
        (
            "kcmp",
            "KCMP_FILE",
            "kcmp compares two descriptors: 0 is one and the same description, 1 or 2 are two.",
        ),
    ],
};

const EPOLL_REGISTERS: Written = Written {
    claim: "epoll-registers-the-description",
    options: &[],
    steps: &[
        (
            "epoll_ctl",
            "EPOLL_CTL_ADD, 3, … u64=1",
            "Descriptor 3, the read end of a pipe, is registered.",
        ),
        (
            "dup",
            "3",
            "A duplicate of it is kept: the same description.",
        ),
        (
            "openat",
            "\"/proc/self/fd/3\"",
            "The control keeps a second open of the pipe instead: a description of its own.",
        ),
        (
            "close",
            "3) = 0",
            "The number 3 is closed; at the end of each step, too.",
        ),
        ("write", "\"x\", 1", "The pipe becomes readable."),
        (
            "epoll_ctl",
            "EPOLL_CTL_DEL, 3 … EBADF",
            "The registration cannot be removed: its number is closed.",
        ),
        (
            "epoll_ctl",
            "EPOLL_CTL_DEL, 3 … ENOENT",
            "The number refers to another description, and that was never registered.",
        ),
        (
            "epoll_ctl",
            "EPOLL_CTL_DEL, 3 … = 0",
            "The registration is removed under its number.",
        ),
        (
            "fcntl",
            "F_DUPFD_CLOEXEC, 3) = 3",
            "What was kept is put on the number of the registration.",
        ),
        (
            "fcntl",
            "3, F_DUPFD_CLOEXEC",
            "Another duplicate of what is registered.",
        ),
        (
            "epoll_ctl",
            "u64=2 … EEXIST",
            "The same number again: it is registered already.",
        ),
        (
            "epoll_ctl",
            "u64=2",
            "A duplicate under another number is a registration of its own.",
        ),
    ],
};

const FORK_SHARES_OFFSET: Written = Written {
    claim: "fork-shares-description",
    options: &[],
    steps: &[
        (
            "openat",
            "O_TMPFILE",
            "A file without a name; its descriptor refers to a new open file \
            description.",
        ),
        (
            "clone",
            "",
            "fork: the child gets a copy of the table, so its descriptor 3 refers to \
            the same description.",
        ),
        (
            "openat",
            "\"/proc/self/fd/",
            "The child opens the file itself: a description of its own.",
        ),
        ("read", "\"hello,\"", "The CHILD reads 6 bytes."),
        (
            "kcmp",
            "KCMP_FILE",
            "kcmp compares the two descriptors: 0 is one and the same \
            description, 1 or 2 are two.",
        ),
        (
            "lseek",
            "SEEK_CUR",
            "The PARENT, which has read nothing, asks where its offset is.",
        ),
    ],
};

const PORT_AND_SOCKET: Written = Written {
    claim: "port-is-not-an-object",
    options: &[],
    steps: &[
        (
            "unshare",
            "CLONE_NEWNET … = 0",
            "A network namespace of its own, so that no port of the \
            host is touched.",
        ),
        (
            "unshare",
            "CLONE_NEWNET … = 0",
            "A second namespace: there the same port is free, for ports \
            are counted per namespace.",
        ),
        (
            "bind",
            "EADDRINUSE",
            "The port is refused. In the way is no object but a hash bucket: a \
            socket of that port lives.",
        ),
        (
            "bind",
            "htons(0) … 127.0.0.1",
            "bind asks for any port. The port is a number in an address; no call \
            returns a handle to one.",
        ),
        (
            "bind",
            "htons … 127.0.0.1",
            "bind asks for a port by its number.",
        ),
        (
            "listen",
            "",
            "The socket, which has a descriptor, is what listens.",
        ),
        (
            "connect",
            "AF_UNSPEC",
            "connect to nobody: a port that the kernel chose is given back, \
            one that was bound by number stays.",
        ),
        (
            "connect",
            "htons(9)",
            "A datagram socket names port 9 as its peer: nothing is sent.",
        ),
        (
            "connect",
            "htons … 127.0.0.1",
            "A client connects: the kernel makes a second socket on the same \
            port, without a file yet.",
        ),
        (
            "accept4",
            "",
            "accept gives that socket a descriptor; its port is still the listener's.",
        ),
        (
            "getsockopt",
            "SO_COOKIE",
            "The socket has an identity of its own, the cookie; sock_diag \
            saw the same one before accept.",
        ),
        (
            "setsockopt",
            "SO_REUSEPORT, [1]",
            "SO_REUSEPORT: four sockets, four descriptors, one \
            port.",
        ),
    ],
};

const ACCEPT_WAKES_ONE: Written = Written {
    claim: "others-stay-asleep",
    options: &[],
    steps: &[
        (
            "listen",
            "",
            "One listening socket, made before the eight workers are forked.",
        ),
        (
            "accept4",
            "EAGAIN",
            "This one came too late: a wakeup for nothing.",
        ),
        (
            "accept4",
            "= ?",
            "These workers entered accept4 and sleep there. The call never returns: \
            nobody wakes them, until the parent ends them.",
        ),
        (
            "accept4",
            "",
            "The one worker that got the connection: its accept4 returns a \
            descriptor.",
        ),
        (
            "poll",
            "POLLIN}], 1, -1 … = ?",
            "These were woken, too, found nothing while they were still inside \
            the kernel, and sleep again.",
        ),
        (
            "poll",
            "POLLIN}], 1, -1 … = 1",
            "Each worker that sleeps in poll is woken by the one \
            connection, and here returns.",
        ),
        (
            "connect",
            "",
            "The connection that the parent made once the kernel said that all eight \
            sleep.",
        ),
    ],
};

const HERD_EPOLL: Written = Written {
    claim: "exclusive-waiters",
    options: &[],
    steps: &[
        (
            "epoll_ctl",
            "EPOLLEXCLUSIVE",
            "Each of the eight workers registers the one socket with \
            EPOLLEXCLUSIVE.",
        ),
        (
            "epoll_ctl",
            "events=EPOLLIN,",
            "Each of the eight workers registers the one socket, \
            without EPOLLEXCLUSIVE.",
        ),
        (
            "connect",
            "",
            "The parent, once the kernel says that all eight sleep, makes a \
            connection.",
        ),
        (
            "epoll_wait",
            "= ?",
            "These workers sleep in epoll_wait until the parent ends them.",
        ),
        (
            "epoll_wait",
            "= 1",
            "A worker returns from epoll_wait: it was told of a connection.",
        ),
        (
            "accept4",
            "EAGAIN",
            "This one was told, too, and came too late: the herd, made visible.",
        ),
        ("accept4", "", "It takes the connection."),
    ],
};

const SPINLOCK_BURNS: Written = Written {
    claim: "busy-wait-burns-cpu",
    options: &[],
    steps: &[
        (
            "clone3",
            "CLONE_THREAD",
            "A thread is born; the last one is the waiter.",
        ),
        (
            "getrusage",
            "RUSAGE_THREAD",
            "The WAITER reads its user CPU time; then it asks for the \
            lock.",
        ),
        (
            "getrusage",
            "RUSAGE_THREAD",
            "The WAITER has the lock and reads its user CPU time again.",
        ),
        (
            "clock_nanosleep",
            "",
            "The HOLDER keeps the lock for 120 ms. No call of the waiter in the \
            meantime: it spins, or it sleeps below.",
        ),
        (
            "futex",
            "FUTEX_WAIT_PRIVATE, 2",
            "The WAITER sleeps while the word is 2: locked, and \
            somebody waits.",
        ),
        (
            "futex",
            "FUTEX_WAKE_PRIVATE … = 1",
            "Who sleeps on a word is woken: as a thread is started, and in the control by \
            the HOLDER, which unlocks and finds the 2.",
        ),
    ],
};

const LAZY_PAGES: Written = Written {
    claim: "lazy-pages",
    // strace leaves ru_minflt out unless it is told to leave nothing out.
    options: &["-v"],
    steps: &[
        (
            "mmap",
            "NULL, 4194304 … MAP_POPULATE",
            "MAP_POPULATE: this one call fetches a frame for \
            each of the 1024 pages.",
        ),
        (
            "mmap",
            "NULL, 4194304",
            "mmap gives the addresses of 1024 pages; smaps finds nothing \
            resident behind them.",
        ),
        (
            "madvise",
            "MADV_NOHUGEPAGE",
            "Base pages only: with a huge page one fault would serve \
            512 of them.",
        ),
        (
            "getrusage",
            "",
            "ru_minflt is the number of minor faults so far.",
        ),
        (
            "getrusage",
            "",
            "Since then each page was READ. No system call shows; the difference is \
            what it cost in faults.",
        ),
        ("getrusage", "", "The count before each page is WRITTEN."),
        (
            "getrusage",
            "",
            "And after: in the experiment a fault fetched each frame, in the control \
            they were there.",
        ),
        (
            "getrusage",
            "",
            "The count before each page is written AGAIN.",
        ),
        (
            "getrusage",
            "",
            "And after: no fault, now the frames are there in both.",
        ),
        (
            "getrusage",
            "",
            "A last count shows that this kernel counts faults at all.",
        ),
        (
            "munmap",
            ", 4194304",
            "The addresses go back, and the frames with them.",
        ),
    ],
};
