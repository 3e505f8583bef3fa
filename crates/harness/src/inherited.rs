//! What execve(2) left to this process: ignored signals, blocked signals, soft limits.
//!
//! A program keeps what its caller ignored, blocked and limited (signal(7), getrlimit(2)), and an
//! experiment would show that rather than the kernel: with SIGCHLD ignored no child has an exit
//! status, with SIGSEGV blocked a fault kills where it should be caught. So every binary calls
//! [`reset`] before anything else, and what it executes for its user gets back by [`restore`] what
//! the user's shell had meant for it.
#![expect(
    unsafe_code,
    reason = "signals by number, a function that runs before main, a closure before exec"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Signals, numbered from 1, as the kernel counts them; one bit each in a set.
const SIGNALS: std::ops::RangeInclusive<libc::c_int> = 1..=64;
/// Bytes of such a set, as rt_sigaction(2) and rt_sigprocmask(2) want to be told.
const SET_BYTES: usize = size_of::<u64>();

/// Ignored from the start, they stay ignored: nohup(1) and a shell without job control mean that
/// the program shall not end with the terminal.
const ENDINGS: [libc::c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
/// Ignored here in any case: what a write to a closed pipe or beyond the limit on file sizes comes
/// to is read from its error number, EPIPE or EFBIG.
const ERRORS: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// The stack that a soft limit is raised to: Linux's default.
const STACK: u64 = 8 << 20;
/// The limits that are raised as far as they may be. Of descriptors a program takes as many as it
/// needs ([`room_for_descriptors`](crate::limits::room_for_descriptors)); a core dump is the
/// user's to wish for.
const LIMITS: [(Resource, u64); 8] = [
    (Resource::RLIMIT_STACK, STACK),
    (Resource::RLIMIT_AS, u64::MAX),
    (Resource::RLIMIT_CPU, u64::MAX),
    (Resource::RLIMIT_DATA, u64::MAX),
    (Resource::RLIMIT_FSIZE, u64::MAX),
    (Resource::RLIMIT_MEMLOCK, u64::MAX),
    (Resource::RLIMIT_NPROC, u64::MAX),
    (Resource::RLIMIT_SIGPENDING, u64::MAX),
];

/// The signals that were ignored when this process began.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// The signals that were blocked.
static BLOCKED: AtomicU64 = AtomicU64::new(0);
/// The soft limits that [`reset`] has raised, by their places in [`LIMITS`].
static SOFT: [AtomicU64; LIMITS.len()] = [const { AtomicU64::new(NOT_RAISED) }; LIMITS.len()];
/// No soft limit that was raised can have been the highest.
const NOT_RAISED: u64 = u64::MAX;

/// Reads the signals before `main`: Rust's runtime ignores SIGPIPE before that.
// SAFETY: the dynamic loader calls each function of this section once, when libc is initialised and
// before any other code of the program. `note_signals` makes system calls alone and fills atomics.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_signals;

extern "C" fn note_signals() {
    let ignored = SIGNALS.filter(|signal| is_ignored(*signal));
    IGNORED.store(ignored.fold(0, |set, signal| set | bit(signal)), Relaxed);
    BLOCKED.store(mask(None), Relaxed);
}

/// Makes this process independent of its caller: every signal has its default effect and none is
/// blocked, but for those of an end that were ignored, which stay so, and for SIGPIPE and SIGXFSZ,
/// which are ignored; soft limits are raised as far as the hard ones allow. Children inherit that.
///
/// The first call of a binary's `main`, while it has one thread. What is refused stays as it is.
pub fn reset() {
    for signal in SIGNALS.filter(|signal| !ENDINGS.contains(signal)) {
        let ignore = ERRORS.contains(&signal);
        if ignore != is_ignored(signal) {
            set_ignored(signal, ignore);
        }
    }
    mask(Some(0));
    for ((resource, enough), raised) in LIMITS.into_iter().zip(&SOFT) {
        let Ok((soft, hard)) = getrlimit(resource) else {
            continue;
        };
        let wanted = enough.min(hard);
        if soft < wanted && setrlimit(resource, wanted, hard).is_ok() {
            raised.store(soft, Relaxed);
        }
    }
}

/// Gives back what this process began with, right before an exec(2).
///
/// It is async-signal-safe: it may be called between fork(2) and exec(2), whatever the parent was.
pub fn restore() {
    for ((resource, _), raised) in LIMITS.into_iter().zip(&SOFT) {
        let soft = raised.load(Relaxed);
        if soft != NOT_RAISED
            && let Ok((_, hard)) = getrlimit(resource)
        {
            let _ = setrlimit(resource, soft.min(hard), hard);
        }
    }
    for signal in SIGNALS {
        let ignore = IGNORED.load(Relaxed) & bit(signal) != 0;
        if ignore != is_ignored(signal) {
            set_ignored(signal, ignore);
        }
    }
    mask(Some(BLOCKED.load(Relaxed)));
}

/// Makes `command` begin with what this process began with: see [`restore`].
pub fn restore_in(command: &mut Command) -> &mut Command {
    let give_back = || -> io::Result<()> {
        restore();
        Ok(())
    };
    // SAFETY: between fork and exec `restore` makes system calls and loads atomics, no more.
    unsafe { command.pre_exec(give_back) }
}

fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// struct sigaction as rt_sigaction(2) has it. The C library's own hides two signals that it uses.
#[repr(C)]
#[derive(Default)]
struct Action {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

/// Whether this process ignores `signal`.
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = Action::default();
    let none = std::ptr::null::<Action>();
    // SAFETY: without a new action the call changes nothing; it writes one to `action`, which is as
    // large as the kernel's or larger.
    let call = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            none,
            &raw mut action,
            SET_BYTES,
        )
    };
    call == 0 && action.handler == libc::SIG_IGN
}

/// Ignores `signal`, or lets it have its default effect. SIGKILL and SIGSTOP refuse both.
fn set_ignored(signal: libc::c_int, ignore: bool) {
    let action = Action {
        handler: if ignore { libc::SIG_IGN } else { libc::SIG_DFL },
        ..Action::default()
    };
    let none = std::ptr::null_mut::<Action>();
    // SAFETY: neither of the two actions runs any code.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const action,
            none,
            SET_BYTES,
        )
    };
}

/// The set of the signals that this thread blocks, before it becomes `set`, if one is given.
fn mask(set: Option<u64>) -> u64 {
    let new = set.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut old = 0_u64;
    let how = libc::SIG_SETMASK;
    // SAFETY: the kernel reads and writes 8 bytes each, and both places are that large.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, &raw mut old, SET_BYTES) };
    old
}
