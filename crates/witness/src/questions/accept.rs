//! The accept queue, and who wakes when a connection arrives.

use runner::Question;

pub const QUESTIONS: [Question; 7] = [
    Question {
        claim: "listener-shared-by-fork",
        quantity: "processes that accepted a connection to the parent's port",
        situation: "A process listens on a port and forks two children. Three clients connect to \
                    that port. Then each child calls accept once, and the parent calls it once.",
        picture: r"
3 clients -->  port of the parent
               parent:   accept()
               child 1:  accept()
               child 2:  accept()
",
        asks: "How many of the processes get a connection?",
        yes: None,
        hint: "What does a child inherit: a listening socket of its own, or the parent's?",
        call: Some("accept4"),
        textbook: "\"The process that called listen accepts.\" The socket listens, not the \
                   process. Every process that has a descriptor for it may accept: so work \
                   servers that fork their workers first.",
    },
    Question {
        claim: "queue-belongs-to-the-socket",
        quantity: "ESTABLISHED at the server, held by no process (inode 0)",
        situation: "A server calls listen, and nobody calls accept. Three clients connect.",
        picture: r"
client 1 --+
client 2 --+-->  listening socket     (no accept)
client 3 --+
",
        asks: "How many of the connections are ESTABLISHED at the server?",
        yes: None,
        hint: "Who answers the client's SYN: the process or the kernel?",
        call: Some("connect"),
        textbook: "\"accept makes the connection.\" The kernel makes it and puts it into the \
                   queue of the listening socket. accept only takes it out, and gives it a \
                   descriptor.",
    },
    Question {
        claim: "backlog-plus-one",
        quantity: "connections that wait with backlog 5",
        situation: "A server calls listen with a backlog of 5, and nobody calls accept. Eight \
                    clients try to connect, one after the other.",
        picture: r"
8 clients --> [ queue, listen(fd, 5) ]     (no accept)
",
        asks: "How many connections wait in the queue in the end?",
        yes: None,
        hint: "A SYN is dropped once the queue is longer than the backlog: longer, not as long.",
        call: Some("listen"),
        textbook: "\"The backlog is the size of the queue.\" Linux lets one more in. And the next \
                   client is not refused: its SYN is dropped, and it tries again and again.",
    },
    Question {
        claim: "accept-wakes-exactly-one",
        quantity: "wakeups of 8 workers by 50 connections",
        situation: "Eight processes sleep in accept on one listening socket. Fifty clients \
                    connect, one after the other. Each is served, and all eight sleep again, \
                    before the next one comes.",
        picture: r"
50 clients,          +-->  worker 1  asleep in accept
one by one  -->  [queue]   ...
                     +-->  worker 8  asleep in accept
",
        asks: "How many wakeups of the workers do the fifty connections cause?",
        yes: None,
        hint: "If each connection woke all eight workers, it would be 8 x 50 = 400.",
        call: Some("accept4"),
        textbook: "Many still show the thundering herd with accept. There Linux wakes one process \
                   for a connection. The herd is alive in poll, as the control shows.",
    },
    Question {
        claim: "others-stay-asleep",
        quantity: "workers whose count of sleeps did not move",
        situation: "Eight processes sleep in accept on one listening socket. One client connects, \
                    and a worker serves it. For each worker the kernel counts how often it went \
                    to sleep.",
        picture: r"
             worker 1  z z z
1 client --> ...
             worker 8  z z z
",
        asks: "How many of the eight workers have a count that does not move?",
        yes: None,
        hint: "Who wakes up in vain must go to sleep again, and that is counted.",
        call: Some("accept4"),
        textbook: "\"The others wake up, find nothing, and sleep again.\" In accept they do not \
                   even wake up. See the column `woke`.",
    },
    Question {
        claim: "thundering-herd",
        quantity: "wakeups per connection, 100 workers",
        situation: "A hundred processes wait for one listening socket with epoll_wait, \
                    level-triggered, each with an epoll instance of its own. A client connects.",
        picture: r"
             worker   1  asleep in epoll_wait
1 client --> ...
             worker 100  asleep in epoll_wait
",
        asks: "How many of the processes does the connection wake?",
        yes: None,
        hint: "Each epoll instance is told that there is something to read.",
        call: Some("epoll_ctl"),
        textbook: "\"99 wasted system calls and mode switches.\" The wakeups are real, and 99 \
                   are for nothing. But most of these workers look at the queue while they are \
                   still in the kernel, and sleep again there: see how few return to user space.",
    },
    Question {
        claim: "exclusive-waiters",
        quantity: "workers that woke, over 3 connections",
        situation: "Eight processes wait for one listening socket with epoll_wait. Each has \
                    registered it with EPOLLEXCLUSIVE. Three clients connect, one after the other.",
        picture: r"
              worker 1  EPOLLIN | EPOLLEXCLUSIVE
3 clients --> ...
              worker 8  EPOLLIN | EPOLLEXCLUSIVE
",
        asks: "How many workers wake, added up over the three connections?",
        yes: None,
        hint: "Without the flag all eight wake each time: 24.",
        call: Some("epoll_ctl"),
        textbook: "\"epoll always has the herd.\" Not with EPOLLEXCLUSIVE, which Linux has had \
                   since 4.5. The manual promises \"one or more\"; here you see how many.",
    },
];
