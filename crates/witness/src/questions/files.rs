//! Descriptors, open file descriptions, sockets, ports.

use runner::Question;

pub const QUESTIONS: [Question; 6] = [
    Question {
        claim: "layers",
        quantity: "open file descriptions behind 3 descriptors",
        situation: "A program opens a file, duplicates the descriptor, and then opens the same \
                    file once more. It has three descriptors for one file.",
        picture: r#"
a = open("f")  --+
b = dup(a)     --+-->  ? descriptions  -->  one file
c = open("f")  --+
"#,
        asks: "How many open file descriptions are behind the three descriptors?",
        yes: None,
        hint: "Every open makes an open file description. Does dup make one?",
        call: Some("fcntl"),
        textbook: "Many draw one box, \"the open file\", behind each descriptor. There are three \
                   layers: the descriptor, the open file description with the offset and the \
                   flags, and the inode. dup makes a descriptor, and nothing else.",
    },
    Question {
        claim: "fork-shares-description",
        quantity: "parent's offset after the child read 6 bytes",
        situation: "A process opens a file and forks. The child reads 6 bytes through the \
                    descriptor that it inherited; the parent reads nothing.",
        picture: r"
parent  fd 3 --+
               +-->  open file description: offset ?
child   fd 3 --+
        read(3, buffer, 6)
",
        asks: "At which offset is the parent now?",
        yes: None,
        hint: "fork copies the descriptors. What do the copies refer to?",
        call: Some("read"),
        textbook: "\"After fork the child has copies of everything.\" It has copies of the \
                   descriptors. The open file description behind them is one, for both processes.",
    },
    Question {
        claim: "access-mode",
        quantity: "write of one byte through it",
        situation: "A program opens a file for reading only. Then it asks fcntl to set O_RDWR. \
                    The call answers 0, which means success.",
        picture: r#"
fd = open("f", O_RDONLY)
fcntl(fd, F_SETFL, O_RDWR | O_APPEND)  = 0
write(fd, "x", 1)                      = ?
"#,
        asks: "Can the program now write through this descriptor?",
        yes: Some("ok"),
        hint: "When is the access mode of an open file description fixed?",
        call: Some("fcntl"),
        textbook: "The access mode and the flags stand in one list, as if F_SETFL changed both. \
                   It changes O_APPEND and O_NONBLOCK; it ignores O_RDWR without an error.",
    },
    Question {
        claim: "status-flags",
        quantity: "O_NONBLOCK, set through a duplicate",
        situation: "A descriptor is duplicated. O_NONBLOCK is set through the duplicate. Nobody \
                    touches the first descriptor. Then the first one is asked for its flags.",
        picture: r"
a = open(...)
b = dup(a)
fcntl(b, F_SETFL, O_NONBLOCK)
fcntl(a, F_GETFL)              = O_NONBLOCK or not?
",
        asks: "Is O_NONBLOCK set for the first descriptor, too?",
        yes: Some("set"),
        hint: "Is it a flag of the descriptor, or of what both descriptors refer to?",
        call: Some("fcntl"),
        textbook: "\"The flags of a descriptor\" are two kinds. Status flags such as O_NONBLOCK \
                   belong to the open file description and so to all its descriptors; only \
                   FD_CLOEXEC belongs to the descriptor.",
    },
    Question {
        claim: "socket-is-the-object",
        quantity: "inodes behind 3 descriptors in 2 processes",
        situation: "A process makes a socket, duplicates its descriptor, and forks. The child \
                    keeps the descriptor that it inherited. fstat tells an inode number for each.",
        picture: r"
parent  fd 3 --+
parent  fd 4 --+-->  ? inodes (sockets)
child   fd 3 --+
",
        asks: "How many different inodes are behind the three descriptors?",
        yes: None,
        hint: "A file has one inode, however many descriptors refer to it. And a socket?",
        call: Some("fcntl"),
        textbook: "\"Each process has its own socket.\" The socket is the object in the kernel, \
                   as the inode is for a file. Its receive queue is one, too: what one process \
                   has received, the other never sees.",
    },
    Question {
        claim: "port-is-not-an-object",
        quantity: "sockets that listen on one port",
        situation: "A server makes four sockets and sets SO_REUSEPORT on each. It calls bind with \
                    the same address and port for all four, and then listen.",
        picture: r"
socket 1 --+
socket 2 --+-->  one address, one port
socket 3 --+
socket 4 --+
",
        asks: "How many of the four sockets listen on the port in the end?",
        yes: None,
        hint: "Is a port an object with an owner, or a number in the address of a socket?",
        call: Some("setsockopt"),
        textbook: "\"One port, one server socket.\" The kernel has sockets as objects; a port is \
                   a number that they carry. Without SO_REUSEPORT the second bind is refused \
                   (EADDRINUSE), and that is a rule of bind, not a property of ports.",
    },
];
