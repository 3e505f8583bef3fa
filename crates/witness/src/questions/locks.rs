//! Test-and-set, and what it is made of.

use runner::Question;

pub const QUESTIONS: [Question; 4] = [
    Question {
        claim: "pseudo-code-loses-updates",
        quantity: "increments lost by the literal pseudo-code",
        situation: "Two threads on two CPUs add 1 to a counter, 200,000 times each. Before that, \
                    each waits for a flag by test-and-set, written as the pseudo-code has it: \
                    first a load, then a store.",
        picture: r"
wait:   old = flag;  flag = true;  if old: wait again
work:   counter = counter + 1
leave:  flag = false
",
        asks: "How many increments are lost: 0, or about how many?",
        yes: None,
        hint: "What if the other thread runs between the load and the store? Chance decides how \
               often; any number from 1 on is a right answer if some are lost.",
        call: None,
        textbook: "\"Test-and-set\" stands there as a function of two statements. Written like \
                   that it excludes nobody. The two steps must be one: an atomic instruction.",
    },
    Question {
        claim: "one-instruction",
        quantity: "instructions that access memory",
        situation: "The same lock with one atomic swap. The compiled test-and-set is read from \
                    this program's own memory and taken apart into instructions.",
        picture: r"
test-and-set:   old = swap(flag, true)
",
        asks: "How many of its instructions access memory?",
        yes: None,
        hint: "Written as a load and a store it has two, and another CPU comes in between.",
        call: None,
        textbook: "\"Atomic needs the kernel\", or \"needs interrupts to be off\". It needs one \
                   instruction that keeps the cache line to itself. No system call is made.",
    },
    Question {
        claim: "test-and-set-excludes",
        quantity: "increments counted, two threads",
        situation: "Two threads on two CPUs add 1 to a counter, 200,000 times each, by a plain \
                    load, add and store. Before that, each enters by one atomic swap.",
        picture: r"
wait:   old = swap(flag, true);  if old: wait again
work:   counter = counter + 1
leave:  flag = false
",
        asks: "What does the counter show in the end?",
        yes: None,
        hint: "How many increments are there, and can one of them be lost?",
        call: None,
        textbook: "\"A lock needs the operating system.\" To exclude, one atomic instruction is \
                   enough, between processes, too. The kernel is needed for those who want to \
                   sleep while they wait.",
    },
    Question {
        claim: "dead-holder-hangs",
        quantity: "spinlock, 100 ms after its holder ended",
        situation: "A process takes a spinlock in shared memory. It is killed while it holds the \
                    lock. For 100 ms another process tries to get it.",
        picture: r"
holder:  lock()  ...  killed by SIGKILL
other:   lock()?
",
        asks: "Does the other process get the lock?",
        yes: Some("got"),
        hint: "Who would set the flag back to false?",
        call: Some("pidfd_send_signal"),
        textbook: "\"When a process ends, the kernel gives back all that it held.\" Memory, \
                   descriptors, flock: yes. A spinlock is a number in memory of which the kernel \
                   knows nothing. A robust mutex tells the kernel where it is.",
    },
];
