//! Whether a process sleeps in its call: one rule for all code that waits for it.
//!
//! State `S` of proc_pid_status(5) alone does not say so: a process sets it a moment before it
//! gives the CPU up, and one that is woken in that moment has not slept. What says so, the first
//! that the kernel shows:
//! 1. a wait channel beside state `S`: since Linux 5.16 the kernel shows one only of a process that
//!    is on no run queue (get_wchan in kernel/sched/core.c);
//! 2. `/proc/PID/syscall`, where there is no wait channel, or it reads `0` (x86-64 before 5.16, no
//!    CONFIG_KALLSYMS): the kernel shows a call only after it has seen the process inactive
//!    (task_current_syscall in lib/syscall.c);
//! 3. where neither can be read (a sandbox), state `S` with counts of context switches and of CPU
//!    time that do not move over [`LOOKS_WITHOUT_CHANGE`] looks, or over [`TIME_WITHOUT_CHANGE`]
//!    and the looks that it takes at least.

use std::time::{Duration, Instant};

use crate::status::{self, Status};
use crate::wchan::{Blocked, WaitChannel, read_syscall};
use crate::{Error, stat};

/// Kernel functions in which a process sleeps interruptibly, that is in state `S`. Only a short
/// cut: where a process sleeps anywhere else, its state is read.
const INTERRUPTIBLE_CHANNELS: &[&str] = &[
    "inet_csk_accept",
    "poll_schedule_timeout",
    "do_epoll_wait",
    "ep_poll",
    "io_cqring_wait",
    "futex_do_wait",
    "futex_wait_queue",
    "locks_lock_inode_wait",
    "fcntl_setlk",
];

/// Looks without a change after which a process in state `S` is taken to sleep. A look takes some
/// 10 us, so these last 10 ms: longer than a process that set its state is kept from the CPU before
/// it gives it up, as long as it competes with few others for it.
pub const LOOKS_WITHOUT_CHANGE: u32 = 1000;

/// Time without a change after which it is taken to sleep, too, if it was looked at
/// [`LOOKS_IN_TIME`] times: on a kernel where a look takes 200 us (gVisor), the many looks at each
/// of a hundred workers would take longer than these are waited for.
pub const TIME_WITHOUT_CHANGE: Duration = Duration::from_millis(20);

/// Looks that [`TIME_WITHOUT_CHANGE`] needs: an observer that was kept from the CPU meanwhile has
/// not looked.
pub const LOOKS_IN_TIME: u32 = 50;

/// What one look at a process found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It runs, or wants to, or sleeps where no signal reaches it. The state letter of
    /// proc_pid_stat(5).
    Awake(char),
    /// It sleeps.
    Asleep(Evidence),
    /// It has ended and waits to be reaped.
    Ended,
}

/// What says that it sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The kernel function in which it sleeps.
    Channel(String),
    /// The system call in which it is blocked.
    Call(Blocked),
    /// Nothing but that it has stood still.
    Still,
}

impl Evidence {
    /// Whether it may be asleep in the system call `number`, whose wait channels contain `channel`;
    /// so it may where it merely stands still.
    pub fn is_in(&self, number: i64, channel: &str) -> bool {
        match self {
            Evidence::Channel(name) => name.contains(channel),
            Evidence::Call(call) => call.number == number,
            Evidence::Still => true,
        }
    }
}

/// A process that is watched for its sleep.
#[derive(Debug)]
pub struct Sleeper {
    pid: i32,
    /// None in a sandbox that has no such file.
    channel: Option<WaitChannel>,
    /// Context switches, voluntary and not, and ticks of CPU time, at the last look.
    counts: (u64, u64, u64),
    still_looks: u32,
    /// When the first of these looks was.
    still_since: Instant,
}

impl Sleeper {
    /// Takes hold of process `pid`. It keeps a descriptor.
    ///
    /// # Errors
    /// EMFILE; ENOENT where no such process exists.
    pub fn open(pid: i32) -> Result<Sleeper, Error> {
        let channel = match WaitChannel::open(pid) {
            Ok(channel) => Some(channel),
            // A process that has ended and been reaped has no status either.
            Err(absent) => match status::read(pid) {
                Ok(_) if absent.errno == nix::errno::Errno::ENOENT => None,
                _ => return Err(absent),
            },
        };
        Ok(Sleeper {
            pid,
            channel,
            counts: (0, 0, 0),
            still_looks: 0,
            still_since: Instant::now(),
        })
    }

    /// Looks once.
    ///
    /// # Errors
    /// ENOENT or ESRCH where it has been reaped.
    pub fn look(&mut self) -> Result<Look, Error> {
        let channel = self.channel.as_ref();
        let channel = channel.and_then(|channel| channel.read().ok().flatten());
        if let Some(name) = &channel
            && INTERRUPTIBLE_CHANNELS
                .iter()
                .any(|known| name.starts_with(known))
        {
            return Ok(Look::Asleep(Evidence::Channel(name.clone())));
        }
        let status = status::read(self.pid)?;
        let pid = self.pid;
        Ok(match (status.state, channel) {
            ('Z' | 'X', _) => Look::Ended,
            ('S', Some(channel)) => Look::Asleep(Evidence::Channel(channel)),
            ('S', None) => match read_syscall(pid) {
                Ok(Some(call)) => Look::Asleep(Evidence::Call(call)),
                Ok(None) => Look::Awake('S'),
                Err(_) => {
                    let ticks = stat::read_thread(pid).map_or(0, |stat| stat.cpu_ticks);
                    self.look_at_counts(&status, ticks, Instant::now())
                }
            },
            (state, _) => Look::Awake(state),
        })
    }

