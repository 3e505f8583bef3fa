//! Size classes, sixteen to each power of two, and which of them hold anything.
//!
//! Holes of one class differ by less than a sixteenth of their length, and below 32 bytes each length is
//! a class of its own. A set of classes is two levels of bits, so that the next occupied one is found
//! in two steps however many holes there are.
//! Source: Masmano, Ripoll, Crespo, Real, "TLSF: a New Dynamic Memory Allocator for Real-Time Systems" (2004).

/// How many classes there are: the last holds lengths up to `u64::MAX`.
pub const CLASSES: usize = 16 * 61;

/// The class of a hole of `len` bytes; longer holes have the same class or a higher one.
#[inline]
pub fn class(len: u64) -> usize {
    let shift = ((len >> 4) | 1).ilog2();
    16 * shift as usize + (len >> shift) as usize
}

/// The lowest class in which every hole has `size` bytes.
#[inline]
pub fn sufficient(size: u64) -> usize {
    let shift = ((size >> 4) | 1).ilog2();
    size.checked_add((1 << shift) - 1).map_or(CLASSES, class)
}

/// A set of classes.
#[derive(Clone, Debug, Default)]
pub struct Occupied {
    words: [u64; CLASSES.div_ceil(64)],
    /// Which of the words are not 0.
    some: u64,
}

impl Occupied {
    /// Adds a class.
    #[inline]
    pub fn insert(&mut self, class: usize) {
        self.words[class / 64] |= 1 << (class % 64);
        self.some |= 1 << (class / 64);
    }

    /// Takes a class out.
    #[inline]
    pub fn remove(&mut self, class: usize) {
        let word = &mut self.words[class / 64];
        *word &= !(1 << (class % 64));
        if *word == 0 {
            self.some &= !(1 << (class / 64));
        }
    }

    /// The lowest class of the set that is not below `class`.
    #[inline]
    pub fn from(&self, class: usize) -> Option<usize> {
        let word = self.words.get(class / 64)? >> (class % 64);
        if word != 0 {
            return Some(class + word.trailing_zeros() as usize);
        }
        let above = self.some & (u64::MAX << 1 << (class / 64));
        (above != 0).then(|| {
            let word = above.trailing_zeros() as usize;
            64 * word + self.words[word].trailing_zeros() as usize
        })
    }

    /// The highest class of the set.
    pub fn highest(&self) -> Option<usize> {
        let word = self.some.checked_ilog2()? as usize;
        Some(64 * word + self.words[word].ilog2() as usize)
    }
}
