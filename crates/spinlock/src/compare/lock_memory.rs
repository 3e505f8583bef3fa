//! What a lock writes into its memory, read by another way than through the lock: /proc/self/mem.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::arena::Arena;
use super::contender::Contender;

/// The bytes of a lock, which tell one kind of lock from another. Empty where the kernel does not
/// show them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockMemory {
    /// During the first section.
    pub inside: Vec<u8>,
    /// After the last one.
    pub end: Vec<u8>,
    /// How many sections there were.
    pub sections: u64,
}

impl LockMemory {
    /// Whether it is the flag of test-and-set: one byte, set while a thread is inside.
    pub fn is_flag(&self) -> bool {
        self.inside == [1] && self.end == [0]
    }

    /// Whether it is a ticket lock: the next ticket and the one that is served, which both have
    /// counted every section in the end.
    pub fn is_ticket(&self) -> bool {
        let words = |next: u32, serving: u32| [next.to_ne_bytes(), serving.to_ne_bytes()].concat();
        let counted = self.sections as u32; // as the lock's own numbers, which wrap around
        self.inside == words(1, 0) && self.end == words(counted, counted)
    }
}

impl<C: Contender> Arena<C> {
    /// Goes through the lock once, and reads its bytes from inside.
    pub fn bytes_inside(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.lock().section(|| bytes = self.lock_bytes());
        bytes
    }

    /// The bytes of the lock, from /proc/self/mem (proc_pid_mem(5)).
    pub fn lock_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<C>()];
        let address = std::ptr::from_ref(self.lock()) as u64;
        let memory = File::open("/proc/self/mem");
        match memory.and_then(|memory| memory.read_exact_at(&mut bytes, address)) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use locks::{Asymmetric, Futex, Mcs, TestAndSet, Ticket};

    use super::super::contender::{Contender, NoLock, Raw};
    use super::*;

    /// What a lock's memory holds that two more sections go through.
    fn look<C: Contender>() -> LockMemory {
        let arena = Arena::<C>::new();
        let inside = arena.bytes_inside();
        arena.lock().section(|| {});
        arena.lock().section(|| {});
        LockMemory {
            inside,
            end: arena.lock_bytes(),
            sections: 3,
        }
    }

    #[test]
    fn a_lock_is_known_by_what_it_writes() {
        let flag = look::<Raw<TestAndSet>>();
        assert!(flag.is_flag() && !flag.is_ticket(), "{flag:?}");
        let ticket = look::<Raw<Ticket>>();
        assert!(ticket.is_ticket() && !ticket.is_flag(), "{ticket:?}");
        let one_less = LockMemory {
            sections: 2,
            ..ticket
        };
        assert!(!one_less.is_ticket(), "a section went by the lock");
        for other in [
            look::<Raw<Futex>>(),
            look::<Raw<Mcs>>(),
            look::<Raw<Asymmetric>>(),
            look::<NoLock>(),
            LockMemory::default(),
        ] {
            assert!(!other.is_flag() && !other.is_ticket(), "{other:?}");
        }
    }
}