    /// What a process in state `S` is found to do where only its counts can be read.
    fn look_at_counts(&mut self, status: &Status, cpu_ticks: u64, now: Instant) -> Look {
        let switches = (status.voluntary_switches, status.involuntary_switches);
        let counts = (switches.0, switches.1, cpu_ticks);
        if counts != self.counts || self.still_looks == 0 {
            self.counts = counts;
            self.still_looks = 0;
            self.still_since = now;
        }
        let long = now.saturating_duration_since(self.still_since) >= TIME_WITHOUT_CHANGE;
        if self.still_looks >= LOOKS_WITHOUT_CHANGE || long && self.still_looks >= LOOKS_IN_TIME {
            return Look::Asleep(Evidence::Still);
        }
        self.still_looks += 1;
        Look::Awake(status.state)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Read};
    use std::thread::JoinHandle;

    use nix::errno::Errno;

    use super::*;

    const FUTEX: Blocked = Blocked {
        number: 202,
        arguments: [0; 6],
    };

    /// A sleeper that has no wait channel to read, as where the kernel has none.
    fn without_channel(pid: i32) -> Sleeper {
        Sleeper {
            pid,
            channel: None,
            counts: (0, 0, 0),
            still_looks: 0,
            still_since: Instant::now(),
        }
    }

    /// A thread that reads from a pipe until the writer that is returned is dropped.
    fn reader() -> (i32, PipeWriter, JoinHandle<()>) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            send.send(nix::unistd::gettid().as_raw()).unwrap();
            reader.read_exact(&mut [0]).unwrap_err();
        });
        (receive.recv().unwrap(), writer, thread)
    }

    fn look_until_asleep(mut look: impl FnMut() -> Look) -> Evidence {
        loop {
            match look() {
                Look::Asleep(evidence) => return evidence,
                Look::Awake(_) => std::thread::yield_now(),
                Look::Ended => panic!("it ended"),
            }
        }
    }

    /// The second way is asked where the first is missing, and says the same; so does the third.
    #[test]
    fn every_way_finds_a_reader_asleep() {
        let (pid, writer, thread) = reader();
        let mut first = Sleeper::open(pid).unwrap();
        let channel = look_until_asleep(|| first.look().unwrap());
        assert!(channel.is_in(libc::SYS_read, "pipe"), "{channel:?}");
        let mut second = without_channel(pid);
        match look_until_asleep(|| second.look().unwrap()) {
            Evidence::Call(call) => assert_eq!(call.number, libc::SYS_read),
            other => panic!("{other:?}"),
        }
        let mut third = without_channel(pid);
        let still = look_until_asleep(|| {
            let ticks = stat::read_thread(pid).unwrap().cpu_ticks;
            third.look_at_counts(&status::read(pid).unwrap(), ticks, Instant::now())
        });
        assert_eq!(still, Evidence::Still);
        drop(writer);
        thread.join().unwrap();
    }

    #[test]
    fn where_nothing_is_shown_it_must_stand_still() {
        let mut sleeper = without_channel(0);
        let start = Instant::now();
        let mut look = |voluntary_switches, ticks| {
            let status = Status {
                state: 'S',
                voluntary_switches,
                ..Status::default()
            };
            sleeper.look_at_counts(&status, ticks, start) == Look::Asleep(Evidence::Still)
        };
        for _ in 0..LOOKS_WITHOUT_CHANGE {
            assert!(!look(5, 7));
        }
        assert!(look(5, 7) && look(5, 7));
        assert!(!look(6, 7), "it has run meanwhile");
        for _ in 0..LOOKS_WITHOUT_CHANGE {
            look(6, 7);
        }
        assert!(look(6, 7));
        assert!(!look(6, 8), "it has used the CPU meanwhile");
    }

    /// Where a look takes long, fewer of them say the same.
    #[test]
    fn slow_looks_are_believed_earlier_and_a_single_one_never() {
        let status = Status {
            state: 'S',
            ..Status::default()
        };
        let start = Instant::now();
        let mut slow = without_channel(0);
        let mut look = |ms| slow.look_at_counts(&status, 0, start + Duration::from_millis(ms));
        for ms in 0..u64::from(LOOKS_IN_TIME) {
            assert_eq!(look(ms), Look::Awake('S'), "after {ms} ms");
        }
        assert_eq!(look(60), Look::Asleep(Evidence::Still));
        let mut kept_away = without_channel(0);
        for ms in [0, 5000] {
            let now = start + Duration::from_millis(ms);
            let look = kept_away.look_at_counts(&status, 0, now);
            assert_eq!(look, Look::Awake('S'));
        }
    }

    #[test]
    fn evidence_names_the_call() {
        assert!(Evidence::Call(FUTEX).is_in(202, "futex"));
        assert!(!Evidence::Call(FUTEX).is_in(0, "futex"));
        assert!(!Evidence::Channel("do_wait".to_owned()).is_in(202, "futex"));
        assert!(Evidence::Channel("futex_do_wait".to_owned()).is_in(202, "futex"));
    }

    #[test]
    fn a_running_thread_is_awake() {
        let mut own = Sleeper::open(nix::unistd::gettid().as_raw()).unwrap();
        assert_eq!(own.look(), Ok(Look::Awake('R')));
        assert_eq!(Sleeper::open(i32::MAX).unwrap_err().errno, Errno::ENOENT);
    }
}
