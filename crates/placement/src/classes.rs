//! Size classes, sixteen to each power of two, and a set of them.
//!
//! Holes of one class differ by less than a sixteenth of their length, and below 32 bytes each
//! length is a class of its own. A set of classes is two levels of bits, so that the next member is
//! found in two steps, however many holes there are. Source: Masmano, Ripoll, Crespo, Real, "TLSF:
//! a New Dynamic Memory Allocator for Real-Time Systems" (2004).

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
pub fn sufficient_class(size: u64) -> usize {
    let shift = ((size >> 4) | 1).ilog2();
    size.checked_add((1 << shift) - 1).map_or(CLASSES, class)
}

/// A set of classes.
#[derive(Clone, Debug, Default)]
pub struct ClassSet {
    words: [u64; CLASSES.div_ceil(64)],
    /// A bit for each word that is not 0.
    nonzero: u64,
}

impl ClassSet {
    /// Adds a class.
    #[inline]
    pub fn insert(&mut self, class: usize) {
        self.words[class / 64] |= 1 << (class % 64);
        self.nonzero |= 1 << (class / 64);
    }

    /// Takes a class out.
    #[inline]
    pub fn remove(&mut self, class: usize) {
        let word = &mut self.words[class / 64];
        *word &= !(1 << (class % 64));
        if *word == 0 {
            self.nonzero &= !(1 << (class / 64));
        }
    }

    /// The lowest class of the set that is not below `class`.
    #[inline]
    pub fn lowest_from(&self, class: usize) -> Option<usize> {
        let word = self.words.get(class / 64)? >> (class % 64);
        if word != 0 {
            return Some(class + word.trailing_zeros() as usize);
        }
        let above = self.nonzero & (u64::MAX << 1 << (class / 64));
        (above != 0).then(|| {
            let word = above.trailing_zeros() as usize;
            64 * word + self.words[word].trailing_zeros() as usize
        })
    }

    /// The highest class of the set.
    pub fn highest(&self) -> Option<usize> {
        let word = self.nonzero.checked_ilog2()? as usize;
        Some(64 * word + self.words[word].ilog2() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_sufficient_if_its_shortest_hole_is() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let lengths = (1..5000).chain(edges).chain([u64::MAX]);
        for len in lengths.filter(|&len| len > 0) {
            assert!(
                class(len) < CLASSES && class(len - 1) <= class(len),
                "{len}"
            );
            let sufficient = sufficient_class(len);
            assert!(sufficient >= class(len), "{len}");
            // One byte less is in a lower class just where the class itself is sufficient.
            let first_of_its_class = class(len - 1) < class(len);
            assert_eq!(sufficient == class(len), first_of_its_class, "{len}");
            assert!(
                sufficient <= class(len) + 1,
                "{len}: the class after the next is too high"
            );
        }
    }

    #[test]
    fn a_set_finds_its_lowest_and_highest_members() {
        let mut set = ClassSet::default();
        assert_eq!((set.lowest_from(0), set.highest()), (None, None));
        for class in [3, 63, 64, CLASSES - 1] {
            set.insert(class);
        }
        assert_eq!(set.lowest_from(4), Some(63));
        assert_eq!(set.lowest_from(64), Some(64));
        assert_eq!(set.lowest_from(65), Some(CLASSES - 1));
        set.remove(CLASSES - 1);
        assert_eq!((set.lowest_from(65), set.highest()), (None, Some(64)));
        assert_eq!(set.lowest_from(CLASSES), None);
    }
}
