//! Segregated fit: a list of holes for each class of sizes; any hole of the first class that will do.
//!
//! What allocators for programs do (dlmalloc's small bins, TLSF, talc): O(1), because it takes a good
//! hole and does not look for the best one. Where in memory that hole lies is left to chance, the one
//! freed last comes first. The price of O(1): a request can fail although a hole is long enough, if that
//! is of the request's own class and lies deep in the list. Source: Wilson, Johnstone, Neely, Boles, "Dynamic Storage Allocation: A
//! Survey and Critical Review" (1995), 3.6.

use super::classes::{CLASSES, Occupied, class, sufficient};
use super::tags::Tags;
use super::{Block, Placement};

/// Links of a ring: the head of each class's list, and after these the holes, by their numbers.
const HEADS: u32 = CLASSES as u32;

/// Neighbours in the ring; a head without holes is its own.
#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

/// How many holes of its own class, which may be too short, a request is tried in.
const LOOKS: usize = 8;

/// Segregated fit in O(1).
pub struct SegregatedFit {
    tags: Tags,
    links: Vec<Link>,
    occupied: Occupied,
}

impl SegregatedFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        let alone = |head| Link {
            before: head,
            after: head,
        };
        let mut policy = SegregatedFit {
            tags: Tags::new(arena),
            links: (0..HEADS).map(alone).collect(),
            occupied: Occupied::default(),
        };
        if let Some(whole) = policy.tags.lowest() {
            policy.link(whole.part, whole.len);
        }
        policy
    }

    #[inline]
    fn link(&mut self, hole: u32, len: u64) {
        let class = class(len);
        let at = HEADS + hole;
        let alone = Link {
            before: at,
            after: at,
        };
        if at as usize >= self.links.len() {
            self.links.resize(at as usize + 1, alone);
        }
        let first = std::mem::replace(&mut self.links[class].after, at);
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

    /// The holes of a class that are looked at one by one.
    #[inline]
    fn looked_at(&self, class: usize) -> impl Iterator<Item = u32> {
        let after = |&at: &u32| Some(self.links[at as usize].after);
        std::iter::successors(Some(self.links[class].after), after)
            .take_while(|&at| at >= HEADS)
            .take(LOOKS)
            .map(|at| at - HEADS)
    }

    #[inline]
    fn find(&self, size: u64) -> Option<u32> {
        let (own, sure) = (class(size), sufficient(size));
        if own != sure {
            let mut looked_at = self.looked_at(own);
            if let Some(hole) = looked_at.find(|&hole| self.tags.len(hole) >= size) {
                return Some(hole);
            }
        }
        let class = self.occupied.from(sure)?;
        Some(self.links[class].after - HEADS)
    }
}

impl Placement for SegregatedFit {
    fn arena(&self) -> u64 {
        self.tags.arena()
    }

    fn place(&mut self, size: u64) -> Option<Block> {
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
        if let Some(gone) = released.after {
            self.unlink(gone.part);
        }
        let merged = released.merged;
        if let Some(before) = released.before {
            if class(before.len) == class(merged.len) {
                return;
            }
            self.unlink(before.part);
        }
        self.link(merged.part, merged.len);
    }

    fn start(&self, block: Block) -> u64 {
        self.tags.start(block.0 as u32)
    }

    fn free_bytes(&self) -> u64 {
        self.tags.free()
    }

    fn largest(&self) -> u64 {
        let highest = self.occupied.highest();
        // Every shorter request finds its hole in this class, or is in it itself.
        let holes = highest.into_iter().flat_map(|class| self.looked_at(class));
        holes.map(|hole| self.tags.len(hole)).max().unwrap_or(0)
    }

    fn holes(&self) -> usize {
        self.tags.holes()
    }

    fn footprint(&self) -> u64 {
        self.tags.footprint()
    }
}
