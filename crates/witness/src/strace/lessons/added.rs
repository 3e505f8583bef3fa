//! Calls that a trace shows beside those of a claim's acts, and other words for these: what only
//! the control does, and what one and the same call does more than once.

use claim::{Call, MEASURER};
use proof::record::Arm;

use super::super::lesson::Step;

/// A call of a claim, and what it does. It speaks before a step of the claim's acts or of its
/// written lesson that matches the call, too.
pub struct Added {
    /// The claim's id.
    pub claim: &'static str,
    who: &'static str,
    call: &'static str,
    argument: &'static str,
    /// What it does in the experiment, and in the control; none where it is not shown.
    says: [Option<&'static str>; 2],
}

impl Added {
    /// Its steps, one an arm.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let arms = [Arm::Experiment, Arm::Control].into_iter().zip(self.says);
        arms.filter_map(|(arm, says)| {
            Some(Step {
                call: Call {
                    name: self.call,
                    argument: self.argument,
                },
                who: Some(self.who),
                arm: Some(arm),
                says: says?.to_owned(),
            })
        })
    }
}

/// Claims whose acts make a lesson in which the order of the calls tells the story.
pub const IN_ORDER: &[&str] = &["heap-holes"];

const fn add(
    claim: &'static str,
    who: &'static str,
    call: (&'static str, &'static str),
    experiment: &'static str,
    control: &'static str,
) -> Added {
    const fn said(text: &str) -> Option<&str> {
        if text.is_empty() { None } else { Some(text) }
    }
    Added {
        claim,
        who,
        call: call.0,
        argument: call.1,
        says: [said(experiment), said(control)],
    }
}

const fn both(
    claim: &'static str,
    who: &'static str,
    call: (&'static str, &'static str),
    says: &'static str,
) -> Added {
    add(claim, who, call, says, says)
}

/// Of eight that poll wakes fewer return.
const WOKEN_IN_POLL: &str = "Only the experiment sleeps in accept4; this is done instead. Each \
    connection wakes all workers, and who finds nothing while still inside the kernel does not \
    return.";

