//! Descriptors that never move, beside others of the same file that are duplicated, closed and
//! opened again all the time: what is said of those that never move must be right in every map.
#![expect(unsafe_code, reason = "dup2 and close of bare numbers")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use descriptors::{Map, Options};
use nix::fcntl::{FcntlArg, fcntl};

/// From this number on, those that are even belong to descriptors that never move, in turn of
/// the one and of the other description, and those that are odd to the two storms, in turn.
const START: RawFd = 400;
/// How many numbers each has.
const WIDTH: u32 = 16;
/// Maps for each seed and way.
const MAPS: usize = 5;

/// Both ways to look: the kernel's addresses, where they may be read, and kcmp.
const WAYS: [Options; 2] = [
    Options {
        bpf: true,
        close_on_exec: true,
        every_registration: true,
    },
    Options {
        bpf: false,
        close_on_exec: true,
        every_registration: true,
    },
];

/// One description and some more descriptors of it.
struct Stable {
    copies: Vec<OwnedFd>,
}

impl Stable {
    /// The first or the second of the two.
    fn new(nth: RawFd) -> Stable {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap();
        let copy = |at| {
            let at = START + 4 * at as RawFd + 2 * nth;
            let number = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(at)).unwrap();
            assert_eq!(number, at, "nobody else opens so many");
            // SAFETY: the number is new, and nobody else knows it.
            unsafe { OwnedFd::from_raw_fd(number) }
        };
        Stable {
            copies: (0..WIDTH).map(copy).collect(),
        }
    }

    fn numbers(&self) -> BTreeSet<RawFd> {
        self.copies.iter().map(AsRawFd::as_raw_fd).collect()
    }
}

/// What a storm does.
#[derive(Clone, Copy)]
struct Storm {
    /// To how many numbers.
    width: u32,
    /// How many things it does: the first two duplicate the stable descriptors, the third one that
    /// it opens, the fourth closes.
    kinds: u32,
}

/// Does something to one of the storm's numbers, again and again, until it is told to stop.
fn rage(
    it: Storm,
    nth: u32,
    seed: u32,
    stable: [RawFd; 2],
    stop: &AtomicBool,
    turns: &AtomicUsize,
) {
    let mut n = seed;
    let mut other: Option<File> = None;
    while !stop.load(Ordering::Relaxed) {
        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = START + (4 * ((n >> 16) % it.width) + 1 + 2 * nth) as RawFd;
        let what = (n >> 24) % it.kinds;
        // SAFETY: these odd numbers belong to this storm alone: what is closed and replaced is
        // known to nobody else.
        unsafe {
            match what {
                0 | 1 => libc::dup2(stable[what as usize], at),
                2 => {
                    let file = other.insert(File::open("/dev/null").unwrap());
                    libc::dup2(file.as_raw_fd(), at)
                }
                _ => libc::close(at),
            };
        }
        turns.fetch_add(1, Ordering::Relaxed);
    }
}

/// Wrong answers about the stable descriptors in `map`.
fn wrong(map: &Map, stable: &[&Stable]) -> Vec<String> {
    let all: BTreeSet<RawFd> = stable.iter().flat_map(|it| it.numbers()).collect();
    let mut wrong = Vec::new();
    let mut groups = Vec::new();
    for description in &map.descriptions {
        let holders = description.holders.iter().map(|holder| holder.fd);
        let held: BTreeSet<RawFd> = holders.filter(|fd| all.contains(fd)).collect();
        if !held.is_empty() {
            if !description.certain {
                wrong.push(format!("{held:?} is not certain"));
            }
            groups.push(held);
        }
    }
    for it in stable {
        if groups
            .iter()
            .filter(|group| **group == it.numbers())
            .count()
            != 1
        {
            wrong.push(format!("{:?} in {groups:?}", it.numbers()));
        }
    }
    wrong
}

fn map_beside(storms: &[Storm]) {
    let (a, b) = (Stable::new(0), Stable::new(1));
    let sources = [a.copies[0].as_raw_fd(), b.copies[0].as_raw_fd()];
    let own = std::process::id() as i32;
    for seed in 0..3 {
        let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for (nth, &it) in (0..).zip(storms) {
                let (stop, turns) = (&stop, &turns);
                scope.spawn(move || rage(it, nth, 2 * seed + nth, sources, stop, turns));
            }
            let mut failures = Vec::new();
            for options in WAYS.iter().cycle().take(2 * MAPS) {
                let before = turns.load(Ordering::Relaxed);
                // A map that no turn of the storm came into says nothing.
                while turns.load(Ordering::Relaxed) == before {
                    std::hint::spin_loop();
                }
                failures.extend(wrong(&descriptors::scan_with(&[own], options), &[&a, &b]));
            }
            stop.store(true, Ordering::Relaxed);
            assert!(failures.is_empty(), "seed {seed}: {failures:#?}");
        });
    }
}

#[test]
fn what_never_moves_is_right_beside_a_storm() {
    let storm = |width, kinds| Storm { width, kinds };
    map_beside(&[storm(WIDTH, 4), storm(WIDTH, 4)]);
    map_beside(&[storm(WIDTH, 3), storm(WIDTH, 3)]);
    map_beside(&[storm(1, 2)]);
    map_beside(&[storm(2, 2), storm(1, 3)]);
}
