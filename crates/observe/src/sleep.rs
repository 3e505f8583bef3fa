//! Whether a process sleeps in its call: one rule for all code that waits for it.
//!
//! State `S` of proc_pid_status(5) alone does not say so: a process sets it a moment before it
//! gives the CPU up, and one that is woken in that moment has not slept. What says so, the first
//! that the kernel shows:
//! 1. a wait channel beside state `S`: since Linux 5.16 the kernel shows one only of a process that
//!    is on no run queue (get_wchan in kernel/sched/core.c);
//! 2. `/proc/PID/syscall`, where the wait channel is always `0` (x86-64 before 5.16, no
//!    CONFIG_KALLSYMS): the kernel shows a call only after it has seen the process inactive
//!    (task_current_syscall in lib/syscall.c);
//! 3. where neither can be read (a sandbox), state `S` with counts of context switches that do not
//!    move over [`LOOKS_WITHOUT_CHANGE`] looks.

use crate::Error;
use crate::status::{self, Status};
use crate::wchan::{Blocked, WaitChannel, read_syscall};

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

/// Looks without a switch after which a process in state `S` is taken to sleep. A look takes some
/// 10 us, so these last 10 ms: longer than a process that set its state is kept from the CPU before
/// it gives it up, as long as it competes with few others for it.
pub const LOOKS_WITHOUT_CHANGE: u32 = 1000;

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
    shows_channels: bool,
    switches: (u64, u64),
    still_looks: u32,
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
            shows_channels: false,
            switches: (0, 0),
            still_looks: 0,
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
            self.shows_channels = true;
            return Ok(Look::Asleep(Evidence::Channel(name.clone())));
        }
        let status = status::read(self.pid)?;
        let pid = self.pid;
        Ok(self.judge(channel, &status, || read_syscall(pid)))
    }

    fn judge(
        &mut self,
        channel: Option<String>,
        status: &Status,
        call: impl FnOnce() -> Result<Option<Blocked>, Error>,
    ) -> Look {
        self.shows_channels |= channel.is_some();
        let switches = (status.voluntary_switches, status.involuntary_switches);
        if status.state != 'S' || switches != self.switches {
            self.switches = switches;
            self.still_looks = 0;
        }
        match (status.state, channel) {
            ('Z' | 'X', _) => Look::Ended,
            ('S', Some(channel)) => Look::Asleep(Evidence::Channel(channel)),
            ('S', None) if !self.shows_channels => match call() {
                Ok(Some(call)) => Look::Asleep(Evidence::Call(call)),
                Ok(None) => Look::Awake('S'),
                Err(_) if self.still_looks >= LOOKS_WITHOUT_CHANGE => Look::Asleep(Evidence::Still),
                Err(_) => {
                    self.still_looks += 1;
                    Look::Awake('S')
                }
            },
            (state, _) => Look::Awake(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    fn sleeper() -> Sleeper {
        Sleeper {
            pid: 0,
            channel: None,
            shows_channels: false,
            switches: (0, 0),
            still_looks: 0,
        }
    }

    fn status(state: char, voluntary_switches: u64) -> Status {
        Status {
            state,
            voluntary_switches,
            ..Status::default()
        }
    }

    const FUTEX: Blocked = Blocked {
        number: 202,
        arguments: [0; 6],
    };

    fn refused() -> Result<Option<Blocked>, Error> {
        Err(Error::new("read /proc/1/syscall", Errno::EACCES))
    }

    #[test]
    fn a_channel_says_so_only_beside_state_s() {
        let mut sleeper = sleeper();
        let channel = || Some("futex_do_wait".to_owned());
        let asleep = Look::Asleep(Evidence::Channel("futex_do_wait".to_owned()));
        assert_eq!(sleeper.judge(channel(), &status('S', 1), refused), asleep);
        let stopped = sleeper.judge(Some("ptrace_stop".to_owned()), &status('t', 1), refused);
        assert_eq!(stopped, Look::Awake('t'));
        assert_eq!(sleeper.judge(None, &status('Z', 1), refused), Look::Ended);
        // A kernel that shows channels and shows none now: it is about to sleep, or was just woken.
        let call = || Ok(Some(FUTEX));
        assert_eq!(sleeper.judge(None, &status('S', 1), call), Look::Awake('S'));
    }

    #[test]
    fn where_channels_are_always_0_the_call_says_so() {
        let mut sleeper = sleeper();
        let asleep = sleeper.judge(None, &status('S', 1), || Ok(Some(FUTEX)));
        assert_eq!(asleep, Look::Asleep(Evidence::Call(FUTEX)));
        let running = sleeper.judge(None, &status('S', 1), || Ok(None));
        assert_eq!(running, Look::Awake('S'));
    }

    #[test]
    fn where_nothing_is_shown_it_must_stand_still() {
        let mut sleeper = sleeper();
        let look = |sleeper: &mut Sleeper, switches| {
            let look = sleeper.judge(None, &status('S', switches), refused);
            look == Look::Asleep(Evidence::Still)
        };
        for _ in 0..LOOKS_WITHOUT_CHANGE {
            assert!(!look(&mut sleeper, 5));
        }
        assert!(look(&mut sleeper, 5) && look(&mut sleeper, 5));
        assert!(!look(&mut sleeper, 6), "it has run meanwhile");
        for _ in 0..LOOKS_WITHOUT_CHANGE {
            look(&mut sleeper, 6);
        }
        assert!(look(&mut sleeper, 6));
        sleeper.judge(None, &status('R', 6), refused);
        assert!(!look(&mut sleeper, 6), "it was seen to run");
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
