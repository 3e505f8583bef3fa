//! MCS: a queue of waiters, each spinning on a word of its own.
//!
//! In the published lock the caller brings a node for each acquisition and gives it back at the
//! unlock. [`RawMutex`] has no place for one: `lock` and `unlock` take only `&self`. So this is the
//! K42 variant, whose nodes live on the **waiter's stack, only while it waits**: when a waiter
//! becomes the holder it moves what its node knows, the next waiter, into the lock itself. No
//! allocation, no thread-local slot, any number of locks held at once, and a guard that may be
//! unlocked by another thread.
//!
//! | `tail` | `next` | Meaning |
//! |---|---|---|
//! | null | null | unlocked |
//! | `HELD` | null | locked, no thread waits |
//! | node N | null | locked; N is last in the queue; the first has not linked itself yet |
//! | node N | node M | locked; M is first in the queue, N last (N = M when one waits) |
//!
//! `HELD` is an address that no node has. K42 stores a pointer to the lock there, but a Rust mutex
//! may be moved while locked (its guard forgotten), and such a pointer would dangle.
//!
//! - **Use it** where many CPUs wait and each must get its turn: a release touches one waiter's
//!   line only.
//! - **Never** where threads may outnumber CPUs, as with the ticket lock.
//! - **Cost**: two locked operations when uncontended, as a futex mutex; no gain on few CPUs.
//! - **Fairness**: first come, first served.
//!
//! Sources: Mellor-Crummey and Scott (ACM TOCS 1991), figure 5; Scott, Shared-Memory
//! Synchronization (2013), section 4.3.1, the K42 variant.
#![expect(
    unsafe_code,
    reason = "lock_api::RawMutex is an unsafe trait; nodes are reached by pointer"
)]

use core::ptr::{null_mut, without_provenance_mut};

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{AcqRel, Acquire, Relaxed, Release};
use super::platform::{AtomicBool, AtomicPtr, spin_loop};

/// A waiter: it lives on the stack of `lock` until that thread holds the lock and has moved `next`
/// out.
#[derive(Debug)]
struct Node {
    waiting: AtomicBool,
    next: AtomicPtr<Node>,
}

/// "Locked, and no thread queues": no address of a node, because nodes are aligned.
const HELD: *mut Node = without_provenance_mut(1);

/// The MCS queue lock in its K42 form. See the [module](self) for when to use it.
#[derive(Debug)]
pub struct Mcs {
    tail: AtomicPtr<Node>,
    next: AtomicPtr<Node>,
}

impl Mcs {
    #[cold]
    fn wait_in_queue(&self) {
        let node = Node {
            waiting: AtomicBool::new(true),
            next: AtomicPtr::new(null_mut()),
        };
        // Written once more here, so that a model checker sees the owner initialise it before the
        // swap shows it to others.
        node.waiting.store(true, Relaxed);
        node.next.store(null_mut(), Relaxed);
        let own_node = (&raw const node).cast_mut();

        let predecessor = self.tail.swap(own_node, AcqRel);
        if !predecessor.is_null() {
            if predecessor == HELD {
                self.next.store(own_node, Release);
            } else {
                // SAFETY: `predecessor` was the tail until this swap, so its thread is still in
                // `wait_in_queue`: it finds the tail moved on, and cannot leave before it has read
                // the link written here.
                unsafe { (*predecessor).next.store(own_node, Release) };
            }
            while node.waiting.load(Acquire) {
                spin_loop();
            }
        }

        // This thread holds the lock now. It moves its link into the lock; then no thread knows of
        // its node any more.
        let mut successor = node.next.load(Acquire);
        if successor.is_null() {
            self.next.store(null_mut(), Relaxed);
            if self
                .tail
                .compare_exchange(own_node, HELD, AcqRel, Relaxed)
                .is_ok()
            {
                return;
            }
            successor = wait_for_link(&node.next);
        }
        self.next.store(successor, Relaxed);
    }
}

/// A thread has swapped the tail and is about to write this link: the wait is a few instructions
/// long unless that thread is preempted.
fn wait_for_link(link: &AtomicPtr<Node>) -> *mut Node {
    loop {
        let node = link.load(Acquire);
        if !node.is_null() {
            return node;
        }
        spin_loop();
    }
}

// SAFETY: a thread enters by exchanging a null tail, which one thread at a time can do, or when the
// holder clears its `waiting`, which the holder does for the first of the queue alone. `next` of
// the lock is written by the holder, and by the one waiter that swapped out HELD; the holder that
// finds it null sees its exchange of HELD fail and waits for that write. Acquire and Release pair
// on `waiting` and on `tail`.
unsafe impl RawMutex for Mcs {
    const INIT: Self = Mcs {
        tail: AtomicPtr::new(null_mut()),
        next: AtomicPtr::new(null_mut()),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait_in_queue();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.tail
            .compare_exchange(null_mut(), HELD, Acquire, Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        let mut first = self.next.load(Acquire);
        if first.is_null() {
            if self
                .tail
                .compare_exchange(HELD, null_mut(), Release, Relaxed)
                .is_ok()
            {
                return;
            }
            first = wait_for_link(&self.next);
        }
        // SAFETY: `first` waits in `wait_in_queue` until this very store, so its node is alive.
        // After the store the waiter may drop the node; nothing here touches it again.
        unsafe { (*first).waiting.store(false, Release) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        !self.tail.load(Relaxed).is_null()
    }
}
