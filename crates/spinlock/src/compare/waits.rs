//! How long threads waited for a lock.

/// Waits of all threads of a window, those still going on at its end included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// The longest, in ns.
    pub max_ns: u64,
    sum: f64,
    squares: f64,
}

impl Waits {
    /// Counts a wait of `ns`.
    pub(super) fn add(&mut self, ns: u64) {
        self.max_ns = self.max_ns.max(ns);
        self.sum += ns as f64;
        self.squares += ns as f64 * ns as f64;
    }

    /// Counts those of another thread.
    pub(super) fn merge(&mut self, other: &Waits) {
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// The mean wait weighted by its own length, in ns: how long a wait is in which a moment of
    /// waiting falls. A mean over operations hides the starving thread, which makes few.
    pub fn weighted_ns(&self) -> f64 {
        if self.sum > 0.0 {
            self.squares / self.sum
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_outweighs_many_short_ones() {
        let mut waits = Waits::default();
        assert_eq!(waits.weighted_ns(), 0.0);
        (0..10).for_each(|_| waits.add(1));
        let mut starving = Waits::default();
        starving.add(90);
        waits.merge(&starving);
        assert_eq!(waits.max_ns, 90);
        assert_eq!(waits.weighted_ns(), (10.0 + 8100.0) / 100.0);
    }
}