/// All of them, in the order of the claims' names.
pub const ADDED: &[Added] = &[
    both(
        "accept-mutex-cost",
        "worker",
        ("flock", "LOCK_EX"),
        "`worker` asks flock for the lock, and sleeps there unless it is free.",
    ),
    both(
        "accept-mutex-cost",
        "worker",
        ("fcntl", "F_SETLKW … F_WRLCK"),
        "`worker` asks fcntl for the lock, and sleeps there unless it is free.",
    ),
    add(
        "accept-wakes-exactly-one",
        "worker",
        ("poll", "POLLIN"),
        "",
        WOKEN_IN_POLL,
    ),
    add(
        "address-space-fragments",
        "full",
        ("munmap", "1048576"),
        "1 MiB is unmapped: 512 holes of the arena with a separator between any two, at last one \
         separator, and what was mapped only to try whether it fits.",
        "1 MiB is unmapped: what was mapped only to try whether it fits, and at last 1 MiB more.",
    ),
    add(
        "address-space-fragments",
        "full",
        ("munmap", "536870912"),
        "",
        "512 MiB of the arena are unmapped in one piece, and later what was mapped only to try \
         whether it fits.",
    ),
    add(
        "any-frame-will-do",
        MEASURER,
        ("madvise", "2097152, MADV_COLLAPSE"),
        "",
        "Only the control has the pages moved into one huge page.",
    ),
    add(
        "at-most-one-in-bursts",
        MEASURER,
        ("connect", "AF_INET"),
        "The measuring process connects: to a queue without a worker, and then, each time all \
         workers sleep, two at once, and in the end eight at once.",
        "The measuring process connects one by one, each time all workers sleep.",
    ),
    add(
        "at-most-one-in-bursts",
        "worker",
        ("poll", "POLLIN"),
        "",
        WOKEN_IN_POLL,
    ),
    add(
        "at-most-one-in-bursts",
        "runner",
        ("ioctl", "FIONBIO, [1]"),
        "`runner` asks that its accept does not block.",
        "",
    ),
    add(
        "at-most-one-in-bursts",
        "runner",
        ("accept4", "SOCK_CLOEXEC"),
        "`runner` accepts what it has just connected, before the woken worker runs.",
        "",
    ),
    add(
        "backlog-plus-one",
        "backlog",
        ("listen", "3,"),
        "`backlog` listens with the backlogs 0, 1, 2, 5 and 128, and at last with 96, twice \
         somaxconn.",
        "`backlog` listens with backlogs that are larger by ten, and at last with 96.",
    ),
    add(
        "busy-wait-burns-cpu",
        MEASURER,
        ("futex", "FUTEX_WAKE_PRIVATE … = 1"),
        "",
        "A trial beforehand: a thread that sleeps can be woken here.",
    ),
    add(
        "busy-wait-burns-cpu",
        MEASURER,
        ("futex", "FUTEX_WAKE_PRIVATE … = 1"),
        "",
        "The HOLDER unlocks, finds the 2, and wakes the waiter.",
    ),
    add(
        "descriptor-table",
        "second thread",
        ("unshare", "CLONE_FILES"),
        "",
        "Only in the control the thread takes a table of its own.",
    ),
    both(
        "heap-holes",
        "heap",
        ("brk", ""),
        "`heap` allocates 20,000 blocks of 1000 bytes: it asks for another end of the heap, and \
         the answer is the end that it has got.",
    ),
    both(
        "heap-holes",
        "heap",
        ("prlimit64", "RLIMIT_DATA, {rlim_cur=4*1024"),
        "`heap` forbids the heap to grow: brk answers the old end now, and malloc must find room \
         in the holes.",
    ),
    both(
        "heap-holes",
        "heap",
        ("prlimit64", "RLIMIT_DATA, {rlim_cur=RLIM64_INFINITY"),
        "The heap may grow again. malloc_trim asks where it ends and gives back what is free \
         there.",
    ),
    both(
        "one-cpu-hides-the-race",
        MEASURER,
        ("clone", "CLONE_THREAD"),
        "The measuring process starts two threads for each race.",
    ),
    add(
        "pages-need-no-contiguity",
        MEASURER,
        ("munmap", ", 4096) = 0"),
        "",
        "The control unmaps every second page instead; when it has been refused, the others, too.",
    ),
    both(
        "preempted-holder-collapse",
        MEASURER,
        ("clone", "CLONE_THREAD"),
        "The measuring process starts the threads of each window: two, or eight.",
    ),
    both(
        "pseudo-code-loses-updates",
        MEASURER,
        ("clone", "CLONE_THREAD"),
        "The measuring process starts two threads for each race.",
    ),
    add(
        "queue-belongs-to-the-socket",
        MEASURER,
        ("accept4", "SOCK_CLOEXEC"),
        "",
        "Only the control accepts the three itself, before it asks how many wait.",
    ),
    both(
        "reference-count",
        MEASURER,
        ("close", ""),
        "The measuring process closes descriptors: of each object first all but the last.",
    ),
    both(
        "reference-count",
        MEASURER,
        ("flock", "LOCK_EX"),
        "The measuring process locks three files with flock, and asks for each lock again through \
         another description: where it gets it, the lock had been released.",
    ),
    add(
        "reuseport-splits-the-queue",
        "worker",
        ("close", ""),
        "`worker` keeps one listening socket and closes what else it inherits; at its end it \
         closes that one, too.",
        "`worker` closes the one listening socket at its end.",
    ),
    both(
        "scan-hands-over-written-pages",
        MEASURER,
        ("ioctl", "UFFDIO_API"),
        "The measuring process asks userfaultfd for write protection that needs no handler.",
    ),
    both(
        "scan-hands-over-written-pages",
        MEASURER,
        ("ioctl", "UFFDIO_REGISTER"),
        "The measuring process registers the pages for it.",
    ),
    both(
        "scan-hands-over-written-pages",
        MEASURER,
        ("ioctl", ""),
        "The measuring process calls PAGEMAP_SCAN: the first scan protects every page, and the \
         next ones tell what was written since.",
    ),
    both(
        "shared-offset-writers",
        "first writer",
        ("write", "\"aaaaaaaaaaaaaaaa\", 16"),
        "`first writer` writes records of `a`, 1000 or more each time.",
    ),
    both(
        "shared-offset-writers",
        "second writer",
        ("write", "\"bbbbbbbbbbbbbbbb\", 16"),
        "`second writer` writes records of `b`, 1000 or more each time.",
    ),
    both(
        "shared-offset-writers",
        MEASURER,
        ("clone", "CLONE_CHILD_SETTID|SIGCHLD"),
        "The measuring process forks two writers, time after time.",
    ),
    both(
        "socket-is-the-object",
        MEASURER,
        ("write", "\"first\", 5"),
        "The measuring process sends a first message to the socket.",
    ),
    both(
        "socket-is-the-object",
        MEASURER,
        ("write", "\"second\", 6"),
        "It sends a second one.",
    ),
    add(
        "socket-is-the-object",
        "user",
        ("socket", "AF_UNIX, SOCK_DGRAM"),
        "",
        "Only in the control the child makes a socket of its own.",
    ),
    both(
        "test-and-set-excludes",
        MEASURER,
        ("clone", "SIGCHLD"),
        "The measuring process forks two processes, and one more in which two threads race.",
    ),
    both(
        "unfair-against-ticket",
        MEASURER,
        ("clone", "CLONE_THREAD"),
        "The measuring process starts four threads in each of its windows.",
    ),
];
