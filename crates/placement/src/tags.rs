//! Boundary tags: every block and every hole knows the part before it and the part after it.
//!
//! A block that is freed then finds the holes on either side without a search, in O(1). Allocators
//! write the tags into the memory that they manage; here, where an arena may be larger than memory,
//! they are kept beside it. Source: Knuth, The Art of Computer Programming 1, 2.5, algorithm C.

use alloc::vec::Vec;
use core::iter;

/// The number that stands for the ends of the arena: before the first part and after the last. It
/// counts as a block, so that no hole is ever joined with it.
const END: u32 = 0;

/// A block or a hole. `before` and `after` are numbers of parts.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: u64,
    len: u64,
    before: u32,
    after: u32,
    hole: bool,
}

/// A hole, with the number that it keeps as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Number of the part. It is small: the numbers of parts that were joined are used again.
    pub part: u32,
    /// Offset of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// What a release changed: the holes around the block that was freed.
#[derive(Clone, Copy, Debug)]
pub struct Released {
    /// The hole that the block is a part of now. It has the number of `before`, if there was one.
    pub merged: Hole,
    /// The hole that ended where the block began, as it was.
    pub before: Option<Hole>,
    /// The hole that began where the block ended, as it was. Its number is free again.
    pub after: Option<Hole>,
}

/// The parts of an arena in address order.
#[derive(Debug, Clone)]
pub struct Tags {
    parts: Vec<Part>,
    spare: Vec<u32>,
    holes: usize,
    free_bytes: u64,
}

impl Tags {
    /// One hole from 0 to `arena`, numbered 1, or none when the arena is empty.
    pub fn new(arena: u64) -> Self {
        let whole = (arena > 0).then_some(Part {
            start: 0,
            len: arena,
            before: END,
            after: END,
            hole: true,
        });
        let only = u32::from(whole.is_some());
        let end = Part {
            start: arena,
            len: 0,
            before: only,
            after: only,
            hole: false,
        };
        Tags {
            parts: iter::once(end).chain(whole).collect(),
            spare: Vec::new(),
            holes: only as usize,
            free_bytes: arena,
        }
    }

    /// How many holes there are.
    pub fn holes(&self) -> usize {
        self.holes
    }

    /// Free bytes in all.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// The arena's size in bytes.
    pub fn arena(&self) -> u64 {
        self.part(END).start
    }

    /// End of the highest byte in use.
    pub fn footprint(&self) -> u64 {
        let last = self.part(self.part(END).before);
        if last.hole { last.start } else { self.arena() }
    }

    /// The hole at the arena's very beginning, if there is one.
    pub fn first_hole(&self) -> Option<Hole> {
        self.hole(self.part(END).after)
    }

    /// Offset of the first byte of a part.
    pub fn start(&self, part: u32) -> u64 {
        self.part(part).start
    }

    /// Length of a part in bytes.
    pub fn len(&self, part: u32) -> u64 {
        self.part(part).len
    }

    /// Makes a block of the first `size` bytes of a hole, which must have them, and returns the
    /// block's number. The rest of the hole, if there is any, keeps the hole's number; a hole
    /// without a rest gives its number to the block.
    #[inline]
    pub fn cut(&mut self, hole: u32, size: u64) -> u32 {
        self.free_bytes -= size;
        let Part {
            start, len, before, ..
        } = *self.part(hole);
        if len == size {
            self.holes -= 1;
            self.part_mut(hole).hole = false;
            return hole;
        }
        let block = self.add(Part {
            start,
            len: size,
            before,
            after: hole,
            hole: false,
        });
        self.part_mut(before).after = block;
        let rest = self.part_mut(hole);
        rest.before = block;
        rest.start = start + size;
        rest.len = len - size;
        block
    }

    /// Makes a block a hole and joins it with the holes on either side.
    #[inline]
    pub fn release(&mut self, block: u32) -> Released {
        let Part {
            start,
            mut len,
            before,
            mut after,
            ..
        } = *self.part(block);
        self.free_bytes += len;
        self.holes += 1;
        let upper = self.hole(after);
        if let Some(upper) = upper {
            len += upper.len;
            after = self.join(after);
        }
        let lower = self.hole(before);
        let merged = match lower {
            Some(lower) => {
                self.join(block);
                len += lower.len;
                Hole {
                    part: before,
                    start: lower.start,
                    len,
                }
            }
            None => Hole {
                part: block,
                start,
                len,
            },
        };
        let part = self.part_mut(merged.part);
        part.len = len;
        part.after = after;
        part.hole = true;
        self.part_mut(after).before = merged.part;
        Released {
            merged,
            before: lower,
            after: upper,
        }
    }

    /// Gives up the number of a part that the one before it takes in; returns the part after it.
    #[inline]
    fn join(&mut self, part: u32) -> u32 {
        self.holes -= 1;
        self.spare.push(part);
        self.part(part).after
    }

    #[inline]
    fn hole(&self, part: u32) -> Option<Hole> {
        let &Part {
            start, len, hole, ..
        } = self.part(part);
        hole.then_some(Hole { part, start, len })
    }

    #[inline]
    fn add(&mut self, part: Part) -> u32 {
        if let Some(number) = self.spare.pop() {
            self.parts[number as usize] = part;
            return number;
        }
        self.parts.push(part);
        (self.parts.len() - 1) as u32
    }

    #[inline]
    fn part(&self, part: u32) -> &Part {
        &self.parts[part as usize]
    }

    #[inline]
    fn part_mut(&mut self, part: u32) -> &mut Part {
        &mut self.parts[part as usize]
    }
}
