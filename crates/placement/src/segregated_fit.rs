//! Segregated fit: a list of holes for each class of sizes; any hole of the first class that will
//! do.

use alloc::vec::Vec;
use core::mem;

use super::classes::{CLASSES, ClassSet, class, sufficient_class};
use super::tags::Tags;
use super::{Block, Placement};

/// Links of a ring: the head of each class's list, and behind these the holes, by their numbers.
const HEADS: u32 = CLASSES as u32;

/// Neighbours in the ring; a head without holes is its own.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

impl Link {
    /// The link of a ring that has only `at`.
    fn to_itself(at: u32) -> Link {
        Link {
            before: at,
            after: at,
        }
    }
}

/// How many holes of its own class, which may be too short, a request is tried in.
const MAX_CANDIDATES: usize = 8;

/// Segregated fit: any hole of the first size class that will do, the one freed last first. O(1) to
/// place and to free.
///
/// What allocators for programs do (the small bins of dlmalloc, TLSF, talc): it takes a good hole
/// and does not look for the best one. Where in memory that hole lies is left to chance. The price
/// of O(1): a request can fail although a hole is long enough, if that is of the request's own
/// class and lies behind the first eight of its list. [`largest`](Placement::largest) knows of
/// this.
///
/// Source: Wilson, Johnstone, Neely, Boles, "Dynamic Storage Allocation: A Survey and Critical
/// Review" (1995), 3.6.
#[derive(Debug, Clone)]
pub struct SegregatedFit {
    tags: Tags,
    links: Vec<Link>,
    occupied: ClassSet,
}

impl SegregatedFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        let mut policy = SegregatedFit {
            tags: Tags::new(arena),
            links: (0..HEADS).map(Link::to_itself).collect(),
            occupied: ClassSet::default(),
        };
        if let Some(whole) = policy.tags.first_hole() {
            policy.link(whole.part, whole.len);
        }
        policy
    }

    /// Puts a hole of `len` bytes in front of the list of its class.
    #[inline]
    fn link(&mut self, hole: u32, len: u64) {
        let class = class(len);
        let at = HEADS + hole;
        if at as usize >= self.links.len() {
            self.links.resize(at as usize + 1, Link::to_itself(at));
        }
        let first = mem::replace(&mut self.links[class].after, at);
        self.links[first as usize].before = at;
        self.links[at as usize] = Link {
            before: class as u32,
            after: first,
        };
        self.occupied.insert(class);
    }

    #[inline]
    fn unlink(&mut self, hole: u32) {
        let Link { before, after } = self.links[(HEADS + hole) as usize];
        self.links[before as usize].after = after;
        self.links[after as usize].before = before;
        if before == after {
            // Only the head is left, and a head's number is its class.
            self.occupied.remove(before as usize);
        }
    }

    /// The first holes of a class's list, which are looked at one by one.
    #[inline]
    fn candidates(&self, class: usize) -> impl Iterator<Item = u32> {
        let after = |&at: &u32| Some(self.links[at as usize].after);
        core::iter::successors(Some(self.links[class].after), after)
            .take_while(|&at| at >= HEADS)
            .take(MAX_CANDIDATES)
            .map(|at| at - HEADS)
    }

    #[inline]
    fn find(&self, size: u64) -> Option<u32> {
        let (same, sufficient) = (class(size), sufficient_class(size));
        if same != sufficient {
            let mut candidates = self.candidates(same);
            if let Some(hole) = candidates.find(|&hole| self.tags.len(hole) >= size) {
                return Some(hole);
            }
        }
        let class = self.occupied.lowest_from(sufficient)?;
        Some(self.links[class].after - HEADS)
    }
}

impl Placement for SegregatedFit {
    fn arena(&self) -> u64 {
        self.tags.arena()
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 {
            return None;
        }
        let hole = self.find(size)?;
        let len = self.tags.len(hole);
        let block = self.tags.cut(hole, size);
        if block == hole {
            self.unlink(hole);
        } else if class(len - size) != class(len) {
            self.unlink(hole);
            self.link(hole, len - size);
        }
        Some(Block(block.into()))
    }

    fn free(&mut self, block: Block, _size: u64) {
        let released = self.tags.release(block.0 as u32);
        if let Some(upper) = released.after {
            self.unlink(upper.part);
        }
        let merged = released.merged;
        if let Some(lower) = released.before {
            if class(lower.len) == class(merged.len) {
                return;
            }
            self.unlink(lower.part);
        }
        self.link(merged.part, merged.len);
    }

    fn start(&self, block: Block) -> u64 {
        self.tags.start(block.0 as u32)
    }

    fn free_bytes(&self) -> u64 {
        self.tags.free_bytes()
    }

    fn largest(&self) -> u64 {
        let highest = self.occupied.highest();
        // Every shorter request finds its hole in this class, or is in it itself.
        let holes = highest.into_iter().flat_map(|class| self.candidates(class));
        holes.map(|hole| self.tags.len(hole)).max().unwrap_or(0)
    }

    fn holes(&self) -> usize {
        self.tags.holes()
    }

    /// O(1).
    fn footprint(&self) -> u64 {
        self.tags.footprint()
    }
}
