//! The names of the locks that can be compared, and the type behind each.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use locks::{Asymmetric, Backoff, Futex, Mcs, TestAndSet, TestAndTestAndSet, Ticket, Yield};

use super::contender::{NoLock, Raw, Visitor};
use super::pthread::{PthreadMutex, PthreadSpin};

macro_rules! lock_names {
    ($( $(#[$cfg:meta])? $variant:ident $name:literal $lock:ty, $note:literal; )*) => {
        /// The locks that can be compared, in the order of the tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum LockName { $( $(#[$cfg])? #[doc = $note] $variant, )* }

        impl LockName {
            /// All of them.
            pub const ALL: &[Self] = &[ $( $(#[$cfg])? Self::$variant, )* ];

            /// The name in tables, in `--locks` and in the JSON.
            pub fn as_str(self) -> &'static str {
                match self { $( $(#[$cfg])? Self::$variant => $name, )* }
            }

            /// What it is, in a few words.
            pub fn note(self) -> &'static str {
                match self { $( $(#[$cfg])? Self::$variant => $note, )* }
            }

            /// Calls `visitor` with the lock's type.
            pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
                match self { $( $(#[$cfg])? Self::$variant => visitor.visit::<$lock>(), )* }
            }
        }
    };
}
lock_names! {
    None "none" NoLock, "no lock at all: the floor";
    TestAndSet "test-and-set" Raw<TestAndSet>, "swap until it reads false";
    TestAndTestAndSet "test-and-test-and-set" Raw<TestAndTestAndSet>, "read until false, then swap";
    Backoff "backoff" Raw<Backoff>, "test-and-test-and-set with bounded exponential backoff";
    Yield "yield" Raw<Yield>, "test-and-test-and-set with sched_yield";
    Ticket "ticket" Raw<Ticket>, "first come, first served";
    Mcs "mcs" Raw<Mcs>, "queue, each waiter on its own word";
    Futex "futex" Raw<Futex>, "the three-state futex mutex";
    Asymmetric "asymmetric" Raw<Asymmetric>, "plain-store unlock, membarrier by the sleeper";
    Std "std" Mutex<()>, "std::sync::Mutex";
    #[cfg(feature = "contenders")]
    ParkingLot "parking-lot" contenders::parking_lot::Mutex<()>, "parking_lot::Mutex";
    #[cfg(feature = "contenders")]
    Spin "spin" contenders::spin::Mutex<()>, "spin::Mutex";
    #[cfg(feature = "contenders")]
    SpinningTop "spinning-top" contenders::spinning_top::Spinlock<()>, "spinning_top::Spinlock";
    #[cfg(feature = "contenders")]
    Usync "usync" contenders::usync::Mutex<()>, "usync::Mutex";
    PthreadSpin "pthread-spin" PthreadSpin, "pthread_spin_lock(3)";
    PthreadMutex "pthread-mutex" PthreadMutex, "pthread_mutex_lock(3), default attributes";
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// There is no lock of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLock(pub String);

impl fmt::Display for UnknownLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = LockName::ALL.iter().map(|lock| lock.as_str()).collect();
        write!(f, "no lock `{}`; there are: {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownLock {}

impl FromStr for LockName {
    type Err = UnknownLock;

    fn from_str(text: &str) -> Result<LockName, UnknownLock> {
        let mut locks = LockName::ALL.iter().copied();
        locks
            .find(|lock| lock.as_str() == text)
            .ok_or_else(|| UnknownLock(text.to_owned()))
    }
}
