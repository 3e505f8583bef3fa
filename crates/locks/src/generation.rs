//! Which side of a fork this is, without a system call.
//!
//! fork(2) copies everything, guards included, and the number of a process tells the copy from the
//! original only inside one PID namespace: the child of a process with number 1 may have the number
//! 1 as well. So a guard remembers a **generation**, a number that no ancestor of its process had.
//!
//! The number lies in a page of its own, which the kernel hands to every child zeroed
//! (madvise(2), `MADV_WIPEONFORK`). A process that finds 0 there draws the next number.
//!
//! | word in the page | [`GREATEST_NUMBER`] | Meaning |
//! |---|---|---|
//! | 0 | n | this process is fresh: it has drawn nothing, its ancestors drew 1 to n at most |
//! | g | n >= g | this process is generation g |
//!
//! *Why a child never has the number of an ancestor*: an ancestor raised `GREATEST_NUMBER` to its
//! own number before it made a guard with it. The fork that copied the guard copied this
//! `GREATEST_NUMBER` too, and the child draws a greater number. Children of one parent may draw the
//! same number. That does no harm, because memory goes from parent to child and never from sibling
//! to sibling.
//!
//! **Where the kernel refuses** `MADV_WIPEONFORK` (before Linux 4.14, some emulators), the word
//! lies in ordinary memory, and pthread_atfork(3) clears it in the child. Some ways to make a child
//! call no such handler (`_Fork`, a raw clone(2)), so there the number of the process counts as
//! well, at the price of one getpid(2). What remains there is a child that was made in such a way
//! and has the number of an ancestor: as the first process of a PID namespace within another, or
//! because the ancestor is dead and its number was given out again.
//!
//! **Not a fork**: vfork(2), and clone(2) with `CLONE_VM`. Parent and child then have one memory,
//! in which the guard exists once, as between threads. They are one generation.
//!
//! **Cost**: two loads and a comparison.
//!
//! Sources: madvise(2), pthread_atfork(3), pid_namespaces(7); BoringSSL's `fork_detect.c`.
#![expect(unsafe_code, reason = "a page from mmap(2), seen as an atomic number")]

use std::process;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// The greatest number that this process or an ancestor has drawn. A fork copies it.
static GREATEST_NUMBER: AtomicU64 = AtomicU64::new(0);

/// Where the number of this process lies: a wiped page or [`ORDINARY_WORD`]; null until the first
/// use.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(null_mut());

/// The word where the kernel wipes no page.
static ORDINARY_WORD: AtomicU64 = AtomicU64::new(0);

/// At least the size of the word; the kernel rounds up to a page.
const LENGTH: usize = size_of::<AtomicU64>();

/// A number that a process has in common with no ancestor and no descendant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    number: u64,
    /// 0 where the kernel wipes the page: then the number alone is enough.
    pid: u32,
}

impl Generation {
    /// The generation of the calling process.
    pub(crate) fn current() -> Generation {
        let mut word = WORD.load(Acquire);
        if word.is_null() {
            word = install();
        }
        let pid = if word == ordinary() { process::id() } else { 0 };
        // SAFETY: `word` is `ORDINARY_WORD`, or a page that was mapped before its address was
        // published and that is never unmapped. A child has the page at the same address, zeroed,
        // which is a number.
        let word = unsafe { &*word };
        let number = match word.load(Relaxed) {
            0 => draw(word),
            number => number,
        };
        Generation { number, pid }
    }
}

/// Takes the next number. Of several threads that do so at once, the first decides for all.
#[cold]
fn draw(word: &AtomicU64) -> u64 {
    let next = GREATEST_NUMBER.fetch_add(1, Relaxed) + 1;
    match word.compare_exchange(0, next, Relaxed, Relaxed) {
        Ok(_) => next,
        Err(number) => number,
    }
}

/// Decides where the word lies. Of several threads that do so at once, the first decides for all.
#[cold]
fn install() -> *mut AtomicU64 {
    let candidate = wiped_page().unwrap_or_else(|| {
        // SAFETY: the handler stores to an atomic, which is allowed in a child of any process.
        // Registered twice, it clears twice. If there is no memory for it, the PID still counts.
        unsafe { libc::pthread_atfork(None, None, Some(clear_ordinary)) };
        ordinary()
    });
    let Err(published) = WORD.compare_exchange(null_mut(), candidate, AcqRel, Acquire) else {
        return candidate;
    };
    if candidate != ordinary() {
        // SAFETY: our own mapping, whose address no other thread has seen.
        unsafe { libc::munmap(candidate.cast(), LENGTH) };
    }
    published
}

fn ordinary() -> *mut AtomicU64 {
    (&raw const ORDINARY_WORD).cast_mut()
}

extern "C" fn clear_ordinary() {
    ORDINARY_WORD.store(0, Relaxed);
}

/// A zeroed page that is zeroed again in every child. None where the kernel does not do that.
fn wiped_page() -> Option<*mut AtomicU64> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
    let page = unsafe { libc::mmap(null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: advice about our own mapping. Old emulators accept any advice and do nothing, so only
    // a kernel that refuses invalid advice (-1) is believed when it accepts MADV_WIPEONFORK.
    let wiped = unsafe {
        libc::madvise(page, LENGTH, -1) != 0
            && libc::madvise(page, LENGTH, libc::MADV_WIPEONFORK) == 0
    };
    if wiped {
        return Some(page.cast());
    }
    // SAFETY: our own mapping, whose address no other thread has seen.
    unsafe { libc::munmap(page, LENGTH) };
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::Generation;

    /// The first use of all in this process, by many threads at once: it has one generation.
    #[test]
    fn threads_that_ask_at_once_get_one_answer() {
        let start = Barrier::new(8);
        let ask = || {
            start.wait();
            Generation::current()
        };
        let answers = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            let answers = threads.into_iter().map(|thread| thread.join().unwrap());
            answers.collect::<Vec<_>>()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(Generation::current(), answers[0]);
    }
}
