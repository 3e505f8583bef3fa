//! The holes of an arena in address order, as a tree that also knows the largest hole below each node.
//!
//! A treap: a binary search tree on the start offset, a heap on random priorities, so that its depth is
//! O(log n) whatever the trace does. Each node carries `widest`, the greatest length in its subtree; one
//! descent then finds the lowest hole that is long enough, which the linear scan finds hole by hole.

use super::Extent;

const NONE: u32 = u32::MAX;

struct Node {
    start: u64,
    len: u64,
    widest: u64,
    left: u32,
    right: u32,
    priority: u32,
}

/// What [`Holes::release`] found beside the freed run; best fit keeps a second order up to date with it.
pub struct Released {
    /// The hole that ended where the run began, as it was.
    pub before: Option<Extent>,
    /// The hole that began where the run ended, as it was.
    pub after: Option<Extent>,
    /// The hole that holds the run now.
    pub merged: Extent,
}

/// The free runs of an arena, never adjacent to each other.
pub struct Holes {
    nodes: Vec<Node>,
    spare: Vec<u32>,
    root: u32,
    /// Nodes from the root to the place last looked at, whose `widest` a change there can affect.
    path: Vec<u32>,
    total: u64,
    random: u32,
}

impl Holes {
    /// One hole from 0 to `arena`, or none when the arena is empty.
    pub fn new(arena: u64) -> Self {
        let mut holes = Holes {
            nodes: Vec::new(),
            spare: Vec::new(),
            root: NONE,
            path: Vec::new(),
            total: 0,
            random: 0x9E37_79B9,
        };
        if arena > 0 {
            holes.release(0, arena);
        }
        holes
    }

    /// How many holes there are.
    pub fn count(&self) -> usize {
        self.nodes.len() - self.spare.len()
    }

    /// Free bytes in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Length of the longest hole, 0 when there is none.
    pub fn widest(&self) -> u64 {
        self.widest_of(self.root)
    }

    /// The hole with the highest offset.
    pub fn last(&self) -> Option<Extent> {
        let mut at = self.root;
        let mut last = None;
        while at != NONE {
            let node = self.node(at);
            last = Some(Extent {
                start: node.start,
                len: node.len,
            });
            at = node.right;
        }
        last
    }

    /// End of the highest byte in use, in an arena of `arena` bytes.
    pub fn footprint(&self, arena: u64) -> u64 {
        match self.last() {
            Some(hole) if hole.end() == arena => hole.start,
            _ => arena,
        }
    }

