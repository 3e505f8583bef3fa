//! A node of the tree of holes: up to [`FULL`] entries in address order, the same in leaves and above.

/// Entries of a full node. Small enough to be searched from left to right, which the processor likes.
pub const FULL: usize = 16;

/// A hole, or all the holes below a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Start of the hole, or of the lowest below the child.
    pub start: u64,
    /// Length of the hole, or of the longest below the child.
    pub widest: u64,
    /// The child; of no meaning in a leaf.
    pub child: u32,
}

/// Entries side by side, each field on its own so that a search reads nothing else. Unused places hold
/// what no search finds, so that every search looks at all of them and none of its steps depends on one
/// before: the processor does that faster than it could guess where to stop.
#[derive(Clone, Debug)]
pub struct Node {
    count: usize,
    starts: [u64; FULL],
    widest: [u64; FULL],
    children: [u32; FULL],
}

impl Default for Node {
    fn default() -> Self {
        Node {
            count: 0,
            starts: [u64::MAX; FULL],
            widest: [0; FULL],
            children: [0; FULL],
        }
    }
}

impl Node {
    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The entry at `i`, which must be below `count`.
    pub fn get(&self, i: usize) -> Entry {
        Entry {
            start: self.starts[i],
            widest: self.widest[i],
            child: self.children[i],
        }
    }

    /// Replaces the entry at `i`.
    pub fn set(&mut self, i: usize, entry: Entry) {
        self.starts[i] = entry.start;
        self.widest[i] = entry.widest;
        self.children[i] = entry.child;
    }

    /// How many entries start at `start`, which is below `u64::MAX`, or before.
    pub fn up_to(&self, start: u64) -> usize {
        self.starts
            .iter()
            .map(|&each| usize::from(each <= start))
            .sum()
    }

    /// The first entry from `from` on that is at least `size`, which is not 0, long.
    pub fn fitting(&self, from: usize, size: u64) -> Option<usize> {
        let mut fits = 0u32;
        for (i, &widest) in self.widest.iter().enumerate() {
            fits |= u32::from(widest >= size) << i;
        }
        let fits = fits & (u32::MAX << from);
        (fits != 0).then_some(fits.trailing_zeros() as usize)
    }

    /// The greatest length of all entries, 0 without any.
    pub fn widest(&self) -> u64 {
        // Four maxima side by side: each step need not wait for the one before.
        let mut widest = [0; 4];
        for four in self.widest.as_chunks::<4>().0 {
            for (widest, &each) in widest.iter_mut().zip(four) {
                *widest = each.max(*widest);
            }
        }
        widest.into_iter().fold(0, u64::max)
    }

    /// What the parent's entry for this node must say.
    pub fn summary(&self, child: u32) -> Entry {
        Entry {
            start: self.starts[0],
            widest: self.widest(),
            child,
        }
    }

    /// Puts an entry before the one at `i`; the node must not be full.
    pub fn insert(&mut self, i: usize, entry: Entry) {
        self.starts.copy_within(i..self.count, i + 1);
        self.widest.copy_within(i..self.count, i + 1);
        self.children.copy_within(i..self.count, i + 1);
        self.count += 1;
        self.set(i, entry);
    }

    /// Takes the entry at `i` out.
    pub fn remove(&mut self, i: usize) {
        self.starts.copy_within(i + 1..self.count, i);
        self.widest.copy_within(i + 1..self.count, i);
        self.children.copy_within(i + 1..self.count, i);
        self.count -= 1;
        self.clear(self.count);
    }

    /// Cuts the upper half off into a node of its own.
    pub fn split(&mut self) -> Node {
        let mut upper = Node::default();
        for i in FULL / 2..self.count {
            upper.insert(i - FULL / 2, self.get(i));
            self.clear(i);
        }
        self.count = FULL / 2;
        upper
    }

    fn clear(&mut self, i: usize) {
        self.set(
            i,
            Entry {
                start: u64::MAX,
                widest: 0,
                child: 0,
            },
        );
    }

    /// Appends all entries of `upper`, which lie above and must fit.
    pub fn append(&mut self, upper: &Node) {
        for i in 0..upper.count {
            self.insert(self.count, upper.get(i));
        }
    }
}
