//! The system calls of the locks: futex(2) and membarrier(2), and the pair of fences built on the latter.
//!
//! **Asymmetric fences.** Thread U does "store A; light barrier; load B", thread P does "store B; heavy barrier;
//! load A". It must not happen that both loads miss the other's store. Two full fences would do; but U runs for ever
//! and P hardly ever, so P pays for both: membarrier(2) makes every running thread of the process pass a full
//! barrier before it returns, and U needs only stop the compiler from reordering.
//!
//! Where membarrier is refused (ENOSYS before Linux 4.14, seccomp) both become full fences. The choice is made
//! once, by the first barrier of the process, and never changes.
//!
//! Sources: membarrier(2), futex(2); folly `AsymmetricThreadFence`.
#![expect(
    unsafe_code,
    reason = "raw system calls: libc wraps neither futex(2) nor membarrier(2)"
)]

use std::hint::spin_loop;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU32, compiler_fence, fence};
use std::time::{Duration, Instant};
use std::{io, ptr};

/// How the barriers of this process are made: see [`barriers`].
static BARRIERS: AtomicU8 = AtomicU8::new(UNDECIDED);
const UNDECIDED: u8 = 0;
const MEMBARRIER: u8 = 1;
const FENCES: u8 = 2;

/// linux/membarrier.h, since Linux 4.14.
/// Command of membarrier(2): every running thread of the process passes a full barrier.
pub const PRIVATE_EXPEDITED: i32 = 1 << 3;
/// Command of membarrier(2) that must come first: the process wants expedited barriers.
pub const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// Which barriers the locks of this process use, and if it is the slower kind, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barriers {
    /// The sleeper calls membarrier(2); the unlock needs no instruction.
    Membarrier,
    /// membarrier(2) was refused when the process first asked: both sides use a full fence.
    Fences,
}

/// The kind of barriers that this process uses; decides it if nobody has yet.
///
/// To decide is to register with membarrier(2), at once while the process has one thread, in 5 to 34 ms when it has several
/// (the kernel waits until every CPU has passed through the scheduler). Otherwise the first unlock of an
/// [`Asymmetric`](super::Asymmetric) lock pays that. So call it at the start of `main`.
pub fn barriers() -> Barriers {
    let decided = match BARRIERS.load(Relaxed) {
        UNDECIDED => decide(),
        decided => decided,
    };
    if decided == MEMBARRIER {
        Barriers::Membarrier
    } else {
        Barriers::Fences
    }
}

#[cold]
fn decide() -> u8 {
    // Miri knows no membarrier.
    let wish = if !cfg!(miri) && membarrier(REGISTER_PRIVATE_EXPEDITED).is_ok() {
        MEMBARRIER
    } else {
        FENCES
    };
    // Two threads may come to different answers (a seccomp filter installed in between): the first one stands.
    match BARRIERS.compare_exchange(UNDECIDED, wish, SeqCst, SeqCst) {
        Ok(_) => wish,
        Err(first) => first,
    }
}

/// The frequent side: orders the store before it against the load after it, as far as the thread that
/// calls [`heavy_barrier`] can see.
#[inline]
pub fn light_barrier() {
    match BARRIERS.load(Relaxed) {
        MEMBARRIER => compiler_fence(SeqCst),
        FENCES => fence(SeqCst),
        _ => {
            decide();
            fence(SeqCst);
        }
    }
}

/// The rare side. Returns false if membarrier(2) works no more, which a seccomp filter installed later
/// can bring about: then nothing is ordered, and the caller must not sleep for ever.
pub fn heavy_barrier() -> bool {
    if barriers() == Barriers::Fences {
        fence(SeqCst);
        return true;
    }
    // A forked child may have to register again (EPERM).
    membarrier(PRIVATE_EXPEDITED)
        .or_else(|_| {
            membarrier(REGISTER_PRIVATE_EXPEDITED).and_then(|()| membarrier(PRIVATE_EXPEDITED))
        })
        .is_ok()
}

/// How long a waiter of the asymmetric lock watches whether sections go by. These times are in nanoseconds, not in PAUSE
/// instructions, because those last from 4 to 50 ns.
pub(crate) const GLANCE: Duration = Duration::from_nanos(120);
/// How long it leaves the cache line alone if they do.
pub(crate) const AWAY: Duration = Duration::from_nanos(1300);

/// Spins for `time` without touching the lock.
pub fn stay_away(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}

/// membarrier(2) with flags 0. Errors: EPERM (not registered), ENOSYS, or what a seccomp filter says.
pub fn membarrier(command: i32) -> io::Result<()> {
    // SAFETY: membarrier takes three integers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sleeps while `*word == expected`; may wake for no reason, so the caller looks again.
pub fn futex_wait(word: &AtomicU32, expected: u32) {
    wait(word, expected, None);
}

/// As [`futex_wait`], for a millisecond at most.
pub fn futex_wait_briefly(word: &AtomicU32, expected: u32) {
    wait(word, expected, Some(Duration::from_millis(1)));
}

fn wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: 0,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is alive while borrowed, `limit` is null or points to a timespec that outlives the call. EAGAIN,
    // EINTR and ETIMEDOUT all mean "look again", which every caller does.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            limit,
        );
    }
}

/// Wakes one thread that sleeps on `word`. Returns how many woke: 0 or 1.
pub fn futex_wake(word: &AtomicU32) -> i64 {
    // SAFETY: the kernel uses the address as a key and reads nothing there. For `Futex`, whose unlock touches nothing
    // else after the release, that holds even if the thread that took the lock next has freed it: then we wake nobody, or a
    // stranger for nothing. `Asymmetric` must outlive its unlock.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        )
    }
}
