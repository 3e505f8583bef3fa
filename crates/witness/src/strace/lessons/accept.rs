//! Lessons on who wakes for a connection.

use super::super::lesson::Written;

pub(super) const ACCEPT_WAKES_ONE: Written = Written {
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
            "Woken, and too late: another worker has the connection. A wakeup for nothing.",
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
            "These sleep in poll in the end. Who never returned was woken, too, but \
            found nothing while still inside the kernel.",
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

pub(super) const HERD_EPOLL: Written = Written {
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
            "epoll_wait returns: the worker was told of a connection.",
        ),
        (
            "accept4",
            "EAGAIN",
            "Told, too, and too late: another worker has the connection. The herd, made visible.",
        ),
        ("accept4", "", "A worker takes the connection."),
    ],
};
