//! Test-and-set with a slice request around each try and each section (harness::rseq), and a tally
//! of what became of the slices that ended inside.
#![expect(unsafe_code, reason = "a lock is made in its place")]

use std::cell::OnceCell;
use std::hint::spin_loop;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

use harness::rseq::{Area, yield_slice};
use observe::Error;

use crate::compare::contender::Contender;

/// What a thread does about its time slice.
pub trait Manner: Send + Sync + 'static {
    /// Whether it asks for more time around each section.
    const ASKS: bool;
    /// Whether the kernel was told to listen.
    const IS_HEARD: bool;
}

/// Plain test-and-set, watched by the same means.
pub struct Silent;
/// It asks, and was not allowed to: the kernel does not look.
pub struct Unheard;
/// It asks, and may.
pub struct Heard;

impl Manner for Silent {
    const ASKS: bool = false;
    const IS_HEARD: bool = false;
}

impl Manner for Unheard {
    const ASKS: bool = true;
    const IS_HEARD: bool = false;
}

impl Manner for Heard {
    const ASKS: bool = true;
    const IS_HEARD: bool = true;
}

/// The lock: one flag.
pub struct SliceLock<M>(AtomicBool, PhantomData<M>);

/// What was counted of all threads since the lock was made.
#[derive(Debug)]
pub struct Tally {
    /// Threads with a registered area.
    pub registered: AtomicU64,
    /// Threads that may ask, by what the kernel says in the area.
    pub allowed: AtomicU64,
    /// Sections at whose end a request stood, or was granted.
    pub asked: AtomicU64,
    /// Sections in whose middle the holder was preempted.
    pub preempted: AtomicU64,
    /// Sections that the holder finished in an extension of its slice.
    pub finished: AtomicU64,
    /// Times at which a thread gave the CPU up in such an extension, and the kernel says so.
    pub yielded: AtomicU64,
}

/// The tally of the lock that was made last: one window is open at a time.
pub static TALLY: Tally = Tally {
    registered: AtomicU64::new(0),
    allowed: AtomicU64::new(0),
    asked: AtomicU64::new(0),
    preempted: AtomicU64::new(0),
    finished: AtomicU64::new(0),
    yielded: AtomicU64::new(0),
};

/// Why a thread has no area, of the first that has none.
pub static REFUSED: OnceLock<Error> = OnceLock::new();

thread_local! {
    /// This thread's area; none where it could not be had.
    static AREA: OnceCell<Option<Area>> = const { OnceCell::new() };
}

impl Tally {
    fn clear(&self) {
        for number in [
            &self.registered,
            &self.allowed,
            &self.asked,
            &self.preempted,
            &self.finished,
            &self.yielded,
        ] {
            number.store(0, Relaxed);
        }
    }
}

impl<M: Manner> Contender for SliceLock<M> {
    unsafe fn initialise(place: *mut Self) {
        TALLY.clear();
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(SliceLock(AtomicBool::new(false), PhantomData)) };
    }

    #[inline]
    fn section(&self, section: impl FnOnce()) {
        AREA.with(|area| match area.get_or_init(join::<M>) {
            Some(area) => self.watched_section::<M>(area, section),
            None => self.plain_section(section),
        });
    }
}

impl<M> SliceLock<M> {
    fn plain_section(&self, section: impl FnOnce()) {
        while self.0.swap(true, Acquire) {
            spin_loop();
        }
        section();
        self.0.store(false, Release);
    }

    #[inline]
    fn watched_section<N: Manner>(&self, area: &Area, section: impl FnOnce()) {
        loop {
            area.watch();
            if N::ASKS {
                area.request();
            }
            if !self.0.swap(true, Acquire) {
                break;
            }
            if N::ASKS && area.withdraw() {
                yield_slice();
            }
            spin_loop();
        }
        section();
        let preempted = area.was_preempted();
        let asked = N::ASKS && area.has_asked();
        self.0.store(false, Release);
        if preempted {
            TALLY.preempted.fetch_add(1, Relaxed);
        }
        if asked && TALLY.asked.load(Relaxed) == 0 {
            TALLY.asked.fetch_add(1, Relaxed);
        }
        if N::ASKS && area.withdraw() {
            if !preempted {
                TALLY.finished.fetch_add(1, Relaxed);
            }
            TALLY.yielded.fetch_add(u64::from(yield_slice()), Relaxed);
        }
    }
}

/// Registers the calling thread's area, and has the kernel listen to it where that is due.
fn join<M: Manner>() -> Option<Area> {
    let area = Area::register().and_then(|area| {
        if M::IS_HEARD {
            area.enable_slice_extensions()?;
        }
        Ok(area)
    });
    match area {
        Ok(area) => {
            TALLY.registered.fetch_add(1, Relaxed);
            TALLY.allowed.fetch_add(u64::from(area.may_ask()), Relaxed);
            Some(area)
        }
        Err(error) => {
            // The first one is told.
            let _ = REFUSED.set(error);
            None
        }
    }
}
