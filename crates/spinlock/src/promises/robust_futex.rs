//! A robust futex without a library: the list that the kernel walks when a thread dies
//! (get_robust_list(2), Documentation/locking/robust-futex-ABI.rst), and the two ways to unlock.
#![expect(unsafe_code, reason = "set_robust_list and futex")]

use std::ptr::null;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use anyhow::Result;
use locks::Shared;
use nix::errno::Errno;
use observe::remote_memory::RemoteMemory;
use observe::{Error, Operation};

/// `include/uapi/linux/futex.h`.
const FUTEX_ROBUST_UNLOCK: libc::c_int = 512;
/// What the kernel writes into a futex whose holder died.
pub const OWNER_DIED: u32 = 1 << 30;
/// Somebody sleeps on the futex.
const WAITERS: u32 = 1 << 31;
/// Bytes of a `struct robust_list_head`: the first three words.
const HEAD_SIZE: usize = 24;

/// The words of a `struct robust_list_head`: the list, the distance from an entry to its futex, the
/// pending operation. The fourth is the entry of the futex.
const LIST: usize = 0;
const DISTANCE: usize = 1;
const PENDING: usize = 2;
const ENTRY: usize = 3;

/// A futex and one thread's robust list, in memory that forked children share.
pub struct RobustFutex {
    words: Shared<[AtomicU64; 4]>,
    futex: Shared<AtomicU32>,
}

impl RobustFutex {
    /// A free futex, and an empty list.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new() -> Result<RobustFutex> {
        let words = Shared::new([const { AtomicU64::new(0) }; 4])?;
        let futex = Shared::new(AtomicU32::new(0))?;
        words[LIST].store(address(&words[LIST]), Relaxed);
        let distance = address(&*futex).wrapping_sub(address(&words[ENTRY]));
        words[DISTANCE].store(distance, Relaxed);
        Ok(RobustFutex { words, futex })
    }

    /// Where the list begins.
    pub fn head(&self) -> u64 {
        address(&self.words[LIST])
    }

    /// Makes the list that of the calling thread (set_robust_list(2)).
    ///
    /// # Errors
    /// ENOSYS, or EPERM under a filter.
    pub fn register(&self) -> Result<(), Error> {
        let head = self.words.as_ptr();
        // SAFETY: the kernel keeps the address and reads the list when the thread dies; the mapping
        // lives until then: the thread is killed while this value is borrowed. The C library's list
        // is empty, since the thread holds no robust mutex.
        let set = unsafe { libc::syscall(libc::SYS_set_robust_list, head, HEAD_SIZE) };
        Errno::result(set)
            .map(drop)
            .map_err(|errno| Error::new("set_robust_list", errno))
    }

    /// Locks it for thread `thread`, with somebody asleep on it, and leaves the operation pending:
    /// so it is in the middle of an unlock.
    pub fn begin_unlock(&self, thread: i32) {
        self.words[PENDING].store(address(&self.words[ENTRY]), Relaxed);
        self.futex.store(thread as u32 | WAITERS, Release);
    }

    /// Whether the list names the futex as pending.
    pub fn is_pending(&self) -> bool {
        self.words[PENDING].load(Relaxed) != 0
    }

    /// The word.
    pub fn word(&self) -> u32 {
        self.futex.load(Relaxed)
    }

    /// The word in the memory of process `pid` (proc_pid_mem(5)); none where it is not shown whole.
    ///
    /// # Errors
    /// EACCES or EPERM where ptrace access is denied.
    pub fn word_in(&self, pid: i32) -> Result<Option<u32>, Error> {
        let mut bytes = [0; 4];
        let read = RemoteMemory::open(pid)?.read(address(&*self.futex), &mut bytes)?;
        Ok((read == bytes.len()).then(|| u32::from_ne_bytes(bytes)))
    }

    /// Whether the word says that thread `thread` holds it, and that somebody sleeps.
    pub fn is_held_by(&self, thread: i32) -> bool {
        self.word() == thread as u32 | WAITERS
    }

    /// Puts a value into the word, which is a futex no longer.
    pub fn overwrite(&self, value: u32) {
        self.futex.store(value, Relaxed);
    }

    /// Sleeps until it is woken; whether it was, and did not find the word changed before.
    pub fn sleep(&self) -> bool {
        let word = self.word();
        self.futex_call(libc::FUTEX_WAIT, word, null()) == Ok(0)
    }

    /// Unlocks, forgets the pending operation and wakes one sleeper, in one call
    /// (`FUTEX_ROBUST_UNLOCK`).
    ///
    /// # Errors
    /// ENOSYS where the kernel has no such operation.
    pub fn unlock_at_once(&self) -> Result<(), Error> {
        let pending: *const AtomicU64 = &self.words[PENDING];
        let answer = self.futex_call(libc::FUTEX_WAKE | FUTEX_ROBUST_UNLOCK, 1, pending);
        let refused = |errno| Error::new("futex FUTEX_WAKE|FUTEX_ROBUST_UNLOCK", errno);
        answer
            .map(drop)
            .map_err(|errno| refused(errno).with_kind(Operation::RobustUnlock))
    }

    /// Unlocks: the first of three steps, as they were before.
    pub fn free(&self) {
        self.futex.store(0, Release);
    }

    /// Wakes one sleeper: the second step.
    ///
    /// # Errors
    /// A filter on futex(2).
    pub fn wake(&self) -> Result<(), Error> {
        let answer = self.futex_call(libc::FUTEX_WAKE, 1, null());
        answer
            .map(drop)
            .map_err(|errno| Error::new("futex FUTEX_WAKE", errno))
    }

    fn futex_call(
        &self,
        operation: libc::c_int,
        value: u32,
        pending: *const AtomicU64,
    ) -> Result<libc::c_long, Errno> {
        let no_limit = null::<libc::timespec>();
        // SAFETY: the word and, where it is given, the pending operation live in mappings of this
        // value and are atomic; the kernel writes to no other memory.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.futex.as_ptr(),
                operation,
                value,
                no_limit,
                pending,
                0,
            )
        };
        Errno::result(answer)
    }
}

fn address<T>(place: &T) -> u64 {
    std::ptr::from_ref(place) as u64
}
