//! A node of the tree of holes: up to [`CAPACITY`] entries in address order. Leaves and inner nodes
//! have the same form.

/// Entries of a full node. So few are searched from left to right in a few instructions.
pub const CAPACITY: usize = 16;

/// A hole in a leaf, or in an inner node a summary of all the holes below a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Start of the hole, or of the lowest hole below the child.
    pub start: u64,
    /// Length of the hole, or of the longest hole below the child.
    pub longest: u64,
    /// Number of the child; of no meaning in a leaf.
    pub child: u32,
}

/// Entries by field, so that a search reads the one field that it needs. Unused places hold values
/// that no search finds. Every search therefore looks at all places, and no step of it depends on
/// the step before: the processor does that faster than it could predict where to stop.
#[derive(Clone, Debug)]
pub struct Node {
    count: usize,
    starts: [u64; CAPACITY],
    longest: [u64; CAPACITY],
    children: [u32; CAPACITY],
}

impl Default for Node {
    fn default() -> Self {
        Node {
            count: 0,
            starts: [u64::MAX; CAPACITY],
            longest: [0; CAPACITY],
            children: [0; CAPACITY],
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
            longest: self.longest[i],
            child: self.children[i],
        }
    }

    /// Replaces the entry at `i`.
    pub fn set(&mut self, i: usize, entry: Entry) {
        self.starts[i] = entry.start;
        self.longest[i] = entry.longest;
        self.children[i] = entry.child;
    }

    /// How many entries start at `start`, which is below `u64::MAX`, or before it.
    pub fn count_up_to(&self, start: u64) -> usize {
        self.starts
            .iter()
            .map(|&other| usize::from(other <= start))
            .sum()
    }

    /// The first entry from place `from` on whose length is at least `size`, which is not 0.
    pub fn first_fitting(&self, from: usize, size: u64) -> Option<usize> {
        let mut fits = 0u32;
        for (i, &longest) in self.longest.iter().enumerate() {
            fits |= u32::from(longest >= size) << i;
        }
        let fits = fits & (u32::MAX << from);
        (fits != 0).then_some(fits.trailing_zeros() as usize)
    }

    /// The greatest length of all entries, 0 without any.
    pub fn longest(&self) -> u64 {
        // Four maxima side by side, so that no step waits for the one before.
        let mut maxima = [0; 4];
        for lengths in self.longest.as_chunks::<4>().0 {
            for (maximum, &length) in maxima.iter_mut().zip(lengths) {
                *maximum = length.max(*maximum);
            }
        }
        maxima.into_iter().fold(0, u64::max)
    }

    /// The entry for this node, whose number is `child`, in its parent.
    pub fn summary(&self, child: u32) -> Entry {
        Entry {
            start: self.starts[0],
            longest: self.longest(),
            child,
        }
    }

    /// Puts an entry before the one at `i`; the node must not be full.
    pub fn insert(&mut self, i: usize, entry: Entry) {
        self.starts.copy_within(i..self.count, i + 1);
        self.longest.copy_within(i..self.count, i + 1);
        self.children.copy_within(i..self.count, i + 1);
        self.count += 1;
        self.set(i, entry);
    }

    /// Removes the entry at `i`.
    pub fn remove(&mut self, i: usize) {
        self.starts.copy_within(i + 1..self.count, i);
        self.longest.copy_within(i + 1..self.count, i);
        self.children.copy_within(i + 1..self.count, i);
        self.count -= 1;
        self.clear(self.count);
    }

    /// Moves the upper half of the entries into a new node.
    pub fn split(&mut self) -> Node {
        let mut upper = Node::default();
        for i in CAPACITY / 2..self.count {
            upper.insert(i - CAPACITY / 2, self.get(i));
            self.clear(i);
        }
        self.count = CAPACITY / 2;
        upper
    }

    /// Gives an unused place the values that no search finds.
    fn clear(&mut self, i: usize) {
        self.set(
            i,
            Entry {
                start: u64::MAX,
                longest: 0,
                child: 0,
            },
        );
    }

    /// Appends all entries of `upper`, which lie at higher addresses and must find room here.
    pub fn append(&mut self, upper: &Node) {
        for i in 0..upper.count {
            self.insert(self.count, upper.get(i));
        }
    }
}
