//! Lessons on descriptors, descriptions and sockets.

use super::super::lesson::Written;

pub(super) const FORK_SHARES_OFFSET: Written = Written {
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
            "kcmp compares the two descriptors: it answers 0 for one and the same \
            description, and 1 or 2 for two.",
        ),
        (
            "lseek",
            "SEEK_CUR",
            "The PARENT, which has read nothing, asks where its offset is.",
        ),
    ],
};

pub(super) const PORT_AND_SOCKET: Written = Written {
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
            "The port is refused. What stands in the way is no object of its own, but a \
            hash bucket: a socket with that port lives.",
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

pub(super) const LAYERS: Written = Written {
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
            "kcmp compares two descriptors: it answers 0 for one and the same description, and 1 \
            or 2 for two.",
        ),
    ],
};

pub(super) const EPOLL_REGISTERS: Written = Written {
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
