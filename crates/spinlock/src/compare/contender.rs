//! Who is compared: every lock behind one small trait, ours, the standard library's, the best crates', the C library's.
#![expect(
    unsafe_code,
    reason = "pthread locks, and lock_api's raw interface, unlock by promise"
)]

use lock_api::RawMutex;
use locks::{Asymmetric, Backoff, Futex, Mcs, TestAndSet, TestAndTestAndSet, Ticket, Yield};
use std::{cell::UnsafeCell, fmt, str::FromStr};

/// A lock as the harness uses it.
pub trait Contender: Sync + Send + 'static {
    /// Puts an unlocked one into `place`.
    ///
    /// # Safety
    /// `place` is valid for writes and aligned, and the lock is not moved away from it.
    unsafe fn initialise(place: *mut Self);
    /// Runs `section` inside the lock.
    fn section(&self, section: impl FnOnce());
}

macro_rules! contenders {
    ($( $variant:ident $name:literal $lock:ty, $note:literal; )*) => {
        /// The locks that can be compared, in the order of the tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum LockName { $( #[doc = $note] $variant, )* }

        impl LockName {
            /// All of them.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The name in tables, in `--locks` and in the JSON.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What it is, in a few words.
            pub fn note(self) -> &'static str {
                match self { $( Self::$variant => $note, )* }
            }

            /// Calls `visitor` with the lock's type.
            pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
                match self { $( Self::$variant => visitor.visit::<$lock>(), )* }
            }
        }
    };
}
contenders! {
    None "none" NoLock, "no lock at all: the floor";
    TestAndSet "test-and-set" Raw<TestAndSet>, "swap until it reads false";
    TestAndTestAndSet "test-and-test-and-set" Raw<TestAndTestAndSet>, "read until false, then swap";
    Backoff "backoff" Raw<Backoff>, "test-and-test-and-set with bounded exponential backoff";
    Yield "yield" Raw<Yield>, "test-and-test-and-set with sched_yield";
    Ticket "ticket" Raw<Ticket>, "first come, first served";
    Mcs "mcs" Raw<Mcs>, "queue, each waiter on its own word";
    Futex "futex" Raw<Futex>, "the three-state futex mutex";
    Asymmetric "asymmetric" Raw<Asymmetric>, "plain-store unlock, membarrier by the sleeper";
    Std "std" std::sync::Mutex<()>, "std::sync::Mutex";
    ParkingLot "parking-lot" Raw<parking_lot::RawMutex>, "parking_lot::Mutex 0.12";
    Spin "spin" spin::Mutex<()>, "spin::Mutex 0.12";
    SpinningTop "spinning-top" Raw<spinning_top::RawSpinlock>, "spinning_top::Spinlock 0.3";
    Usync "usync" Raw<usync::RawMutex>, "usync::Mutex 0.2";
    PthreadSpin "pthread-spin" PthreadSpin, "pthread_spin_lock(3)";
    PthreadMutex "pthread-mutex" PthreadMutex, "pthread_mutex_lock(3), default attributes";
}

/// Something to do with the type of a lock: see [`LockName::visit`].
pub trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<C: Contender>(self) -> Self::Output;
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LockName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|lock| lock.as_str() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|lock| lock.as_str()).collect();
                format!("no lock `{text}`; there are: {}", names.join(", "))
            })
    }
}

/// The floor: the section without a lock.
pub struct NoLock;

impl Contender for NoLock {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(NoLock) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        section();
    }
}

/// Any lock of lock_api's kind.
pub struct Raw<L>(L);

impl<L: RawMutex + Sync + Send + 'static> Contender for Raw<L> {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(Raw(L::INIT)) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        self.0.lock();
        section();
        // SAFETY: locked two lines above, by this thread.
        unsafe { self.0.unlock() };
    }
}

impl Contender for std::sync::Mutex<()> {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(Self::default()) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        let _guard = self
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        section();
    }
}

impl Contender for spin::Mutex<()> {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(Self::default()) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        let _guard = self.lock();
        section();
    }
}

/// pthread_spin_lock(3).
pub struct PthreadSpin(UnsafeCell<libc::pthread_spinlock_t>);

// SAFETY: made to be used by several threads through its address.
unsafe impl Sync for PthreadSpin {}

impl Contender for PthreadSpin {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to, in which the lock stays. With these arguments
        // pthread_spin_init cannot fail in glibc or musl.
        unsafe {
            place.write(PthreadSpin(UnsafeCell::new(0)));
            libc::pthread_spin_init((*place).0.get(), libc::PTHREAD_PROCESS_PRIVATE);
        }
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        // SAFETY: `initialise` is the only way to make one; it was called for this place.
        unsafe { libc::pthread_spin_lock(self.0.get()) };
        section();
        // SAFETY: as above, and locked by this thread two lines above.
        unsafe { libc::pthread_spin_unlock(self.0.get()) };
    }
}

/// pthread_mutex_lock(3).
pub struct PthreadMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: made to be used by several threads through its address.
unsafe impl Sync for PthreadMutex {}
// SAFETY: sent while unlocked only.
unsafe impl Send for PthreadMutex {}

impl Contender for PthreadMutex {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to, in which the lock stays. The static initialiser
        // is a whole initialisation.
        unsafe {
            place.write(PthreadMutex(UnsafeCell::new(
                libc::PTHREAD_MUTEX_INITIALIZER,
            )))
        };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        // SAFETY: `initialise` is the only way to make one; it was called for this place.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
        section();
        // SAFETY: as above, and locked by this thread two lines above.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}
