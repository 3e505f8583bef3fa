//! The pair of asymmetric fences, built on membarrier(2).
//!
//! Thread U does "store A; light barrier; load B", thread P does "store B; heavy barrier; load A".
//! It must not happen that both loads miss the other's store. Two full fences would do. But U runs
//! often and P rarely, so P pays for both: membarrier(2) makes every running thread of the process
//! pass a full barrier before it returns, and U needs only to stop the compiler from reordering.
//!
//! Where membarrier is refused (ENOSYS before Linux 4.14, seccomp) both become full fences. The
//! choice is made once, by the first barrier of the process, and never changes.
//!
//! Sources: membarrier(2); folly `AsymmetricThreadFence`.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{compiler_fence, fence};

use super::system_calls::{PRIVATE_EXPEDITED, REGISTER_PRIVATE_EXPEDITED, membarrier};

/// How the barriers of this process are made: see [`barriers`].
static BARRIERS: AtomicU8 = AtomicU8::new(UNDECIDED);
const UNDECIDED: u8 = 0;
const MEMBARRIER: u8 = 1;
const FENCES: u8 = 2;

/// Which barriers the asymmetric locks of this process use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barriers {
    /// The sleeper calls membarrier(2); the unlock needs no instruction.
    Membarrier,
    /// membarrier(2) was refused when the process first asked: both sides use a full fence.
    Fences,
}

/// The kind of barriers that this process uses; decides it if that has not happened yet.
///
/// To decide is to register with membarrier(2). That is done at once while the process has one
/// thread, and lasts 5 to 34 ms when it has several, because the kernel waits until every CPU has
/// passed through the scheduler. The first unlock of an [`Asymmetric`](super::Asymmetric) lock pays
/// that, unless this is called before: call it at the start of `main`.
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
    // Two threads may come to different answers (a seccomp filter installed in between): the first
    // one stands.
    match BARRIERS.compare_exchange(UNDECIDED, wish, SeqCst, SeqCst) {
        Ok(_) => wish,
        Err(first) => first,
    }
}

/// The frequent side: orders the store before it against the load after it, as far as the thread
/// that calls [`heavy_barrier`] can see.
#[inline]
pub(crate) fn light_barrier() {
    match BARRIERS.load(Relaxed) {
        MEMBARRIER => compiler_fence(SeqCst),
        FENCES => fence(SeqCst),
        _ => {
            decide();
            fence(SeqCst);
        }
    }
}

/// The rare side. Returns false if membarrier(2) works no more, which a seccomp filter installed
/// later can bring about: then nothing is ordered, and the caller must not sleep for ever.
pub(crate) fn heavy_barrier() -> bool {
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