    /// Every hole in address order.
    pub fn iter(&self) -> impl Iterator<Item = Extent> + '_ {
        let mut stack = Vec::new();
        let mut at = self.root;
        std::iter::from_fn(move || {
            while at != NONE {
                stack.push(at);
                at = self.node(at).left;
            }
            let node = self.node(stack.pop()?);
            at = node.right;
            Some(Extent {
                start: node.start,
                len: node.len,
            })
        })
    }

    /// Cuts `size` bytes off the front of the lowest hole that has them and starts at `from` or later.
    ///
    /// Returns the hole as it was; the cut is its first `size` bytes.
    pub fn take_first(&mut self, size: u64, from: u64) -> Option<Extent> {
        self.path.clear();
        if from > 0 {
            return self.take_first_from(size, from);
        }
        let mut at = self.root;
        if self.widest_of(at) < size {
            return None;
        }
        // Some hole below `at` is long enough: lower addresses first.
        loop {
            self.path.push(at);
            let node = self.node(at);
            if self.widest_of(node.left) >= size {
                at = node.left;
            } else if node.len >= size {
                return Some(self.cut(size));
            } else {
                at = node.right;
            }
        }
    }

    /// Cuts `size` bytes off the front of the longest hole; of equal holes the lowest.
    pub fn take_widest(&mut self, size: u64) -> Option<Extent> {
        let widest = self.widest();
        if widest < size || widest == 0 {
            return None;
        }
        self.path.clear();
        let mut at = self.root;
        loop {
            self.path.push(at);
            let node = self.node(at);
            if self.widest_of(node.left) == widest {
                at = node.left;
            } else if node.len == widest {
                return Some(self.cut(size));
            } else {
                at = node.right;
            }
        }
    }

    /// Cuts `size` bytes off the front of the hole that starts at `start`, which must be long enough.
    pub fn take_at(&mut self, start: u64, size: u64) -> Option<Extent> {
        self.path.clear();
        let mut at = self.root;
        while at != NONE {
            self.path.push(at);
            let node = self.node(at);
            if node.start == start {
                return (node.len >= size).then(|| self.cut(size));
            }
            at = if start < node.start {
                node.left
            } else {
                node.right
            };
        }
        None
    }

    /// Gives `start .. start + len` back and joins it with the holes on either side.
    pub fn release(&mut self, start: u64, len: u64) -> Released {
        let (mut before, mut after) = (NONE, NONE);
        self.path.clear();
        let mut at = self.root;
        while at != NONE {
            self.path.push(at);
            let node = self.node(at);
            if node.start < start {
                before = at;
                at = node.right;
            } else {
                after = at;
                at = node.left;
            }
        }
        let extent = |holes: &Self, at: u32| {
            (at != NONE).then(|| Extent {
                start: holes.node(at).start,
                len: holes.node(at).len,
            })
        };
        let left = extent(self, before).filter(|hole| hole.end() == start);
        let right = extent(self, after).filter(|hole| hole.start == start + len);
        self.total += len;
        let merged = match (left, right) {
            (Some(left), Some(right)) => {
                self.node_mut(before).len = left.len + len + right.len;
                self.refresh_whole_path();
                self.path.truncate(1 + self.position(after));
                self.remove_here();
                Extent {
                    start: left.start,
                    len: left.len + len + right.len,
                }
            }
            (Some(left), None) => {
                self.node_mut(before).len = left.len + len;
                self.path.truncate(1 + self.position(before));
                self.refresh_path();
                Extent {
                    start: left.start,
                    len: left.len + len,
                }
            }
            (None, Some(right)) => {
                let node = self.node_mut(after);
                node.start = start;
                node.len = right.len + len;
                self.path.truncate(1 + self.position(after));
                self.refresh_path();
                Extent {
                    start,
                    len: right.len + len,
                }
            }
            (None, None) => {
                self.insert(start, len);
                Extent { start, len }
            }
        };
        Released {
            before: left,
            after: right,
            merged,
        }
    }

    fn take_first_from(&mut self, size: u64, from: u64) -> Option<Extent> {
        // The lowest candidate is either on the path towards `from` or in a right subtree that hangs off
        // it; the last such branch passed is the lowest.
        let mut at = self.root;
        let mut branch = None;
        while at != NONE {
            self.path.push(at);
            let node = self.node(at);
            if node.start >= from {
                if node.len >= size || self.widest_of(node.right) >= size {
                    branch = Some(self.path.len());
                }
                at = node.left;
            } else {
                at = node.right;
            }
        }
        self.path.truncate(branch?);
        let top = self.node(*self.path.last()?);
        if top.len >= size {
            return Some(self.cut(size));
        }
        let mut at = top.right;
        loop {
            self.path.push(at);
            let node = self.node(at);
            if self.widest_of(node.left) >= size {
                at = node.left;
            } else if node.len >= size {
                return Some(self.cut(size));
            } else {
                at = node.right;
            }
        }
    }

    /// Shortens the hole at the end of the path from the front; removes it when nothing is left.
    fn cut(&mut self, size: u64) -> Extent {
        let at = self.path[self.path.len() - 1];
        let node = self.node_mut(at);
        let was = Extent {
            start: node.start,
            len: node.len,
        };
        node.start += size;
        node.len -= size;
        self.total -= size;
        if was.len == size {
            self.remove_here();
        } else {
            self.refresh_path();
        }
        was
    }

    fn insert(&mut self, start: u64, len: u64) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let priority = self.random;
        // The new node goes below the last node on the path that outranks it and takes over what was there.
        let depth = self
            .path
            .partition_point(|&at| self.node(at).priority >= priority);
        let displaced = self.path.get(depth).copied().unwrap_or(NONE);
        self.path.truncate(depth);
        let node = Node {
            start,
            len,
            widest: len,
            left: NONE,
            right: NONE,
            priority,
        };
        let new = match self.spare.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.relink(displaced, new);
        let (left, right) = self.split(displaced, start);
        let node = self.node_mut(new);
        node.left = left;
        node.right = right;
        self.refresh(new);
        self.refresh_path();
    }

    /// Splits the subtree `at` into what starts below `start` and what starts above.
    fn split(&mut self, at: u32, start: u64) -> (u32, u32) {
        if at == NONE {
            return (NONE, NONE);
        }
        let result = if self.node(at).start < start {
            let (low, high) = self.split(self.node(at).right, start);
            self.node_mut(at).right = low;
            (at, high)
        } else {
            let (low, high) = self.split(self.node(at).left, start);
            self.node_mut(at).left = high;
            (low, at)
        };
        self.refresh(at);
        result
    }

    /// Removes the node at the end of the path.
    fn remove_here(&mut self) {
        let Some(at) = self.path.pop() else { return };
        let joined = self.join(self.node(at).left, self.node(at).right);
        self.relink(at, joined);
        self.spare.push(at);
        self.refresh_path();
    }

    /// Joins two subtrees, all of `low` below all of `high`.
    fn join(&mut self, low: u32, high: u32) -> u32 {
        if low == NONE || high == NONE {
            return low.min(high);
        }
        let top = if self.node(low).priority >= self.node(high).priority {
            let right = self.join(self.node(low).right, high);
            self.node_mut(low).right = right;
            low
        } else {
            let left = self.join(low, self.node(high).left);
            self.node_mut(high).left = left;
            high
        };
        self.refresh(top);
        top
    }

    /// Puts `new` where `old` hung below the end of the path (below nothing: the root).
    fn relink(&mut self, old: u32, new: u32) {
        let Some(&parent) = self.path.last() else {
            self.root = new;
            return;
        };
        // An empty place has no number to look for: `new` says by its offset on which side it goes.
        let left = if old == NONE {
            self.node(new).start < self.node(parent).start
        } else {
            self.node(parent).left == old
        };
        let parent = self.node_mut(parent);
        if left {
            parent.left = new
        } else {
            parent.right = new
        }
    }

    /// After a change at the end of the path: upwards until a node's `widest` stays what it was.
    fn refresh_path(&mut self) {
        for i in (0..self.path.len()).rev() {
            if !self.refresh(self.path[i]) {
                break;
            }
        }
    }

    /// After a change anywhere on the path.
    fn refresh_whole_path(&mut self) {
        for i in (0..self.path.len()).rev() {
            self.refresh(self.path[i]);
        }
    }

    /// Computes `widest` again; whether it changed.
    fn refresh(&mut self, at: u32) -> bool {
        let node = self.node(at);
        let widest = node
            .len
            .max(self.widest_of(node.left))
            .max(self.widest_of(node.right));
        let node = self.node_mut(at);
        let changed = node.widest != widest;
        node.widest = widest;
        changed
    }

    fn position(&self, at: u32) -> usize {
        self.path
            .iter()
            .position(|&node| node == at)
            .unwrap_or_default()
    }

    fn widest_of(&self, at: u32) -> u64 {
        if at == NONE {
            0
        } else {
            self.nodes[at as usize].widest
        }
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }
}
